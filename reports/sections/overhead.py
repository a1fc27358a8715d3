"""What layers and modes cost: Keras over what it runs on, as it comes over what it can do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelfield.results import against

from .. import layers  # noqa: TID252 - mypy knows no mapped name
from ..forest import Mark, forest  # noqa: TID252
from ..ratios import vague  # noqa: TID252
from . import Section, View, Workload, charts, measures

ROW = 40
"""Pixels of the plot that a pair takes: its name has two lines."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One workload."""

    workload: Workload
    rows: tuple[layers.Row, ...]
    chart: charts.Chart


def content(view: View) -> Mapping[str, Any] | None:
    """Return one table a workload that has such a pair."""
    tables = [_table(view, number, *ranking) for number, ranking in enumerate(view.ranked())]
    found = [table for table in tables if table]
    return {"tables": found, "sure": against.CONFIDENCE} if found else None


def _table(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> Table | None:
    rows = layers.rows(view, workload, ranked)
    if not rows:
        return None
    marks = [_mark(row) for row in rows]
    about = f"Steady epoch of one over another's, pair by pair, on {workload.name}"
    title = "times as long"
    chart = forest(
        f"overhead-{number}", marks, title=title, about=about, ratios=True, unit=" x", row=ROW
    )
    return Table(workload=workload, rows=rows, chart=chart)


def _mark(row: layers.Row) -> Mark:
    text = f"{charts.safe(row.head.label)}<br>over {charts.safe(row.base.label)}"
    known = not vague(row.interval)
    return Mark(
        text=text + ("*" if row.marked else ""),
        who=row.head,
        verified="unverified" if row.marked else "passed",
        value=row.interval.estimate,
        low=row.interval.low if known else math.nan,
        high=row.interval.high if known else math.nan,
        note=row.bounds,
    )


SECTION = Section(order=45, title="What layers cost", content=content)
