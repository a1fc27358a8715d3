"""What did not run, and why."""

from __future__ import annotations

from collections.abc import Sequence

from ...sections import absent  # noqa: TID252 - mypy knows no mapped name
from . import Column, Grid, Kind, Nothing, Numbers, Row

COLUMNS = (
    Column(title="contenders"),
    Column(title="workloads"),
    Column(title="end"),
    Column(title="reason"),
    Column(title="trials", kind="tally"),
)


def grids(of: Numbers) -> Sequence[Grid]:
    """One row for trials that came to the same end for the same reason."""
    groups: Sequence[absent.Group] = absent.content(of.view)["groups"]
    rows = [
        Row(
            cells=(
                ", ".join(who.label for who in group.contenders.values()),
                ", ".join(group.workloads),
                group.status,
                group.reason,
                len(group.records),
            )
        )
        for group in groups
    ]
    rows += [
        Row(cells=(label, "", "no record", "planned, never run", 0)) for label in of.view.unseen
    ]
    if not rows:
        raise Nothing("every trial ended well")
    return [Grid(title="What did not run", columns=COLUMNS, rows=rows)]


TABLE = Kind(order=70, about="What failed, was skipped or ran out of time, and why.", make=grids)
