"""Where the steady state of a trial begins, found in its epochs.

A trial is steady from the first run of epochs that lie where its second half lies: a window in the
manner of Georges, Buytaert & Eeckhout ("Statistically rigorous Java performance evaluation", 2007),
with a robust level and spread, so that a stranger's burst moves no cut. Where that run begins
beyond the middle, or what follows drifts (Kendall's tau, Theil's slope), it never settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST = 5
"""Epochs from which on a steady state can be looked for."""
RUN = 3
"""Epochs in a row that must lie where the second half lies."""
REACH, LEAST = 3.0, 0.01
"""How far from the level that is: in standard deviations, and 1 % at least."""
QUARTILES = 1.349
"""The distance of a normal distribution's quartiles in standard deviations."""
NOTHING = 1e-9
USUAL = 128
"""Epochs of a trial; longer ones are rare."""
COUNTED = 33
"""Readings up to which the chance of a trend is counted, not approximated (SciPy's own bound)."""
TREND, CHANCE = 0.05, 0.001
"""A trend counts when it moves the readings by so much from end to end, and is no such chance."""


@dataclass(frozen=True, kw_only=True)
class Steady:
    """The first steady reading, from 0; ``reason`` says why there is none."""

    start: int | None
    reason: str = ""
    kind: Literal["settled", "too few", "never settled"] = "settled"

    def of(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """The steady readings; all but the first (which compiles) where none was found."""
        array = np.asarray(seconds, dtype=np.float64)
        if self.start is None:
            return array[1:] if len(array) > 1 else array
        return array[self.start :]


def logarithms(seconds: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithms of seconds; what the clock took for nothing counts as a nanosecond."""
    return np.asarray(np.log(np.maximum(np.asarray(seconds, dtype=np.float64), NOTHING)))


def steady(seconds: ArrayLike) -> Steady:
    """Where the steady state begins in a trial's epochs, in their order."""
    return _known(seconds) if isinstance(seconds, tuple) else _found(seconds)


def _found(seconds: ArrayLike) -> Steady:
    logs = logarithms(seconds)
    count = len(logs)
    if count < FEWEST:
        reason = f"{count} epochs are too few to tell (at least {FEWEST})"
        return Steady(start=None, reason=reason, kind="too few")
    cut = _cut(logs)
    if cut > count // 2:
        return _never(f"still changing in epoch {count // 2 + 1}")
    if drift := _trend(logs[cut:]):
        return _never(f"{drift:+.0%} from end to end")
    return Steady(start=cut)


def _never(why: str) -> Steady:
    return Steady(start=None, reason=f"never settled: {why}", kind="never settled")


_known = lru_cache(maxsize=2**15)(_found)
"""The columns of records are asked about by every table; they never change."""


def _cut(logs: NDArray[np.float64]) -> int:
    """Where the first run within the second half's fences begins; the end where there is none."""
    low, middle, high = np.quantile(logs[len(logs) // 2 :], [0.25, 0.5, 0.75])
    reach = REACH * (high - low) / QUARTILES + LEAST
    near = np.abs(logs - middle) <= reach
    for start in range(len(logs) - RUN + 1):
        if near[start : start + RUN].all():
            return start
    return len(logs)


def _trend(logs: NDArray[np.float64]) -> float:
    """How far the readings move from end to end as a share, where that is no chance; else 0."""
    count = len(logs)
    if count < FEWEST or np.ptp(logs) == 0:
        return 0.0
    # Both must hold; of a usual trial the slope is the cheaper to ask for, of a long one the rank.
    if count <= USUAL and abs(_moved(logs)) <= TREND:
        return 0.0
    if _chance(logs) >= CHANCE:
        return 0.0
    moved = _moved(logs)
    return moved if abs(moved) > TREND else 0.0


def _chance(logs: NDArray[np.float64]) -> float:
    """Probability of a Kendall's tau so far from zero, either way, had the order no meaning."""
    count = len(logs)
    if count <= COUNTED:
        first, second = _pairs(count)
        rises = logs[second] - logs[first]
        if rises.all():
            falls = int((rises < 0).sum())
            return min(1.0, 2 * float(_orders(count)[: min(falls, len(rises) - falls) + 1].sum()))
    from scipy import stats  # imported late: it takes as long as a small report

    return float(stats.kendalltau(np.arange(count), logs).pvalue)


@lru_cache(maxsize=COUNTED)
def _orders(count: int) -> NDArray[np.float64]:
    """Share of the orders of so many readings in which 0, 1, ... pairs fall.

    The last of k readings falls behind 0 to k - 1 of the others, each as often (Kendall, "Rank
    Correlation Methods", 1970, chapter 5).
    """
    shares = np.ones(1)
    for k in range(2, count + 1):
        shares = np.convolve(shares, np.full(k, 1 / k))
    return shares


def _moved(logs: NDArray[np.float64]) -> float:
    """How far the readings move from end to end by Theil's slope, as a share."""
    first, second = _pairs(len(logs)) if len(logs) <= USUAL else np.triu_indices(len(logs), 1)
    slope = np.median((logs[second] - logs[first]) / (second - first))
    return float(np.expm1(slope * (len(logs) - 1)))


@lru_cache(maxsize=USUAL)
def _pairs(count: int) -> tuple[NDArray[np.int64], ...]:
    """The places of the first and the second of each two readings."""
    return np.triu_indices(count, 1)
