"""Forest plots: one row a mark, with its whiskers; what is on top is said first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from levelfield.results.estimate import Interval

from . import charts
from .measures import Standing, Verdict
from .ratios import told, vague
from .view import Contender

LOOKS: dict[Verdict, str] = {"passed": "", "unverified": "-open", "failed": "-open-dot"}
ROW = 26
"""Pixels that a row takes."""
FRAME = 112
"""Pixels beside the rows: axis, its title, margins."""
TICKS = ",.4~r"
"""Whole numbers (d3-format) also between powers of ten, where plotly would write 7 for 0.7."""
FEW = 5
"""Ticks that an axis does with: beyond one and a half decades 1, 2 and 5 alone, which have room."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One row: a value between its bounds."""

    text: str
    """As plotly may draw it."""
    who: Contender
    verified: Verdict
    value: float
    """NaN or infinite: the row stays empty."""
    low: float
    high: float
    note: str = ""
    """The bounds in words, for whoever points at it."""

    @classmethod
    def of(cls, who: Contender, standing: Standing, interval: Interval | None) -> Mark:
        """A contender's ratio; no row without an interval, no whiskers where it is too vague."""
        bounded = interval is not None and not vague(interval)
        return cls(
            text=charts.safe(who.label) + ("*" if standing.marked else ""),
            who=who,
            verified=standing.verified,
            value=interval.estimate if interval else math.nan,
            low=interval.low if interval and bounded else math.nan,
            high=interval.high if interval and bounded else math.nan,
            note=told(interval) if interval else "",
        )


def forest(
    name: str,
    marks: Sequence[Mark],
    *,
    title: str,
    about: str,
    ratios: bool,
    unit: str = "",
    row: int = ROW,
) -> charts.Chart:
    """Return the plot.

    ratios: on a logarithmic axis, with a line at 1. title: of the axis. unit: written on hover.
    row: pixels that one takes.
    """
    import plotly.graph_objects as go

    figure = charts.figure(x=title, y="")
    for number, mark in enumerate(marks):
        figure.add_trace(go.Scatter(**_trace(number, mark, unit)))
    figure.update_layout(
        xaxis={"type": "log", "rangemode": "normal", "tickformat": TICKS, "nticks": FEW}
        if ratios
        else {},
        yaxis={
            "title": {"text": ""},
            "range": [len(marks) - 0.5, -0.5],
            "tickvals": list(range(len(marks))),
            "ticktext": [mark.text for mark in marks],
            "fixedrange": True,
            "zeroline": False,
        },
    )
    if ratios:
        figure.add_vline(x=1, line={"color": "#8a8f98", "width": 1, "dash": "dot"})
    return charts.Chart(name=name, figure=figure, height=FRAME + row * len(marks), about=about)


def symbol(who: Contender, verified: Verdict) -> str:
    """A contender's marker: filled, open where it is not verified, with a dot where it failed."""
    return who.marker + LOOKS[verified]


def _trace(number: int, mark: Mark, unit: str) -> dict[str, Any]:
    known = math.isfinite(mark.value)
    above, below = (_reach(mark.high - mark.value), _reach(mark.value - mark.low))
    return {
        "x": [mark.value if known else None],
        "y": [number],
        "name": mark.text,
        "mode": "markers",
        "marker": {
            "color": mark.who.colour,
            "size": 9,
            "symbol": symbol(mark.who, mark.verified),
            "line": {"width": 2, "color": mark.who.colour},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [above],
            "arrayminus": [below],
            "color": mark.who.colour,
            "thickness": 2,
            "width": 5,
        },
        "customdata": [mark.note],
        "hovertemplate": f"%{{fullData.name}}<br>%{{x:.4g}}{unit} %{{customdata}}<extra></extra>",
        "meta": {"group": mark.who.place},
    }


def _reach(length: float) -> float:
    """How far a whisker goes; nowhere where that is not known."""
    return length if math.isfinite(length) and length > 0 else 0.0
