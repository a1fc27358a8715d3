"""Intervals: their values against SciPy's and by simulation, for blocks and for duets."""

from __future__ import annotations

import math

import noise
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from levelfield.results import estimate

SECONDS = st.floats(1e-6, 1e4)


def test_typical_is_students_interval_over_the_trials():
    trials = [[1.0, 1.1, 1.2, 1.3], [1.5, 1.4, 1.6, 1.5], [1.2, 1.25, 1.2, 1.3]]
    found = estimate.typical(trials, confidence=0.9)
    middles = [np.mean(np.sort(np.log(t))[1:3]) for t in trials]
    t = stats.t.interval(0.9, 2, np.mean(middles), stats.sem(middles))
    assert found.estimate == pytest.approx(math.exp(np.mean(middles)))
    assert (found.low, found.high) == pytest.approx((math.exp(t[0]), math.exp(t[1])))
    assert (found.units, found.confidence) == (3, 0.9)


@given(st.lists(SECONDS, min_size=1, max_size=40))
def test_a_location_is_scipys_trimmed_mean_of_the_logarithms(seconds):
    theory = stats.trim_mean(np.log(seconds), 0.25)
    assert estimate.location(seconds) == pytest.approx(theory, rel=1e-12, abs=1e-12)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=2, max_size=40), st.floats(0.5, 2))
def test_a_duet_turned_round_is_the_inverse(rows, factor):
    session = np.array(rows)
    sessions = [session, session * [1.0, factor], session[::-1]]
    one = estimate.duet(sessions)
    other = estimate.duet([each[:, ::-1] for each in sessions])
    assert one.estimate * other.estimate == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)
    assert one.low <= one.estimate <= one.high


def test_a_duet_sees_a_known_factor_whatever_the_machine_did():
    rng = np.random.default_rng(0)
    machine = np.exp(rng.normal(0, 0.5, (6, 30, 1)))
    found = estimate.duet(list(machine * np.array([0.1, 0.105])))
    assert (found.low, found.estimate, found.high) == pytest.approx((1.05, 1.05, 1.05))


def test_one_unit_holds_for_itself_alone():
    rng = np.random.default_rng(1)
    session = np.exp(rng.normal(0, 0.1, (200, 2)))
    found = estimate.duet([session])
    assert found.units == 1
    assert found.low < found.estimate < found.high
    logs = np.log(session[:, 1] / session[:, 0])
    theory = stats.bootstrap(
        (logs,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), rng=2, method="percentile"
    ).confidence_interval
    assert math.log(found.low) == pytest.approx(theory.low, abs=0.003)
    assert math.log(found.high) == pytest.approx(theory.high, abs=0.003)
    assert estimate.typical([[0.5]]).low == estimate.typical([[0.5]]).high == pytest.approx(0.5)


def test_two_studies_are_compared_by_welch():
    rng = np.random.default_rng(3)
    base = [np.exp(rng.normal(0, 0.02, 9)) for _ in range(4)]
    head = [np.exp(rng.normal(0.1, 0.05, 9)) for _ in range(6)]
    found = estimate.apart(base, head)
    logs = [[estimate.location(t) for t in side] for side in (head, base)]
    theory = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((math.exp(theory.low), math.exp(theory.high)))
    assert found.low < math.exp(0.1) < found.high
    one = estimate.apart(base[:1], head)
    assert one.units == 1
    assert one.low < one.estimate < one.high


def test_correction():
    assert estimate.corrected(0.95, 5) == pytest.approx(0.99)
    assert estimate.corrected(0.95, 0) == pytest.approx(0.95)


def held(rate: float, studies: int) -> bool:
    """Whether so many of 95 % intervals may hold the truth by chance (99.9 %)."""
    low, high = stats.binom.interval(0.999, studies, 0.95)
    return low <= rate * studies <= high


@pytest.mark.parametrize("name", ["torch-thesis", "numpy-thesis", "synthetic"])
def test_intervals_of_duets_hold_the_truth(name):
    rng, studies = np.random.default_rng(4), 300
    made = [[noise.MODELS[name](rng) for _ in range(6)] for _ in range(studies)]
    intervals = [estimate.duet([noise.slowed(s, 0.05) for s in each]) for each in made]
    assert held(np.mean([i.low <= 1.05 <= i.high for i in intervals]), studies)


@pytest.mark.parametrize("trials", [2, 3, 5])
def test_intervals_of_blocks_hold_the_truth(trials):
    rng, studies, good = np.random.default_rng(5), 400, {"one": 0, "ratio": 0}
    for _ in range(studies):
        machine = rng.normal(0, 0.2, trials)

        def side(truth, shared, rng=rng):
            shifts = math.log(truth) + shared + rng.normal(0, 0.05, trials)
            return [np.exp(s + 0.03 * rng.standard_t(3, 15)) for s in shifts]

        one = estimate.typical(side(0.7, 0.0))
        ratio = estimate.blocks(side(0.7, machine), side(0.8, machine))
        good["one"] += one.low <= 0.7 <= one.high
        good["ratio"] += ratio.low <= 0.8 / 0.7 <= ratio.high
    assert held(good["one"] / studies, studies)
    assert held(good["ratio"] / studies, studies)
