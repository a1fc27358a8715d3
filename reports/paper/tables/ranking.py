"""Who takes how long, and what may be said of it."""

from __future__ import annotations

from levelfield.results.against import CONFIDENCE
from levelfield.results.estimate import Interval

from . import Column, Grid, Kind, Numbers, Row, Workload, by_workload

COLUMNS = (
    Column(title="contender"),
    Column(title="steady epoch", unit="s", kind="number"),
    Column(title="ratio", kind="ratio"),
    Column(title="first epoch", unit="s", kind="number"),
    Column(title="samples/s", kind="count"),
    Column(title="whole trial", unit="s", kind="number"),
    Column(title="test loss", kind="number"),
)
LAST = (Column(title="trials", kind="tally"), Column(title="verification"))


def grid(of: Numbers, workload: Workload) -> Grid:
    """The fastest first."""
    ranked, base, contenders = of.ranked(workload), of.base(workload), of.view.contenders
    ratios: dict[int, float | Interval] = {base.contender: 1.0, **of.ratios(workload)}
    metrics = of.metrics(workload)
    rows = [
        Row(
            cells=(
                contenders[s.contender].label, s.epoch.middle, ratios.get(s.contender), s.first,
                s.speed, s.total, s.test_loss.middle,
                *(known[s.contender] for known in metrics.values()), s.trials, s.verified,
            ),
            marked=s.marked,
        )
        for s in ranked
    ]  # fmt: skip
    about = (
        f"Ratio: typical steady epoch over that of {contenders[base.contender].label}"
        f"{' (not verified)' if base.marked else ''}, with {CONFIDENCE:.0%} intervals that hold "
        "together; one that holds 1 shows no difference. Steady epoch: the typical one of "
        "all trials; other seconds: medians over them."
    )
    notes = [about]
    if any(s.single for s in ranked):
        notes.append("Where there was one epoch only, it holds compilation too.")
    more = [Column(title=f"test {name}", kind="ratio") for name in metrics]
    return Grid(
        title="Training time",
        workload=workload.name,
        columns=[*COLUMNS, *more, *LAST],
        rows=rows,
        notes=notes,
    )


TABLE = Kind(
    order=10,
    about="Seconds of an epoch, ratios with intervals, losses, metrics.",
    make=by_workload(grid),
)
