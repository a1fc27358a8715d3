"""CPU against GPU: the same backend and mode on both."""

from __future__ import annotations

from typing import Any

from levelfield.results.against import CONFIDENCE

from .. import rows  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width, label, legend, logarithmic, titled  # noqa: TID252
from . import Kind, Numbers, Workload

LOOKS: dict[str, dict[str, Any]] = {
    "cpu": {"color": "#0072b2", "marker": "o"},
    "gpu": {"color": "#d55e00", "marker": "s", "markerfacecolor": "white"},
}


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Two points a row, joined, with the ranges of trials; at the right the CPU over the GPU."""
    found = of.devices(workload)
    names = [label(row.who, width, marked=row.marked) for row in found]
    made, axes = rows.rows(width, names)
    for place, row in enumerate(found):
        both = (row.cpu.epoch, row.gpu.epoch)
        axes.plot(
            [epoch.middle for epoch in both], [place, place],
            color="#999999", linewidth=0.8, zorder=1,
        )  # fmt: skip
        for (device, look), epoch in zip(LOOKS.items(), both, strict=True):
            error = [[epoch.middle - epoch.low], [epoch.high - epoch.middle]]
            axes.errorbar(
                epoch.middle, place, xerr=error, capsize=2, linestyle="none",
                label="" if place else device, **look,
            )  # fmt: skip
    rows.beside(axes, [rows.written(row.speedup) for row in found])
    if all(epoch.low > 0 for row in found for epoch in (row.cpu.epoch, row.gpu.epoch)):
        logarithmic(axes, "x")
    title = f"steady epoch (s)\nright: CPU over GPU ({CONFIDENCE:.0%} intervals, together)"
    axes.set_xlabel(titled(title, marked=any(row.marked for row in found)))
    legend(made, axes)
    return made


ABOUT = "Steady epochs on the CPU and on the GPU: medians and ranges of trials."
FIGURE = Kind(order=100, about=ABOUT, draw=draw)
