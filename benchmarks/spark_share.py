"""Levelfield's own share of a Spark trial: ``python benchmarks/spark_share.py STUDY``.

Of every trial on a cluster that ended well, from the start of its process to its end: the seconds
outside of all phases (Python's start, messages, files, the process' end), and those of evaluation,
which no training asks for. All other phases are the framework's or Spark's.
"""

from __future__ import annotations

import sys

import levelfield

OWN = "evaluate"


def main() -> None:
    """Print both shares, trial by trial."""
    print(f"{'trial':52} {'whole s':>8} {'outside':>8} {'+ evaluate':>10}")
    for record in levelfield.load(sys.argv[1]).records:
        if record.status == "ok" and record.clustered and record.total:
            whole = record.total.wall
            outside = whole - sum(span.wall for span in record.phases.values())
            own = outside + (record.phases[OWN].wall if OWN in record.phases else 0.0)
            name = f"{record.workload} {record.backend}/{record.mode} on {record.device}"
            print(f"{name:52} {whole:8.1f} {outside / whole:8.1%} {own / whole:10.1%}")


if __name__ == "__main__":
    main()
