"""What layers cost: Keras, Elephas or Spark over what they stand on, one mode over another."""

from __future__ import annotations

import math

from levelfield.results.against import CONFIDENCE

from .. import rows  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width, label, logarithmic, titled  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Ratios with intervals, one row for each such pair."""
    found = [row for row in of.layers(workload) if math.isfinite(row.interval.estimate)]
    if not found:
        raise Nothing("no ratio is a number")
    marks = of.marked(workload)
    names = [
        "\nover ".join(label(who, width, marked=marks[who.place]) for who in (row.head, row.base))
        for row in found
    ]
    made, axes = rows.rows(width, names)
    made.set_size_inches(made.get_figwidth(), made.get_figheight() + rows.ROW * len(found))
    for place, row in enumerate(found):
        rows.point(axes, place, row.head, row.interval)
    rows.one(axes)
    rows.beside(axes, [rows.written(row.interval) for row in found])
    logarithmic(axes, "x")
    title = f"steady epoch, ratio\n({CONFIDENCE:.0%} intervals, together)"
    axes.set_xlabel(titled(title, marked=any(row.marked for row in found)))
    return made


ABOUT = "Layers such as Keras over what they stand on, modes over others: typical steady epochs."
FIGURE = Kind(order=70, about=ABOUT, draw=draw)
