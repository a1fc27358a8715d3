"""CPU against GPU: the same backend and mode on both."""

from __future__ import annotations

from typing import Any

from ...formats import ratio  # noqa: TID252 - mypy knows no mapped name
from ...measures import Standing  # noqa: TID252
from .. import rows  # noqa: TID252
from ..sheet import Sheet, Width, legend, logarithmic, name, titled  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload

LOOKS: dict[str, dict[str, Any]] = {
    "cpu": {"color": "#0072b2", "marker": "o"},
    "gpu": {"color": "#d55e00", "marker": "s", "markerfacecolor": "white"},
}


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Two points a row, joined, with the ranges of trials; at the right the CPU over the GPU."""
    found = pairs(of, workload)
    if not found:
        raise Nothing("no backend and mode on both a CPU and a GPU")
    labels = [
        name(who, width) + ("*" if c.marked or g.marked else "") for who, (c, g) in found.items()
    ]
    made, axes = rows.rows(width, labels)
    for row, both in enumerate(found.values()):
        middle = [standing.epoch.median for standing in both]
        axes.plot(middle, [row, row], color="#999999", linewidth=0.8, zorder=1)
        for (device, look), standing in zip(LOOKS.items(), both, strict=True):
            epoch = standing.epoch
            error = [[epoch.median - epoch.low], [epoch.high - epoch.median]]
            axes.errorbar(
                epoch.median, row, xerr=error, capsize=2, linestyle="none",
                label="" if row else device, **look,
            )  # fmt: skip
    rows.beside(axes, [f"{ratio(c.epoch.median / g.epoch.median)}x" for c, g in found.values()])
    logarithmic(axes, "x")
    marked = any(standing.marked for both in found.values() for standing in both)
    axes.set_xlabel(titled("steady epoch (s); right: CPU over GPU", marked=marked))
    legend(made, axes)
    return made


def pairs(of: Numbers, workload: Workload) -> dict[str, tuple[Standing, Standing]]:
    """By backend and mode: on the CPU, on the (fastest) GPU."""
    seen: dict[str, dict[str, Standing]] = {}
    for standing in of.ranked(workload):
        kind = "cpu" if standing.device == "cpu" else "gpu"
        if kind == "cpu" or standing.device.startswith("cuda"):
            who = of.good[workload.fingerprint][standing.contender][0]
            seen.setdefault(f"{who.backend}/{who.mode}", {}).setdefault(kind, standing)
    return {
        who: (both["cpu"], both["gpu"])
        for who, both in seen.items()
        if len(both) == len(LOOKS) and min(s.epoch.low for s in both.values()) > 0
    }


ABOUT = "Steady epochs on the CPU and on the GPU: medians and ranges of trials."
FIGURE = Kind(order=100, about=ABOUT, draw=draw)
