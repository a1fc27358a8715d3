"""The rule of the range test on simulated sweeps whose truth is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelfield.errors import UserError
from levelfield.results.lr_range import Bounds, Curve, bounds, cyclical
from levelfield.results.lr_rule import diverged, median, smoothed
from levelfield.spec.schedules import Schedule

STEPS, CHANCE, TOP = 400, 0.1, 0.9
AT = np.arange(STEPS)
GEOMETRIC = np.geomspace(1e-5, 1.0, STEPS)
NOT_TAKEN = np.full(STEPS, np.nan)


def climb(centre: float, scale: float = 12.0) -> np.ndarray:
    """Share of right answers at each step: a logistic climb, half of it done at ``centre``."""
    return CHANCE + (TOP - CHANCE) / (1 + np.exp(-(AT - centre) / scale))


def truth(centre: float, scale: float = 12.0, rates: np.ndarray = GEOMETRIC) -> list[float]:
    """Rates at which a tenth and nine tenths of the climb are done."""
    return list(np.interp([centre - scale * math.log(9), centre + scale * math.log(9)], AT, rates))


def seed(
    rng: np.random.Generator,
    centre: float = 180.0,
    *,
    scale: float = 12.0,
    samples: int = 100,
    rates: np.ndarray = GEOMETRIC,
    fall: float | None = None,
) -> Curve:
    """A seed's sweep: binomial noise of so many answers a step; NaN losses from ``fall`` on."""
    right = climb(centre, scale)
    loss = np.abs(-np.log(right) + 0.05 * np.sqrt(right) * rng.standard_normal(STEPS))
    if fall is not None:
        right[int(fall) :], loss[int(fall) :] = CHANCE, np.nan
    return Curve(rates=rates, loss=loss, accuracy=rng.binomial(samples, right) / samples)


def seeds(rng: np.random.Generator, count: int = 5, spread: float = 8.0, **how) -> list[Curve]:
    """Sweeps of seeds that climb at different rates: so many steps apart (standard deviation)."""
    centre, fall = how.pop("centre", 180.0), how.pop("fall", None)
    shifts = spread * rng.standard_normal((count, 2))
    return [
        seed(rng, centre + one, fall=None if fall is None else fall + other, **how)
        for one, other in shifts
    ]


def noise(rng: np.random.Generator, samples: int = 32) -> Curve:
    """A sweep in which nothing is learnt."""
    loss = 2.3 + 0.1 * rng.standard_normal(STEPS)
    return Curve(
        rates=GEOMETRIC, loss=loss, accuracy=rng.binomial(samples, CHANCE, STEPS) / samples
    )


def read(curves: list[Curve], **how) -> Bounds:
    return bounds(curves, **{"chance": CHANCE, "samples": 100, **how})


@pytest.mark.parametrize(
    "how",
    [
        {"count": 1, "spread": 0.0},
        {"count": 2},
        {"count": 3},
        {"count": 5},
        {"count": 10},
        {"samples": 32},
        {"spread": 0.0},
        {"scale": 32.0},
        {"fall": 280.0},
        {"rates": np.linspace(1e-4, 1.0, STEPS), "samples": 1000},
    ],
    ids=str,
)
def test_the_truth_lies_in_most_intervals(how):
    """Over 150 repeats 95 to 100 % did; here fewer are made. Neither bound is far off."""
    rng, hits, repeats = np.random.default_rng(1), np.zeros(2), 40
    rates, scale = how.get("rates", GEOMETRIC), how.get("scale", 12.0)
    wanted = truth(180.0, scale, rates)
    errors = []
    for _ in range(repeats):
        found = read(seeds(rng, **how), samples=how.get("samples", 100))
        assert found.verdict == "learns"
        pair = (found.low, found.high)
        hits += [b.low <= true <= b.high for b, true in zip(pair, wanted, strict=True)]
        errors.append(
            np.interp([b.estimate for b in pair], rates, AT) - np.interp(wanted, rates, AT)
        )
    assert (hits / repeats >= 0.85).all(), hits / repeats
    assert (np.abs(np.mean(errors, axis=0)) < found.window / 4).all()


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("chance", [CHANCE, None])
def test_noise_is_not_learning(count, chance):
    rng = np.random.default_rng(2)
    verdicts = []
    for _ in range(100):
        found = read([noise(rng) for _ in range(count)], chance=chance, samples=32)
        verdicts.append(found.verdict)
        if found.verdict == "never learns":
            assert found.low is found.high is None
            assert "no more than the" in found.reasons[0]
    assert verdicts.count("never learns") >= 97


def test_where_accuracy_was_not_taken_the_loss_is_read():
    rng = np.random.default_rng(4)
    losses = np.log(climb(180.0))
    height = (losses - losses[0]) / (losses[-1] - losses[0])
    wanted = np.interp([0.1, 0.9], height, GEOMETRIC)
    hits = np.zeros(2)
    for _ in range(40):
        curves = [dataclasses.replace(c, accuracy=NOT_TAKEN) for c in seeds(rng, fall=280.0)]
        found = bounds(curves)
        assert found.verdict == "learns"
        assert np.isnan(found.accuracy).all()
        assert "the smoothed median loss falls from" in found.reasons[0]
        pair = (found.low, found.high)
        hits += [b.low <= true <= b.high for b, true in zip(pair, wanted, strict=True)]
    assert (hits >= 34).all()
    flat = [dataclasses.replace(noise(rng), accuracy=NOT_TAKEN) for _ in range(5)]
    assert bounds(flat).verdict == bounds(flat, chance=2.3).verdict == "never learns"


