"""What layers and modes cost."""

from __future__ import annotations

from levelfield.results.against import CONFIDENCE

from . import Column, Grid, Kind, Numbers, Row, Workload, by_workload

COLUMNS = (
    Column(title="contender"),
    Column(title="over"),
    Column(title="what is compared"),
    Column(title="ratio", kind="ratio"),
    Column(title="more an epoch", unit="s", kind="number"),
)


def grid(of: Numbers, workload: Workload) -> Grid:
    """A row for each pair, layers first."""
    rows = [
        Row(
            cells=(row.head.label, row.base.label, row.what, row.interval, row.seconds),
            marked=row.marked,
        )
        for row in of.layers(workload)
    ]
    note = (
        f"Ratios of typical steady epochs with {CONFIDENCE:.0%} intervals that hold together; one "
        "that holds 1 shows no cost. As it comes: the default mode, else the first of the plan."
    )
    return Grid(
        title="What layers cost", workload=workload.name, columns=COLUMNS, rows=rows, notes=[note]
    )


TABLE = Kind(
    order=45, about="Layers over what they stand on, modes over others.", make=by_workload(grid)
)
