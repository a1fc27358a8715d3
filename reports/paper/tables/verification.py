"""Is it the same computation: the worst figure of each level, as a share of what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from ...sections import verification  # noqa: TID252 - mypy knows no mapped name
from . import Column, Grid, Kind, Nothing, Numbers, Row


def grids(of: Numbers) -> Sequence[Grid]:
    """One table a workload that has records."""
    tables: Sequence[verification.Table] = verification.content(of.view)["tables"]
    if not tables:
        raise Nothing("there are no records")
    return [_grid(table) for table in tables]


def _grid(table: verification.Table) -> Grid:
    columns = [Column(title="contender"), Column(title="verification")]
    columns += [Column(title=f"{level}, of its limit", kind="ratio") for level in table.levels]
    rows = []
    for row in table.rows:
        shares = [
            verification.used(row.worst[level]) if level in row.worst else None
            for level in table.levels
        ]
        rows.append(Row(cells=(row.who.label, row.status, *shares)))
    about = (
        "Differences from a float64 reference: the worst of each level over what is allowed there; "
        "above 1 fails."
    )
    notes = [about]
    notes += [f"{row.who.label}: {row.reason}" for row in table.rows if row.reason]
    return Grid(
        title="Verification", workload=table.workload.name, columns=columns, rows=rows, notes=notes
    )


TABLE = Kind(
    order=20, about="Worst difference from the reference by level, over its limit.", make=grids
)
