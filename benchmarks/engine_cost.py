"""What the engine itself costs: start-up, a worker's start, the parent while a trial is timed.

    python benchmarks/engine_cost.py

Each figure is a median (and the smallest) over fresh processes; nothing else should be running.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from levelfield import registry
from levelfield.run.process import Process

REPEATS = 15


def main() -> None:
    """Measure all three."""
    command = [str(Path(sys.executable).with_name("levelfield")), "--help"]
    tell("levelfield --help, s", [seconds(command) for _ in range(REPEATS)])
    tell("worker start to first framework import, s", [start() for _ in range(REPEATS)])
    tell("parent's CPU while a trial is timed, % of a core", [parent() for _ in range(3)])


def seconds(command: list[str]) -> float:
    """Wall seconds of a command."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def start() -> float:
    """From starting a worker to the moment at which it imports its framework."""
    adapter = registry.adapter("jax")
    begun = time.perf_counter()
    with Process(cpus=[0], environ={"JAX_PLATFORMS": "cpu"}, timeout=60) as process:
        reply = process.ask("load", backend="jax", module=adapter.__module__, source="")
        return time.perf_counter() - begun - float(reply["wall"])


def parent() -> float:
    """CPU of `levelfield run` itself, without its workers, over the wall time of a long trial."""
    program = (
        "import sys, resource, time, levelfield.run.trial as t\n"
        "from levelfield.cli import main\n"
        "whole, spent = t.run, []\n"
        "def timed(*a):\n"
        "    cpu, wall = time.process_time(), time.perf_counter()\n"
        "    record = whole(*a)\n"
        "    spent.append((time.process_time() - cpu) / (time.perf_counter() - wall))\n"
        "    return record\n"
        "import levelfield.run.runner as r\n"
        "r.run_trial = timed\n"
        "main(sys.argv[1:])\n"
        "print('share', max(spent))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        words = ["run", "quick", "--backends", "numpy", "--repeats", "1", "--quiet"]
        words += ["--set", "epochs=600", "--out", f"{folder}/study"]
        done = subprocess.run(
            [sys.executable, "-c", program, *words], check=True, capture_output=True, text=True
        )
    return 100 * float(done.stdout.split()[-1])


def tell(what: str, values: list[float]) -> None:
    """Print the median and the smallest."""
    print(f"{what:50} {statistics.median(values):.3f}  (smallest {min(values):.3f})")


if __name__ == "__main__":
    main()
