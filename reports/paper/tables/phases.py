"""Where the time of a trial went."""

from __future__ import annotations

from . import Column, Grid, Kind, Numbers, Row, Workload, by_workload


def grid(of: Numbers, workload: Workload) -> Grid:
    """Seconds of each phase that took any, in the order of the ranking."""
    bars = of.phases(workload)
    seen = [phase for phase in bars[0].seconds if any(bar.seconds[phase] > 0 for bar in bars)]
    columns = [Column(title="contender")]
    columns += [Column(title=f"{phase} (s)", kind="ratio") for phase in [*seen, "all"]]
    rows = [
        Row(
            cells=(bar.who.label, *(bar.seconds[phase] for phase in seen), bar.total),
            marked=bar.marked,
        )
        for bar in bars
    ]
    notes = ["Medians over trials of each phase, so they need not sum up to the median trial."]
    return Grid(
        title="Seconds by phase", workload=workload.name, columns=columns, rows=rows, notes=notes
    )


TABLE = Kind(order=30, about="Seconds of a trial by phase.", make=by_workload(grid))
