"""Lines of all contenders in one pair of axes, with what the trials ranged over."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..learning import LOSSES, known  # noqa: TID252 - mypy knows no mapped name
from ..view import Workload  # noqa: TID252
from . import sheet
from .numbers import Nothing, Numbers

HEIGHT = {"single": 2.3, "double": 3.0}
SHOWN = 8
"""Markers a line."""
RANGE = 0.15
"""How dark the area is that trials range over."""


def losses(
    of: Numbers, workload: Workload, width: sheet.Width, *, by: Literal["epoch", "seconds"],
    title: str,
) -> sheet.Sheet:  # fmt: skip
    """Draw the test loss; the training loss where no contender has one of the test set."""
    of.ranked(workload)
    table = of.curves(workload)
    column = next((each for each in LOSSES if np.isfinite(table[each]).any()), None)
    if column is None:
        raise Nothing("no loss is a number")
    made, axes = drawn(of, workload, width, table, column, by=by, titles=(title, LOSSES[column]))
    if (table[column].dropna() > 0).all():
        sheet.logarithmic(axes, "y")
    return made


def drawn(
    of: Numbers,
    workload: Workload,
    width: sheet.Width,
    table: pd.DataFrame,
    column: str,
    *,
    titles: tuple[str, str],
    by: Literal["epoch", "seconds"] = "epoch",
) -> tuple[sheet.Sheet, Axes]:
    """Draw a column of a table by contender and epoch, and the area between its bounds.

    by: what stands on the horizontal axis, the epoch or the table's column of seconds.
    """
    made, axes = sheet.axes(width, HEIGHT[width])
    marks = of.marked(workload)
    for place, rows in known(table, column).groupby("contender"):
        who = of.view.contenders[int(str(place))]
        along = rows.index.get_level_values("epoch") if by == "epoch" else rows["seconds"]
        x, y = along.to_numpy(dtype=float), rows[column].to_numpy(dtype=float)
        low, high = (rows[f"{column} {end}"].to_numpy(dtype=float) for end in ("low", "high"))
        step = math.ceil(len(x) / SHOWN)
        every = (who.place % step, step)
        label = sheet.label(who, width, marked=marks.get(who.place, True))
        axes.plot(x, y, label=label, markevery=every, **sheet.look(who))
        axes.fill_between(x, low, high, color=who.colour, alpha=RANGE, linewidth=0)
    if by == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    else:
        axes.set_xlim(left=0)
    axes.set_xlabel(sheet.titled(titles[0], marked=any(marks.values())))
    axes.set_ylabel(titles[1])
    sheet.legend(made, axes)
    return made, axes
