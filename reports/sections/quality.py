"""What the time was spent on: the quality that each contender ends with, beside its seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .. import learning  # noqa: TID252 - mypy knows no mapped name
from . import Contender, Section, View, Workload, charts, measures


@dataclass(frozen=True, kw_only=True)
class Point:
    """A contender: seconds of training and final quality, medians over trials."""

    who: Contender
    standing: measures.Standing
    seconds: measures.Spread
    quality: measures.Spread
    front: bool
    """Whether no other verified contender is at least as quick and as good, and better in one."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One workload and one measure of quality."""

    workload: Workload
    measure: str
    higher: bool
    """Whether more of it is better."""
    points: tuple[Point, ...]
    """On the front first, then by seconds."""
    chart: charts.Chart

    @property
    def contenders(self) -> list[Contender]:
        """Everyone in the plot, by place."""
        return sorted((point.who for point in self.points), key=lambda who: who.place)

    @property
    def standings(self) -> dict[int, measures.Standing]:
        """By the contender's place."""
        return {point.who.place: point.standing for point in self.points}

    @property
    def front(self) -> list[Point]:
        """Those on the front, quickest first."""
        return [point for point in self.points if point.front]


def content(view: View) -> Mapping[str, Any] | None:
    """Return plots of every workload: test loss, and accuracy or another metric."""
    plots = [
        plot
        for number, (workload, ranked) in enumerate(view.ranked())
        for plot in _plots(view, number, workload, ranked)
    ]
    return {"plots": plots} if plots else None


def _plots(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> list[Plot]:
    rows = learning.epochs(view, workload)
    last = rows.groupby("trial").tail(1)
    metrics = learning.metrics(view, workload)[:1]  # accuracy, where there is one
    columns = {"test_loss": "test loss"} | {name: f"test {name}" for name in metrics}
    made = []
    for place, (column, title) in enumerate(columns.items()):
        points = _points(view, last, column, ranked, higher=column != "test_loss")
        if points:
            chart = _chart(f"quality-{number}-{place}", workload, title, points)
            made.append(
                Plot(
                    workload=workload,
                    measure=title,
                    higher=column != "test_loss",
                    points=points,
                    chart=chart,
                )
            )
    return made


def _points(
    view: View,
    last: pd.DataFrame,
    column: str,
    ranked: Sequence[measures.Standing],
    *,
    higher: bool,
) -> tuple[Point, ...]:
    """Those whose every trial ended with a finite number."""
    known = last[np.isfinite(last["seconds"])].groupby("contender")
    found = []
    for standing in ranked:
        if standing.contender not in known.groups:
            continue
        mine = known.get_group(standing.contender)
        if np.isfinite(mine[column]).all():
            found.append((standing, _spread(mine["seconds"]), _spread(mine[column])))
    sign = -1 if higher else 1
    costs = [(s.median, sign * q.median) for standing, s, q in found if not standing.marked]
    points = [
        Point(
            who=view.contenders[standing.contender],
            standing=standing,
            seconds=seconds,
            quality=quality,
            front=not standing.marked
            and undominated((seconds.median, sign * quality.median), costs),
        )
        for standing, seconds, quality in found
    ]
    return tuple(sorted(points, key=lambda p: (not p.front, p.seconds.median)))


def undominated(cost: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Whether nobody costs at most as much in both, and less in one."""
    return not any(
        other != cost and other[0] <= cost[0] and other[1] <= cost[1] for other in others
    )


def _spread(values: pd.Series[float]) -> measures.Spread:
    return measures.Spread(
        median=float(values.median()), low=float(values.min()), high=float(values.max())
    )


def _chart(name: str, workload: Workload, title: str, points: Sequence[Point]) -> charts.Chart:
    import plotly.graph_objects as go

    figure = charts.figure(x="seconds of training, all epochs", y=title)
    front = [point for point in points if point.front]
    if len(front) > 1:
        figure.add_trace(
            go.Scatter(
                x=[point.seconds.median for point in front],
                y=[point.quality.median for point in front],
                mode="lines",
                line={"color": "#8a8f98", "width": 1.5, "dash": "dot", "shape": "hv"},
                hoverinfo="skip",
                meta={"group": -1},
            )
        )
    for number, point in enumerate(points):
        where = "top center" if number % 2 else "bottom center"
        figure.add_trace(go.Scatter(**_marker(point, where)))
    figure.update_xaxes(rangemode="normal", type=_scale([p.seconds for p in points]))
    figure.update_yaxes(rangemode="normal", type=_scale([p.quality for p in points]))
    about = f"{title} at the end over seconds of training, on {workload.name}"
    return charts.Chart(name=name, figure=figure, height=380, about=about)


def _scale(spreads: Sequence[measures.Spread]) -> str:
    """Logarithmic where the values are positive and lie far apart."""
    low, high = min(s.low for s in spreads), max(s.high for s in spreads)
    return "log" if low > 0 and math.log10(high / low) > 1 else "linear"


def _marker(point: Point, where: str) -> dict[str, Any]:
    """A point with its ranges; its name is written ``where`` if it is on the front."""
    colour = point.who.colour
    name = charts.safe(point.who.label) + ("*" if point.standing.marked else "")
    symbol = "x" if point.standing.marked else "circle" if point.front else "circle-open"

    def error(spread: measures.Spread) -> dict[str, Any]:
        return {
            "type": "data",
            "symmetric": False,
            "array": [spread.high - spread.median],
            "arrayminus": [spread.median - spread.low],
            "color": colour,
            "thickness": 1,
            "width": 3,
        }

    return {
        "x": [point.seconds.median],
        "y": [point.quality.median],
        "error_x": error(point.seconds),
        "error_y": error(point.quality),
        "name": name,
        "text": [name if point.front else ""],
        "textposition": where,
        "textfont": {"size": 11},
        "cliponaxis": False,
        "mode": "markers+text",
        "marker": {
            "color": colour,
            "size": 12 if point.front else 9,
            "symbol": symbol,
            "line": {"width": 2, "color": colour},
        },
        "hovertemplate": "%{fullData.name}<br>%{x:.4g} s: %{y:.4g}<extra></extra>",
        "meta": {"group": point.who.place},
    }


SECTION = Section(order=35, title="Quality and speed", content=content)
