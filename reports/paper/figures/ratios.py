"""By how much, and is it real: each contender's ratio to the baseline, with its interval."""

from __future__ import annotations

import math

from levelfield.results.against import CONFIDENCE

from .. import rows  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width, label, logarithmic, name, titled  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """A forest plot: estimates in order, whiskers over intervals, a line where nothing differs."""
    found = {p: i for p, i in of.ratios(workload).items() if math.isfinite(i.estimate)}
    if not found:
        raise Nothing("only one contender has a time")
    base, marks = of.base(workload), of.marked(workload)
    order = sorted(found, key=lambda place: found[place].estimate)
    who = [of.view.contenders[place] for place in order]
    labels = [label(each, width, marked=marks[each.place]) for each in who]
    made, axes = rows.rows(width, labels)
    for row, each in enumerate(who):
        rows.point(axes, row, each, found[each.place])
    rows.one(axes)
    rows.beside(axes, [rows.written(found[place]) for place in order])
    logarithmic(axes, "x")
    beside = name(of.view.contenders[base.contender].label) + ("*" if base.marked else "")
    title = f"steady epoch, ratio to {beside}\n({CONFIDENCE:.0%} intervals, together)"
    missing = [of.view.contenders[p] for p in marks if p not in found and p != base.contender]
    marked = base.marked or any(marks[place] for place in order)
    axes.set_xlabel(titled(title, marked=marked, missing=missing))
    return made


ABOUT = "Typical steady epoch over the baseline's, with intervals that hold together (forest plot)."
FIGURE = Kind(order=40, about=ABOUT, draw=draw)
