"""What a GPU came to beside the goals of docs/performance.md, from the studies that it left.

    python benchmarks/gpu_goals.py results/thesis-gpu-* results/gpu-autoencoder-*

Of every workload that trained on a GPU: whoever took the least time for it as a whole, and whoever
computed at the highest share of the measured rate of matrix products. Goals: experiment VII, 1000
epochs, in 40 s of wall, process total (published: 499 user seconds); 50 % of that rate at the batch
that fills the device. Who is not verified does not count. `nox -s bench-gpu` ends with this.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

from levelfield.reports.view import View

from levelfield.results.study import load
from levelfield.run.doctor import table

HEAD = ("workload", "epochs", "least time", "s", "user s", "highest share", "of the rate")


def main() -> None:
    """Print a row a workload."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="+", metavar="STUDY")
    rows = [
        row for folder in parser.parse_args().studies for row in goals(View(study=load(folder)))
    ]
    print(table(HEAD, rows) if rows else "nobody who is verified trained on a GPU")


def goals(view: View) -> Iterator[tuple[str, ...]]:
    """Of every workload of a study that trained on a GPU: its row."""
    for workload, ranked in view.ranked():
        mine = [s for s in ranked if s.device.startswith("cuda") and not s.marked]
        if not mine:
            continue
        least = min(mine, key=lambda s: s.total)
        best = max(mine, key=lambda s: -math.inf if math.isnan(s.share) else s.share)
        trials = view.trials[view.trials["contender"] == least.contender]
        good = trials[(trials["fingerprint"] == workload.fingerprint) & (trials["status"] == "ok")]
        yield (
            workload.name,
            str(int(good["epochs"].median())),
            view.contenders[least.contender].label,
            f"{least.total:.1f}",
            f"{good['user'].median():.1f}",
            view.contenders[best.contender].label,
            "-" if math.isnan(best.share) else f"{best.share:.0%}",
        )


if __name__ == "__main__":
    main()
