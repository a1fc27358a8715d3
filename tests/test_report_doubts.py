"""Doubts gathered in one place: each is found where it was planted, and nowhere else."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pages
import pytest
import studies
from hypothesis import example, given
from hypothesis import strategies as st
from levelfield.reports.sections import doubts
from scipy import stats

from levelfield.results import doubt
from levelfield.results.record import Record, Sentinel, Verification
from levelfield.results.settle import Steady

CALM = studies.Recipe(contenders=3, repeats=6, epochs=12, absent=0, noise=0.002)


def rows(change: Callable[[Any], Any] = lambda r: r, recipe: studies.Recipe = CALM) -> list[Any]:
    """A calm study's rows, with the first epoch like all others and a quiet sentinel."""
    return [change(calm(row)) for row in studies.rows(recipe)]


def calm(row: Any) -> Any:
    if isinstance(row, Sentinel):
        return replace(row, seconds=(0.01,) * 5)
    return row


def found(change: Callable[[Any], Any] = lambda r: r, **head: Any) -> dict[str, str]:
    """By title: where a doubt was found, and how much."""
    tree = pages.rendered(pages.study(Path("/nowhere"), studies.head(CALM, **head), rows(change)))
    section = tree.one("section", id="doubts")
    tables = section.all("table", class_="doubts")
    if not tables:
        assert "Nothing was found that should make a reader doubt" in section.text
        return {}
    cells = [list(row.all("td")) for row in tables[0].one("tbody").all("tr")]
    titles = [row.one("th").children[0] for row in tables[0].one("tbody").all("tr")]
    for _, link in cells:
        assert tree.one("section", id=link.one("a").attributes["href"][1:])
    return {str(title): cell[0].text for title, cell in zip(titles, cells, strict=True)}


def jax(**changes: Any) -> Callable[[Any], Any]:
    """A change of one contender's trials."""
    return lambda r: replace(r, **changes) if getattr(r, "backend", "") == "jax" else r


def test_a_calm_study_has_no_doubts_and_says_what_was_looked_for() -> None:
    assert found() == {}
    tree = pages.rendered(pages.study(Path("/nowhere"), studies.head(CALM), rows()))
    text = tree.one("section", id="doubts").text
    for title in ("trials far out", "verification that failed", "warm compile caches"):
        assert title in text.partition("Looked for and not found:")[2]


def test_noise_is_told_with_its_contender() -> None:
    rng = random.Random(3)

    def noisy(r: Any) -> Any:
        if getattr(r, "backend", "") != "jax":
            return r
        wall = tuple(w * math.exp(rng.gauss(0, 0.2)) for w in r.epochs.wall)
        return replace(r, epochs=replace(r.epochs, wall=wall))

    seen = found(noisy)
    assert seen["epochs of one trial that vary"].startswith("jax/scan")
    assert "torch" not in seen["epochs of one trial that vary"]


def test_one_trial_far_out() -> None:
    def slower(r: Any) -> Any:
        if getattr(r, "backend", "") == "jax" and r.repeat == 4:
            wall = tuple(1.5 * w for w in r.epochs.wall)
            return replace(r, epochs=replace(r.epochs, wall=wall))
        return r

    seen = found(slower)
    assert seen["trials far out"] == "jax/scan : 1 of 6 trials"
    share = float(seen["trials that differ from each other"].rpartition(": ")[2].split()[0])
    assert share == pytest.approx(50, abs=2)


def test_drift_of_the_sentinel() -> None:
    seen = found(lambda r: replace(r, seconds=(0.01 * r.block,)) if isinstance(r, Sentinel) else r)
    assert seen == {"a machine that changed its speed": "500 % (float32, 2 threads)"}


@pytest.mark.parametrize(
    ("change", "title", "said"),
    [
        (jax(verification=Verification(status="failed", reason="layer1 is off")),
         "verification that failed", "jax/scan : layer1 is off"),
        (jax(verification=None), "times without verification", "jax/scan : not verified"),
        (jax(status="failed", reason="out of memory"), "trials that failed",
         "jax/scan : out of memory"),
        (jax(status="skipped", reason="not here"), "contenders that were skipped",
         "jax/scan : not here"),
        (lambda r: replace(r, versions={"jax": str(r.repeat)}) if jax(log="x")(r) != r else r,
         "versions or settings that changed between trials", "jax/scan : jax"),
        (jax(cpus=(2, 3)), "different processors", "0, 1; 2, 3"),
    ],
)  # fmt: skip
def test_each_doubt_is_found_where_it_was_planted(
    change: Callable[[Any], Any], title: str, said: str
) -> None:
    seen = found(change)
    assert seen.pop(title) == said
    assert not seen


def test_a_verified_contender_that_ends_elsewhere_is_named() -> None:
    """It may have been right in its first steps, which verification saw, and not in its last."""

    def change(factor: float) -> Callable[[Any], Any]:
        def changed(r: Any) -> Any:
            if getattr(r, "backend", "") != "jax":
                return r
            ended = tuple(factor * loss for loss in r.epochs.test_loss)
            return replace(r, epochs=replace(r.epochs, test_loss=ended))

        return changed

    title = "verified, and yet another loss"
    assert title not in found(change(1.1))
    said = found(change(3.0))[title]
    assert re.fullmatch(r"jax/scan : (0\.\d+), the median of 3 contenders is (0\.\d+)", said)
    assert title not in found(lambda r: jax(verification=None)(change(3.0)(r)))
    assert title not in found(lambda r: jax(device="spark:2x1")(change(3.0)(r)))


