"""Charts of what more processes buy: speed-up with its laws, efficiency, loss, cost, races."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from levelfield.results.scaling import Curve, Point, Reached, Share

from . import charts
from .view import Contender, marked_out

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHAPES = ("", "/", "x", "\\", "-", ".")
"""Of bars' patterns, so that they are told apart without colour."""
GREY = "#7f7f7f"


def looks(labels: Sequence[str]) -> tuple[Contender, ...]:
    """How each of these names looks; a colour, a dash and a marker each."""
    return tuple(marked_out(place, label, ("", "", "")) for place, label in enumerate(labels))


def speedup(name: str, curves: Sequence[Curve], who: Sequence[Contender]) -> charts.Chart:
    """Speed-up by partitions, with the laws that fit it and the ideal.

    Amdahl's law is a line in the band of its share's interval, Gustafson's is dotted.
    """
    figure = _by_partitions(curves, y="speed-up over one partition")
    most = max(point.partitions for curve in curves for point in curve.points)
    figure.add_trace(_ideal([1, most], [1, most]))
    at = np.linspace(1, most, 60)
    for curve, each in zip(curves, who, strict=True):
        figure.add_traces(list(_laws(curve, each, at)))
        points = [point for point in curve.points if point.speedup]
        bounds = [(p.speedup.low, p.speedup.estimate, p.speedup.high) for p in points if p.speedup]
        figure.add_trace(_points(each, [1, *(p.partitions for p in points)], [(1, 1, 1), *bounds]))
    return charts.Chart(
        name=name,
        figure=figure,
        about="Speed-up by partitions, with the laws of Amdahl and Gustafson and the ideal",
    )


def efficiency(name: str, curves: Sequence[Curve], who: Sequence[Contender]) -> charts.Chart:
    """Speed-up over partitions, with intervals."""
    figure = _by_partitions(curves, y="efficiency: speed-up over partitions")
    most = max(point.partitions for curve in curves for point in curve.points)
    figure.add_trace(_ideal([1, most], [1, 1]))
    for curve, each in zip(curves, who, strict=True):
        sizes = [point.partitions for point in curve.points]
        bounds = [_efficiency(point) for point in curve.points]
        figure.add_trace(_points(each, sizes, bounds, mode="lines+markers"))
    return charts.Chart(name=name, figure=figure, about="Efficiency by partitions")


def losses(name: str, curves: Sequence[Curve], who: Sequence[Contender]) -> charts.Chart:
    """Test loss after the same samples, by partitions, with the lowest and the highest trial."""
    figure = _by_partitions(curves, y="test loss after the same samples")
    figure.update_yaxes(rangemode="normal")
    for curve, each in zip(curves, who, strict=True):
        sizes = [point.partitions for point in curve.points]
        bounds = [(point.losses[0], point.loss, point.losses[1]) for point in curve.points]
        figure.add_trace(_points(each, sizes, bounds, mode="lines+markers"))
    return charts.Chart(name=name, figure=figure, about="Test loss by partitions")


