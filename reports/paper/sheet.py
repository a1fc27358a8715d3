"""The sheet that a figure is drawn on: one style for all of them, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO
from typing import Any, Literal

import matplotlib as mpl
from matplotlib import font_manager, ft2font
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .. import formats  # noqa: TID252 - mypy knows no mapped name
from ..view import Contender  # noqa: TID252

Width = Literal["single", "double"]
WIDTHS: Mapping[Width, float] = {"single": 3.5, "double": 7.16}
"""Inches of one column and of two, as IEEE, ACM and Nature have them."""
DPI = 300
FONT = "DejaVu Sans"
"""Ships with matplotlib, so that a figure is the same on every machine."""
STYLE: Any = {
    "font.family": FONT,
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "legend.columnspacing": 1.4,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.35,
    "text.parse_math": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "levelfield",
}
UNDATED: Mapping[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "cross": "P", "x": "X",
    "triangle-down": "v", "star": "*",
}  # fmt: skip
"""matplotlib's by the names that the page has for them."""
DASHES: tuple[Any, ...] = (
    "-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
)  # fmt: skip
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")
NARROW, WIDE = 3, 500
"""Spans of a logarithmic axis, high over low, below and above which its ticks are others."""
COLUMNS = 4
"""Of a legend, at most."""
FEW = 2
"""Contenders without a number that are named."""
LONGEST: Mapping[Width, int] = {"single": 26, "double": 48}
"""Characters of a name in a figure."""


class Sheet(Figure):
    """A figure in the one style: it shows itself in a notebook, and is saved without a date."""

    def savefig(self, fname: Any, *, transparent: bool | None = None, **options: Any) -> None:
        """Save as matplotlib does, fonts embedded; the same figure gives the same bytes."""
        kind = str(options.get("format") or str(fname).rpartition(".")[2]).lower()
        options = {"dpi": DPI, "metadata": UNDATED.get(kind), **options}
        with style():
            super().savefig(fname, transparent=transparent, **options)

    def written(self, kind: str) -> bytes:
        """Return the figure as the bytes of an SVG, PDF or PNG file."""
        out = BytesIO()
        self.savefig(out, format=kind)
        return out.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Sharp, and as wide on the page as on paper at 144 dots an inch."""
        width, height = (round(144 * inches) for inches in self.get_size_inches())
        return self.written("png"), {"width": width, "height": height}


def style() -> AbstractContextManager[None]:
    """Draw and save within this; matplotlib's own settings are as before when it ends."""
    return mpl.rc_context(STYLE)


def sheet(width: Width, height: float) -> Sheet:
    """Return an empty sheet: its width by name, its height in inches."""
    made = Sheet(figsize=(WIDTHS[width], height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def axes(width: Width, height: float) -> tuple[Sheet, Axes]:
    """Return a sheet with one pair of axes."""
    made = sheet(width, height)
    return made, made.add_subplot()


def name(text: str, width: Width = "single") -> str:
    """A stranger's string in one line, with no character that the font lacks."""
    known = _known()
    return "".join(c if ord(c) in known else "\ufffd" for c in formats.short(text, LONGEST[width]))


def label(who: Contender, width: Width, *, marked: bool) -> str:
    """A contender's name; ``*`` where it is not verified."""
    return name(who.label, width) + ("*" if marked else "")


def titled(text: str, *, marked: bool, missing: Sequence[Contender] = ()) -> str:
    """An axis' title; what ``*`` means where something is marked, and who is not shown."""
    lines = [text, *(["* not verified"] if marked else [])]
    if missing:
        names = ", ".join(name(who.label) for who in missing[:FEW])
        more = f" and {len(missing) - FEW} more" if len(missing) > FEW else ""
        lines.append(f"no number: {names}{more}")
    return "\n".join(lines)


def look(who: Contender) -> dict[str, Any]:
    """A contender's line: its colour on the page, and a marker and dash that tell it in grey."""
    return {
        "color": who.colour,
        "marker": MARKERS[who.marker],
        "linestyle": DASHES[who.place % len(DASHES)],
        "markeredgecolor": "white",
        "markeredgewidth": 0.3,
    }


def point(who: Contender) -> dict[str, Any]:
    """A contender's point: as on its line, without one."""
    return {**look(who), "linestyle": "none", "markeredgecolor": who.colour, "markeredgewidth": 0.8}


def legend(drawn: Sheet, *panels: Axes) -> None:
    """Name what is drawn below the axes, in as many columns as fit, and make room for it."""
    found: list[tuple[Any, str]] = []
    for axes in panels:
        named = {label for _, label in found}
        mine = zip(*axes.get_legend_handles_labels(), strict=True)
        found += [(handle, label) for handle, label in mine if label not in named]
    handles, labels = [handle for handle, _ in found], [label for _, label in found]
    width, height = drawn.get_size_inches()
    for columns in range(min(len(labels), COLUMNS), 0, -1):
        made = drawn.legend(handles, labels, loc="outside lower center", ncols=columns)
        extent = made.get_window_extent(drawn.canvas.get_renderer())  # type: ignore[attr-defined]
        if columns == 1 or extent.width / drawn.dpi <= width:
            drawn.set_size_inches(width, height + extent.height / drawn.dpi)
            return
        made.remove()


def logarithmic(drawn: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with plain numbers at ticks that are enough to read it."""
    (drawn.set_xscale if which == "x" else drawn.set_yscale)("log")
    axis = drawn.xaxis if which == "x" else drawn.yaxis
    low, high = sorted(axis.get_view_interval())
    steps = (1.0, 2.0, 5.0) if high / low < WIDE else (1.0,)
    narrow = high / low < NARROW
    axis.set_major_locator(
        MaxNLocator(5, steps=[1, 2, 5, 10]) if narrow else LogLocator(subs=steps)
    )
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


@cache
def _known() -> frozenset[int]:
    """Characters that the font can draw."""
    file = font_manager.findfont(FONT, fallback_to_default=False)
    return frozenset(ft2font.FT2Font(file).get_charmap())
