"""What the time bought: test loss, and accuracy where there is one, by seconds of training."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ...measures import Spread  # noqa: TID252 - mypy knows no mapped name
from ...quality import Bought  # noqa: TID252
from .. import sheet  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload

HEIGHT = 2.4
"""Inches of a panel."""


def draw(of: Numbers, workload: Workload, width: sheet.Width) -> sheet.Sheet:
    """Points with the range of trials; a line through those that no verified one beats in both."""
    found = of.quality(workload)
    if not found:
        raise Nothing("no test loss")
    side_by_side = width == "double"
    shape = (1, len(found)) if side_by_side else (len(found), 1)
    made = sheet.sheet(width, HEIGHT * shape[0])
    panels: Sequence[Axes] = made.subplots(*shape, squeeze=False).ravel().tolist()
    for axes, each in zip(panels, found, strict=True):
        _panel(axes, of, workload, each, width)
    sheet.legend(made, *panels)
    return made


def _panel(axes: Axes, of: Numbers, workload: Workload, shown: Bought, width: sheet.Width) -> None:
    points = sorted(shown.points, key=lambda point: point.who.place)
    for point in points:
        label = sheet.label(point.who, width, marked=point.standing.marked)
        axes.errorbar(
            point.seconds.middle, point.quality.middle,
            xerr=_reach(point.seconds), yerr=_reach(point.quality), capsize=2, label=label,
            **sheet.point(point.who),
        )  # fmt: skip
    x, y = ([getattr(p, name).middle for p in shown.front] for name in ("seconds", "quality"))
    axes.plot(x, y, drawstyle="steps-post", color="#777777", linewidth=0.8, zorder=1)
    if all(point.seconds.low > 0 for point in points):
        sheet.logarithmic(axes, "x")
    seen = {point.who.place for point in points}
    missing = [
        of.view.contenders[s.contender] for s in of.ranked(workload) if s.contender not in seen
    ]
    title = "training (s), median; line: best for its time"
    marked = any(point.standing.marked for point in points)
    axes.set_xlabel(sheet.titled(title, marked=marked, missing=missing))
    axes.set_ylabel(sheet.name(f"last {shown.measure}"))


def _reach(spread: Spread) -> list[list[float]]:
    return [[spread.middle - spread.low], [spread.high - spread.middle]]


FIGURE = Kind(
    order=90,
    about="Last test loss and accuracy by seconds of training, and the Pareto front.",
    draw=draw,
)
