"""What may be said of two: the verdict, and looks at growing evidence that keep its error rate.

Whoever tests again and again until the answer pleases is wrong more often than he says. Here the
looks are planned, and the error is spent among them: after a share f of the budget
2 - 2 Phi(z / sqrt(f)) of it may be gone (Lan & DeMets, "Discrete sequential boundaries for clinical
trials", 1983, their form of O'Brien & Fleming's bounds), each look having what was added since the
one before. The union bound over looks and comparisons needs no assumption on how they depend on
each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal

from levelfield.results.estimate import Interval, duet
from levelfield.results.pairs import Session

Answer = Literal["faster", "slower", "no difference shown", "could not measure"]
LOOKS = (0.4, 0.7, 1.0)
"""Shares of the budget after which the evidence is looked at."""
FEWEST = 3
"""Sessions that a look needs."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer on two contenders, and what it rests on.

    ``interval``: of head over base, at this look's own confidence; ``confidence``: percent that all
    looks and comparisons have together.
    """

    answer: Answer
    interval: Interval | None
    threshold: float
    confidence: float
    pairs: int
    sessions: int
    seconds: float
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The answer in words: faster, slower or no difference shown, with what it rests on."""
        if self.interval is None:
            return f"could not measure: {self.reason}"
        found, many = self.interval, "" if self.sessions == 1 else "s"
        words = f"head is {self.answer} than base"
        if self.answer not in {"faster", "slower"}:
            words = self.answer
        return (
            f"{words}: {found.estimate:.3f}x [{found.low:.3f}, {found.high:.3f}] "
            f"({self.confidence:.3g} %, {self.pairs} pairs in {self.sessions} session{many}, "
            f"{self.seconds / 60:.1f} minutes; threshold {100 * self.threshold:.3g} %)"
        ) + (f": {self.reason}" if self.reason else "")


def judged(interval: Interval, threshold: float) -> Answer:
    """What an interval says of a threshold: beyond it, inside it, or across it."""
    if interval.low > 1 + threshold:
        return "slower"
    if interval.high < 1 / (1 + threshold):
        return "faster"
    inside = interval.low >= 1 / (1 + threshold) and interval.high <= 1 + threshold
    return "no difference shown" if inside else "could not measure"


def spent(share: float, error: float) -> float:
    """Error that may be gone after a share of the budget."""
    if share <= 0:
        return 0.0
    z = NormalDist().inv_cdf(error / 2)
    return 2 * NormalDist().cdf(z / math.sqrt(min(1.0, share)))


@dataclass
class Looks:
    """The looks at one comparison; ``comparisons``: how many are to hold together."""

    threshold: float
    confidence: float = 0.95
    comparisons: int = 1
    _next: int = field(default=0, init=False)
    _gone: float = field(default=0.0, init=False)

    def answer(
        self, share: float, sessions: Sequence[Session], *, seconds: float
    ) -> Verdict | None:
        """The verdict after this share of the budget, or None where more is to be seen first."""
        last = share >= LOOKS[-1]
        if not last and (share < LOOKS[self._next] or len(sessions) < FEWEST):
            return None
        if len(sessions) < FEWEST:
            reason = f"{len(sessions)} sessions within the budget, {FEWEST} are needed"
            return self.none(reason, sessions=sessions, seconds=seconds)
        while self._next < len(LOOKS) - 1 and LOOKS[self._next] <= share:
            self._next += 1
        budget = spent(share, 1.0 - self.confidence)
        error = (budget - self._gone) / self.comparisons
        if error <= 0:  # the budget has grown since the last look
            return None
        self._gone = budget
        interval = duet(sessions, confidence=1.0 - error)
        answer = judged(interval, self.threshold)
        reason = ""
        if answer == "could not measure":
            if not last:
                return None
            if interval.high <= 1 + self.threshold:
                answer, reason = "no difference shown", "not slower, and perhaps faster"
            else:
                reason = "the interval reaches across the threshold; a larger --budget narrows it"
        return Verdict(
            answer=answer,
            interval=interval,
            threshold=self.threshold,
            confidence=100 * self.confidence,
            pairs=sum(len(session) for session in sessions),
            sessions=len(sessions),
            seconds=seconds,
            reason=reason,
        )

    def none(self, reason: str, *, sessions: Sequence[Session], seconds: float) -> Verdict:
        """The verdict where nothing can be said, whatever was seen."""
        return Verdict(
            answer="could not measure",
            interval=None,
            threshold=self.threshold,
            confidence=100 * self.confidence,
            pairs=sum(len(session) for session in sessions),
            sessions=len(sessions),
            seconds=seconds,
            reason=reason,
        )