def test_a_loss_that_is_no_number_has_diverged():
    found = read(seeds(np.random.default_rng(5), fall=280.0))
    assert found.diverges is not None
    place = np.interp(found.diverges, GEOMETRIC, AT)
    assert abs(place - 280) < 12
    assert found.reasons[-1].startswith("its loss diverges at a rate of")
    end = round(place)
    assert np.isfinite(found.loss[:end]).all()
    assert np.isinf(found.loss[end:]).all()
    assert read(seeds(np.random.default_rng(5))).diverges is None


def test_a_climb_cut_short_ends_where_it_diverges():
    found = read(seeds(np.random.default_rng(5), centre=240.0, fall=248.0))
    assert found.verdict == "learns"
    assert found.high.estimate == found.diverges
    assert any("it climbs until it diverges" in reason for reason in found.reasons)


def test_a_loss_that_grows_has_diverged():
    loss = np.concatenate([np.linspace(2.3, 0.5, 200), np.geomspace(0.5, 1e30, 200)])
    step = diverged(loss, 21)
    assert loss[step] > 4 * 0.5
    assert loss[step - 21] < 4 * 0.5
    assert (
        diverged(np.where(AT < 300, 0.001 + 0.002 * (AT > 200) + 2.3 * (AT < 50), 0.0), 21) == 400
    )
    assert diverged(np.zeros(STEPS), 21) == diverged(NOT_TAKEN, 21) == STEPS
    assert diverged(np.where(AT == 7, np.inf, 1.0), 21) == 7
    assert diverged(NOT_TAKEN[:0], 21) == 0


def test_all_seeds_lost_at_the_first_step():
    loss = np.where(AT == 200, 1.0, np.nan)
    found = read([Curve(rates=GEOMETRIC, loss=loss, accuracy=NOT_TAKEN)])
    assert (found.verdict, found.diverges) == ("never learns", GEOMETRIC[0])
    assert found.reasons[0] == "no loss was taken before it diverged"


def test_still_climbing_at_the_end():
    for count in (1, 5):
        found = read(seeds(np.random.default_rng(6), count, centre=370.0))
        assert found.verdict == "still climbing at the highest rate"
        assert (found.high.estimate, found.high.high) == (1.0, math.inf)
        assert found.low.low <= truth(370.0)[0] <= found.low.high
        assert any("still climbs at the highest rate tested, 1" in r for r in found.reasons)


@pytest.mark.parametrize(
    ("first", "last", "verdict"), [(0, 399, "still"), (200, 399, "still"), (0, 300, "learns")]
)
def test_a_straight_climb_up_to_the_end_is_not_over(first, last, verdict):
    height = np.clip((AT - first) / (last - first), 0, 1)
    rng = np.random.default_rng(14)
    for _ in range(10):
        right = rng.binomial(1000, CHANCE + 0.7 * height) / 1000
        curve = Curve(rates=GEOMETRIC, loss=1 - height / 2, accuracy=right)
        assert read([curve], samples=1000).verdict.startswith(verdict)


def test_learning_from_the_lowest_rate_on():
    found = read(seeds(np.random.default_rng(7), centre=-40.0))
    assert found.verdict == "learns from the lowest rate on"
    assert (found.low.estimate, found.low.low) == (GEOMETRIC[0], 0.0)
    assert any("the lowest rate tested, 1e-05, or below" in reason for reason in found.reasons)


def test_constant_zeros_and_ones():
    for level in (0.0, 1.0):
        curve = Curve(rates=GEOMETRIC, loss=np.zeros(STEPS), accuracy=np.full(STEPS, level))
        assert bounds([curve] * 3).verdict == "never learns"
    assert bounds([curve], chance=0.1).verdict == "learns from the lowest rate on"
    nothing = Curve(rates=GEOMETRIC, loss=np.zeros(STEPS), accuracy=NOT_TAKEN)
    assert bounds([nothing]).verdict == "never learns"


def test_readings_once_an_epoch():
    """Accuracies that were taken at every tenth step alone, of a thousand test samples."""
    rng = np.random.default_rng(8)
    curves = [
        dataclasses.replace(c, accuracy=np.where(AT % 10 == 0, c.accuracy, np.nan))
        for c in seeds(rng, samples=1000)
    ]
    found = read(curves, samples=1000)
    assert found.verdict == "learns"
    for bound, true in zip((found.low, found.high), truth(180.0), strict=True):
        assert bound.low <= true <= bound.high


def test_a_seed_that_never_learns_is_told_and_widens_the_interval():
    rng = np.random.default_rng(9)
    good = seeds(rng, 4, samples=32)
    found, sure = read([*good, noise(rng)], samples=32), read(good, samples=32)
    assert found.verdict == "learns"
    assert found.low.high / found.low.low > sure.low.high / sure.low.low
    assert found.reasons[-1].startswith("1 of 5 seeds never learn")


