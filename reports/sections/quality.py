"""What the time was spent on: the quality that each contender ends with, beside its seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import labels  # noqa: TID252 - mypy knows no mapped name
from ..forest import symbol  # noqa: TID252
from ..quality import Bought, Point, bought  # noqa: TID252
from . import Contender, Section, View, Workload, charts, measures


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One workload and one measure of quality."""

    workload: Workload
    of: Bought
    chart: charts.Chart

    @property
    def contenders(self) -> list[Contender]:
        """Everyone in the plot, by place."""
        return sorted((point.who for point in self.of.points), key=lambda who: who.place)

    @property
    def standings(self) -> dict[int, measures.Standing]:
        """By the contender's place."""
        return {point.who.place: point.standing for point in self.of.points}


def content(view: View) -> Mapping[str, Any] | None:
    """Return plots of every workload: test loss, and accuracy or another metric."""
    plots = [
        Plot(
            workload=workload,
            of=found,
            chart=_chart(f"quality-{number}-{place}", workload, found.measure, found.points),
        )
        for number, (workload, ranked) in enumerate(view.ranked())
        for place, found in enumerate(bought(view, workload, ranked))
    ]
    return {"plots": plots} if plots else None


def _chart(name: str, workload: Workload, title: str, points: Sequence[Point]) -> charts.Chart:
    import plotly.graph_objects as go

    figure = charts.figure(x="seconds of training, all epochs", y=title)
    front = [point for point in points if point.front]
    if len(front) > 1:
        figure.add_trace(
            go.Scatter(
                x=[point.seconds.middle for point in front],
                y=[point.quality.middle for point in front],
                mode="lines",
                line={"color": "#8a8f98", "width": 1.5, "dash": "dot", "shape": "hv"},
                hoverinfo="skip",
                meta={"group": -1},
            )
        )
    kinds = _scale([p.seconds for p in points]), _scale([p.quality for p in points])
    for point, where in zip(points, _places(points, kinds), strict=True):
        figure.add_trace(go.Scatter(**_marker(point, where)))
    figure.update_xaxes(rangemode="normal", type=kinds[0])
    figure.update_yaxes(rangemode="normal", type=kinds[1])
    about = f"{title} at the end over seconds of training, on {workload.name}"
    return charts.Chart(name=name, figure=figure, height=380, about=about)


def _scale(spreads: Sequence[measures.Spread]) -> str:
    """Logarithmic where the values are positive and lie far apart."""
    low, high = min(s.low for s in spreads), max(s.high for s in spreads)
    return "log" if low > 0 and math.log10(high / low) > 1 else "linear"


def _places(points: Sequence[Point], kinds: tuple[str, str]) -> list[str]:
    """Where the names of those on the front stand."""
    return labels.places(
        [(point.seconds.middle, point.quality.middle) for point in points],
        [point.who.label if point.front else "" for point in points],
        log=(kinds[0] == "log", kinds[1] == "log"),
    )


def _marker(point: Point, where: str) -> dict[str, Any]:
    """A point with its ranges; its name is written ``where``, if there is room for it."""
    colour = point.who.colour
    name = charts.safe(point.who.label) + ("*" if point.standing.marked else "")

    def error(spread: measures.Spread) -> dict[str, Any]:
        return {
            "type": "data",
            "symmetric": False,
            "array": [spread.high - spread.middle],
            "arrayminus": [spread.middle - spread.low],
            "color": colour,
            "thickness": 1,
            "width": 3,
        }

    return {
        "x": [point.seconds.middle],
        "y": [point.quality.middle],
        "error_x": error(point.seconds),
        "error_y": error(point.quality),
        "name": name,
        "text": [name if where else ""],
        "textposition": where or "top center",
        "textfont": {"size": 11},
        "cliponaxis": False,
        "mode": "markers+text",
        "marker": {
            "color": colour,
            "size": 12 if point.front else 9,
            "symbol": symbol(point.who, point.standing.verified),
            "line": {"width": 2, "color": colour},
        },
        "hovertemplate": "%{fullData.name}<br>%{x:.4g} s: %{y:.4g}<extra></extra>",
        "meta": {"group": point.who.place},
    }


SECTION = Section(order=35, title="Quality and speed", content=content)
