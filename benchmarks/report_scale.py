"""How long a large study takes to load and to report: ``python benchmarks/report_scale.py``.

Makes a study of 10,000 trials of 100 epochs in a folder (``--folder`` keeps it for the next time),
then times each step in a fresh process, a few times over, and prints wall and processor seconds.
Then opens the page of a study of 200 trials of 200 epochs in Chromium (where playwright is
installed) and prints how long it takes to be ready, to draw its charts, and to follow a filter.
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
READ = {"repeats": 20, "epochs": 200, "contenders": 10}
"""The study whose page is opened in a browser."""
TESTS = Path(__file__).parents[1] / "tests"

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


INSTANT = "{ behavior: 'instant' }"
FILTER = """async () => {
  const begun = performance.now();
  document.querySelector(".filters input").click();
  await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done));
  return performance.now() - begun;
}"""
"""Until the frame after a filter was changed has been drawn."""


def main() -> None:
    """Make the study where there is none, then time every step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the study is, or is to be kept")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
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
        opened(Path(scratch) / "read", options.rounds)


def make(folder: Path) -> None:
    """Write the study through the store."""
    write(folder, contenders=CONTENDERS, repeats=REPEATS, epochs=EPOCHS)


def write(folder: Path, **sizes: int) -> None:
    """Write a study without waiting for the disk after each record."""
    import studies

    os.fsync = lambda _: None  # type: ignore[assignment]
    studies.write(studies.Recipe(absent=0, **sizes), folder)  # type: ignore[arg-type]


def opened(folder: Path, rounds: int) -> None:
    """Print what a reader waits for, by the page's own clock: medians over fresh pages."""
    import browsing
    from levelfield.reports import page

    from levelfield.results import study

    if browsing.missing():
        print(f"the page was not opened: {browsing.missing()}")
        return
    write(folder, **READ)
    target = page.write(study.load(folder), folder / "r.html")
    print(f"page of {READ}: {target.stat().st_size / 1e6:.1f} MB")
    seen: dict[str, list[float]] = {"ready": [], "two charts": [], "a filter": []}
    clock = "performance.now()"
    with browsing.browser() as chromium:
        for _ in range(rounds):
            with browsing.opened(chromium, target.as_uri()) as tab:
                seen["ready"].append(float(tab.evaluate("document.documentElement.dataset.ready")))
                begun = tab.evaluate(f"(curves.scrollIntoView({INSTANT}), {clock})")
                tab.locator("#curves .tools").nth(1).wait_for()
                seen["two charts"].append(tab.evaluate(clock) - begun)
                seen["a filter"].append(tab.evaluate(FILTER))
    for name, milliseconds in seen.items():
        print(f"{name:28} {median(milliseconds):5.0f} ms (best {min(milliseconds):.0f})")


def clocked(folder: Path, *, timed: str, before: str) -> tuple[float, float]:
    """Return wall and processor seconds of a step, in a process of its own."""
    program = PROGRAM.format(timed=timed, before=before)
    command = [sys.executable, "-P", "-c", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, cpu = map(float, done.stdout.split())
    return wall, cpu


if __name__ == "__main__":
    main()