def test_steps_after_the_highest_rate_are_left_out():
    """A schedule stays at its highest rate: what is learnt there says nothing of rates."""
    curve = seed(np.random.default_rng(10))
    longer = Curve(
        rates=np.concatenate([curve.rates, np.ones(100)]),
        loss=np.concatenate([curve.loss, np.zeros(100)]),
        accuracy=np.concatenate([curve.accuracy, np.ones(100)]),
    )
    one, other = read([curve]), read([longer])
    assert (one.low, one.high, one.reasons) == (other.low, other.high, other.reasons)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 2**32), st.sampled_from([1, 3]))
def test_scaled_rates_scale_the_bounds(factor, luck, count):
    curves = seeds(np.random.default_rng(luck), count, spread=4.0, fall=300.0)
    found = read(curves)
    scaled = read([dataclasses.replace(c, rates=factor * c.rates) for c in curves])
    assert scaled.verdict == found.verdict
    assert scaled.diverges == pytest.approx(factor * found.diverges)
    for one, other in ((found.low, scaled.low), (found.high, scaled.high)):
        for part in ("low", "estimate", "high"):
            assert getattr(other, part) == pytest.approx(factor * getattr(one, part), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.none() | st.floats(), min_size=2, max_size=60),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_whatever_was_recorded_there_is_an_answer(values, count, luck):
    """Any loss and accuracy: no error, no warning, bounds inside the sweep."""
    rng = np.random.default_rng(luck)
    given_ = np.array([math.nan if v is None else v for v in values])
    rates = np.linspace(0.0, 1.0, len(given_))
    parts = np.where(rng.random((count, len(rates))) < 0.2, np.nan, rng.random((count, len(rates))))
    curves = [Curve(rates=rates, loss=rng.permutation(given_), accuracy=part) for part in parts]
    found = read(curves)
    assert found.reasons
    assert (found.low is None) == (found.verdict == "never learns") == (found.high is None)
    for bound in filter(None, (found.low, found.high)):
        assert 0 <= bound.low <= bound.estimate <= bound.high
        assert bound.estimate <= 1


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(0, 10))
def test_moving_averages_by_their_definition(values, half):
    row = np.array([math.nan if v is None else v for v in values])
    found = smoothed(row, 2 * half + 1)
    past = smoothed(row, 2 * half + 1, centred=False)
    for step in range(len(row)):
        about = row[max(step - half, 0) : step + half + 1]
        before = row[max(step - 2 * half, 0) : step + 1]
        for part, got in ((about, found[step]), (before, past[step])):
            kept = part[np.isfinite(part)]
            if len(kept):
                assert got == pytest.approx(kept.mean(), abs=1e-6)
            else:
                assert math.isnan(got)


def test_the_median_is_of_seeds_that_are_left():
    rows = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [6.0, 6.0, 6.0]])
    assert median(rows, [3, 3, 3], 1).tolist() == [2.0, 2.0, 2.0]
    left = median(rows, [3, 2, 1], 1)
    assert left.tolist() == [2.0, 1.5, 1.0]
    assert np.isnan(median(rows, [1, 1, 1], 1)[1:]).all()


def test_fields_of_a_cyclical_schedule():
    found = read(seeds(np.random.default_rng(11)))
    fields = cyclical(found, half_cycle=2.0)
    schedule = Schedule.choose(fields)
    assert schedule.plain() == fields
    rates = schedule.rates(0, 100, steps_per_epoch=10)
    assert (rates.min(), rates.max()) == (found.low.estimate, found.high.estimate)
    with pytest.raises(UserError, match="no rates to cycle between: never learns"):
        cyclical(read([noise(np.random.default_rng(12))]))


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ([], "no curves; expected one for each seed"),
        ([{"loss": np.ones(3)}], "arrays of different lengths"),
        ([{}, {"rates": 2 * GEOMETRIC}], "seeds with different rates"),
        ([{"rates": GEOMETRIC[::-1]}], "rates that do not rise"),
        ([{"rates": np.ones(STEPS)}], "rates that do not rise"),
        ([{"rates": NOT_TAKEN}], "rates that do not rise"),
        (
            [{"rates": np.zeros(1), "loss": np.zeros(1), "accuracy": np.zeros(1)}],
            "rates that do not",
        ),
    ],
)
def test_what_is_no_sweep_is_refused(curves, message):
    plain = seed(np.random.default_rng(0))
    with pytest.raises(UserError, match=message):
        bounds([dataclasses.replace(plain, **changes) for changes in curves])


def test_the_window_is_told():
    curves = seeds(np.random.default_rng(13))
    assert read(curves).window == 21
    assert read(curves, window=8).window == 9
    assert read(curves, window=1).window == 1
    found = read(curves[:1], window=5)
    wanted = smoothed(curves[0].accuracy, 5)
    assert found.accuracy == pytest.approx(wanted)
    assert found.low.units == 1
    assert read(curves).low.units == 5
