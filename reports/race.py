"""How long each contender trains until its test loss is at most a target that the reader sets."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from levelfield.results.scaling import common, time_to

from . import charts, formats, learning
from .forest import Mark, forest
from .measures import Standing
from .view import Contender, View, Workload

POINTS = 16_000
"""Epochs of a workload that lie in the page for this, over all trials."""
FEWEST = 8
"""Epochs of a trial that are kept in any case."""
STEPS = 1000
"""Of the slider."""

Trial = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Seconds of training so far, and test loss, after each epoch that is kept."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender's seconds to the target, over its trials; infinite where never."""

    who: Contender
    standing: Standing
    seconds: float
    low: float
    high: float
    reached: int
    trials: int


@dataclass(frozen=True, kw_only=True)
class Race:
    """One workload: the table at the target that is shown first, and what `race.js` needs."""

    name: str
    target: float
    rows: tuple[Row, ...]
    kept: int
    """At most so many epochs a trial are looked at; 0: all of them."""
    steps: int
    chart: charts.Chart
    data: Markup


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One workload: every contender's seconds to the target of `scaling.common`."""

    target: float
    rows: tuple[Row, ...]
    """Fastest first."""
    trials: Mapping[int, Sequence[Trial]]
    """By contender's place."""
    kept: int
    """At most so many epochs a trial are looked at; 0: all of them."""


def timed(view: View, ranked: Sequence[Standing], epochs: pd.DataFrame) -> Timed | None:
    """Time to the target; None where no test loss is a finite number in the end.

    epochs: of `learning.epochs`. Of workloads with very many, a trial's are thinned.
    """
    target = common(epochs.groupby("trial").tail(1)["test_loss"].tolist())
    if math.isnan(target):
        return None
    limit = max(FEWEST, POINTS // max(1, epochs["trial"].nunique()))
    looked = learning.known(epochs, "test_loss")
    trials = _trials(looked, limit)
    rows = [
        _row(view.contenders[standing.contender], standing, trials[standing.contender], target)
        for standing in ranked
    ]
    return Timed(
        target=target,
        rows=tuple(sorted(rows, key=lambda row: row.seconds)),
        trials=trials,
        kept=limit if looked.groupby("trial").size().max() > limit else 0,
    )


def race(
    name: str, view: View, workload: Workload, ranked: Sequence[Standing], epochs: pd.DataFrame
) -> Race | None:
    """Time to a target that is the common one at first; None where there is none.

    epochs: of `learning.epochs`.
    """
    if (found := timed(view, ranked, epochs)) is None:
        return None
    trials, places = found.trials, [standing.contender for standing in ranked]
    losses = np.concatenate([each for place in places for _, each in trials[place]])
    finite = losses[np.isfinite(losses)]
    low, high = float(finite.min()), float(finite.max())
    facts = {
        "target": found.target,
        "low": low,
        "high": high,
        "steps": STEPS,
        "log": low > 0,
        "contenders": [
            {"place": place, "epochs": [len(s) for s, _ in trials[place]]} for place in places
        ],
        "seconds": _packed([seconds for place in places for seconds, _ in trials[place]]),
        "losses": _packed([losses]),
    }
    by_rank = sorted(found.rows, key=lambda row: places.index(row.who.place))
    return Race(
        name=name,
        target=found.target,
        rows=found.rows,
        kept=found.kept,
        steps=STEPS,
        chart=_chart(name, workload, by_rank),
        data=charts.embed(json.dumps(facts, separators=(",", ":"))),
    )


def seconds_to(trial: Trial, target: float) -> float:
    """Seconds until the loss is at most the target, by the rule of `scaling.time_to`."""
    spent, losses = (column.astype(float) for column in trial)
    time = time_to(np.diff(spent, prepend=0.0).tolist(), losses.tolist(), target)
    return math.inf if math.isnan(time) else time


def _trials(epochs: pd.DataFrame, limit: int) -> dict[int, list[Trial]]:
    """By contender's place, its trials: so many epochs of each, evenly spread, the last among them.

    epochs: those at which the test set was looked at.
    A loss that is not a finite number is NaN: it is at most nothing. Losses are rounded down to
    single precision, so that whatever reaches a target still does.
    """
    found: dict[int, list[Trial]] = {}
    losses = _below(epochs["test_loss"].where(np.isfinite(epochs["test_loss"])).to_numpy(float))
    spent = epochs["seconds"].to_numpy(np.float32)
    _, starts = np.unique(epochs["trial"].to_numpy(), return_index=True)
    ends = [*starts[1:].tolist(), len(epochs)]
    places = epochs["contender"].to_numpy()[starts].tolist()
    kept = {size: charts.thinned(size, limit) for size in set(np.subtract(ends, starts).tolist())}
    for start, end, place in zip(starts.tolist(), ends, places, strict=True):
        at = start + kept[end - start]
        found.setdefault(place, []).append((spent[at], losses[at]))
    return found


def _below(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The greatest numbers of single precision that are not above these."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def _row(who: Contender, standing: Standing, trials: Sequence[Trial], target: float) -> Row:
    times = [seconds_to(trial, target) for trial in trials]
    return Row(
        who=who,
        standing=standing,
        seconds=median(times),
        low=min(times),
        high=max(times),
        reached=sum(map(math.isfinite, times)),
        trials=len(times),
    )


def _packed(columns: Sequence[NDArray[np.float32]]) -> str:
    """All values one after the other: little-endian, four bytes each, in base64."""
    return base64.b64encode(np.concatenate(columns).astype("<f4").tobytes()).decode()


def _chart(name: str, workload: Workload, rows: Sequence[Row]) -> charts.Chart:
    """Every contender's median and range on an axis of seconds."""
    marks = [
        Mark(
            text=charts.safe(row.who.label) + ("*" if row.standing.marked else ""),
            who=row.who,
            verified=row.standing.verified,
            value=row.seconds,
            low=row.low,
            high=row.high if math.isfinite(row.high) else row.seconds,
            note=f"({row.reached} of {formats.plural(row.trials, 'trial')})",
        )
        for row in rows
    ]
    about = f"Seconds of training until the target loss, by contender, on {workload.name}"
    title = "seconds to the target"
    return forest(f"{name}-chart", marks, title=title, about=about, ratios=False, unit=" s")
