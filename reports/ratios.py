"""Ratios of a workload's contenders with their intervals: the engine's own, for every baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from levelfield.results import against, estimate
from levelfield.results.estimate import Interval
from levelfield.results.record import Record

from . import formats
from .measures import Standing

MOST = 16
"""Contenders of a workload up to which everybody is compared with everybody."""
LOAD = 5_000
"""Trials that all these comparisons may look at; beyond, as with more contenders."""
LOOKED, LEAST = 2_000, 10
"""Trials of a study whose typical epochs are found for its ratios, shared by everybody on every
workload alike; and how many each has at least. Any study that a person waits for has fewer."""

VAGUE = 1e4
"""From so many times the lower one on, an upper bound is no bound; `numbers.js` knows it too."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A contender's good trials on one workload, each looked at once."""

    records: tuple[Record, ...]
    typical: Mapping[int, float]
    """Seconds of a typical steady epoch, by block."""

    @property
    def seconds(self) -> float:
        """Of the typical steady epoch, over its trials."""
        logs = [math.log(seconds) for seconds in self.typical.values()]
        return math.exp(math.fsum(logs) / len(logs))

    @property
    def duet(self) -> bool:
        """Whether its trials were alive together with others'."""
        return any(record.session for record in self.records)


def side(records: Iterable[Record], limit: int) -> Side:
    """Look at a contender's good trials: those of so many blocks, the first."""
    found = tuple(sorted(records, key=lambda record: record.block)[:limit])
    return Side(records=found, typical={r.block: against.typical([r]) for r in found})


def ratio(base: Side, head: Side, *, comparisons: int = 1) -> Interval:
    """`against.ratio`: head over base, one of so many intervals that are to hold together.

    What a trial of a block comes down to is its typical epoch, which is known already.
    """
    shared = sorted(base.typical.keys() & head.typical.keys())
    if base.duet or head.duet or len(shared) == 1:
        return against.ratio(base.records, head.records, comparisons=comparisons)
    confidence = estimate.corrected(against.CONFIDENCE, comparisons)
    if not shared:
        pair = [[[seconds] for seconds in each.typical.values()] for each in (base, head)]
        if min(map(len, pair)) == 1:
            return against.ratio(base.records, head.records, comparisons=comparisons)
        return estimate.apart(*pair, confidence=confidence)
    times = [[[each.typical[block]] for block in shared] for each in (base, head)]
    return estimate.blocks(*times, confidence=confidence)


def inverse(interval: Interval) -> Interval:
    """The same comparison with its sides exchanged."""
    return Interval(
        estimate=1 / interval.estimate,
        low=1 / interval.high,
        high=1 / interval.low,
        confidence=interval.confidence,
        units=interval.units,
    )


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """One workload: every contender over every baseline that was compared."""

    over: Mapping[int, Mapping[int, Interval]]
    """By the baseline's place, by the contender's place. A baseline is not among its own."""
    seconds: Mapping[int, float]
    """By place: of the typical steady epoch; what had no time is not among them."""
    whole: bool
    """Whether everybody was compared with everybody."""
    limit: int
    """So many trials of each, the first ones, were looked at; 0 where that is all of them."""

    def interval(self, base: int, head: int) -> Interval | None:
        """Head over base; None where the two were not compared."""
        return self.over.get(base, {}).get(head)

    def plain(self, base: int, head: int) -> float:
        """Head over base; without an interval where the two were not compared. NaN: no time."""
        if base == head and head in self.seconds:
            return 1.0
        if found := self.interval(base, head):
            return found.estimate
        return self.seconds.get(head, math.nan) / self.seconds.get(base, math.nan)


def among(sides: Mapping[int, Side], ranked: Sequence[Standing], *, bases: Sequence[int]) -> Ratios:
    """Compare a workload's contenders.

    sides: by place. bases: places of the baselines that count most: if there are too many
    contenders, or trials, they are the only ones. The intervals against one baseline hold together.
    """
    timed = [s.contender for s in ranked if s.epoch.middle > 0 and s.contender in sides]
    trials = sum(len(sides[place].records) for place in timed)
    whole = len(timed) <= MOST and len(timed) * trials <= LOAD
    chosen = timed if whole else [place for place in dict.fromkeys(bases) if place in timed]
    over: dict[int, dict[int, Interval]] = {}
    for base in chosen:
        over[base] = {}
        for head in timed:
            if head == base:
                continue
            known = over.get(head, {}).get(base)
            over[base][head] = (
                inverse(known)
                if known
                else ratio(sides[base], sides[head], comparisons=len(timed) - 1)
            )
    looked = {s.contender: len(sides[s.contender].records) for s in ranked if s.contender in sides}
    return Ratios(
        over=over,
        seconds={place: sides[place].seconds for place in timed},
        whole=whole,
        limit=max(looked.values(), default=0)
        if any(s.trials > looked.get(s.contender, s.trials) for s in ranked)
        else 0,
    )


def vague(interval: Interval) -> bool:
    """Whether the bounds say nothing: of one trial, or as far apart as those of two may be."""
    return interval.single or not interval.high <= VAGUE * interval.low


def told(interval: Interval) -> str:
    """The bounds, as the page writes them; nothing where there are none to speak of."""
    if interval.single or interval.low == interval.high:
        return ""
    if vague(interval):
        return "[too few trials]"
    return f"[{formats.ratio(interval.low)}, {formats.ratio(interval.high)}]"
