"""Intervals for a typical time and for a ratio of two, from trials, blocks or sessions.

Everything is computed on the logarithms of seconds. Readings of one process resemble each other, so
that processes are what is resampled, and their epochs or rounds stay together (Davison & Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8: with replacement at the top level
alone). For a mean over n processes that bootstrap, widened for small n as Hesterberg asks ("What
Teachers Should Know About the Bootstrap", 2015: the t quantile, and the factor sqrt(n / (n - 1))),
has a closed form: Student's t interval over the processes' own locations. It is what is used here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from levelfield.results.pairs import Session
from levelfield.results.settle import logarithms

TRIM = 0.25
"""Share that a location leaves out at either end: what remains is the midmean. On traces of live
workers its spread between sessions is the median's or less, and far less than the mean's."""
RESAMPLES = 2000
LARGEST = 700.0
"""A logarithm beyond which an interval's end is as good as without bound."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate between its bounds; of seconds, or of a ratio."""

    estimate: float
    low: float
    high: float
    confidence: float
    units: int
    """Processes, or pairs of processes, that it rests on."""

    @property
    def single(self) -> bool:
        """Whether it rests on one: how processes differ is not in it, so that nothing is said."""
        return self.units <= 1


def location(seconds: ArrayLike) -> float:
    """Logarithm of the typical one among seconds: their midmean on the logarithmic scale."""
    logs = logarithms(seconds)
    return float(_midmean(logs)) if len(logs) and np.isfinite(logs).all() else math.nan


def typical(trials: Sequence[ArrayLike], *, confidence: float = 0.95) -> Interval:
    """The typical epoch's seconds of one contender, from the steady epochs of its trials."""
    return _interval([location(trial) for trial in trials], logarithms(trials[0]), confidence)


def blocks(
    base: Sequence[ArrayLike], head: Sequence[ArrayLike], *, confidence: float = 0.95
) -> Interval:
    """Ratio of the head's typical epoch to the base's: trial by trial of the same blocks."""
    logs = [location(h) - location(b) for b, h in zip(base, head, strict=True)]
    if len(logs) == 1:
        # One trial each: their epochs are no pairs, so each side is resampled by itself.
        spread = [_resampled(logarithms(side[0])) for side in (base, head)]
        return _percentile(logs[0], spread[1] - spread[0], confidence)
    return _interval(logs, np.zeros(1), confidence)


def apart(
    base: Sequence[ArrayLike], head: Sequence[ArrayLike], *, confidence: float = 0.95
) -> Interval:
    """The same of trials that share no block, such as those of two studies (Welch's t interval)."""
    one, other = ([location(trial) for trial in side] for side in (base, head))
    if min(len(one), len(other)) == 1:
        spread = [
            _resampled(logarithms(np.concatenate([np.asarray(t) for t in s]))) for s in (base, head)
        ]
        return _percentile(float(np.mean(other) - np.mean(one)), spread[1] - spread[0], confidence)
    return welch(one, other, confidence=confidence)


def welch(one: Sequence[float], other: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """The other's ratio to the one, from two or more logarithms of each: Welch's t interval."""
    counts = np.array([len(one), len(other)])
    errors = np.array([np.var(one, ddof=1), np.var(other, ddof=1)]) / counts
    middle, reach = float(np.mean(other) - np.mean(one)), 0.0
    if errors.any():
        freedom = errors.sum() ** 2 / (errors**2 / (counts - 1)).sum()
        reach = student(confidence, float(freedom)) * math.sqrt(errors.sum())
    return Interval(
        estimate=math.exp(middle),
        low=math.exp(middle - reach),
        high=math.exp(min(middle + reach, LARGEST)),
        confidence=confidence,
        units=int(counts.min()),
    )


def duet(sessions: Sequence[Session], *, confidence: float = 0.95) -> Interval:
    """Ratio of the head's piece to the base's: paired by round, then over sessions."""
    return _interval(shifts(sessions), _logs(sessions[0]), confidence)


def shifts(sessions: Sequence[Session]) -> list[float]:
    """Every session's own logarithm of the ratio: the midmean over its rounds."""
    return [float(_midmean(_logs(session))) for session in sessions]


def corrected(confidence: float, comparisons: int) -> float:
    """Confidence of each of several intervals that are to hold together (Bonferroni)."""
    return 1.0 - (1.0 - confidence) / max(1, comparisons)


def student(confidence: float, freedom: float) -> float:
    """How many standard errors a two-sided interval reaches: Student's t quantile."""
    from scipy import special

    return float(special.stdtrit(freedom, 0.5 + confidence / 2))


def _midmean(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean along the last axis of what is left without a quarter at either end.

    As `scipy.stats.trim_mean` has it, which takes a hundred times as long for a trial's epochs, and
    whose import takes as long as a small report.
    """
    cut = int(TRIM * logs.shape[-1])
    middle = np.sort(logs, axis=-1)[..., cut : logs.shape[-1] - cut]
    return np.asarray(middle.mean(axis=-1))


def _logs(session: Session) -> NDArray[np.float64]:
    return np.asarray(logarithms(session[:, 1]) - logarithms(session[:, 0]))


def _interval(units: Sequence[float], within: NDArray[np.float64], confidence: float) -> Interval:
    """Student's t over the units; with a single one the bootstrap of what is ``within`` it."""
    if len(units) == 1:
        return _percentile(units[0], _resampled(within) - units[0], confidence)
    middle, error = float(np.mean(units)), float(np.std(units, ddof=1)) / math.sqrt(len(units))
    reach = student(confidence, len(units) - 1) * error
    return Interval(
        estimate=math.exp(middle),
        low=math.exp(middle - reach),
        high=math.exp(middle + reach),
        confidence=confidence,
        units=len(units),
    )


def _resampled(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Midmeans of samples drawn from these readings: the bootstrap, seeded."""
    rng = np.random.default_rng(0)
    return _midmean(rng.choice(logs, size=(RESAMPLES, len(logs))))


def _percentile(middle: float, drawn: NDArray[np.float64], confidence: float) -> Interval:
    """The interval that resampling around ``middle`` gives."""
    centred = drawn - np.median(drawn) + middle
    low, high = np.quantile(centred, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(
        estimate=math.exp(middle),
        low=math.exp(min(low, middle)),
        high=math.exp(max(high, middle)),
        confidence=confidence,
        units=1,
    )
