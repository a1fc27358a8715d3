"""Where a trial's steady state begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from levelfield.results.settle import FEWEST, _chance, steady


def noisy(levels: list[float], seed: int = 0, spread: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array(levels) * np.exp(rng.normal(0, spread, len(levels)))


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=40))
def test_the_chance_of_a_trend_is_scipys(logs):
    theory = stats.kendalltau(np.arange(len(logs)), logs).pvalue
    assert _chance(np.array(logs)) == pytest.approx(theory, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("warm", "start"), [([30.0], 1), ([9.0, 4.0, 2.0], 3), ([], 0)])
def test_the_cut_is_where_the_level_is_reached(seed, warm, start):
    found = steady(noisy([*warm, *[1.0] * 30], seed))
    assert found.start is not None
    assert start <= found.start <= start + 3
    assert len(found.of(np.arange(1.0, 31.0 + len(warm)))) == 30 + len(warm) - found.start


@pytest.mark.parametrize("seed", range(10))
def test_a_burst_moves_no_cut(seed):
    seconds = noisy([20.0, *[1.0] * 40], seed)
    seconds[[11, 25]] *= 8
    found = steady(seconds)
    assert found.start is not None
    assert 1 <= found.start <= 4


@pytest.mark.parametrize(
    "levels",
    [
        [1.0] * 20 + [1.5] * 12,  # a late shift
        list(np.linspace(1, 2, 40)),  # a drift that does not end
        list(np.geomspace(30, 1, 25)),  # still warming up
    ],
)
def test_what_never_settles_says_so(levels):
    found = steady(noisy(levels))
    assert found.start is None
    assert found.reason.startswith("never settled")
    assert found.kind == "never settled"
    assert len(found.of(levels)) == len(levels) - 1


def test_too_few_to_tell():
    found = steady([9.0, 1.0, 1.0, 1.0])
    assert (found.start, found.reason) == (None, "4 epochs are too few to tell (at least 5)")
    assert found.kind == "too few"
    assert found.of([9.0, 1.0, 1.0, 1.0]).tolist() == [1.0, 1.0, 1.0]
    assert found.of([9.0]).tolist() == [9.0]


@given(st.lists(st.floats(1e-9, 1e9), min_size=0, max_size=60))
def test_any_series_has_an_answer(seconds):
    found = steady(seconds)
    assert found.start is None or 0 <= found.start <= len(seconds) // 2
    assert bool(found.reason) == (found.start is None) == (found.kind != "settled")
    if len(seconds) >= FEWEST:
        assert len(found.of(seconds)) >= 2


def test_equal_readings_are_steady_from_the_start():
    assert steady([0.5] * 12).start == 0
