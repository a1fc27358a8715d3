"""Contenders below each other: one row each, its name at the left, its numbers at the right."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from levelfield.results.estimate import Interval

from ..formats import ratio  # noqa: TID252 - mypy knows no mapped name
from ..view import Contender  # noqa: TID252
from . import sheet

ROW, EDGES = 0.19, 0.6
"""Inches of a row, and of what stands above and below."""


def rows(width: sheet.Width, names: Sequence[str]) -> tuple[sheet.Sheet, Axes]:
    """Return a sheet with a named row for each, the first at the top, at heights 0, 1, ..."""
    made, axes = sheet.axes(width, EDGES + ROW * max(2, len(names)))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return made, axes


def beside(axes: Axes, texts: Sequence[str]) -> None:
    """Write a text at the right of each row."""
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(texts)), texts)
    right.tick_params(axis="y", length=0)
    right.spines["right"].set_visible(False)


def point(axes: Axes, row: int, who: Contender, interval: Interval) -> None:
    """Draw an estimate within its interval; alone where that is of one trial."""
    whiskers = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
    error = None if interval.single else whiskers
    axes.errorbar(interval.estimate, row, xerr=error, capsize=2, **sheet.point(who))


def one(axes: Axes) -> None:
    """Draw the line of no difference."""
    axes.axvline(1, color="black", linewidth=0.8, zorder=0.5)


def written(interval: Interval) -> str:
    """The estimate, and its bounds in brackets."""
    if interval.single:
        return f"{ratio(interval.estimate)} (one trial)"
    low, high = ratio(interval.low), ratio(interval.high)
    return f"{ratio(interval.estimate)} [{low}, {high}]"
