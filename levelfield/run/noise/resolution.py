"""What a comparison can resolve, from turns that two equal workers took at equal pieces of work.

The smallest difference that a t interval at `LEVEL` finds with probability `POWER` is, in units of
the standard error, the non-centrality at which the non-central t distribution exceeds Student's
quantile that often (Cohen, Statistical Power Analysis, 2nd ed. 1988, chapter 2; no normal
approximation, as three blocks leave two degrees of freedom). All spreads are of logarithms, so
0.01 is about 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

LEVEL, POWER = 0.95, 0.90
TRIALS = 3
"""Repeats of each contender in blocks."""
SESSIONS = 8
"""Pairs of fresh workers that a duet of five minutes has: the luck of a pair averages over them."""
BATCHES = 20
"""Batches of pairs that are aimed at: their spread is then known to 1 / sqrt(2 x 19) = 16 %."""
FEWEST = 15
"""Pairs under which nothing is said: three batches of five."""
RESOLVED = 50
"""Correlation times that a series must hold before its correlation counts as known (Sokal, Monte
Carlo Methods in Statistical Mechanics, 1997: the spread is then known to about a third)."""
LUCK = 0.99
"""Confidence at which two equal workers must differ before that counts as their own luck."""


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The spreads that two equal workers showed, and what follows for a comparison."""

    seconds: float
    """From the first piece to the end of the last."""
    piece: float
    """Seconds of the median piece."""
    pairs: int
    spread: float
    """Standard deviation of the logarithm of a piece's seconds."""
    correlation: float
    """Seconds over which readings hang together (integrated autocorrelation time)."""
    settled: bool
    """Whether enough such stretches were seen to say how the mean of a longer run behaves."""
    drift: float
    """Root mean square difference of neighbouring windows of a sixth of the measurement."""
    pair_spread: float
    """Standard deviation of the log-ratio of two pieces side by side."""
    batch_spread: float
    """Standard deviation of the medians of batches of such log-ratios."""
    batch_seconds: float
    offset: float
    """Median log-ratio of the second worker to the first: 0 but for noise and a process' luck."""
    luck: float
    """The offset where it is more than noise, else 0."""

    def blocks(self, budget: float) -> float:
        """Smallest relative difference that two contenders in blocks show in so many seconds.

        A run is ``budget / (2 TRIALS)`` seconds of training; its log mean has variance ``spread^2
        correlation / run``. Blocks are paired: ``detectable(TRIALS) sqrt(2 variance + luck^2) /
        sqrt(TRIALS)``. Where the noise is slower than what was seen, a longer run is not trusted to
        average it: then ``drift^2`` stands for ``2 variance`` if it is more.
        """
        run = budget / (2 * TRIALS)
        variance = 2 * self.spread**2 * self.correlation / run
        if not self.settled:
            variance = max(variance, self.drift**2)
        error = math.sqrt((variance + self.luck**2) / TRIALS)
        return math.expm1(min(700.0, detectable(TRIALS) * error))

    def wander(self, seconds: float) -> float:
        """Relative standard deviation that so many seconds of work have from run to run.

        ``sqrt(spread^2 correlation / seconds)``, the spread of a mean of correlated readings; where
        the noise is slower than what was seen, at least ``drift / sqrt(2)``.
        """
        variance = self.spread**2 * self.correlation / max(seconds, self.correlation)
        if not self.settled:
            variance = max(variance, self.drift**2 / 2)
        return math.sqrt(variance)

    def duet(self, budget: float) -> float:
        """Smallest relative difference that a duet shows in so many seconds.

        ``n = budget / batch_seconds`` batches (method of batch means: Law & Kelton, Simulation
        Modeling and Analysis; here of medians, which spikes do not move) give ``detectable(n)
        sqrt(batch_spread^2 / n + luck^2 / SESSIONS)``.
        """
        batches = max(3.0, budget / self.batch_seconds)
        error = math.sqrt(self.batch_spread**2 / batches + self.luck**2 / SESSIONS)
        return math.expm1(min(700.0, detectable(batches) * error))

    def duet_seconds(self, difference: float) -> float | None:
        """Seconds after which a duet shows a relative difference; None if not within a day."""
        low, high = 3 * self.batch_seconds, 86_400.0
        if self.duet(high) > difference:
            return None
        while high > 1.01 * low:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.duet(middle) <= difference else (middle, high)
        return high


