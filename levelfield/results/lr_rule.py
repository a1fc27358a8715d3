"""The rule of the learning-rate range test: where a noisy curve starts to climb, where it ends.

`levelfield.results.lr_range` says what it is for and how sure it is; docs/learning-rates.md states
it in full. Places are steps of the sweep, with fractions; rows of arrays are seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SHARE = 0.1
"""Of the climb: where it starts, and how near the peak it ends (the 10 and 90 % of a rise time)."""
DIVERGED = 4.0
"""A loss so many times its least so far has diverged."""
LEAST = 0.02
"""A climb that is smaller is none: a share of all answers; where losses are read, of the first."""
ALARM = 0.01
"""Probability that pure noise is taken for learning, over all steps of a sweep (Bonferroni)."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the rule finds on one curve."""

    learns: bool
    low: float
    high: float
    end: int
    """Steps before it diverged: all, where it did not."""
    chance: float
    peak: float
    margin: float
    climbing: bool
    """At the end of what is there."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule, set up for one sweep; see `levelfield.results.lr_range.bounds`."""

    window: int
    chance: float | None
    samples: int | None
    by_loss: bool
    """Whether the score is the loss below zero, not an accuracy."""

    def find(self, loss: Array, score: Array) -> Found:
        """Apply the rule to the median of these seeds (shape of both: seeds, steps)."""
        ends = [diverged(row, self.window) for row in loss]
        end = sorted(ends)[len(ends) // 2]
        curve = median(score, ends, self.window)
        seen = np.isfinite(score).any(axis=0) & np.isfinite(curve)
        seen[end:] = False
        at, chance = np.flatnonzero(seen), self._chance(score)
        values = curve[at] if math.isfinite(chance) else np.zeros(0)
        if not len(values):
            last = float(loss.shape[1] - 1)
            return Found(learns=False, low=last, high=last, end=end, chance=chance, peak=chance,
                         margin=math.nan, climbing=False)  # fmt: skip
        margin = self._margin(score, chance, len(at))
        top = int(values.argmax())
        climb = float(values[top]) - chance
        step = min(max(SHARE * climb, margin), climb / 2)
        high, span = first_at(at, values, chance + climb - step), tail(at, self.window)
        late = high > at[-1] - 1.5 * span
        climbing = late and rise(at, values, span) > max(margin, SHARE * climb / 2)
        return Found(
            learns=climb > margin,
            low=last_at(at[: top + 1], values[: top + 1], chance + step),
            high=float(min(end, loss.shape[1] - 1)) if climbing else high,
            end=end,
            chance=chance,
            peak=float(values[top]),
            margin=margin,
            climbing=climbing,
        )

    def _chance(self, score: Array) -> float:
        """Score of a net that has learnt nothing: as given, or over the first window."""
        if self.chance is not None:
            return -self.chance if self.by_loss else self.chance
        rows = [row[np.isfinite(row)] for row in score[:, : self.window]]
        means = [float(row.mean()) for row in rows if len(row)]
        return float(np.median(means)) if means else math.nan

    def _margin(self, score: Array, chance: float, readings: int) -> float:
        """How far noise alone may lift the median of moving averages above chance.

        Noise of one reading: the binomial's, sqrt(p (1 - p) / samples) at chance p, or what
        neighbouring readings show, if that is more: the median size of their differences over
        0.6745 sqrt(2), as of a normal. A window averages its readings; the median of n seeds has
        sqrt(pi / (2 n)) of one's deviation; chance taken from a window brings the same noise again.
        """
        rows = [np.abs(np.diff(row[np.isfinite(row)])) for row in score]
        gaps = [float(np.median(row)) for row in rows if len(row)]
        noise = float(np.median(gaps)) / (0.6745 * math.sqrt(2)) if gaps else 0.0
        if self.samples and not self.by_loss:
            p = min(max(chance, 0.0), 1.0)
            noise = max(noise, math.sqrt(p * (1 - p) / self.samples))
        windows = max(score.shape[1] / self.window, 1.0)
        noise /= math.sqrt(max(readings / windows, 1.0))
        if len(score) > 1:
            noise *= math.sqrt(math.pi / 2 / len(score))
        if self.chance is None:
            noise *= math.sqrt(2)
        least = LEAST * abs(chance) if self.by_loss else LEAST
        return max(least, NormalDist().inv_cdf(1 - ALARM / score.shape[1]) * noise)


def diverged(loss: Array, window: int) -> int:
    """First step at which a seed's loss (shape: steps) has diverged; their number where it has not.

    A loss that is no finite number anywhere was not taken.
    """
    wrong = np.flatnonzero(~np.isfinite(loss))
    if len(wrong) == len(loss):
        return len(loss)
    end = int(wrong[0]) if len(wrong) else len(loss)
    past = smoothed(loss[:end], window, centred=False)[window - 1 :]
    if not len(past):
        return end
    least = np.minimum.accumulate(past)
    over = np.flatnonzero(past > np.maximum(DIVERGED * least, (past[0] + least) / 2))
    return int(over[0]) + window - 1 if len(over) else end


def median(rows: Array, ends: Sequence[int], window: int) -> Array:
    """Median over seeds of their centred moving averages, each up to its own end (shape: steps)."""
    steps = np.arange(rows.shape[1])
    alive = [np.where(steps < end, row, np.nan) for row, end in zip(rows, ends, strict=True)]
    averages = [
        np.where(steps < end, smoothed(row, window), np.nan)
        for row, end in zip(alive, ends, strict=True)
    ]
    ordered = np.sort(np.array(averages), axis=0)  # what is no number comes last
    count = np.isfinite(ordered).sum(axis=0)
    lower, upper = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(ordered) - 1)
    return np.asarray((ordered[lower, steps] + ordered[upper, steps]) / 2)


