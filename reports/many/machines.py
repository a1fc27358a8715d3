"""One ranking from several machines: each is a marker of its own, and none is averaged away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelfield.results.estimate import Interval
from levelfield.results.gather import Member

from .. import charts  # noqa: TID252 - mypy knows no mapped name
from ..view import COLOURS, Contender  # noqa: TID252
from .view import Many, Place, key, machine

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
FAR = 4.0
"""An axis ends at the latest so many times beyond the outermost estimate."""
DRAWN = 24
"""Workloads with a chart; the tables hold all."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender over the machines."""

    who: Contender
    places: tuple[Place, ...]
    """Of its cells, one a machine."""
    answer: str

    @property
    def keys(self) -> list[str]:
        """By which the page's script finds the cells."""
        return list(map(key, self.places))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A workload that several machines timed."""

    name: str
    fingerprint: str
    members: tuple[Member, ...]
    """The latest study of each machine."""
    rows: tuple[Row, ...]
    chart: charts.Chart | None


def content(many: Many) -> Mapping[str, Any] | None:
    """Return a ranking for each workload of several machines; nothing where there are none."""
    panels: list[Panel] = []
    for workload, (fingerprint, _) in enumerate(many.workloads):
        timed = many.gathered.timed(fingerprint)
        latest = tuple({member.machine.number: member for member in timed}.values())
        if len(latest) > 1:
            panels.append(_panel(many, workload, latest, drawn=len(panels) < DRAWN))
    if not panels:
        return None
    return {"panels": panels, "name": machine, "colour": colour, "undrawn": len(panels) > DRAWN}


def colour(member: Member) -> str:
    """The colour of a member's machine."""
    return COLOURS[(member.machine.number - 1) % len(COLOURS)]


def answer(found: Sequence[Interval]) -> str:
    """On how many machines it is slower or faster than the baseline; `many.js` writes the same."""
    known = [interval for interval in found if not interval.single]
    slower = sum(interval.low > 1 for interval in known)
    faster = sum(interval.high < 1 for interval in known)
    words = {
        "slower": slower,
        "faster": faster,
        "no difference shown": len(known) - slower - faster,
        "one trial only": len(found) - len(known),
    }
    return ", ".join(f"{word} on {n} of {len(found)}" for word, n in words.items() if n)


def _panel(many: Many, workload: int, members: tuple[Member, ...], *, drawn: bool) -> Panel:
    fingerprint, name = many.workloads[workload]
    who = [
        each
        for each in many.who(workload)
        if any((fingerprint, each.label) in member.good for member in members)
    ]
    rows = tuple(_row(many, workload, each, members) for each in who)
    return Panel(
        name=name,
        fingerprint=fingerprint,
        members=members,
        rows=rows,
        chart=_chart(many, workload, who, members) if drawn else None,
    )


def _row(many: Many, workload: int, who: Contender, members: Sequence[Member]) -> Row:
    places = [(workload, who.place, many.place(member)) for member in members]
    found = [many.first.ratios[place] for place in places if place in many.first.ratios]
    return Row(
        who=who,
        places=tuple(places),
        answer="" if who is many.first.base else answer(found),
    )


def _chart(
    many: Many, workload: int, who: Sequence[Contender], members: Sequence[Member]
) -> charts.Chart:
    figure = charts.figure(x=f"ratio to {charts.safe(many.first.base.label)}", y="")
    ends = reach(many.found(workload, who, members))
    figure.update_xaxes(type="log", rangemode="normal", range=ends)
    figure.update_yaxes(
        tickvals=list(range(len(who))),
        ticktext=[charts.safe(each.label) for each in who],
        range=[len(who) - 0.5, -0.5],
        rangemode="normal",
        zeroline=False,
    )
    figure.add_vline(x=1, line_width=1, line_dash="dot", line_color="#7f7f7f")
    figure.add_traces(list(_traces(many, workload, who, members)))
    return charts.Chart(
        name=f"machines-{workload}",
        figure=figure,
        height=90 + len(who) * max(26, 9 * len(members)),
        about=f"Ratio to the baseline of each contender on {many.workloads[workload][1]}, "
        "a marker with its interval for each machine",
    )


def _traces(
    many: Many, workload: int, who: Sequence[Contender], members: Sequence[Member]
) -> Iterator[Any]:
    import plotly.graph_objects as go

    for number, member in enumerate(members):
        place = many.place(member)
        places = [(workload, each.place, place) for each in who]
        found = [many.first.ratios.get(each) for each in places]
        shift = 0.7 * ((number + 0.5) / len(members) - 0.5)
        yield go.Scatter(
            y=[row + shift for row in range(len(who))],
            name=charts.safe(machine(member.machine)),
            mode="markers",
            marker={"color": colour(member), "size": 8, "symbol": symbol(member)},
            text=[charts.safe(each.label) for each in who],
            hovertemplate="%{text} on %{fullData.name}: %{x:.4g}<extra></extra>",
            meta={"group": f"machine-{number}", "axis": "x", "keys": list(map(key, places))},
            **interval("x", found),
        )


def symbol(member: Member) -> str:
    """The marker of a member's machine."""
    return SYMBOLS[(member.machine.number - 1) % len(SYMBOLS)]


def reach(found: Iterable[Interval | None]) -> list[float]:
    """The ends of a logarithmic axis: every estimate, and of intervals what is not far beyond.

    One hopeless interval would press all others together; `many.js` does the same.
    """
    known = [i for i in found if i and i.estimate > 0]
    if not known:
        return [-0.1, 0.1]
    least, most = min(i.estimate for i in known) / FAR, max(i.estimate for i in known) * FAR
    low = min(i.estimate if i.single else max(i.low, least) for i in known)
    high = max(i.estimate if i.single else min(i.high, most) for i in known)
    ends = math.log10(low), math.log10(high)
    spare = 0.05 * (ends[1] - ends[0]) + 0.01
    return [ends[0] - spare, ends[1] + spare]


def interval(axis: str, found: Sequence[Interval | None]) -> dict[str, Any]:
    """A trace's values along an axis; error bars but of one trial. `many.js` makes the same."""
    return {
        axis: [i.estimate if i else None for i in found],
        f"error_{axis}": {
            "type": "data",
            "symmetric": False,
            "array": [i.high - i.estimate if i and not i.single else None for i in found],
            "arrayminus": [i.estimate - i.low if i and not i.single else None for i in found],
            "thickness": 1.4,
            "width": 3,
        },
    }
