"""Several studies together: their machines, what they share, and how a ratio differs between them.

Seconds are divided within a study, or between studies of one machine; never across machines. What
machines may be compared by is a ratio to a baseline that each of them timed itself, and so by the
ratio of two such ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from levelfield import naming
from levelfield.errors import UserError
from levelfield.results import against, comparable, estimate
from levelfield.results.estimate import Interval
from levelfield.results.record import Record
from levelfield.results.store import Head
from levelfield.results.study import Study

MOST = 50
"""Studies of one page."""
Cell = tuple[str, str]
"""A workload's fingerprint, and a contender's label."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A host, as its studies describe it."""

    number: int
    """From 1, in the order of their first studies."""
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """A study among the others."""

    number: int
    """From 1: machine by machine, and there in the order of their dates."""
    name: str
    """Last part of its folder."""
    study: Study
    machine: Machine
    good: Mapping[Cell, tuple[Record, ...]]
    """The trials that ended well."""

    def verified(self, cell: Cell) -> bool:
        """Whether every trial of the cell is verified; not so where it has none."""
        checks = [record.verification for record in self.good.get(cell, ())]
        return bool(checks) and all(c is not None and c.status == "passed" for c in checks)

    def rivals(self, workload: str) -> int:
        """How many contenders were timed on a workload."""
        return sum(cell[0] == workload for cell in self.good)

    def ratio(self, workload: str, base: str, who: str) -> Interval | None:
        """Seconds of a contender over the baseline's, both of this study; None without either.

        The intervals of a workload's contenders hold together.
        """
        mine, theirs = self.good.get((workload, base)), self.good.get((workload, who))
        if not mine or not theirs:
            return None
        if base == who:
            return Interval(
                estimate=1.0, low=1.0, high=1.0, confidence=against.CONFIDENCE, units=len(mine)
            )
        return against.ratio(mine, theirs, comparisons=self.rivals(workload) - 1)


@dataclass(frozen=True, kw_only=True)
class Change:
    """How much larger something is in one study than in another; or why that cannot be said."""

    interval: Interval | None = None
    reason: str = ""
    refused: bool = False
    """Whether both were measured, but not so that one may be set against the other."""


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """Studies in the order of their page, and the names that they share."""

    members: tuple[Member, ...]

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """Every machine, in the order of the members."""
        return tuple({member.machine.number: member.machine for member in self.members}.values())

    @cached_property
    def workloads(self) -> dict[str, str]:
        """Name by fingerprint of every workload that somebody finished."""
        return {
            fingerprint: records[0].workload
            for member in self.members
            for (fingerprint, _), records in member.good.items()
        }

    @cached_property
    def contenders(self) -> tuple[str, ...]:
        """Every label, in the order of the plans."""
        planned = [name for member in self.members for name in member.study.head.contenders]
        order = {name: place for place, name in reversed(list(enumerate(planned)))}
        seen = dict.fromkeys(who for member in self.members for _, who in member.good)
        return tuple(sorted(seen, key=lambda name: order.get(name, len(planned))))

    def on(self, machine: Machine) -> tuple[Member, ...]:
        """The studies of one machine, by date."""
        return tuple(m for m in self.members if m.machine.number == machine.number)

    def timed(self, workload: str) -> tuple[Member, ...]:
        """The studies in which somebody finished a workload."""
        return tuple(member for member in self.members if member.rivals(workload))

    def shared(self, workload: str) -> bool:
        """Whether several studies timed a workload."""
        return len(self.timed(workload)) > 1

    def reference(self, workload: str) -> Member:
        """The study that the others' ratios are set against: it timed the most contenders."""
        return max(self.timed(workload), key=lambda member: member.rivals(workload))


def gather(studies: Sequence[Study]) -> Gathering:
    """Put studies together; raise `UserError` where that says nothing or counts a trial twice."""
    if not 1 < len(studies) <= MOST:
        raise UserError(f"{len(studies)} studies", expected=f"2 to {MOST} of them")
    for one, other in combinations(studies, 2):
        same = one.folder.resolve() == other.folder.resolve()
        if same or (one.head == other.head and one.records == other.records):
            raise UserError(
                "the same study twice",
                where=f"{one.folder} and {other.folder}",
                expected="studies that were measured apart",
            )
    dated = sorted(studies, key=lambda study: _moment(study.head))
    keys = [_machine(place, study.head) for place, study in enumerate(dated)]
    machines = {
        key: Machine(number=number, facts=dated[keys.index(key)].head.machine)
        for number, key in enumerate(dict.fromkeys(keys), start=1)
    }
    labels = naming.labels(*(study.records for study in studies))
    pairs = sorted(zip(keys, dated, strict=True), key=lambda pair: machines[pair[0]].number)
    found = Gathering(
        members=tuple(
            Member(
                number=number,
                name=_name(study.folder),
                study=study,
                machine=machines[key],
                good=_good(study, labels),
            )
            for number, (key, study) in enumerate(pairs, start=1)
        )
    )
    if not any(map(found.shared, found.workloads)):
        raise UserError(
            "no workload that was timed in one of these studies was timed in another",
            expected="studies of the same suite",
            hint=_nearest(found),
        )
    return found


