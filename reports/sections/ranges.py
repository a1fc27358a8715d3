"""Between which learning rates a training learns: bounds of every contender, and their curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from levelfield.errors import UserError
from levelfield.results.estimate import Interval
from levelfield.results.lr_range import Bounds
from levelfield.results.sweep import FILE, Group, Sweep, beside, found_bounds, labelled, read_sweeps

from . import Contender, Section, View, charts, marked_out

EXPLORED = "study"
"""`levelfield explore` makes its study in this folder, inside the one of its sweeps."""


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
    marked: bool
    """Whether a sweep was not verified."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One workload."""

    workload: str
    optimizer: str
    rows: tuple[Row, ...]
    contenders: tuple[Contender, ...]
    charts: tuple[charts.Chart, ...]


def content(view: View) -> Mapping[str, Any] | None:
    """Return the panels of the range tests that lie with the study; None where there are none."""
    sweeps = _beside(view.study.folder)
    if not sweeps:
        return None
    known = {contender.label: contender for contender in view.contenders}
    try:
        found = found_bounds(sweeps)
    except UserError as error:
        return {"panels": (), "absent": (), "trouble": error.seen}
    return facts(sweeps, found, known)


def facts(
    sweeps: Sequence[Sweep], found: Mapping[Group, Bounds], known: Mapping[str, Contender]
) -> dict[str, Any]:
    """What the template is given of these sweeps and their bounds.

    known: contenders by label that have their looks already.
    """
    who, named = dict(known), labelled(sweeps)
    for label, sweep in named:
        if label not in who:
            identity = (sweep.backend, sweep.mode, sweep.device)
            who[label] = marked_out(len(who), label, identity)
    names = list(dict.fromkeys(sweep.workload for sweep in sweeps))
    panels = [_panel(number, name, named, found, who) for number, name in enumerate(names)]
    return {
        "panels": [panel for panel in panels if panel.rows],
        "absent": [(label, sweep) for label, sweep in named if sweep.status != "ok"],
        "trouble": "",
    }


def _beside(folder: Path) -> list[Sweep]:
    """The sweeps of a study's folder, or of the folder of the exploration that it ended."""
    places = [folder, folder.parent] if folder.name == EXPLORED else [folder]
    for place in places:
        if (place / FILE).exists():
            try:
                return read_sweeps(place)
            except UserError:
                return []
    return []


def _panel(
    number: int,
    name: str,
    named: Sequence[tuple[str, Sweep]],
    found: Mapping[Group, Bounds],
    who: Mapping[str, Contender],
) -> Panel:
    mine = {label: bounds for (workload, label), bounds in found.items() if workload == name}
    good = [(who, s) for who, s in named if s.workload == name and s.status == "ok"]
    made = [
        _chart(f"ranges-{number}-{kind}", kind, name, mine, who)
        for kind in ("accuracy", "loss")
        if any(np.isfinite(getattr(bounds, kind)).any() for bounds in mine.values())
    ]
    return Panel(
        workload=name,
        optimizer=next((sweep.optimizer for _, sweep in good), ""),
        rows=tuple(
            _row(who[label], bounds, [sweep for each, sweep in good if each == label])
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
        marked=any(s.verification is None or s.verification.status != "passed" for s in sweeps),
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


SECTION = Section(order=69, title="Learning-rate range test", content=content)
