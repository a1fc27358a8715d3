"""What a steady epoch costs in processor time, and a trial in memory."""

from __future__ import annotations

import math

from . import Cell, Column, Grid, Kind, Numbers, Row, Workload, by_workload

COLUMNS = (
    Column(title="contender"),
    Column(title="user", unit="s", kind="number"),
    Column(title="system", unit="s", kind="number"),
    Column(title="cores busy", kind="ratio"),
    Column(title="peak memory", unit="B", kind="number"),
)
DEVICE = Column(title="device memory", unit="B", kind="number")


def grid(of: Numbers, workload: Workload) -> Grid:
    """In the order of the ranking."""
    ranked = of.ranked(workload)
    device = any(not math.isnan(s.device_memory) for s in ranked)
    rows = []
    for s in ranked:
        cells: list[Cell]
        cells = [of.view.contenders[s.contender].label, s.user, s.system, s.busy, s.peak_memory]
        rows.append(Row(cells=[*cells, *([s.device_memory] if device else [])], marked=s.marked))
    return Grid(
        title="Processor time and memory",
        workload=workload.name,
        columns=[*COLUMNS, *([DEVICE] if device else [])],
        rows=rows,
        notes=["User and system seconds of steady epochs; peak memory of a trial; medians."],
    )


TABLE = Kind(order=60, about="CPU seconds of an epoch, peak memory.", make=by_workload(grid))
