"""What can be resolved: against published sample sizes, theory, and simulated comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal, stats

from levelfield.run.noise.resolution import (
    FEWEST,
    Resolution,
    correlation_length,
    detectable,
    resolution,
    window_difference,
)

PIECE = 0.1
"""Seconds; 600 pieces a minute."""
BUDGET = 300.0


def test_published_sample_sizes():
    """G*Power 3.1, means, difference from constant, two tails, alpha 0.05, power 0.90."""
    for effect, samples in ((0.2, 265), (0.5, 44), (0.8, 19)):
        assert detectable(samples) / math.sqrt(samples) <= effect
        assert detectable(samples - 1) / math.sqrt(samples - 1) > effect


@pytest.mark.parametrize("samples", [3, 10, 1500])
def test_power_is_what_it_says(samples):
    rng = np.random.default_rng(samples)
    effect = detectable(samples) / math.sqrt(samples)
    data = rng.normal(effect, 1, (2000, samples))
    found = np.mean(stats.ttest_1samp(data, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.9, abs=4 * math.sqrt(0.9 * 0.1 / 2000))


def autoregressive(rng, shape, rho, spread):
    """AR(1) along the last axis, stationary, with this standard deviation."""
    noise = rng.normal(0, spread * math.sqrt(1 - rho**2), shape)
    noise[..., 0] = rng.normal(0, spread, shape[:-1])
    return signal.lfilter([1], [1, -rho], noise, axis=-1)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_correlation_of_a_known_process(rho):
    series = autoregressive(np.random.default_rng(1), (20_000,), rho, 0.3)
    assert correlation_length(series) == pytest.approx((1 + rho) / (1 - rho), rel=0.2)


def test_what_alternates_is_not_better_than_independent():
    assert correlation_length(np.tile([1.0, -1.0], 50)) == 1
    assert correlation_length(np.zeros(50)) == 1


def test_windows_of_white_noise_average_and_of_a_walk_do_not():
    rng = np.random.default_rng(2)
    white = rng.normal(0, 1, 100_000)
    assert window_difference(white, 50) == pytest.approx(math.sqrt(2 / 50), rel=0.1)
    walk = np.cumsum(white)
    assert window_difference(walk, 200) > 3 * window_difference(walk, 10)


def measured(rng, *, seconds, rho, spread, common=0.0) -> Resolution:
    """Turns of two equal workers: own noise, and noise that both see as it passes by."""
    pairs = int(seconds / (2 * PIECE))
    played = rng.normal(0, spread, 2 * pairs)
    played += autoregressive(rng, (2 * pairs,), rho, common)
    first = rng.integers(0, 2, pairs)
    rounds = played.reshape(pairs, 2)
    rounds[first == 1] = rounds[first == 1][:, ::-1]
    return resolution(PIECE * np.exp(rounds), first.tolist(), seconds=seconds)


@pytest.mark.parametrize(("rho", "common"), [(0.0, 0.0), (0.95, 0.3)])
def test_duet_finds_what_is_predicted(rho, common):
    """30 s predict for five minutes; a study's t interval is over medians of ten pairs."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(30):
        effect = math.log1p(measured(rng, seconds=30, rho=rho, spread=0.05, common=common)
                            .duet(BUDGET))  # fmt: skip
        pieces = rng.normal(0, 0.05, (40, 3000)) + autoregressive(rng, (40, 3000), rho, common)
        ratios = effect + pieces[:, 1::2] - pieces[:, ::2]
        medians = np.median(ratios.reshape(40, 150, 10), axis=2)
        found.append(np.mean(stats.ttest_1samp(medians, 0, axis=1).pvalue < 0.05))
    assert np.mean(found) == pytest.approx(0.88, abs=0.05)


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_blocks_find_what_is_predicted(rho):
    """Three pairs of runs of 50 s each, one after the other; a t interval over three."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(30):
        seen = measured(rng, seconds=120, rho=rho, spread=0.0, common=0.1)
        assert seen.settled
        effect = math.log1p(seen.blocks(BUDGET))
        runs = autoregressive(rng, (40, 3000), rho, 0.1).reshape(40, 3, 2, 500).mean(axis=3)
        differences = effect + runs[:, :, 1] - runs[:, :, 0]
        found.append(np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05))
    assert np.mean(found) == pytest.approx(0.89, abs=0.05)


def test_noise_slower_than_the_measurement_is_not_averaged_away():
    rng = np.random.default_rng(5)
    seen = measured(rng, seconds=30, rho=0.999, spread=0.0, common=0.3)
    assert not seen.settled
    assert seen.blocks(10 * BUDGET) >= math.expm1(detectable(3) * seen.drift / math.sqrt(3)) * 0.999
    assert seen.blocks(BUDGET) > 10 * seen.duet(BUDGET)


def test_luck_of_processes_bounds_what_is_seen():
    rng = np.random.default_rng(6)
    pairs = PIECE * np.exp(rng.normal(0, 0.01, (150, 2))) * [1.0, 1.03]
    seen = resolution(pairs, [0] * 150, seconds=30.0)
    assert seen.luck == pytest.approx(math.log(1.03), rel=0.15)
    assert seen.duet(100 * BUDGET) == pytest.approx(
        math.expm1(detectable(100 * BUDGET / seen.batch_seconds) * seen.luck / math.sqrt(8)),
        rel=0.02,
    )
    fair = [resolution(PIECE * np.exp(rng.normal(0, 0.01, (150, 2))), [0] * 150, seconds=30.0).luck
            for _ in range(200)]  # fmt: skip
    assert np.count_nonzero(fair) <= 8  # of 2 that are expected


def test_time_until_a_difference_is_seen():
    seen = measured(np.random.default_rng(7), seconds=30, rho=0.0, spread=0.05)
    for difference in (0.05, 0.01):
        seconds = seen.duet_seconds(difference)
        assert seconds is not None
        assert seen.duet(seconds) <= difference
        assert seen.duet(0.97 * seconds) > difference or seconds < 4 * seen.batch_seconds
    assert seen.duet_seconds(1e-9) is None
    assert seen.duet(60) > seen.duet(300) > seen.duet(3000)
    assert seen.blocks(60) > seen.blocks(300) > seen.blocks(3000)


def test_a_machine_without_noise():
    seen = resolution([(PIECE, PIECE)] * 50, [0] * 50, seconds=10.0)
    assert seen.spread == seen.duet(BUDGET) == seen.blocks(BUDGET) == seen.luck == 0


def test_too_few_turns_say_nothing():
    with pytest.raises(ValueError, match="14 pairs"):
        resolution([(PIECE, PIECE)] * (FEWEST - 1), [0] * (FEWEST - 1), seconds=3.0)


def test_order_of_play_is_what_is_correlated():
    """Readings that only grow are slow noise, whoever played first."""
    rng = np.random.default_rng(8)
    played = np.exp(np.linspace(0, 1, 400)).reshape(200, 2)
    first = rng.integers(0, 2, 200)
    played[first == 1] = played[first == 1][:, ::-1]
    right = resolution(played, first.tolist(), seconds=40.0)
    assert not right.settled
    assert right.drift == pytest.approx(1 / 6, rel=0.01)


def test_runs_wander_as_far_as_is_predicted():
    """The standard deviation of means of 50 s, simulated, against the prediction from 120 s."""
    rng = np.random.default_rng(7)
    told = [
        measured(rng, seconds=120, rho=0.5, spread=0.0, common=0.1).wander(50) for _ in range(20)
    ]
    runs = autoregressive(rng, (400, 500), 0.5, 0.1).mean(axis=1)
    assert np.median(told) == pytest.approx(runs.std(), rel=0.25)


def test_slow_noise_wanders_as_far_as_it_drifted():
    seen = measured(np.random.default_rng(5), seconds=30, rho=0.999, spread=0.0, common=0.3)
    assert not seen.settled
    assert seen.wander(1e6) == pytest.approx(seen.drift / math.sqrt(2))
