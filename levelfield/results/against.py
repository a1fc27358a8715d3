"""Verdicts on what was measured before: two contenders of a study, or two studies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from levelfield import naming
from levelfield.errors import UserError, unknown
from levelfield.results import comparable, estimate
from levelfield.results.pairs import sessions
from levelfield.results.record import Record, Sentinel
from levelfield.results.settle import steady
from levelfield.results.study import Study
from levelfield.results.summary import Result
from levelfield.results.verdict import Verdict, judged

CONFIDENCE = 0.95
ALONE = "one trial or session does not tell how processes differ; repeat at least twice"


def typical(records: Sequence[Record]) -> float:
    """Seconds of a contender's typical steady epoch, over its trials.

    What tables, page and figures call its epoch or its steady epoch: of each trial the midmean of
    the settled epochs' logarithms, and over trials the mean of those.
    """
    logs = [_location(record.epochs.wall) for record in records]
    return math.exp(sum(logs) / len(logs))


@lru_cache(maxsize=2**15)
def _location(wall: tuple[float, ...]) -> float:
    """Logarithm of a trial's typical epoch; asked for by every table, of records that stay."""
    return estimate.location(steady(wall).of(wall))


def ratio(
    base: Sequence[Record], head: Sequence[Record], *, comparisons: int = 1
) -> estimate.Interval:
    """Head over base on one workload; one of so many intervals that are to hold together."""
    return _paired(base, head, estimate.corrected(CONFIDENCE, comparisons))[0]


def units(base: Sequence[Record], head: Sequence[Record]) -> list[float]:
    """Logarithm of the ratio in every session, or else block, that both were timed in."""
    if played := sessions(base, head):
        return estimate.shifts(played)
    mine, theirs = _by_block(base), _by_block(head)
    pairs = (settled([theirs[b], mine[b]]) for b in sorted(mine.keys() & theirs.keys()))
    return [estimate.location(one) - estimate.location(other) for one, other in pairs]


def contenders(
    study: Study, base: str | None, head: str | None, *, threshold: float, confidence: float
) -> list[Result]:
    """Head against base, on every workload that both were timed on.

    Paired by round where they were in a duet, else by block.
    """
    known = sorted(study.labels.values())
    for option, name in (("--base", base), ("--head", head)):
        if name is None:
            raise UserError(f"no {option}", expected=f"one of {', '.join(known)}")
        if name not in known:
            raise unknown("contender", name, known, where=option)
    workloads = dict.fromkeys(record.workload for record in study.records)
    each = estimate.corrected(confidence, len(workloads))
    good = _verified(study, study.labels)
    found = []
    for name in workloads:
        mine, theirs = (good.get((name, str(who)), []) for who in (base, head))
        if mine and theirs:
            comparable.check(mine, theirs, (study, study))
            interval, pairs, count = _paired(mine, theirs, each)
            rest = _facts(interval, threshold, confidence, pairs, count, [*mine, *theirs])
            doubts = [*_unsettled(str(base), mine), *_unsettled(str(head), theirs)]
            unique = tuple(dict.fromkeys(doubts))
            found.append(_result(name, str(head), str(base), str(head), rest, unique))
    return found


def studies(base: Study, head: Study, *, threshold: float, confidence: float) -> list[Result]:
    """The head study's contenders against the base study's of the same name.

    They were measured at different times: what the machine did in between is in the ratio. Where
    the sentinels say that it changed, nothing can be said.
    """
    labels = naming.labels(base.records, head.records)
    before, after = (_verified(study, labels) for study in (base, head))
    both = [cell for cell in after if cell in before]
    if not both:
        raise UserError(
            "no contender and workload of one study was timed in the other",
            where=f"{base.folder} and {head.folder}",
            expected="two studies of the same suite",
        )
    each = estimate.corrected(confidence, len(both))
    moved = shift(base.sentinels, head.sentinels)
    found = []
    for workload, who in both:
        mine, theirs = before[workload, who], after[workload, who]
        comparable.check(mine, theirs, (base, head))
        interval = estimate.apart(settled(mine), settled(theirs), confidence=each)
        count = min(len(mine), len(theirs))
        facts = _facts(interval, threshold, confidence, 0, count, [*mine, *theirs])
        doubts = ["measured at different times, not side by side"]
        if moved and abs(moved - 1) > threshold:
            text = f"the machine itself changed: the sentinel took {moved:.3f}x as long"
            facts = _facts(interval, threshold, confidence, 0, count, [*mine, *theirs], reason=text)
        doubts += [*_unsettled(who, mine), *_unsettled(who, theirs)]
        found.append(
            _result(workload, who, str(base.folder), str(head.folder), facts, tuple(doubts))
        )
    return found


def _verified(
    study: Study, labels: Mapping[naming.Identity, str]
) -> dict[tuple[str, str], list[Record]]:
    """The good trials by workload and contender; those not verified are not compared."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in study.records:
        checked = record.verification
        if record.status == "ok" and checked is not None and checked.status == "passed":
            cell = record.workload, labels[naming.identity(record)]
            found.setdefault(cell, []).append(record)
    return found


def settled(records: Sequence[Record]) -> list[Sequence[float]]:
    """Every trial's steady epochs."""
    return [steady(record.epochs.wall).of(record.epochs.wall).tolist() for record in records]


def _by_block(records: Sequence[Record]) -> dict[int, Record]:
    return {record.block: record for record in records}


def _paired(
    base: Sequence[Record], head: Sequence[Record], confidence: float
) -> tuple[estimate.Interval, int, int]:
    """The ratio, the number of pairs, and of what they are grouped in."""
    played = sessions(base, head)
    if played:
        interval = estimate.duet(played, confidence=confidence)
        return interval, sum(len(session) for session in played), len(played)
    mine, theirs = _by_block(base), _by_block(head)
    shared = sorted(set(mine) & set(theirs))
    if not shared:
        interval = estimate.apart(settled(base), settled(head), confidence=confidence)
        return interval, 0, min(len(base), len(head))
    epochs = (settled([side[block] for block in shared]) for side in (mine, theirs))
    return estimate.blocks(*epochs, confidence=confidence), len(shared), len(shared)


def _facts(
    interval: estimate.Interval,
    threshold: float,
    confidence: float,
    pairs: int,
    sessions: int,
    records: Sequence[Record],
    reason: str = "",
) -> Verdict:
    if interval.single:
        reason = reason or ALONE
    answer = "could not measure" if reason else judged(interval, threshold)
    if answer == "could not measure" and not reason:
        reason = "the interval reaches across the threshold; more repeats narrow it"
    return Verdict(
        answer=answer,
        interval=interval,
        threshold=threshold,
        confidence=100 * confidence,
        pairs=pairs,
        sessions=sessions,
        seconds=sum(record.total.wall for record in records if record.total),
        reason=reason,
    )


def _result(
    workload: str, who: str, base: str, head: str, verdict: Verdict, doubts: tuple[str, ...]
) -> Result:
    return Result(
        workload=workload, contender=who, base=base, head=head, verdict=verdict, doubts=doubts
    )


def _unsettled(who: str, records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        if reason := steady(record.epochs.wall).reason:
            yield f"{who}: {reason}"


def shift(one: Sequence[Sentinel], other: Sequence[Sentinel]) -> float | None:
    """How much longer the sentinel took in the second study; None where one has no sentinel."""
    logs = [[estimate.location(s.seconds) for s in side if s.seconds] for side in (one, other)]
    if not all(logs):
        return None
    return math.exp(sum(logs[1]) / len(logs[1]) - sum(logs[0]) / len(logs[0]))
