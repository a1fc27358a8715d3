"""Where the time of a trial went: its phases, one after the other."""

from __future__ import annotations

from itertools import accumulate

from ...formats import seconds  # noqa: TID252
from .. import rows  # noqa: TID252 - mypy knows no mapped name
from ..sheet import HATCHES, Sheet, Width, label, legend, name, titled  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload

COLOURS = (
    "#0072b2", "#f0e442", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#e69f00", "#bbbbbb",
    "#ffffff",
)  # fmt: skip


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Stacked bars of medians over trials, in the order of the ranking."""
    bars = of.phases(workload)
    seen = [phase for phase in bars[0].seconds if any(bar.seconds[phase] > 0 for bar in bars)]
    if not seen:
        raise Nothing("no phase took any time")
    made, axes = rows.rows(width, [label(bar.who, width, marked=bar.marked) for bar in bars])
    widths = [[max(0.0, bar.seconds[phase]) for phase in seen] for bar in bars]
    starts = [[0.0, *accumulate(row)] for row in widths]
    for place, phase in enumerate(seen):
        axes.barh(
            range(len(bars)),
            [row[place] for row in widths],
            0.7,
            left=[row[place] for row in starts],
            color=COLOURS[place % len(COLOURS)],
            hatch=HATCHES[place % len(HATCHES)],
            edgecolor="black",
            label=name(phase),
        )
    axes.set_xlim(left=0)
    rows.beside(axes, [seconds(bar.total) for bar in bars])
    axes.set_xlabel(titled("trial (s)", marked=any(bar.marked for bar in bars)))
    legend(made, axes)
    return made


FIGURE = Kind(order=60, about="Seconds of a trial by phase: medians over trials.", draw=draw)
