"""Verdicts: what an interval says, how the error is spent, how often it is wrong."""

from __future__ import annotations

import math

import noise
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from levelfield.results import verdict
from levelfield.results.estimate import Interval
from levelfield.results.verdict import LOOKS, Looks, judged, spent

BETWEEN = st.floats(0.5, 2)


def interval(low: float, high: float) -> Interval:
    middle = math.sqrt(low * high)
    return Interval(estimate=middle, low=low, high=high, confidence=0.95, units=5)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (1.031, 1.2, "slower"),
        (1.029, 1.2, "could not measure"),
        (0.9, 0.969, "faster"),
        (0.9, 0.972, "could not measure"),
        (0.98, 1.02, "no difference shown"),
        (1.001, 1.029, "no difference shown"),
        (0.5, 2.0, "could not measure"),
    ],
)
def test_an_interval_and_a_threshold(low, high, answer):
    assert judged(interval(low, high), 0.03) == answer


@given(BETWEEN, BETWEEN, st.floats(0.001, 0.5))
def test_base_and_head_are_treated_alike(one, other, threshold):
    low, high = sorted((one, other))
    turned = {"slower": "faster", "faster": "slower"}
    answer = judged(interval(low, high), threshold)
    edges = [b * e for b in (low, high) for e in (1 + threshold, 1 / (1 + threshold))]
    if all(abs(edge - 1) > 1e-9 for edge in edges):
        assert judged(interval(1 / high, 1 / low), threshold) == turned.get(answer, answer)


def test_error_is_spent_as_lan_and_demets_have_it():
    """Their paper's form: 2 - 2 Phi(z / sqrt(t)); at the end everything, at the start nothing."""
    assert spent(1.0, 0.05) == pytest.approx(0.05)
    assert spent(0.5, 0.05) == pytest.approx(
        2 - 2 * stats.norm.cdf(1.959964 / math.sqrt(0.5)), rel=1e-4
    )
    assert spent(0.0, 0.05) == 0.0
    shares = [spent(share, 0.05) for share in np.linspace(0, 1.3, 50)]
    assert shares == sorted(shares)


def sessions(
    count: int, ratio: float = 1.0, spread: float = 0.01, seed: int = 0
) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.exp(rng.normal(0, 0.05, (40, 2))) * [1, ratio * math.exp(rng.normal(0, spread))]
            for _ in range(count)]  # fmt: skip


def test_looks_come_when_they_are_planned():
    looks, made = Looks(threshold=0.03), sessions(20, 1.5)
    assert looks.answer(LOOKS[0] - 0.01, made, seconds=9.0) is None
    assert looks.answer(LOOKS[0], made[:2], seconds=9.0) is None  # too few sessions
    found = looks.answer(LOOKS[0], made, seconds=60.0)
    assert found is not None
    assert found.answer == "slower"
    assert found.interval is not None
    assert found.interval.confidence == pytest.approx(1 - spent(LOOKS[0], 0.05))
    assert found.interval.low < 1.5 < found.interval.high
    assert found.sentence.startswith("head is slower than base: 1.490x [1.4")
    assert "(95 %, 800 pairs in 20 sessions, 1.0 minutes; threshold 3 %)" in found.sentence


def test_no_look_is_had_twice():
    looks, made = Looks(threshold=0.001), sessions(6)
    assert looks.answer(0.45, made, seconds=1.0) is None
    gone = looks._gone
    assert looks.answer(0.5, made, seconds=1.0) is None
    assert looks._gone == gone  # not a look: the next one is planned for later


def test_the_end_of_the_budget_is_an_answer():
    last = Looks(threshold=0.001).answer(1.0, sessions(6, 1.005), seconds=60.0)
    assert last is not None
    assert last.answer == "could not measure"
    assert "across the threshold" in last.sentence
    below = Looks(threshold=0.03).answer(1.0, sessions(8, 0.97), seconds=60.0)
    assert below is not None
    assert (below.answer, below.reason) == ("no difference shown", "not slower, and perhaps faster")
    none = Looks(threshold=0.03).answer(1.0, sessions(2), seconds=60.0)
    assert none is not None
    assert none.sentence == "could not measure: 2 sessions within the budget, 3 are needed"


def test_many_comparisons_share_the_error():
    one, many = (
        Looks(threshold=0.03, comparisons=n).answer(1.0, sessions(8), seconds=1.0) for n in (1, 10)
    )
    assert one.interval.high < many.interval.high
    assert many.interval.confidence == pytest.approx(1 - 0.05 / 10)


def rate(
    name: str, share: float, wrong: set[str], *, threshold: float = 0.03, sessions: int = 16
) -> float:
    """Share of sequential comparisons that end in one of these answers."""
    rng, studies, found = np.random.default_rng(7), 200, 0
    for _ in range(studies):
        looks, seen, answer = Looks(threshold=0.03), [], None
        while answer is None:
            seen.append(noise.slowed(noise.MODELS[name](rng), share))
            answer = looks.answer(len(seen) / sessions, seen, seconds=1.0)
        found += answer.answer in wrong
    return found / studies


@pytest.mark.parametrize("name", list(noise.MODELS))
def test_no_false_alarms_on_real_noise(name):
    assert rate(name, 0.0, {"slower", "faster"}) <= 0.01


@pytest.mark.parametrize("name", ["torch-thesis", "jax-thesis", "numpy-thesis", "synthetic"])
def test_five_percent_are_found(name):
    assert rate(name, 0.05, {"slower"}) >= 0.90


def test_at_the_very_threshold_the_error_rate_is_kept():
    """The worst case: a true ratio of exactly 1.03 may be called slower in 2.5 % of studies."""
    share = rate("synthetic", 0.03, {"slower"}, sessions=30)
    assert share * 200 <= stats.binom.ppf(0.999, 200, 0.025)


def test_verdicts_name_no_clock():
    """Pure: the same evidence gives the same verdict."""
    made = sessions(9, 1.1)
    assert Looks(threshold=0.03).answer(1.0, made, seconds=5) == Looks(threshold=0.03).answer(
        1.0, made, seconds=5
    )
    assert "time" not in vars(verdict)