def test_never_settled_few_epochs_and_the_first_alone() -> None:
    def cut(count: int) -> Callable[[Any], Any]:
        def change(r: Any) -> Any:
            if getattr(r, "backend", "") != "jax":
                return r
            names = ("wall", "user", "system", "loss", "test_loss")
            columns = {name: getattr(r.epochs, name)[:count] for name in names}
            return replace(r, epochs=replace(r.epochs, **columns))

        return change

    assert found(cut(1)) == {"times of the first epoch only": "jax/scan : one epoch"}
    assert found(cut(3)) == {"too few epochs to tell a steady state": "jax/scan : 3 epochs"}

    def falling(r: Any) -> Any:
        if getattr(r, "backend", "") != "jax":
            return r
        wall = tuple(2.0 - 0.1 * n for n in range(12))
        return replace(r, epochs=replace(r.epochs, wall=wall))

    assert found(falling)["trials that never settled"] == "jax/scan : 6 of 6 trials"


def test_few_repeats_warm_caches_and_missing_records() -> None:
    def drop(r: Any) -> Any:
        return replace(r, status="failed", reason="") if r.block > 2 else r

    seen = found(
        lambda r: drop(r) if getattr(r, "backend", "") == "jax" else r,
        options={"compile_cache": "warm"},
        repeats=7,
    )
    assert seen["few repeats"] == "jax/scan : 2 trials"
    assert seen["warm compile caches"] == "the suite asked for them"
    assert seen["planned trials without a record"] == "3 trials"
    assert seen["trials that failed"] == "jax/scan : no reason"


def test_many_cases_are_folded() -> None:
    recipe = studies.Recipe(contenders=12, repeats=1, epochs=3, absent=0)
    study = pages.study(Path("/nowhere"), studies.head(recipe), list(studies.rows(recipe)))
    section = pages.rendered(study).one("section", id="doubts")
    assert "6 more" in [s.text for s in section.all("summary")]


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=30))
@example([0.0, 1.0, 2.2250738585e-313])
def test_robust_scores_are_iglewicz_and_hoaglins(values: list[float]) -> None:
    away = stats.median_abs_deviation(values)
    scores = doubt.scores(np.array(values))
    if away > 1e-9:
        wanted = 0.6745 * (np.array(values) - np.median(values)) / away
        assert scores == pytest.approx(wanted)
    assert np.isfinite(scores[np.array(values) == np.median(values)]).all()


@pytest.mark.parametrize(
    ("trials", "most"), [(5, 0.0), (6, 0.02), (7, 0.02), (8, 0.01), (40, 0.001)]
)
def test_chance_rarely_puts_a_normal_trial_far_out(trials: int, most: float) -> None:
    """Contenders whose trials spread by 3 % and nothing else: 20,000 of each."""
    drawn = np.random.default_rng(trials).normal(0, 0.03, (20_000, trials))
    alarms = sum(bool(doubt.far(typical).any()) for typical in drawn)
    assert alarms <= most * len(drawn)


@pytest.mark.parametrize("trials", [6, 20])
def test_a_trial_that_takes_half_as_long_again_is_far_out(trials: int) -> None:
    """Where the others spread by 1 %, nearly always."""
    drawn = np.random.default_rng(trials).normal(0, 0.01, (2_000, trials))
    drawn[:, 0] += math.log(1.5)
    found = sum(bool(doubt.far(typical)[0]) for typical in drawn)
    assert found >= 0.95 * len(drawn)


def test_spread_is_the_coefficient_of_variation_of_a_normal_sample() -> None:
    sample = np.exp(np.random.default_rng(1).normal(0, 0.1, 20_000))
    assert doubt.spread(sample) == pytest.approx(0.1, rel=0.03)
    assert doubt.spread(sample) == pytest.approx(
        stats.median_abs_deviation(np.log(sample), scale="normal"), rel=1e-3
    )


def test_hostile_reasons_stay_text() -> None:
    bad = "<img src=x>\x1b[31m" + "y" * 5000
    seen = found(jax(status="failed", reason=bad, backend="jax"))
    assert seen["trials that failed"].startswith("jax/scan : <img src=x>yyy")
    assert len(seen["trials that failed"]) < 300


def test_records_without_epochs_or_times_break_nothing() -> None:
    def empty(r: Any) -> Any:
        if isinstance(r, Record) and r.backend == "jax":
            zero = replace(r.epochs, wall=(0.0,) * 12)
            return replace(r, epochs=zero if r.repeat % 2 else type(r.epochs)())
        return r

    assert "few repeats" not in found(empty)


def test_what_a_reason_says_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence may be put in other words, and a name in it may hold any."""
    never = Steady(start=None, reason="was changing to the end", kind="never settled")
    monkeypatch.setattr(doubts, "steady", lambda _: never)
    assert found()["trials that never settled"].startswith("jax/scan : 6 of 6 trials")
