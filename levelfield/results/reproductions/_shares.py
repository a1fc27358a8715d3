"""Shares of right answers, and by how much one is above another."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from statistics import NormalDist

from levelfield.results.estimate import Interval, student
from levelfield.results.reproductions import HOLDS, NOT, OPEN


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What several trainings of one net answered right."""

    values: tuple[float, ...]
    """One a training, 0 to 1."""
    answers: float
    """Over how many questions each of them was counted; infinite for a number that is known."""

    @property
    def middle(self) -> float:
        """Their median."""
        return statistics.median(self.values)

    @property
    def luck(self) -> float:
        """Variance from which questions were asked: the binomial's, a right and a wrong one added.

        (Agresti & Caffo, 2000: so that a share of 0 or 1 is no certainty.)
        """
        share = (self.middle + 1 / self.answers) / (1 + 2 / self.answers)
        return share * (1 - share) / (self.answers + 2)

    @property
    def spread(self) -> float:
        """Variance of the median over trainings; 0 of a single one, which does not tell."""
        count = len(self.values)
        if count == 1:
            return 0.0
        widened = math.pi / 2 if count > 2 else 1.0  # noqa: PLR2004 - of two it is their mean
        return widened * statistics.variance(self.values) / count


def known(share: float) -> Shares:
    """A share without uncertainty, to compare with."""
    return Shares(values=(share,), answers=math.inf)


def above(one: Shares, other: Shares, *, confidence: float = 0.95) -> Interval:
    """How far one lies above the other.

    Both parts of its uncertainty add up as independent errors do: the questions' (binomial) and,
    where there are several trainings, theirs (Welch's t). Answers to the same questions resemble
    each other, so that the interval is rather too wide.
    """
    middle, tail = one.middle - other.middle, 0.5 + confidence / 2
    reach = NormalDist().inv_cdf(tail) * math.sqrt(one.luck + other.luck)
    spread = one.spread + other.spread
    if spread > 0:
        parts = [s.spread**2 / (len(s.values) - 1) for s in (one, other) if s.spread]
        freedom = spread**2 / math.fsum(parts)
        reach = math.hypot(reach, student(confidence, freedom) * math.sqrt(spread))
    return Interval(
        estimate=middle,
        low=middle - reach,
        high=middle + reach,
        confidence=confidence,
        units=min(len(s.values) for s in (one, other) if math.isfinite(s.answers)),
    )


def answer(found: Interval) -> str:
    """Whether it is shown that the first lies above the second."""
    return HOLDS if found.low > 0 else NOT if found.high < 0 else OPEN
