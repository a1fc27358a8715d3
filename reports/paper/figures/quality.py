"""What the time bought: the last test loss by the time of the whole trial."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...measures import Standing  # noqa: TID252 - mypy knows no mapped name
from .. import sheet  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: sheet.Width) -> sheet.Sheet:
    """Points with the range of trials; a line through those that no verified one beats in both."""
    found = [
        s for s in of.ranked(workload) if math.isfinite(s.total) and math.isfinite(s.test_loss.high)
    ]
    if not found:
        raise Nothing("no test loss, or no time of a whole trial")
    made, axes = sheet.axes(width, 2.4)
    for standing in found:
        who, loss = of.view.contenders[standing.contender], standing.test_loss
        error = [[loss.median - loss.low], [loss.high - loss.median]]
        label = sheet.label(who, width, marked=standing.marked)
        axes.errorbar(
            standing.total, loss.median, yerr=error, capsize=2, label=label, **sheet.point(who)
        )
    best = front(found)
    x, y = [s.total for s in best], [s.test_loss.median for s in best]
    axes.plot(x, y, drawstyle="steps-post", color="#777777", linewidth=0.8, zorder=1)
    if all(s.total > 0 for s in found):
        sheet.logarithmic(axes, "x")
    title = "whole trial (s), median; line: best for its time"
    missing = [of.view.contenders[s.contender] for s in of.ranked(workload) if s not in found]
    marked = any(s.marked for s in found)
    axes.set_xlabel(sheet.titled(title, marked=marked, missing=missing))
    axes.set_ylabel("last test loss")
    sheet.legend(made, axes)
    return made


def front(standings: Sequence[Standing]) -> list[Standing]:
    """Of the verified, those that no other one beats in both time and loss (Pareto's front)."""
    made: list[Standing] = []
    for each in sorted(standings, key=lambda s: (s.total, s.test_loss.median)):
        if not each.marked and (not made or each.test_loss.median < made[-1].test_loss.median):
            made.append(each)
    return made


FIGURE = Kind(
    order=90,
    about="Last test loss by the time of the whole trial, and the Pareto front.",
    draw=draw,
)