def resolution(
    pairs: Sequence[tuple[float, float]], first: Sequence[int], *, seconds: float
) -> Resolution:
    """What follows from the turns of two equal workers.

    Args:
        pairs: seconds of the first and of the second worker's piece, a pair a round.
        first: who had the first turn of each round, 0 or 1.
        seconds: what all of it took.

    Raises `ValueError` at fewer than `FEWEST` pairs.
    """
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    if len(table) < FEWEST:
        raise ValueError(f"{len(table)} pairs")
    logs = np.log(table)
    logs -= np.median(logs, axis=0)  # each worker's own pace
    order = np.array(first, dtype=np.int64)[:, None] ^ np.array([0, 1])
    readings = np.take_along_axis(logs, order, axis=1).ravel()  # as they were played
    ratios = np.log(table[:, 1] / table[:, 0])
    size = max(5, math.ceil(len(ratios) / BATCHES))
    count = len(ratios) // size
    medians = np.median(ratios[: count * size].reshape(count, size), axis=1)
    batch_spread, offset = float(np.std(medians, ddof=1)), float(np.median(ratios))
    length = correlation_length(readings)
    each = seconds / len(readings)
    return Resolution(
        seconds=seconds,
        piece=float(np.median(table)),
        pairs=len(table),
        spread=float(np.std(readings, ddof=1)),
        correlation=length * each,
        settled=len(readings) >= RESOLVED * length,
        drift=window_difference(readings, max(1, len(readings) // 6)),
        pair_spread=float(np.std(ratios, ddof=1)),
        batch_spread=batch_spread,
        batch_seconds=size * seconds / len(table),
        offset=offset,
        luck=offset if _more_than_noise(offset, batch_spread, count) else 0.0,
    )


def detectable(samples: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """Standard errors that a mean must be away from zero for its t interval to exclude zero.

    ``samples``: how many the interval rests on, two at least; ``power``: how often it must do so.
    """
    from scipy import special

    freedom = samples - 1
    critical = special.stdtrit(freedom, (1 + level) / 2)
    return float(special.nctdtrinc(freedom, 1 - power, critical))


def correlation_length(series: Series) -> float:
    """Integrated autocorrelation time in readings, ``1 + 2 sum rho_k``; at least 1.

    The sum ends by the initial monotone sequence (Geyer, Practical Markov Chain Monte Carlo,
    Statistical Science 7, 1992, section 3.3): sums of neighbouring autocorrelations, as long as
    they are positive, none larger than the one before.
    """
    centred = series - series.mean()
    scale = float(centred @ centred)
    if scale == 0 or len(series) < 4:  # noqa: PLR2004 - two sums of two
        return 1.0
    rho = np.correlate(centred, centred, "full")[len(series) - 1 :] / scale
    sums = rho[: len(rho) // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = sums[: np.argmax(sums <= 0)] if np.any(sums <= 0) else sums
    total = float(np.minimum.accumulate(positive).sum()) if len(positive) else 0.0
    return max(1.0, 2 * total - 1)


def window_difference(series: Series, size: int) -> float:
    """Root mean square difference of the means of two neighbouring windows of so many readings.

    That is sqrt(2) times the overlapping Allan deviation (Allan, Statistics of Atomic Frequency
    Standards, Proceedings of the IEEE 54, 1966), which stays finite where noise wanders off.
    """
    sums = np.concatenate([[0.0], np.cumsum(series)])
    means = (sums[size:] - sums[:-size]) / size
    differences = means[size:] - means[:-size]
    return float(np.sqrt(np.mean(differences**2))) if len(differences) else 0.0


def _more_than_noise(offset: float, spread: float, batches: int) -> bool:
    from scipy import special

    limit = special.stdtrit(batches - 1, (1 + LUCK) / 2) * spread / math.sqrt(batches)
    return bool(abs(offset) > limit)
