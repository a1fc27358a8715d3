"""Contenders by studies: seconds and ratios of each study alone, and how a ratio differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from levelfield.results.estimate import Interval
from levelfield.results.gather import Change, Member

from .. import charts  # noqa: TID252 - mypy knows no mapped name
from ..view import Contender  # noqa: TID252
from .view import CHOICES, Many, key


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A contender in a study: of this study's seconds alone."""

    key: str
    """By which the page's script finds it."""
    seconds: float
    ratio: Interval | None
    change: Change | None
    """Against the reference study; None for that study itself, and where there is no ratio."""
    unverified: bool
    """Whether its seconds may be of another computation."""
    marked: bool
    """Whether that holds for it or for its baseline."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender over the studies."""

    who: Contender
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A workload that several studies timed."""

    name: str
    fingerprint: str
    members: tuple[Member, ...]
    reference: Member
    rows: tuple[Row, ...]
    reasons: tuple[str, ...]
    """Why some ratios are not compared, with the default baseline."""

    @property
    def machines(self) -> list[tuple[int, int]]:
        """Each machine's number, and how many of the studies are its own."""
        numbers = [member.machine.number for member in self.members]
        return [(number, numbers.count(number)) for number in dict.fromkeys(numbers)]


def content(many: Many) -> Mapping[str, Any]:
    """Return a table for each workload that several studies timed, and what a choice changes."""
    data = json.dumps(many.data(), separators=(",", ":"), allow_nan=False)
    return {
        "tables": [
            _table(many, place)
            for place, (fingerprint, _) in enumerate(many.workloads)
            if many.gathered.shared(fingerprint)
        ],
        "left_out": max(0, len(many.contenders) - CHOICES),
        "data": charts.embed(data),
    }


def _table(many: Many, workload: int) -> Table:
    fingerprint, name = many.workloads[workload]
    members = many.gathered.timed(fingerprint)
    changes = [
        (member, each)
        for (w, _, m), each in many.first.changes.items()
        if w == workload and each.reason
        for member in [many.members[m]]
    ]
    reasons = dict.fromkeys(f"study {member.number}: {each.reason}" for member, each in changes)
    return Table(
        name=name,
        reasons=tuple(reasons),
        fingerprint=fingerprint,
        members=members,
        reference=many.gathered.reference(fingerprint),
        rows=tuple(
            Row(who=who, cells=tuple(cell(many, workload, who, member) for member in members))
            for who in many.who(workload)
        ),
    )


def cell(many: Many, workload: int, who: Contender, member: Member) -> Cell:
    """What a study says of a contender, with the default baseline."""
    place = workload, who.place, many.place(member)
    return Cell(
        key=key(place),
        seconds=many.seconds(many.workloads[workload][0], who.label, member),
        ratio=many.first.ratios.get(place),
        change=many.first.changes.get(place),
        unverified=place in many.marked,
        marked=many.doubtful(place),
    )
