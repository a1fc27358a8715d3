"""How long it may still take, and how sure that is."""

from __future__ import annotations

import pytest

from levelfield.run import progress
from levelfield.run.progress import Progress


@pytest.mark.parametrize(
    ("seconds", "wander", "told"),
    [(10, None, "30 s"), (10, 0.2, "30 s, give or take 39%"), (10, 0.01, "30 s"),
     (100, 0.1, "5 min, give or take 20%")],
)  # fmt: skip
def test_what_is_left_goes_by_what_was_done_and_by_the_noise(monkeypatch, seconds, wander, told):
    """One of four steps is done."""
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    made = Progress(steps=4, quiet=True)
    if wander is not None:
        made.wander = lambda left: wander if left == 3 * seconds else 99.0
    now = float(seconds)
    made.finish("first")
    assert made.eta() == told


def test_the_end_needs_no_guess():
    made = Progress(steps=1, quiet=True)
    made.wander = lambda left: 1 / left
    made.finish("only")
    assert made.eta() == "0 s"


def test_a_reason_is_told_once():
    progress = Progress(steps=9)
    assert progress.why("skipped", "no GPU", who="torch@cuda") == "skipped: no GPU"
    assert progress.why("skipped", "no GPU", who="jax@cuda") == "skipped, as torch@cuda"
    assert progress.why("skipped", "no GPU", who="torch@cuda") == "skipped, as before"
    assert progress.why("failed", "no GPU", who="torch@cuda") == "failed: no GPU"
    assert progress.why("skipped", "no Java", who="torch@cuda") == "skipped: no Java"
