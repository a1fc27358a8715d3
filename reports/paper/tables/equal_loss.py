"""How long to the loss that all contenders of a workload reach."""

from __future__ import annotations

import math

from ...formats import significant  # noqa: TID252 - mypy knows no mapped name
from . import Column, Grid, Kind, Numbers, Row, Workload, by_workload

COLUMNS = (
    Column(title="contender"),
    Column(title="training", unit="s", kind="number"),
    Column(title="with start and build", unit="s", kind="number"),
    Column(title="ratio", kind="ratio"),
)


def grid(of: Numbers, workload: Workload) -> Grid:
    """The quickest first; ratios of whole times, to the quickest that is verified."""
    target, every = of.equal(workload)
    marks = of.marked(workload)
    verified = [each for each in every if not marks[each.contender]]
    base = min((each.whole for each in verified or every), default=math.nan)
    rows = [
        Row(
            cells=(
                of.view.contenders[each.contender].label, each.seconds, each.whole,
                each.whole / base if 0 < base < math.inf else None,
            ),
            marked=marks[each.contender],
        )
        for each in every
    ]  # fmt: skip
    note = (
        f"The test loss is {significant(target)}: the highest that a trial ended with, rounded up. "
        "Between two evaluations it is taken to fall in a straight line. Medians over trials; "
        "the ratio is that of the whole times to the least."
    )
    return Grid(
        title="Time to equal loss", workload=workload.name, columns=COLUMNS, rows=rows, notes=[note]
    )


TABLE = Kind(
    order=40, about="Seconds to the test loss that all contenders reach.", make=by_workload(grid)
)
