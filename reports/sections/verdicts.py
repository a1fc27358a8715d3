"""What may be said: each contender's ratio to the baseline with its interval, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from levelfield.results import against
from levelfield.results.estimate import Interval, outliers
from levelfield.results.record import Record
from levelfield.results.settle import steady

from ..ratios import ratio, side  # noqa: TID252 - mypy knows no mapped name
from . import Contender, Section, View, Workload, measures


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender beside the baseline."""

    who: Contender
    interval: Interval
    answer: Literal["faster", "slower", "no difference shown"]
    marked: bool
    """Whether one of the two was not verified."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One workload: its baseline, everybody else, and whose trials never settled."""

    workload: Workload
    base: Contender
    rows: tuple[Row, ...]
    unsettled: Mapping[str, int]
    """Trials by contender's label."""
    outliers: Mapping[str, int]
    """Epochs far out, by contender's label; they count like all others."""
    duet: bool
    units: int


def content(view: View) -> Mapping[str, Any] | None:
    """Return one table a workload that has somebody to compare."""
    tables = [_table(view, workload, ranked) for workload, ranked in view.ranked()]
    found = [table for table in tables if table is not None]
    return {"tables": found, "confidence": against.CONFIDENCE} if found else None


def _table(view: View, workload: Workload, ranked: Sequence[measures.Standing]) -> Table | None:
    good: dict[int, list[Record]] = {}
    places = view.trials["contender"].tolist()
    for place, record in zip(places, view.study.records, strict=True):
        if (
            record.status == "ok"
            and record.epochs.wall
            and record.fingerprint == workload.fingerprint
        ):
            good.setdefault(place, []).append(record)
    base = measures.fastest(ranked).contender
    if view.baseline is not None:
        base = [contender.label for contender in view.contenders].index(view.baseline)
    marked = {standing.contender: standing.marked for standing in ranked}
    others = [s.contender for s in ranked if s.contender != base and s.contender in good]
    if base not in good or not others:
        return None
    sides = {place: side(good[place], len(good[place])) for place in [base, *others]}
    rows = []
    for place in others:
        found = ratio(sides[base], sides[place], comparisons=len(others))
        row = Row(
            who=view.contenders[place],
            interval=found,
            answer=_answer(found),
            marked=marked.get(base, True) or marked[place],
        )
        rows.append(row)
    return Table(
        workload=workload,
        base=view.contenders[base],
        rows=tuple(sorted(rows, key=lambda row: row.interval.estimate)),
        unsettled=_unsettled(view, good),
        outliers=_outliers(view, good),
        duet=sides[base].duet,
        units=min(row.interval.units for row in rows),
    )


def _answer(interval: Interval) -> Literal["faster", "slower", "no difference shown"]:
    if interval.low > 1:
        return "slower"
    return "faster" if interval.high < 1 else "no difference shown"


def _unsettled(view: View, good: Mapping[int, list[Record]]) -> dict[str, int]:
    counts = {}
    for place, records in good.items():
        never = sum("never" in steady(record.epochs.wall).reason for record in records)
        if never:
            counts[view.contenders[place].label] = never
    return counts


def _outliers(view: View, good: Mapping[int, list[Record]]) -> dict[str, int]:
    counts = {}
    for place, records in good.items():
        walls = (steady(record.epochs.wall).of(record.epochs.wall) for record in records)
        if count := sum(int(outliers(wall).sum()) for wall in walls):
            counts[view.contenders[place].label] = count
    return counts


SECTION = Section(order=15, title="What may be said", content=content)
