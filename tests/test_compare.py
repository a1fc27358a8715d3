"""Two codes compared for real: the same, one made slower, one made wrong, and a crowded machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import CPUS, Place
from test_trees import git

pytestmark = [pytest.mark.slow, pytest.mark.alone]

ROOT = Path(__file__).parents[1]
FOLDERS = ("levelfield", "backends", "datasets", "reports", "benchmarks/suites")
TRAIN = "        batch, total = self.workload.batch, 0.0\n"
SLOWER = f"""        import time

        began = time.perf_counter()
{TRAIN}"""
DELAY = """        end = time.perf_counter() + 0.5 * (time.perf_counter() - began)
        while time.perf_counter() < end:
            pass
        return total / len(order)
"""


class Checkout(Place):
    """A place with a checkout of Levelfield as it stands here, all of it committed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.checkout.mkdir()
        for name in FOLDERS:
            shutil.copytree(
                ROOT / name, self.checkout / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        (self.checkout / ".gitignore").write_text("__pycache__/\n")
        git(self.checkout, "init", "-q", "-b", "main")
        git(self.checkout, "add", ".")
        git(self.checkout, "commit", "-qm", "as it stands")

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def change(self, old: str, new: str, *, file: str = "numpy.py") -> None:
        """Change the NumPy adapter of the working tree."""
        path = self.checkout / "backends" / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    def compare(self, *words: str, budget: int = 40) -> subprocess.CompletedProcess[str]:
        given = ["compare", "--base", "main", "--head", ".", "--suite", self.suite(epochs=3)]
        given += ["--backends", "numpy", "--budget", str(budget), *words]
        return self.call(*given, cwd=self.checkout)


@pytest.fixture
def place(tmp_path):
    return Checkout(tmp_path)


def test_the_same_code_is_not_slower(place):
    done = place.compare("--threshold", "25", "--json", "v.json", "--markdown", "v.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numpy/numpy on tiny: no difference shown: " in done.stdout
    (found,) = json.loads((place.checkout / "v.json").read_text())["results"]
    assert found["head"] == "working tree"
    assert found["base"].startswith("main (")
    assert found["pairs"] == sum(len(session) for session in found["sessions"]) > 10
    assert "no difference shown" in (place.checkout / "v.md").read_text()
    assert place.left() == []
    assert place.scratch() == []
    assert git(place.checkout, "status", "--porcelain").split() == ["??", "v.json", "??", "v.md"]


def test_half_as_slow_again_is_slower_and_named(place):
    place.change(TRAIN, SLOWER)
    place.change("        return total / len(order)\n", DELAY)
    done = place.compare("--threshold", "10")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "numpy/numpy on tiny: head is slower than base: 1." in done.stdout


def test_a_wrong_computation_has_no_speed(place):
    place.change('"bias", delta.sum(', '"bias", 0.9 * delta.sum(', file="numpy_parts.py")
    done = place.compare()
    assert done.returncode == 3
    assert "could not measure: working tree: verification failed: not the same" in done.stdout
    assert "gradient" in done.stdout


def test_a_base_that_breaks_is_told_by_name(place):
    place.change("        self.x, self.y = x, y\n", '        raise OSError("no room")\n')
    git(place.checkout, "commit", "-qam", "broken")
    place.change('        raise OSError("no room")\n', "        self.x, self.y = x, y\n")
    done = place.compare()
    assert done.returncode == 3
    assert "could not measure: main (" in done.stdout
    assert "OSError in stage: no room" in done.stdout


@contextmanager
def crowd(count: int) -> Iterator[None]:
    """Neighbours that want so many processors for themselves."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def test_a_crowded_machine_is_no_place_to_measure(place):
    with crowd(3 * len(CPUS)):
        done = place.compare("--threshold", "3", budget=60)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "could not measure: other processes used" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--base", "nonsense"], "branch, tag or commit"),
        (["--head", "env:/nowhere"], "no environment /nowhere"),
        (["--suite", "nonsense"], "regression"),
        (["--budget", "0"], "number above zero"),
        (["--threshold", "x"], "percentage above 0.1"),
    ],
)
def test_bad_words(place, words, said):
    done = place.compare(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
