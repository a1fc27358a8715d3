"""What more processes buy."""

from __future__ import annotations

from levelfield.results.scaling import Share

from . import Column, Grid, Kind, Numbers, Row, Workload, by_workload

COLUMNS = (
    Column(title="contender"),
    Column(title="partitions", kind="tally"),
    Column(title="epoch", unit="s", kind="number"),
    Column(title="speed-up", kind="ratio"),
    Column(title="efficiency", kind="ratio"),
    Column(title="CPU an epoch", unit="s", kind="number"),
    Column(title="test loss", kind="number"),
)


def grid(of: Numbers, workload: Workload) -> Grid:
    """A row for each size of each contender's cluster; the laws' shares below."""
    rows, notes = [], []
    for curve in of.scaling(workload):
        for point in curve.points:
            cluster = f" on {point.cluster}" if point.cluster else ""
            speed = 1.0 if point.speedup is None else point.speedup
            cells = (
                f"{curve.contender}{cluster}", point.partitions, point.seconds, speed,
                point.efficiency, point.cpu, point.loss,
            )  # fmt: skip
            rows.append(Row(cells=cells, marked=not curve.verified))
        laws = (("Amdahl", curve.amdahl), ("Gustafson", curve.gustafson))
        shares = [f"{law} {_share(share)}" for law, share in laws if share is not None]
        if shares:
            notes.append(f"{curve.contender}, serial share by the law of {', '.join(shares)}.")
    return Grid(
        title="Scaling on a cluster", workload=workload.name, columns=COLUMNS, rows=rows,
        notes=notes,
    )  # fmt: skip


def _share(share: Share) -> str:
    text = f"{share.estimate:.3f}"
    if share.low is None or share.high is None:
        return text
    return f"{text} [{share.low:.3f}, {share.high:.3f}]"


TABLE = Kind(
    order=50, about="Speed-up and efficiency by partitions of a cluster.", make=by_workload(grid)
)
