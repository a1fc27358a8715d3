"""Who takes how long: a table a workload, beside a baseline that the reader chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import Contender, Section, View, Workload, measures


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender's line of the table."""

    who: Contender
    standing: measures.Standing
    ratio: float
    """Its steady epoch over the baseline's; NaN where the baseline is not in this table."""
    left: float
    """Where its range begins on the strip, in percent of the strip."""
    width: float
    middle: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """One workload's ranking."""

    workload: Workload
    rows: tuple[Row, ...]
    fastest: int
    """Place of the contender that is the baseline where none is chosen."""
    single: bool
    memory: bool
    """Whether any device has memory of its own."""


def content(view: View) -> Mapping[str, Any]:
    """Return one table a workload."""
    return {"tables": [_table(view, workload, ranked) for workload, ranked in view.ranked()]}


def _table(view: View, workload: Workload, ranked: Sequence[measures.Standing]) -> Table:
    fastest = measures.fastest(ranked)
    labels = [contender.label for contender in view.contenders]
    chosen = fastest.contender if view.baseline is None else labels.index(view.baseline)
    base = next((s.epoch.median for s in ranked if s.contender == chosen), math.nan)
    scale = _scale(ranked)
    rows = []
    for standing in ranked:
        left, middle, right = (
            _place(at, scale)
            for at in (standing.epoch.low, standing.epoch.median, standing.epoch.high)
        )
        row = Row(
            who=view.contenders[standing.contender],
            standing=standing,
            ratio=standing.epoch.median / base if base else math.nan,
            left=left,
            width=right - left,
            middle=middle,
        )
        rows.append(row)
    return Table(
        workload=workload,
        rows=tuple(rows),
        fastest=fastest.contender,
        single=any(s.single for s in ranked),
        memory=any(not math.isnan(s.device_memory) for s in ranked),
    )


def _scale(ranked: Sequence[measures.Standing]) -> tuple[float, float]:
    """Logarithms of the least and the greatest time of a table."""
    seen = [t for s in ranked for t in (s.epoch.low, s.epoch.high) if math.isfinite(t) and t > 0]
    return (math.log(min(seen)), math.log(max(seen))) if seen else (0.0, 0.0)


def _place(time: float, scale: tuple[float, float]) -> float:
    """Return where a time lies on the strip: 0 to 100, logarithmic."""
    low, high = scale
    if not (math.isfinite(time) and time > 0 and high > low):
        return 0.0
    return round(100 * (math.log(time) - low) / (high - low), 2)


SECTION = Section(order=20, title="Ranking", content=content)