def change(workload: str, base: str, who: str, members: tuple[Member, Member]) -> Change:
    """The contender's ratio in the second study over that in the first.

    Each ratio is of its own study's seconds alone. With two blocks (or sessions) or more in each
    study the interval is Welch's over their logarithms; else the two ratios' own intervals are put
    together as Zou & Donner ("Construction of confidence intervals about effect measures", 2008).
    """
    one, other = members
    ratios = [member.ratio(workload, base, who) for member in members]
    if ratios[0] is None or ratios[1] is None:
        return Change(reason="not timed in both, with the baseline")
    if base == who:
        return Change(interval=ratios[1])
    for name in (base, who):
        sides = one.good[workload, name], other.good[workload, name]
        if found := list(comparable.work(*sides, (one.study, other.study))):
            return Change(reason=f"not the same work: {'; '.join(found)}", refused=True)
    logs = [against.units(m.good[workload, base], m.good[workload, who]) for m in members]
    if min(map(len, logs)) > 1:
        return Change(interval=estimate.welch(*logs, confidence=against.CONFIDENCE))
    return Change(interval=_together(ratios[0], ratios[1]))


def elapsed(cell: Cell, members: tuple[Member, Member]) -> Change:
    """Seconds in the second study over those in the first: of one machine, not interleaved."""
    one, other = members
    mine, theirs = one.good.get(cell), other.good.get(cell)
    if not mine or not theirs:
        return Change(reason="not timed in both")
    if found := list(comparable.differences(mine, theirs, (one.study, other.study))):
        return Change(reason=f"cannot be compared: {'; '.join(found)}", refused=True)
    sides = against.settled(mine), against.settled(theirs)
    return Change(interval=estimate.apart(*sides, confidence=against.CONFIDENCE))


def moment(head: Head) -> datetime | None:
    """When a study was begun, in UTC; None where its head does not tell."""
    try:
        when = datetime.fromisoformat(head.created)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _moment(head: Head) -> tuple[bool, datetime]:
    when = moment(head)
    return when is None, when or datetime.max.replace(tzinfo=UTC)


def _machine(place: int, head: Head) -> str:
    """What tells one machine from another; without a host every study has its own."""
    facts = head.machine
    if not facts.get("host"):
        return f"unknown {place}"
    return repr([facts.get(name) for name in ("host", "cpu", "cores")])


def _name(folder: Path) -> str:
    return folder.name or folder.resolve().name or str(folder)


def _good(study: Study, labels: Mapping[naming.Identity, str]) -> dict[Cell, tuple[Record, ...]]:
    found: dict[Cell, list[Record]] = {}
    for record in study.records:
        if record.status == "ok" and record.epochs.wall:
            cell = record.fingerprint, labels[naming.identity(record)]
            found.setdefault(cell, []).append(record)
    return {cell: tuple(records) for cell, records in found.items()}


def _together(one: Interval, other: Interval) -> Interval:
    """Of two independent ratios and their intervals, the interval of the second over the first."""
    a, b = (
        [math.log(max(value, 1e-300)) for value in (i.estimate, i.low, i.high)]
        for i in (one, other)
    )
    middle = b[0] - a[0]
    low = middle - math.hypot(b[0] - b[1], a[2] - a[0])
    high = middle + math.hypot(b[2] - b[0], a[0] - a[1])
    return Interval(
        estimate=math.exp(middle),
        low=math.exp(low),
        high=math.exp(min(high, estimate.LARGEST)),
        confidence=against.CONFIDENCE,
        units=min(one.units, other.units),
    )


def _nearest(found: Gathering) -> str:
    """In what two workloads of one name differ, where there are such."""
    return next(_alike(found), "`levelfield report` each of them by itself")


def _alike(found: Gathering) -> Iterator[str]:
    for one, other in combinations(found.members, 2):
        for mine in one.study.head.workloads.values():
            for theirs in other.study.head.workloads.values():
                if mine.get("name") == theirs.get("name"):
                    keys = sorted(k for k in {*mine, *theirs} if mine.get(k) != theirs.get(k))
                    yield f"the workloads named {mine.get('name')} differ in {', '.join(keys)}"
