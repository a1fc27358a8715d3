"""Interactive figures: made with plotly here, drawn by `charts.js` in the page's own colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from .formats import short
from .view import MARKERS

if TYPE_CHECKING:
    import plotly.graph_objects as go

POINTS = 300
"""At most so many points a line."""
SHOWN = POINTS // 10
"""At most so many markers a line."""

DRAWN = {"bar", "scatter"}
"""The kinds of plotly's traces that a page can draw: of those in `vendor`, the ones in use."""

_HARMLESS = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One figure of the page."""

    name: str
    """Unique in the page; letters, digits and dashes."""
    figure: go.Figure
    height: int = 360
    about: str
    """What it shows, for those who cannot see it."""
    points: bool = True
    """Whether the page offers its lines' points as a table; not where there is one beside it."""

    @property
    def data(self) -> Markup:
        """The figure as JSON that may stand inside a script element."""
        if other := {trace.type for trace in self.figure.data} - DRAWN:
            raise ValueError(f"{self.name}: the page's library draws {DRAWN}, not {other}")
        return embed(self.figure.to_json())

    @property
    def listed(self) -> bool:
        """Whether there is a line whose points the page offers as a table."""
        modes = (getattr(t, "mode", None) for t in self.figure.data if t.name)
        return self.points and any("lines" in (mode or "") for mode in modes)


def embed(json: str) -> Markup:
    """Make JSON safe inside a script element: nothing in it can end the element."""
    return Markup(json.translate(_HARMLESS))  # noqa: S704 - what could break out is escaped


def figure(*, x: str, y: str, log_y: bool = False) -> go.Figure:
    """Return an empty figure with titled axes; its colours and fonts are the page's business."""
    import plotly.graph_objects as go

    made = go.Figure()
    made.update_layout(
        template=None,
        xaxis={"title": {"text": x}, "rangemode": "tozero"},
        yaxis={"title": {"text": y}, "type": "log" if log_y else "linear"},
        showlegend=False,
        hovermode="closest",
    )
    return made


def line(
    x: NDArray[Any], y: NDArray[Any], *, name: str, unit: str = "", **options: Any
) -> go.Scatter:
    """Return a line with its points' values on hover, and markers that tell it without colour.

    options: anything of `plotly.graph_objects.Scatter`; ``meta`` says what switches it, and its
    ``group`` chooses the marker.
    """
    import plotly.graph_objects as go

    place = (options.get("meta") or {}).get("group", 0)
    marker = {"symbol": MARKERS[place % len(MARKERS)], "size": 7, "maxdisplayed": SHOWN}
    return go.Scatter(
        x=np.asarray(x, dtype=np.float32),
        y=np.asarray(y, dtype=np.float32),
        name=safe(name),
        mode="lines+markers",
        hovertemplate=f"%{{fullData.name}}<br>%{{xaxis.title.text}} %{{x:.4g}}: %{{y:.4g}}{unit}"
        "<extra></extra>",
        **{"marker": marker, **options},
    )


def band(
    x: NDArray[Any], low: NDArray[Any], high: NDArray[Any], *, colour: str, meta: Mapping[str, Any]
) -> go.Scatter:
    """Return the area between two lines, where both are numbers."""
    import plotly.graph_objects as go

    known = np.isfinite(low) & np.isfinite(high)
    x, low, high = x[known], low[known], high[known]
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]).astype(np.float32),
        y=np.concatenate([high, low[::-1]]).astype(np.float32),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=_faint(colour),
        hoverinfo="skip",
        meta=dict(meta),
    )


def thinned(length: int, limit: int = POINTS) -> NDArray[np.int64]:
    """Places of at most so many points, evenly spread; the first and the last are among them."""
    return np.unique(np.linspace(0, max(length - 1, 0), min(length, limit)).round()).astype(int)


def safe(name: str) -> str:
    """A name as plotly may draw it: it reads a little HTML in every text."""
    return escape(short(name), quote=False)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"
