"""The page of a learning-rate range test: the bounds of every contender, and their curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from markupsafe import Markup

from levelfield.results.estimate import Interval
from levelfield.results.lr_range import Bounds
from levelfield.results.sweep import Group, Sweep, beside

from . import charts, page
from .view import COLOURS, DASHES, Contender


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contender on one workload."""

    who: Contender
    verdict: str
    reasons: str
    low: str
    high: str
    best: float
    """Highest smoothed accuracy; NaN where none was taken."""
    tested: float
    """Median accuracy on the test set at the end of the sweeps."""
    seeds: int
    beside: float
    """Share of the sweeps' time that was not training."""
    memory: float
    """Peak bytes of the worker."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One workload."""

    workload: str
    optimizer: str
    rows: tuple[Row, ...]
    contenders: tuple[Contender, ...]
    charts: tuple[charts.Chart, ...]


def write(title: str, sweeps: Sequence[Sweep], found: Mapping[Group, Bounds], target: Path) -> Path:
    """Write the page of these sweeps and their bounds; gives back where it stands."""
    labels = list(dict.fromkeys(sweep.contender for sweep in sweeps))
    who = {label: _contender(place, label) for place, label in enumerate(labels)}
    names = list(dict.fromkeys(sweep.workload for sweep in sweeps))
    panels = [_panel(number, name, sweeps, found, who) for number, name in enumerate(names)]
    absent = [sweep for sweep in sweeps if sweep.status != "ok"]
    template = page.templates().get_template("ranges.html")
    html = template.render(panels=[p for p in panels if p.rows], absent=absent)
    part = ("ranges", "Learning-rate range test", Markup(html))  # noqa: S704 - its template escaped
    return page.save(page.document(title, [part]), target)


def _contender(place: int, label: str) -> Contender:
    colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
    return Contender(place=place, label=label, colour=colour, dash=dash)


def _panel(
    number: int,
    name: str,
    sweeps: Sequence[Sweep],
    found: Mapping[Group, Bounds],
    who: Mapping[str, Contender],
) -> Panel:
    mine = {label: bounds for (workload, label), bounds in found.items() if workload == name}
    good = [sweep for sweep in sweeps if sweep.workload == name and sweep.status == "ok"]
    made = [
        _chart(f"ranges-{number}-{kind}", kind, name, mine, who)
        for kind in ("accuracy", "loss")
        if any(np.isfinite(getattr(bounds, kind)).any() for bounds in mine.values())
    ]
    return Panel(
        workload=name,
        optimizer=next((sweep.optimizer for sweep in good), ""),
        rows=tuple(
            _row(who[label], bounds, [sweep for sweep in good if sweep.contender == label])
            for label, bounds in mine.items()
        ),
        contenders=tuple(who[label] for label in mine),
        charts=tuple(made),
    )


def _row(who: Contender, bounds: Bounds, sweeps: Sequence[Sweep]) -> Row:
    ended = [s.test_accuracy[-1] for s in sweeps if s.test_accuracy]
    return Row(
        who=who,
        verdict=bounds.verdict,
        reasons=" ".join(bounds.reasons),
        low=rate(bounds.low),
        high=rate(bounds.high),
        best=bounds.best,
        tested=median(ended) if ended else math.nan,
        seeds=len(sweeps),
        beside=beside(sweeps),
        memory=float(max((s.peak_memory or 0) for s in sweeps)) or math.nan,
    )


def rate(found: Interval | None) -> str:
    """A rate with its interval, in words."""
    if found is None:
        return "none"
    return f"{found.estimate:.3g} [{found.low:.3g}, {found.high:.3g}]"


def _chart(
    name: str, kind: str, workload: str, mine: Mapping[str, Bounds], who: Mapping[str, Contender]
) -> charts.Chart:
    figure = charts.figure(x="learning rate", y=f"{kind} of a batch", log_y=kind == "loss")
    figure.update_xaxes(type="log", rangemode="normal")
    figure.add_traces(list(_traces(kind, mine, who)))
    about = f"Smoothed {kind} of batches as the learning rate rises, on {workload}"
    return charts.Chart(name=name, figure=figure, about=about)


def _traces(kind: str, mine: Mapping[str, Bounds], who: Mapping[str, Contender]) -> Iterator[Any]:
    for label, bounds in mine.items():
        values = np.where(np.isfinite(getattr(bounds, kind)), getattr(bounds, kind), np.nan)
        places = charts.thinned(len(values))
        yield charts.line(
            bounds.rates[places],
            values[places],
            name=label,
            line={"color": who[label].colour, "dash": who[label].dash, "width": 1.6},
            connectgaps=True,
            meta={"group": who[label].place},
        )
