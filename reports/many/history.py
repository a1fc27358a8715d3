"""Studies of one machine in the order of their dates: ratios, seconds, and what may be divided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from levelfield.results import against, comparable, estimate
from levelfield.results.gather import Cell, Change, Machine, Member, elapsed, moment
from levelfield.results.record import Record

from .. import charts  # noqa: TID252 - mypy knows no mapped name
from ..view import Contender  # noqa: TID252
from .machines import SYMBOLS, interval, reach
from .view import Many, commit, key

DRAWN = 24
"""Panels with charts; the tables hold all."""
TICKS = 14
"""So many studies have a tick each."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender's seconds over those of the first study that timed it."""

    who: Contender
    changes: tuple[Change, ...]
    marked: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A workload on one machine."""

    name: str
    fingerprint: str
    machine: Machine
    members: tuple[Member, ...]
    stamps: tuple[str, ...]
    shifts: tuple[float, ...]
    """How much longer the sentinel took than in the first study; NaN where one had none."""
    rows: tuple[Row, ...]
    reasons: tuple[str, ...]
    """Why some seconds may not be divided."""
    charts: tuple[charts.Chart, ...]


def content(many: Many) -> Mapping[str, Any] | None:
    """Return a panel for each workload that one machine timed in several studies."""
    panels: list[Panel] = []
    for workload, (fingerprint, _) in enumerate(many.workloads):
        for machine in many.gathered.machines:
            mine = [m for m in many.gathered.on(machine) if m.rivals(fingerprint)]
            if len(mine) > 1:
                panels.append(_panel(many, workload, mine, drawn=len(panels) < DRAWN))
    if not panels:
        return None
    return {
        "panels": panels,
        "undrawn": len(panels) > DRAWN,
    }


def stamp(member: Member) -> str:
    """A study's commit where it has one, else its day."""
    when = moment(member.study.head)
    return commit(member) or (f"{when:%Y-%m-%d}" if when else f"study {member.number}")


def _stamps(members: Sequence[Member]) -> list[str]:
    """Every study's stamp; those of one day have the time too."""
    made = [stamp(member) for member in members]
    when = [moment(member.study.head) for member in members]
    return [
        f"{text} {at:%H:%M}" if at and made.count(text) > 1 else text
        for text, at in zip(made, when, strict=True)
    ]


def _panel(many: Many, workload: int, members: Sequence[Member], *, drawn: bool) -> Panel:
    fingerprint, name = many.workloads[workload]
    who = [
        each
        for each in many.who(workload)
        if any((fingerprint, each.label) in member.good for member in members)
    ]
    rows = tuple(_row(many, workload, each, members) for each in who)
    reasons = dict.fromkeys(
        f"{row.who.label}: {each.reason}" for row in rows for each in row.changes if each.refused
    )
    return Panel(
        name=name,
        fingerprint=fingerprint,
        machine=members[0].machine,
        members=tuple(members),
        stamps=tuple(_stamps(members)),
        shifts=tuple(_shift(members[0], member) for member in members),
        rows=rows,
        reasons=tuple(reasons),
        charts=tuple(_charts(many, workload, who, members)) if drawn else (),
    )


def _row(many: Many, workload: int, who: Contender, members: Sequence[Member]) -> Row:
    first, *rest = members
    cell = many.workloads[workload][0], who.label
    places = [(workload, who.place, many.place(member)) for member in members]
    return Row(
        who=who,
        changes=tuple(elapsed(cell, (first, member)) for member in rest),
        marked=tuple(bool({places[0], place} & many.marked) for place in places[1:]),
    )


def _shift(one: Member, other: Member) -> float:
    found = against.shift(one.study.sentinels, other.study.sentinels)
    return math.nan if found is None else found


def _charts(
    many: Many, workload: int, who: Sequence[Contender], members: Sequence[Member]
) -> Iterator[charts.Chart]:
    name = f"{workload}-{members[0].machine.number}"
    base = many.first.base.label
    about = f"of each contender on {many.workloads[workload][1]}, study by study"
    for kind, title in (
        ("ratio", f"ratio to {charts.safe(base)}"),
        ("seconds", "seconds an epoch"),
    ):
        figure = charts.figure(x="", y=title, log_y=True)
        if kind == "ratio":
            found = many.found(workload, who, members)
            figure.update_yaxes(range=reach(found), rangemode="normal")
        stamps = _stamps(members)
        places = list(range(len(members)))
        if len(members) > TICKS:
            places = charts.thinned(len(members), TICKS).tolist()
        figure.update_xaxes(
            rangemode="normal",
            range=[-0.4, len(members) - 0.6],
            tickvals=places,
            ticktext=[charts.safe(stamps[place]) for place in places],
            tickangle=-40,
        )
        width = min(0.03 * (len(who) - 1), 0.4)  # so that bars of one study do not hide each other
        for each, shift in zip(who, np.linspace(-width / 2, width / 2, len(who)), strict=True):
            figure.add_trace(_line(many, kind, workload, each, members, float(shift)))
        yield charts.Chart(name=f"history-{kind}-{name}", figure=figure, about=f"{title} {about}")


def _line(
    many: Many,
    kind: str,
    workload: int,
    who: Contender,
    members: Sequence[Member],
    shift: float,
) -> Any:
    import plotly.graph_objects as go

    cell = many.workloads[workload][0], who.label
    stops = _stops(cell, members)
    meta: dict[str, Any] = {"group": who.place}
    if kind == "ratio":
        places = [m and (workload, who.place, many.place(m)) for _, m in stops]
        values = interval(
            "y", [many.first.ratios.get(place) if place else None for place in places]
        )
        meta |= {"axis": "y", "keys": [key(place) if place else "" for place in places]}
    else:
        values = interval("y", [_spread(m.good.get(cell, ())) if m else None for _, m in stops])
    return go.Scatter(
        x=[at + shift for at, _ in stops],
        name=charts.safe(who.label),
        mode="lines+markers",
        line={"color": who.colour, "dash": who.dash, "width": 1.6},
        marker={"symbol": SYMBOLS[who.place % len(SYMBOLS)], "size": 7},
        text=[charts.safe(_when(m)) if m else "" for _, m in stops],
        hovertemplate="%{fullData.name}<br>%{text}: %{y:.4g}<extra></extra>",
        connectgaps=False,
        meta=meta,
        **values,
    )


def _stops(cell: Cell, members: Sequence[Member]) -> list[tuple[float, Member | None]]:
    """The studies along a line; None, a gap, between two that did not do the same work."""
    made: list[tuple[float, Member | None]] = []
    for place, member in enumerate(members):
        last = made[-1][1] if made else None
        if last and cell in last.good and cell in member.good:
            sides, both = (last.good[cell], member.good[cell]), (last.study, member.study)
            if any(comparable.work(*sides, both)):
                made.append((place - 0.5, None))
        made.append((float(place), member))
    return made


def _when(member: Member) -> str:
    when = moment(member.study.head)
    parts = [f"{when:%Y-%m-%d %H:%M} UTC" if when else "", commit(member), member.name]
    return ", ".join(filter(None, parts))


def _spread(records: Sequence[Record]) -> estimate.Interval | None:
    """The typical epoch, with the quickest and the slowest trial's own as its bounds."""
    if not records:
        return None
    trials = [math.exp(estimate.location(each)) for each in against.settled(records)]
    return estimate.Interval(
        estimate=against.typical(records),
        low=min(trials),
        high=max(trials),
        confidence=1.0,
        units=len(trials),
    )
