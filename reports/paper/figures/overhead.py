"""What a layer costs: a backend beside the library that it stands on."""

from __future__ import annotations

import math

from levelfield.results.against import CONFIDENCE

from .. import rows  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width, label, logarithmic, titled  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Ratios with intervals, one row for each such pair."""
    of.ranked(workload)
    found = [layer for layer in of.layers(workload) if math.isfinite(layer.ratio.estimate)]
    if not found:
        raise Nothing("no backend and the library beneath it on one device")
    marks, contenders = of.marked(workload), of.view.contenders
    names = {p: label(contenders[p], width, marked=marks[p]) for p in marks}
    made, axes = rows.rows(width, [f"{names[x.upper]}\nover {names[x.lower]}" for x in found])
    made.set_size_inches(made.get_figwidth(), made.get_figheight() + rows.ROW * len(found))
    for row, layer in enumerate(found):
        rows.point(axes, row, contenders[layer.upper], layer.ratio)
    rows.one(axes)
    rows.beside(axes, [rows.written(layer.ratio) for layer in found])
    logarithmic(axes, "x")
    title = f"steady epoch, ratio to the library beneath\n({CONFIDENCE:.0%} intervals, together)"
    marked = any(marks[layer.upper] or marks[layer.lower] for layer in found)
    axes.set_xlabel(titled(title, marked=marked))
    return made


ABOUT = "Layers such as Keras: typical steady epoch over that of the library beneath, fastest mode."
FIGURE = Kind(order=70, about=ABOUT, draw=draw)
