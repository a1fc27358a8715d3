"""What more processes buy: speed-up by partitions, with the laws of Amdahl and Gustafson."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from levelfield.results.scaling import Curve, Share

from ...scaling import looks  # noqa: TID252 - mypy knows no mapped name
from ...view import Contender  # noqa: TID252
from .. import sheet  # noqa: TID252
from . import Kind, Numbers, Workload

FINE = 100
"""Points of a law's curve."""


def draw(of: Numbers, workload: Workload, width: sheet.Width) -> sheet.Sheet:
    """Points with intervals; fitted laws as lines; the ideal in grey."""
    curves = of.scaling(workload)
    made, axes = sheet.axes(width, 2.4)
    sizes = sorted({point.partitions for curve in curves for point in curve.points})
    axes.plot(sizes, sizes, color="#999999", linewidth=0.8, linestyle=(0, (1, 1)), label="ideal")
    marked = False
    for who, curve in zip(looks([each.contender for each in curves]), curves, strict=True):
        marked = marked or not curve.verified
        star = "" if curve.verified else "*"
        _points(axes, who, curve, sheet.name(curve.contender, width) + star)
    axes.set_xlabel(sheet.titled("partitions", marked=marked))
    axes.set_ylabel("speed-up over one partition")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_ylim(bottom=0)
    sheet.legend(made, axes)
    return made


def _points(axes: Axes, who: Contender, curve: Curve, name: str) -> None:
    colour = who.colour
    n = np.array([point.partitions for point in curve.points])
    spans = [(p.speedup.low, p.speedup.estimate, p.speedup.high) if p.speedup else (1.0, 1.0, 1.0)
             for p in curve.points]  # fmt: skip
    low, middle, high = np.array(spans).T
    marker = sheet.MARKERS[who.marker]
    axes.errorbar(
        n, middle, yerr=[middle - low, high - middle], fmt="none", color=colour, capsize=2
    )
    axes.plot(n, middle, color=colour, marker=marker, linestyle="none", label=name)
    x = np.linspace(1, n[-1], FINE)
    if curve.amdahl is not None:
        s = curve.amdahl.estimate
        axes.plot(x, 1 / (s + (1 - s) / x), color=colour, linestyle=sheet.DASHES[1],
                  label=_law("Amdahl", curve.amdahl))  # fmt: skip
    if curve.gustafson is not None:
        s = curve.gustafson.estimate
        axes.plot(x, x - s * (x - 1), color=colour, linestyle=sheet.DASHES[3],
                  label=_law("Gustafson", curve.gustafson))  # fmt: skip


def _law(name: str, share: Share) -> str:
    text = f"{name}, serial {share.estimate:.2f}"
    if share.low is None or share.high is None:
        return text
    return f"{text} [{share.low:.2f}, {share.high:.2f}]"


ABOUT = "Speed-up of a Spark cluster by partitions, with Amdahl's and Gustafson's laws fitted."
FIGURE = Kind(order=80, about=ABOUT, draw=draw)
