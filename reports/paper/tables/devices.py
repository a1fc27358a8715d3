"""The same backend and mode on the CPU and on a GPU."""

from __future__ import annotations

from levelfield.results.against import CONFIDENCE

from . import Column, Grid, Kind, Numbers, Row, Workload, by_workload

COLUMNS = (
    Column(title="contender"),
    Column(title="epoch on the CPU", unit="s", kind="number"),
    Column(title="epoch on the GPU", unit="s", kind="number"),
    Column(title="speed-up", kind="ratio"),
    Column(title="user CPU, CPU", unit="s", kind="number"),
    Column(title="user CPU, GPU", unit="s", kind="number"),
    Column(title="test loss, CPU", kind="number"),
    Column(title="test loss, GPU", kind="number"),
)


def grid(of: Numbers, workload: Workload) -> Grid:
    """The greatest speed-up first."""
    rows = [
        Row(
            cells=(
                row.who.label, row.cpu.epoch.middle, row.gpu.epoch.middle, row.speedup,
                row.cpu.user, row.gpu.user, row.cpu.test_loss.middle, row.gpu.test_loss.middle,
            ),
            marked=row.marked,
        )
        for row in of.devices(workload)
    ]  # fmt: skip
    note = (
        "Steady epochs: the typical one of all trials; processor time and loss: medians over them. "
        "Speed-up: the typical epoch on the CPU over that on "
        f"the GPU, with {CONFIDENCE:.0%} intervals that hold together."
    )
    return Grid(
        title="CPU and GPU", workload=workload.name, columns=COLUMNS, rows=rows, notes=[note]
    )


TABLE = Kind(order=55, about="The same mode on the CPU and on a GPU.", make=by_workload(grid))
