"""What makes one doubt a number: how noisy a contender's trials were, and which lie far out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from levelfield.results.estimate import location
from levelfield.results.record import Record
from levelfield.results.settle import logarithms, steady

FAR, LEAST, FEWEST = 8.5, 0.01, 6
"""A trial is far out beyond so many robust z-scores (Iglewicz & Hoaglin, "How to Detect and Handle
Outliers", 1993) and such a share, among so many trials at least.

Their own cut, 3.5, is for larger samples: of few trials the median absolute deviation is often far
too small, and a contender with six perfectly normal ones would have one far out in 15 cases of 100.
Beyond 8.5 that happens in 2 of 100 with six or seven trials, in less than 1 from eight on: found by
drawing normal samples, as tests/test_report_doubts.py does, since there is no closed form.
"""
NORMAL = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How much the steady epochs of one contender's trials on one workload vary, as shares."""

    within: float
    """Coefficient of variation of a trial's epochs, robust; the median over trials."""
    between: float
    """The slowest trial's typical epoch over the fastest one's, less one."""
    far: int
    """Trials far out."""


def noise(records: Sequence[Record]) -> Noise:
    """The noise of trials that ended well, each with an epoch or more."""
    epochs = [steady(record.epochs.wall).of(record.epochs.wall) for record in records]
    typical = np.array([location(each) for each in epochs])
    return Noise(
        within=float(np.median([spread(each) for each in epochs])),
        between=float(np.expm1(np.ptp(typical))),
        far=int(far(typical).sum()),
    )


def far(typical: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which trials are far out, from the logarithms of their typical epochs."""
    if len(typical) < FEWEST:
        return np.zeros(len(typical), dtype=bool)
    away = np.abs(typical - np.median(typical))
    return np.asarray((np.abs(scores(typical)) > FAR) & (away > LEAST))


def spread(seconds: ArrayLike) -> float:
    """Coefficient of variation by the median absolute deviation of logarithms."""
    logs = logarithms(seconds)
    return float(NORMAL * np.median(np.abs(logs - np.median(logs))))


def scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Robust z-scores: distances from the median in median absolute deviations, 0.6745 each.

    Where more than half of the values are the same, everything else is infinitely far.
    """
    away = values - np.median(values)
    middle = float(np.median(np.abs(away)))
    if middle > 0:
        with np.errstate(over="ignore"):  # of the least of all deviations: infinitely far, too
            return np.asarray(0.6745 * away / middle)
    return np.where(away == 0, 0.0, np.copysign(np.inf, away))
