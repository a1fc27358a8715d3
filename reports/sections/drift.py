"""Did the machine itself change its speed: the sentinel's readings before and after each block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from levelfield.results.record import Sentinel

from . import Section, View, charts

COLOURS = {"first": "#0072b2", "last": "#d55e00"}
MARKERS = {"first": "circle", "last": "diamond"}
FEW = 30
"""With so many readings every block has a tick of its own."""
TITLES = {"first": "before the block", "last": "after the block"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One time that the sentinel was run: operations a second."""

    block: int
    position: str
    started: str
    rate: float
    """By the median of its seconds."""
    best: float


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Readings of one and the same matrix product."""

    precision: str
    threads: int
    size: int
    readings: tuple[Reading, ...]
    chart: charts.Chart

    @property
    def moved(self) -> float:
        """How much faster the fastest reading was than the slowest, as a share of the slowest."""
        rates = [reading.rate for reading in self.readings]
        return max(rates) / min(rates) - 1

    @property
    def best(self) -> float:
        """The best rate ever seen."""
        return max(reading.best for reading in self.readings)


def content(view: View) -> Mapping[str, Any]:
    """Return one watch for each kind of matrix product that was timed."""
    kinds: dict[tuple[str, int, int], list[Sentinel]] = {}
    for sentinel in view.study.sentinels:
        if sentinel.seconds and min(sentinel.seconds) > 0:
            kind = (sentinel.precision, sentinel.threads, sentinel.size)
            kinds.setdefault(kind, []).append(sentinel)
    return {
        "watches": [
            _watch(number, *kind, sentinels)
            for number, (kind, sentinels) in enumerate(kinds.items())
        ]
    }


def _watch(
    number: int, precision: str, threads: int, size: int, sentinels: Sequence[Sentinel]
) -> Watch:
    readings = tuple(_reading(sentinel) for sentinel in sentinels)
    return Watch(
        precision=precision,
        threads=threads,
        size=size,
        readings=readings,
        chart=_chart(f"drift-{number}", readings),
    )


def _reading(sentinel: Sentinel) -> Reading:
    work = 2 * sentinel.size**3
    return Reading(
        block=sentinel.block,
        position=sentinel.position,
        started=sentinel.started,
        rate=work / median(sentinel.seconds),
        best=work / min(sentinel.seconds),
    )


def _chart(name: str, readings: Sequence[Reading]) -> charts.Chart:
    figure = charts.figure(x="block", y="GFLOP/s")
    for position, colour in COLOURS.items():
        chosen = [reading for reading in readings if reading.position == position]
        line = charts.line(
            np.array([reading.block for reading in chosen]),
            np.array([reading.rate / 1e9 for reading in chosen]),
            name=TITLES[position],
            unit=" GFLOP/s",
            line={"color": colour, "width": 1.8},
            marker={"symbol": MARKERS[position], "size": 7},
        )
        figure.add_trace(line)
    figure.update_xaxes(
        rangemode="normal", tickformat="d", dtick=1 if len(readings) <= FEW else None
    )
    figure.update_yaxes(rangemode="tozero")
    about = "Rate of the sentinel's matrix product before and after each block"
    return charts.Chart(name=name, figure=figure, height=260, about=about, points=False)


SECTION = Section(order=74, title="Drift", content=content)
