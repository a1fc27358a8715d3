"""A table as values: what each format writes in its own way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from levelfield.results.estimate import Interval

from .. import formats  # noqa: TID252 - mypy knows no mapped name
from ..measures import Spread  # noqa: TID252

Cell = str | float | int | Interval | Spread | None
"""None, like a number that is none, is written as a dash."""
Unit = Literal["", "s", "B"]
SIZES: dict[Unit, Sequence[tuple[float, str]]] = {
    "": ((1.0, ""),),
    "s": ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (3600.0, "h")),
    "B": ((1.0, "B"), (2.0**10, "KiB"), (2.0**20, "MiB"), (2.0**30, "GiB")),
}
"""What a unit is multiplied by for a human reader."""
LONGEST = 300
"""Characters of a string in a cell."""
DIGITS, MOST = 3, 6
"""Significant digits of a column's least number; decimals at most."""
FOOTNOTE = (
    "Not verified: this may not be the same computation, so the number says nothing about "
    "the backend."
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column and how its numbers are written."""

    title: str
    unit: Unit = ""
    kind: Literal["text", "number", "count", "ratio", "tally"] = "text"
    """``ratio``: three significant digits each; ``number``: one number of decimals for all;
    ``tally``: a whole number that is nobody's result, and bears no mark."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table."""

    cells: Sequence[Cell]
    marked: bool = False
    """Whether its numbers may be of another computation."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table, of one workload or of the whole study."""

    title: str
    workload: str = ""
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    """Sentences that stand below."""

    def __post_init__(self) -> None:
        """Refuse a row that is too short or too long."""
        if wrong := [row for row in self.rows if len(row.cells) != len(self.columns)]:
            raise ValueError(f"{len(wrong)} rows do not have {len(self.columns)} cells")

    @property
    def caption(self) -> str:
        """What the table shows, and of which workload."""
        title = formats.short(self.title)
        return f"{title}: {formats.short(self.workload)}" if self.workload else title

    @property
    def remarks(self) -> list[str]:
        """The notes; what ``*`` means where a row is marked."""
        marked = any(row.marked for row in self.rows)
        return [*self.notes, *([f"* {FOOTNOTE}"] if marked else [])]


def texts(grid: Grid, strange: Callable[[str], str] = str) -> tuple[list[str], list[list[str]]]:
    """Return a table's titles with their units, and its rows as text, marks in place.

    strange: what a string of the study passes through.
    """
    titles, columns = [], []
    for place, column in enumerate(grid.columns):
        cells = [row.cells[place] for row in grid.rows]
        write, unit = _writer(column, cells)
        title = formats.short(column.title)
        titles.append(f"{title} ({unit})" if unit else title)
        columns.append([
            strange(formats.short(cell, LONGEST)) if isinstance(cell, str)
            else _number(cell, write, "*" if row.marked and column.kind != "tally" else "")
            for cell, row in zip(cells, grid.rows, strict=True)
        ])  # fmt: skip
    return titles, [list(row) for row in zip(*columns, strict=True)]


def _number(
    cell: float | Interval | Spread | None, write: Callable[[float], str], mark: str
) -> str:
    if cell is None or math.isnan(parts(cell)[0]):
        return formats.NOTHING
    middle, *bounds = parts(cell)
    if not bounds or any(map(math.isnan, bounds)):
        return write(middle) + mark
    return f"{write(middle)}{mark} [{', '.join(map(write, bounds))}]"


def parts(cell: float | Interval | Spread) -> tuple[float, ...]:
    """Return a number; or an estimate and its two bounds, no numbers where one trial has none."""
    match cell:
        case Interval() if cell.single:
            return cell.estimate, math.nan, math.nan
        case Interval(estimate=middle, low=low, high=high):
            return middle, low, high
        case Spread(middle=middle, low=low, high=high):
            return middle, low, high
    return (float(cell),)


def _writer(column: Column, cells: Sequence[Cell]) -> tuple[Callable[[float], str], str]:
    """How a column's numbers are written, and the unit that suits them all."""
    numbers = [parts(cell)[0] for cell in cells if cell is not None and not isinstance(cell, str)]
    least = min((abs(n) for n in numbers if math.isfinite(n) and n != 0), default=1.0)
    fits = [size for size in SIZES[column.unit] if size[0] <= least]
    scale, unit = fits[-1] if fits else SIZES[column.unit][0]
    if column.kind in {"count", "tally"}:
        return formats.count, unit
    if column.kind == "ratio":
        return formats.ratio, unit
    decimals = DIGITS - 1 - math.floor(math.log10(least / scale))
    if decimals > MOST:
        return lambda value: formats.significant(value / scale), unit
    decimals = max(0, decimals)
    return lambda value: _fixed(value / scale, decimals), unit


def _fixed(value: float, decimals: int) -> str:
    if math.isinf(value) or abs(value) >= formats.VAST:
        return formats.significant(value)
    return f"{value:,.{decimals}f}"
