"""How long a large study takes to load and to report: ``python benchmarks/report_scale.py``.

Makes a study of 10,000 trials of 100 epochs in a folder (``--folder`` keeps it for the next time),
then times each step in a fresh process, a few times over, and prints wall and processor seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

REPEATS, EPOCHS, CONTENDERS = 250, 100, 40

STEPS = {
    "load": ("study.load(folder)", ""),
    "trials + epochs + phases": (
        "loaded.trials(), loaded.epochs(), loaded.phases()",
        "loaded = study.load(folder)",
    ),
    "report (loaded)": (
        "page.write(loaded, folder / 'r.html')",
        "from levelfield.reports import page\nloaded = study.load(folder)",
    ),
    "load + report, imports too": (
        "from levelfield.reports import page\npage.write(study.load(folder), folder / 'r.html')",
        "",
    ),
}
"""What is timed, and what is done before the clock starts."""

PROGRAM = """
import sys, time
from pathlib import Path
from levelfield.results import study
folder = Path(sys.argv[1])
{before}
wall, cpu = time.perf_counter(), time.process_time()
{timed}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def main() -> None:
    """Make the study where there is none, then time every step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the study is, or is to be kept")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        if not (folder / "study.json").exists():
            make(folder)
        size = (folder / "records.jsonl").stat().st_size
        print(f"{CONTENDERS * REPEATS} trials x {EPOCHS} epochs, {size / 1e6:.0f} MB of records")
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in STEPS}
        for _ in range(options.rounds):
            for name, (timed, before) in STEPS.items():
                seen[name].append(clocked(folder, timed=timed, before=before))
        for name, readings in seen.items():
            wall, cpu = (median(column) for column in zip(*readings, strict=True))
            best = min(wall for wall, _ in readings)
            print(f"{name:28} wall {wall:5.2f} s (best {best:.2f}), cpu {cpu:5.2f} s")
        print(f"page: {(folder / 'r.html').stat().st_size / 1e6:.1f} MB")


def make(folder: Path) -> None:
    """Write the study through the store, without waiting for the disk after each record."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import studies

    os.fsync = lambda _: None  # type: ignore[assignment]
    recipe = studies.Recipe(contenders=CONTENDERS, repeats=REPEATS, epochs=EPOCHS, absent=0)
    studies.write(recipe, folder)


def clocked(folder: Path, *, timed: str, before: str) -> tuple[float, float]:
    """Return wall and processor seconds of a step, in a process of its own."""
    program = PROGRAM.format(timed=timed, before=before)
    command = [sys.executable, "-P", "-c", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, cpu = map(float, done.stdout.split())
    return wall, cpu


if __name__ == "__main__":
    main()
