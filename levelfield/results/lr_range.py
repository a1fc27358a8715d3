"""The learning-rate range test: between which rates does a training learn?

L. N. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3: train
while the rate rises, and note the rate where accuracy starts to climb, and the one where it slows,
becomes ragged or falls. Read by eye there; here by a rule, which docs/learning-rates.md states:

- A curve is the median over seeds of centred moving averages over ``window`` steps.
- It learns where its peak lies above chance by more than noise allows (`lr_rule.Rule`).
- ``low``: where it crosses, for good, chance + a tenth of the climb from chance to the peak.
- ``high``: where it first comes within a tenth of the climb of the peak, or where it diverges.
- A seed diverges where its loss is no finite number, or its moving average over the past exceeds
  four times its least so far and half of what it had come down.

Uncertainty is taken along the sweep, in steps, and told in rates: Student's t over the seeds' own
bounds; with a single seed, a bootstrap of blocks of what is left beside its curve. What smoothing
may shift, a quarter of a window, is added to it as independent errors are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from levelfield.errors import UserError
from levelfield.results.estimate import Interval, student
from levelfield.results.lr_rule import Array, Found, Rule, diverged, median, resampled

Verdict = Literal[
    "learns", "never learns", "still climbing at the highest rate", "learns from the lowest rate on"
]
RESAMPLES, CONFIDENCE = 200, 0.95
LARGEST = 1e100
"""A loss that is larger is as good as infinite; sums of smaller ones are finite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """What one seed showed at each step of a sweep; each array has the shape: steps."""

    rates: Array
    loss: Array
    accuracy: Array
    """Share of right answers, 0 to 1; not a number where it was not taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bounds:
    """Between which rates a training learns, and the smoothed curves this was read from."""

    rates: Array
    loss: Array
    """Median over seeds of moving averages; infinite once half of the seeds have diverged."""
    accuracy: Array
    """The same; not a number where it was not taken, and once half of the seeds have diverged."""
    window: int
    """Steps of the moving average."""
    low: Interval | None
    """The rate where the climb starts. From 0 where it may lie below the lowest rate."""
    high: Interval | None
    """The rate where the climb ends. To infinity where it may lie above the highest rate."""
    diverges: float | None
    """The rate at which half of the seeds have diverged."""
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def best(self) -> float:
        """The highest smoothed accuracy of batches; NaN where none was taken."""
        finite = self.accuracy[np.isfinite(self.accuracy)]
        return float(finite.max()) if len(finite) else math.nan


def bounds(
    curves: Sequence[Curve],
    *,
    chance: float | None = None,
    samples: int | None = None,
    window: int | None = None,
) -> Bounds:
    """Between which rates these seeds of one contender learn.

    chance: accuracy of a net that has learnt nothing (1 / classes, or what untrained nets have), or
    its loss where no accuracy was taken; the level of the first window if None. samples: how many
    answers one accuracy was counted over. window: steps of the moving average, an odd number (an
    even one is raised by one); a twentieth of the sweep if None. Without any accuracy the loss is
    read in its place. Raises `UserError` where the sweeps differ or their rates do not rise.
    """
    rates, loss, accuracy = _stacked(curves)
    window = (window or max(len(rates) // 20, 1)) | 1
    by_loss = not np.isfinite(accuracy).any()
    score = np.where(np.isfinite(loss), -loss, np.nan) if by_loss else accuracy
    rule = Rule(window=window, chance=chance, samples=samples, by_loss=by_loss)
    found = rule.find(loss, score)
    ends = [diverged(row, window) for row in loss]
    made = _Answer(
        rates=rates,
        found=found,
        each=_places(rule, loss, score) if found.learns else (),
        units=len(curves),
        window=window,
    )
    return Bounds(
        rates=rates,
        loss=np.where(np.arange(len(rates)) < found.end, median(loss, ends, window), np.inf),
        accuracy=median(accuracy, ends, window),
        window=window,
        low=made.interval("low") if found.learns else None,
        high=made.interval("high") if found.learns else None,
        diverges=float(rates[found.end]) if found.end < len(rates) else None,
        verdict=made.verdict(),
        reasons=tuple(made.reasons("loss" if by_loss else "accuracy")),
    )


def cyclical(found: Bounds, *, half_cycle: float = 4.0) -> dict[str, Any]:
    """Fields of a `triangular2` schedule between these bounds.

    half_cycle: epochs from the lowest rate to the highest; Smith (2017, section 3.2) advises 2 to
    10. Raises `UserError` where there is nothing to cycle between.
    """
    if found.low is None or found.high is None or not 0 < found.low.estimate < found.high.estimate:
        raise UserError(
            f"no rates to cycle between: {found.verdict}",
            expected="a range test with two bounds",
            hint="test another range of rates, or train for longer",
        )
    return {
        "kind": "triangular2",
        "low": found.low.estimate,
        "high": found.high.estimate,
        "half_cycle": half_cycle,
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Answer:
    """What was found, on its way into words and rates."""

    rates: Array
    found: Found
    each: Sequence[Found]
    """By seed; of one seed, by resample."""
    units: int
    window: int

    @property
    def at_once(self) -> bool:
        """Whether the start of the climb cannot be told from the start of the sweep."""
        return self.found.low <= self.window / 2

    @property
    def unfinished(self) -> bool:
        """Whether the sweep ends before the climb does."""
        return self.found.climbing and self.found.end == len(self.rates)

    def interval(self, name: Literal["low", "high"]) -> Interval:
        """One bound, in rates: its interval along the sweep, as far as the sweep goes."""
        place = float(getattr(self.found, name))
        places = np.array([float(getattr(found, name)) for found in self.each])
        if self.units > 1:
            reach = student(CONFIDENCE, self.units - 1)
            reach *= float(places.std(ddof=1)) / math.sqrt(self.units)
            reaches = reach, reach
        else:
            tails = [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2]
            lowest, highest = np.quantile(places - np.median(places), tails)
            reaches = -float(lowest), float(highest)
        below, above = (math.hypot(reach, self.window / 4) for reach in reaches)
        low, middle, high = self._rates([place - below, place, place + above])
        return Interval(
            estimate=middle,
            low=0.0 if name == "low" and self.at_once else low,
            high=math.inf if name == "high" and self.unfinished else high,
            confidence=CONFIDENCE,
            units=self.units,
        )

    def _rates(self, places: Sequence[float]) -> list[float]:
        """Rates at these places, which may lie between two steps."""
        return [float(r) for r in np.interp(places, np.arange(len(self.rates)), self.rates)]

    def verdict(self) -> Verdict:
        """Return the answer in a few words."""
        if not self.found.learns:
            return "never learns"
        if self.unfinished:
            return "still climbing at the highest rate"
        return "learns from the lowest rate on" if self.at_once else "learns"

    def reasons(self, score: str) -> Iterator[str]:
        """Yield why, a sentence each; ``score``: what was read, accuracy or loss."""
        found, sign = self.found, -1 if score == "loss" else 1
        low, high, last = self._rates([found.low, found.high, found.end])
        if math.isnan(found.margin):
            yield f"no {score} was taken before it diverged"
        else:
            verb = "rises" if score == "accuracy" else "falls"
            beyond = "more" if found.learns else "no more"
            yield (
                f"the smoothed median {score} {verb} from {sign * found.chance:.3g} to "
                f"{sign * found.peak:.3g}, {beyond} than the {found.margin:.2g} that noise allows"
            )
        if found.learns and self.at_once:
            yield f"the climb starts at the lowest rate tested, {low:.3g}, or below"
        elif found.learns:
            yield f"it starts to climb at a rate of {low:.3g}"
        if found.learns and self.unfinished:
            yield f"it still climbs at the highest rate tested, {high:.3g}"
        elif found.learns and found.climbing:
            yield f"it climbs until it diverges, at a rate of {high:.3g}"
        elif found.learns:
            yield f"it comes within a tenth of its climb of the peak at a rate of {high:.3g}"
        if found.end < len(self.rates):
            yield f"its loss diverges at a rate of {last:.3g}"
        lost = sum(not seed.learns for seed in self.each) if self.units > 1 else 0
        if found.learns and lost:
            yield f"{lost} of {self.units} seeds never learn; they count as learning at the end"


def _places(rule: Rule, loss: Array, score: Array) -> list[Found]:
    """Apply the rule to each seed; of a single one, to resamples."""
    if len(loss) > 1:
        found = [rule.find(loss[i : i + 1], score[i : i + 1]) for i in range(len(loss))]
    else:
        end = diverged(loss[0], rule.window)
        drawn = resampled(score[0], end, rule.window, times=RESAMPLES)
        found = [rule.find(loss, row[None]) for row in drawn] or [rule.find(loss, score)]
    last = float(loss.shape[1] - 1)
    return [f if f.learns else dataclasses.replace(f, low=last, high=last) for f in found]


def _stacked(curves: Sequence[Curve]) -> tuple[Array, Array, Array]:
    """Rates (shape: steps), losses and accuracies (shape: seeds, steps), up to the highest rate."""
    if not curves:
        raise UserError("no curves", expected="one for each seed")
    parts = [[np.asarray(a, float) for a in (c.rates, c.loss, c.accuracy)] for c in curves]
    rates = parts[0][0]
    if any(a.shape != rates.shape or a.ndim != 1 for part in parts for a in part):
        raise UserError("arrays of different lengths", expected="one number a step in all of them")
    if any(not np.array_equal(part[0], rates, equal_nan=True) for part in parts):
        raise UserError("seeds with different rates", expected="the same sweep for all seeds")
    rising = len(rates) > 1 and rates[0] >= 0 and rates[0] < rates[-1]
    if not rising or not np.isfinite(rates).all() or (np.diff(rates) < 0).any():
        raise UserError("rates that do not rise", expected="a sweep from a low rate to a high one")
    steps = int(rates.argmax()) + 1
    loss, accuracy = (np.stack([part[i][:steps] for part in parts]) for i in (1, 2))
    return rates[:steps], np.where(np.abs(loss) < LARGEST, loss, np.inf), accuracy


__all__ = ["Bounds", "Curve", "Verdict", "bounds", "cyclical"]
