"""How long to the same loss: the one that every contender of the workload reaches."""

from __future__ import annotations

import math

from ...formats import seconds, significant  # noqa: TID252
from .. import rows  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width, label, titled  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Bars of training; before it, in white, what starts and builds."""
    target, every = of.equal(workload)
    found = [each for each in every if math.isfinite(each.whole)]
    if not found:
        raise Nothing("no contender reaches a common loss")
    who, marks = [of.view.contenders[each.contender] for each in found], of.marked(workload)
    labels = [label(each, width, marked=marks[each.place]) for each in who]
    made, axes = rows.rows(width, labels)
    start, training = [each.whole - each.seconds for each in found], [e.seconds for e in found]
    places = range(len(found))
    axes.barh(
        places, start, 0.7, color="white", edgecolor="black", hatch="////", label="start and build"
    )
    axes.barh(
        places, training, 0.7, left=start, color=[each.colour for each in who], edgecolor="black",
        label="training",
    )  # fmt: skip
    axes.set_xlim(left=0)
    rows.beside(axes, [seconds(each.whole) for each in found])
    title = f"time to a test loss of {significant(target)} (s)\nhatched: start and build"
    missing = [of.view.contenders[p] for p in marks if of.view.contenders[p] not in who]
    marked = any(marks[each.place] for each in who)
    axes.set_xlabel(titled(title, marked=marked, missing=missing))
    return made


FIGURE = Kind(
    order=50, about="Seconds to the test loss that all reach: start and build, training.", draw=draw
)