def smoothed(row: Array, window: int, *, centred: bool = True) -> Array:
    """Mean of the finite readings of a window about each step, or up to it (shape: steps).

    Windows are shorter at the ends; not a number where one holds no reading.
    """
    finite = np.isfinite(row)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, row, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    steps = np.arange(len(row))
    after = window // 2 if centred else 0
    low = np.maximum(steps - (window - 1 - after), 0)
    high = np.minimum(steps + after + 1, len(row))
    count = counts[high] - counts[low]
    return np.where(count > 0, (sums[high] - sums[low]) / np.maximum(count, 1), np.nan)


def tail(at: NDArray[np.int64], window: int) -> int:
    """Steps at the end that tell whether a curve still climbs: a window, or a tenth of it."""
    return max(window, int(at[-1] - at[0] + 1) // 10)


def rise(at: NDArray[np.int64], values: Array, span: int) -> float:
    """How much higher a curve is over its last ``span`` steps than over as many before them."""
    last = at > at[-1] - span
    before = ~last & (at > at[-1] - 2 * span)
    return float(values[last].mean() - values[before].mean()) if before.any() else 0.0


def first_at(at: NDArray[np.int64], values: Array, level: float) -> float:
    """Place where a curve first reaches a level; its first one if it begins there."""
    above = np.flatnonzero(values >= level)
    return _crossing(at, values, int(above[0]), level) if len(above) else float(at[-1])


def last_at(at: NDArray[np.int64], values: Array, level: float) -> float:
    """Place from which a curve that ends above a level stays above it."""
    below = np.flatnonzero(values < level)
    return _crossing(at, values, int(below[-1]) + 1 if len(below) else 0, level)


def _crossing(at: NDArray[np.int64], values: Array, above: int, level: float) -> float:
    """Where the line from the point before ``above`` to it meets the level."""
    if above == 0 or above == len(values):
        return float(at[min(above, len(values) - 1)])
    one, other = float(values[above - 1]), float(values[above])
    share = (level - one) / (other - one)
    return float(at[above - 1] + share * (at[above] - at[above - 1]))


def resampled(row: Array, end: int, window: int, *, times: int) -> Iterator[Array]:
    """Yield a seed's curve with noise of its own drawn again: a bootstrap of blocks of residuals.

    What the moving average leaves, enlarged by what it took up itself, in blocks of a window's
    readings (Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 8.2).
    Each array has the row's shape: steps.
    """
    rng = np.random.default_rng(0)
    window = max(window, 3)
    centre = smoothed(np.where(np.arange(len(row)) < end, row, np.nan), window)
    at = np.flatnonzero(np.isfinite(row) & np.isfinite(centre) & (np.arange(len(row)) < end))
    left = (row[at] - centre[at]) * math.sqrt(window / (window - 1))
    for _ in range(times if len(at) else 0):
        starts = rng.integers(len(at), size=-(-len(at) // window))
        places = (starts[:, None] + np.arange(window)).ravel()[: len(at)] % len(at)
        drawn = row.copy()
        drawn[at] = centre[at] + left[places]
        yield drawn
