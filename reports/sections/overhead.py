"""What layers and modes cost: Keras over what it runs on, as it comes over what it can do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelfield.results import against
from levelfield.results.estimate import Interval

from ..forest import Mark, forest  # noqa: TID252 - mypy knows no mapped name
from ..ratios import ratio, told, vague  # noqa: TID252
from . import Contender, Section, View, Workload, charts, measures

LAYERS = {
    "keras-torch": "torch",
    "keras-jax": "jax",
    "keras-tensorflow": "tensorflow",
    "keras-theano": "theano",
    "elephas": "keras-tensorflow",
    "spark-torch": "torch",
}
"""By backend: what it is a layer over."""
ROW = 40
"""Pixels of the plot that a pair takes: its name has two lines."""
DEFAULT = "default"
"""The mode of a backend's own defaults, where it has one of that name."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two contenders of which one does more, or knows less, than the other."""

    head: measures.Standing
    base: measures.Standing
    what: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one of a pair takes over the other."""

    head: Contender
    base: Contender
    what: str
    interval: Interval
    bounds: str
    seconds: float
    """What it costs in an epoch: the difference of the typical steady epochs."""
    marked: bool
    """Whether one of the two is not verified."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One workload."""

    workload: Workload
    rows: tuple[Row, ...]
    chart: charts.Chart


def content(view: View) -> Mapping[str, Any] | None:
    """Return one table a workload that has such a pair."""
    tables = [_table(view, number, *ranking) for number, ranking in enumerate(view.ranked())]
    found = [table for table in tables if table]
    return {"tables": found, "sure": against.CONFIDENCE} if found else None


def _table(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> Table | None:
    timed = [s for s in ranked if s.epoch.median > 0]
    pairs = {(p.head.contender, p.base.contender): p for p in reversed([*_pairs(view, timed)])}
    if not pairs:
        return None
    rows = [_row(view, workload, pair, len(pairs)) for pair in reversed(pairs.values())]
    marks = [_mark(row) for row in rows]
    about = f"Steady epoch of one over another's, pair by pair, on {workload.name}"
    title = "times as long"
    chart = forest(
        f"overhead-{number}", marks, title=title, about=about, ratios=True, unit=" x", row=ROW
    )
    return Table(workload=workload, rows=tuple(rows), chart=chart)


def _pairs(view: View, ranked: Sequence[measures.Standing]) -> Iterator[Pair]:
    """Layers first, then modes; a pair may come twice."""
    groups: dict[tuple[str, str], list[measures.Standing]] = {}
    for standing in ranked:
        backend = view.modes[standing.contender][0]
        groups.setdefault((backend, standing.device), []).append(standing)
    for (backend, device), mine in groups.items():
        below = LAYERS.get(backend, "")
        native = groups.get((below, device)) or groups.get((below, "cpu"), [])
        if native:
            comes = [_first(view, group) for group in (mine, native)]
            best = [measures.fastest(group) for group in (mine, native)]
            yield Pair(head=comes[0], base=comes[1], what=f"{backend} over {below}, as they come")
            yield Pair(head=best[0], base=best[1], what=f"{backend} over {below}, fastest modes")
    for (backend, _), mine in groups.items():
        modes = {view.modes[standing.contender][1]: standing for standing in mine}
        if DEFAULT in modes and "tuned" in modes:
            what = f"{backend}: as it comes over tuned"
            yield Pair(head=modes[DEFAULT], base=modes["tuned"], what=what)
        first, best_ = _first(view, mine), measures.fastest(mine)
        if first is not best_:
            yield Pair(head=first, base=best_, what=f"{backend}: first mode over its fastest")


def _first(view: View, group: Sequence[measures.Standing]) -> measures.Standing:
    """What a newcomer gets: the default mode, else the one that stands first in the plan."""
    return min(group, key=lambda s: (view.modes[s.contender][1] != DEFAULT, s.contender))


def _row(view: View, workload: Workload, pair: Pair, count: int) -> Row:
    sides = view.sides[workload.fingerprint]
    head, base = sides[pair.head.contender], sides[pair.base.contender]
    interval = ratio(base, head, comparisons=count)
    return Row(
        head=view.contenders[pair.head.contender],
        base=view.contenders[pair.base.contender],
        what=pair.what,
        interval=interval,
        bounds=told(interval),
        seconds=head.seconds - base.seconds,
        marked=pair.head.marked or pair.base.marked,
    )


def _mark(row: Row) -> Mark:
    text = f"{charts.safe(row.head.label)}<br>over {charts.safe(row.base.label)}"
    known = not vague(row.interval)
    return Mark(
        text=text + ("*" if row.marked else ""),
        who=row.head,
        verified="unverified" if row.marked else "passed",
        value=row.interval.estimate,
        low=row.interval.low if known else math.nan,
        high=row.interval.high if known else math.nan,
        note=row.bounds,
    )


SECTION = Section(order=45, title="What layers cost", content=content)