def cpu(name: str, curves: Sequence[Curve], who: Sequence[Contender]) -> charts.Chart:
    """CPU seconds of all processes in an epoch, by partitions."""
    figure = _by_partitions(curves, y="CPU seconds an epoch, all processes")
    figure.update_yaxes(rangemode="tozero")
    for curve, each in zip(curves, who, strict=True):
        sizes = [point.partitions for point in curve.points]
        bounds = [(point.cpu, point.cpu, point.cpu) for point in curve.points]
        figure.add_trace(_points(each, sizes, bounds, mode="lines+markers"))
    return charts.Chart(name=name, figure=figure, about="CPU seconds an epoch by partitions")


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Amounts of one kind, one for each contender."""

    kind: str
    colour: str
    amounts: tuple[float, ...]


def bars(
    name: str, labels: Sequence[str], kinds: Sequence[Bars], *, x: str, stacked: bool
) -> charts.Chart:
    """Bars from zero by contender and kind; kinds differ in colour and pattern."""
    import plotly.graph_objects as go

    figure = charts.figure(x=x, y="")
    figure.update_layout(barmode="stack" if stacked else "group", bargap=0.3)
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=[charts.safe(label) for label in labels],
        range=[len(labels) - 0.5, -0.5],
        rangemode="normal",
        zeroline=False,
    )
    for place, each in enumerate(kinds):
        figure.add_trace(
            go.Bar(
                x=each.amounts,
                y=list(range(len(labels))),
                orientation="h",
                name=charts.safe(each.kind),
                marker={
                    "color": each.colour,
                    "pattern": {
                        "shape": SHAPES[place % len(SHAPES)],
                        "fillmode": "overlay",
                        "fgcolor": "#ffffff",
                        "fgopacity": 0.7,
                        "solidity": 0.15,
                    },
                },
                text=[charts.safe(label) for label in labels],
                textposition="none",
                hovertemplate="%{text}<br>%{fullData.name}: %{x:.4g}<extra></extra>",
                meta={"group": place},
            )
        )
    return charts.Chart(
        name=name,
        figure=figure,
        height=90 + (26 if stacked else 8 + 11 * len(kinds)) * len(labels),
        about=f"{x} by contender" + (", stacked by role" if stacked else ""),
    )


def races(
    name: str, reached: Sequence[Reached], who: Mapping[str, Contender], *, whole: bool
) -> charts.Chart:
    """Time to the same loss by samples an epoch, both axes logarithmic."""
    title = "seconds with the start" if whole else "seconds of training"
    figure = charts.figure(x="training samples", y=f"{title}, to the same loss", log_y=True)
    sizes = sorted({each.samples for each in reached if each.samples > 0})
    figure.update_xaxes(
        type="log", rangemode="normal", tickvals=sizes, ticktext=[f"{n:,}" for n in sizes]
    )
    for label, each in who.items():
        mine = sorted((r for r in reached if r.contender == label), key=lambda r: r.samples)
        extra = [r.whole - r.seconds if whole else 0.0 for r in mine]
        bounds = [
            (r.spread[0] + more, r.seconds + more, r.spread[1] + more)
            for r, more in zip(mine, extra, strict=True)
        ]
        mode = "lines+markers"
        figure.add_trace(_points(each, [r.samples for r in mine], bounds, mode=mode))
    return charts.Chart(name=name, figure=figure, about=f"{title} to the same loss, by samples")


def _by_partitions(curves: Sequence[Curve], *, y: str) -> go.Figure:
    figure = charts.figure(x="partitions", y=y)
    sizes = sorted({point.partitions for curve in curves for point in curve.points})
    figure.update_xaxes(tickvals=sizes, range=[0.7, sizes[-1] + 0.3], rangemode="normal")
    return figure


def _laws(curve: Curve, who: Contender, at: NDArray[np.float64]) -> Iterator[Any]:
    meta = {"group": who.place}
    if share := curve.amdahl:
        if share.low is not None and share.high is not None:
            yield charts.band(
                at, _amdahl(share.high, at), _amdahl(share.low, at), colour=who.colour, meta=meta
            )
        yield _law(
            f"{who.label}, Amdahl {_said(share)}", at, _amdahl(share.estimate, at), who, "solid"
        )
    if share := curve.gustafson:
        fit = at - share.estimate * (at - 1)
        yield _law(f"{who.label}, Gustafson {_said(share)}", at, fit, who, "dot")


def _law(
    name: str, at: NDArray[np.float64], fit: NDArray[np.float64], who: Contender, dash: str
) -> Any:
    line = {"color": who.colour, "dash": dash, "width": 1.4}
    return charts.line(at, fit, name=name, line=line, meta={"group": who.place})


def _amdahl(share: float, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Speed-up on so many partitions; not a number where the share leaves no time at all."""
    time = share + (1 - share) / at
    return np.divide(1.0, time, out=np.full_like(at, math.nan), where=time > 0)


def _said(share: Share) -> str:
    return f"(serial share {share.estimate:.2f})"


def _ideal(x: Sequence[float], y: Sequence[float]) -> Any:
    line = {"color": GREY, "dash": "dash", "width": 1.2}
    trace = charts.line(np.array(x), np.array(y), name="ideal", line=line, meta={"group": -1})
    return trace.update(mode="lines")


def _efficiency(point: Point) -> tuple[float, float, float]:
    found = point.speedup
    if found is None:
        return (1.0, 1.0, 1.0)
    return (
        found.low / point.partitions,
        found.estimate / point.partitions,
        found.high / point.partitions,
    )


def _points(
    who: Contender,
    x: Sequence[int],
    bounds: Sequence[tuple[float, float, float]],
    *,
    mode: str = "markers",
) -> Any:
    """Points with their bounds (low, middle, high); what is not finite is not drawn."""
    import plotly.graph_objects as go

    def known(values: Iterator[float]) -> list[float | None]:
        return [value if math.isfinite(value) else None for value in values]

    return go.Scatter(
        x=list(x),
        y=known(middle for _, middle, _ in bounds),
        name=charts.safe(who.label),
        mode=mode,
        line={"color": who.colour, "dash": who.dash, "width": 1.6},
        marker={"color": who.colour, "symbol": who.marker, "size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": known(high - middle for _, middle, high in bounds),
            "arrayminus": known(middle - low for low, middle, _ in bounds),
            "thickness": 1.4,
            "width": 4,
        },
        hovertemplate="%{fullData.name}<br>%{xaxis.title.text} %{x}: %{y:.4g}<extra></extra>",
        meta={"group": who.place},
    )
