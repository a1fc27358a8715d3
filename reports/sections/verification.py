"""Is it the same computation: the worst figure of each level, and all of them below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelfield.results.record import Figure, Meaning, Record

from . import Contender, Section, View, Workload

LEVELS = ("forward", "gradient", "optimizer", "epoch", "barrier", "distributed")
STATUSES = ("failed", "unverified", "passed")
"""The worst first."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What verification said of one contender on one workload."""

    who: Contender
    status: str
    reason: str
    figures: tuple[Figure, ...]
    worst: Mapping[str, Figure]
    """By level, the figure that is nearest to its limit, or furthest beyond."""
    meanings: tuple[Meaning, ...]
    """Where it means something else by a name than the published definition."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One workload's contenders and the levels that occur."""

    workload: Workload
    levels: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def remarks(self) -> bool:
        """Whether there is anything to remark."""
        return any(row.reason for row in self.rows)

    @property
    def meanings(self) -> dict[Meaning, list[Contender]]:
        """Declared differences, each with those who declare it."""
        found: dict[Meaning, list[Contender]] = {}
        for row in self.rows:
            for meaning in row.meanings:
                found.setdefault(meaning, []).append(row.who)
        return found


def content(view: View) -> Mapping[str, Any]:
    """Return one table a workload that has records."""
    seen: dict[tuple[str, int], list[Record]] = {}
    for record, place in zip(view.study.records, view.trials["contender"], strict=True):
        seen.setdefault((record.fingerprint, int(place)), []).append(record)
    tables = []
    for workload in view.workloads:
        rows = [
            _row(who, records)
            for who in view.contenders
            if (records := seen.get((workload.fingerprint, who.place)))
        ]
        if rows:
            levels = _ordered(level for row in rows for level in row.worst)
            tables.append(Table(workload=workload, levels=levels, rows=tuple(rows)))
    return {"tables": tables, "shown": shown, "used": used}


def used(figure: Figure) -> float:
    """Share of the limit that a figure takes up; infinite where either is not a number."""
    if math.isnan(figure.value) or math.isnan(figure.limit):
        return math.inf
    if figure.limit == 0:
        return math.inf if figure.value > 0 else 0.0
    return figure.value / figure.limit


def shown(value: float) -> str:
    """A figure in two digits; one that is not a number says so."""
    return f"{value:.2g}" if math.isfinite(value) else "not a number"


def _row(who: Contender, records: Sequence[Record]) -> Row:
    checks = {record.verification for record in records}
    known = [check for check in checks if check is not None]
    figures = sorted(
        {figure for check in known for figure in check.figures},
        key=lambda f: (_rank(f.level), f.part, f.value),
    )
    worst: dict[str, Figure] = {}
    for figure in figures:
        best = worst.get(figure.level)
        if best is None or (best.passed, -used(best)) > (figure.passed, -used(figure)):
            worst[figure.level] = figure
    meanings = dict.fromkeys(each for check in known for each in check.semantics)
    status = next((s for s in STATUSES if any(c.status == s for c in known)), "unverified")
    if None in checks and status == "passed":
        status = "unverified"
    if not known and all(record.status == "skipped" for record in records):
        status = "skipped"
    reasons = sorted({check.reason for check in known if check.reason})
    return Row(
        who=who,
        status=status,
        reason="; ".join(reasons),
        figures=tuple(figures),
        worst=worst,
        meanings=tuple(meanings),
    )


def _ordered(levels: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(levels), key=_rank))


def _rank(level: str) -> tuple[int, str]:
    return (LEVELS.index(level) if level in LEVELS else len(LEVELS), level)


SECTION = Section(order=25, title="Verification", content=content)
