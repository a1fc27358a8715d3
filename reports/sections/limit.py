"""The machine's own limit, measured in the study: who comes how near to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..forest import symbol  # noqa: TID252 - mypy knows no mapped name
from ..roofline import Reached, Roof, reached  # noqa: TID252
from . import Section, View, Workload, charts

WIDE = 8.0
"""How far a roof is drawn beyond the contenders and its ridge."""


def content(view: View) -> Mapping[str, Any] | None:
    """Return what was measured, one table a workload, and the roofline; None without limits."""
    measured = [limit for limit in view.study.limits if not limit.reason]
    if not measured:
        return None
    tables = [(w, reached(view, w, ranked)) for w, ranked in view.ranked()]
    tables = [(workload, rows) for workload, rows in tables if rows]
    return {
        "measured": measured,
        "missing": [limit for limit in view.study.limits if limit.reason],
        "tables": tables,
        "chart": _chart(tables),
    }


def _chart(tables: Sequence[tuple[Workload, Sequence[Reached]]]) -> charts.Chart | None:
    """Operations a second over operations a byte, both logarithmic, under the devices' roofs."""
    import plotly.graph_objects as go

    points = [
        (workload, each)
        for workload, rows in tables
        for each in rows
        if each.intensity > 0 and each.roof.bandwidth > 0
    ]
    if not points:
        return None
    figure = charts.figure(x="operations a byte", y="operations a second", log_y=True)
    figure.update_xaxes(type="log", rangemode="normal")
    figure.update_yaxes(exponentformat="SI")
    intensities = [each.intensity for _, each in points]
    for number, roof in enumerate(dict.fromkeys(each.roof for _, each in points)):
        figure.add_trace(_roof(roof, intensities, number))
    for workload, each in points:
        mark = "*" if each.standing.marked else ""
        figure.add_trace(
            go.Scatter(
                x=[each.intensity],
                y=[each.standing.work],
                name=charts.safe(each.who.label) + mark,
                mode="markers",
                marker={
                    "color": each.who.colour,
                    "size": 10,
                    "symbol": symbol(each.who, each.standing.verified),
                    "line": {"width": 2, "color": each.who.colour},
                },
                hovertemplate=f"%{{fullData.name}}<br>{charts.safe(workload.name)}<br>"
                "%{x:.3g} FLOP/byte, %{y:.3s}FLOP/s<extra></extra>",
                meta={"group": each.who.place},
            )
        )
    about = "Roofline: operations a second of each contender over operations a byte of its workload"
    return charts.Chart(name="limit-roofline", figure=figure, height=400, about=about)


def _roof(roof: Roof, intensities: Sequence[float], number: int) -> Any:
    import plotly.graph_objects as go

    low = min(*intensities, roof.ridge) / WIDE
    high = max(*intensities, roof.ridge) * WIDE
    places = [low, roof.ridge, high]
    return go.Scatter(
        x=places,
        y=[roof.over(place) for place in places],
        text=["", charts.safe(f"{roof.device}, {roof.precision}"), ""],
        textposition="top center",
        textfont={"size": 11},
        cliponaxis=False,
        name=charts.safe(f"limit of {roof.device} in {roof.precision}"),
        mode="lines+text",
        line={"color": "#8a8f98", "width": 2, "dash": ("solid", "dash", "dot")[number % 3]},
        hovertemplate="%{fullData.name}<br>%{x:.3g} FLOP/byte, %{y:.3s}FLOP/s<extra></extra>",
        meta={"group": -1},
    )


SECTION = Section(order=54, title="The machine's limit", content=content)
