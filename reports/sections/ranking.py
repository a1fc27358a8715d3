"""Who takes how long: a forest plot and a table a workload, beside a baseline that one chooses."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from levelfield.results import against
from levelfield.results.estimate import Interval

from ..forest import Mark, forest  # noqa: TID252 - mypy knows no mapped name
from ..ratios import MOST, Ratios, told  # noqa: TID252
from . import Contender, Section, View, Workload, charts, measures


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender's line of the table."""

    who: Contender
    standing: measures.Standing
    ratio: float
    """Its typical epoch over the baseline's; NaN where the baseline is not in this table."""
    bounds: str
    """The ratio's interval; empty where there is none."""
    left: float
    """Where its range begins on the strip, in percent of the strip."""
    width: float
    middle: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """One workload's ranking."""

    workload: Workload
    rows: tuple[Row, ...]
    fastest: int
    """Place of the contender that is the baseline where none is chosen."""
    whole: bool
    """Whether there is an interval for every baseline."""
    limit: int
    """Trials of each contender that ratios rest on; 0: all of them."""
    forest: charts.Chart
    name: str
    """Of the ratios' data in the page."""
    data: Markup
    single: bool
    memory: bool
    """Whether any device has memory of its own."""


def content(view: View) -> Mapping[str, Any]:
    """Return one table a workload."""
    tables = [_table(view, number, *ranking) for number, ranking in enumerate(view.ranked())]
    return {"tables": tables, "most": MOST, "sure": against.CONFIDENCE}


def _table(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> Table:
    fastest = measures.fastest(ranked)
    labels = [contender.label for contender in view.contenders]
    chosen = fastest.contender if view.baseline is None else labels.index(view.baseline)
    ratios = view.ratios[workload.fingerprint]
    scale = _scale(ranked)
    rows = []
    for standing in ranked:
        left, middle, right = (
            _place(at, scale)
            for at in (standing.epoch.low, standing.epoch.middle, standing.epoch.high)
        )
        interval = ratios.interval(chosen, standing.contender)
        row = Row(
            who=view.contenders[standing.contender],
            standing=standing,
            ratio=ratios.plain(chosen, standing.contender),
            bounds=told(interval) if interval else "",
            left=left,
            width=right - left,
            middle=middle,
        )
        rows.append(row)
    return Table(
        workload=workload,
        rows=tuple(rows),
        fastest=fastest.contender,
        whole=ratios.whole,
        limit=ratios.limit,
        forest=_forest(f"forest-{number}", workload, rows, ratios, view.contenders[chosen]),
        name=f"ratios-{number}",
        data=charts.embed(json.dumps(_data(ratios), separators=(",", ":"))),
        single=any(s.single for s in ranked),
        memory=any(not math.isnan(s.device_memory) for s in ranked),
    )


def _data(ratios: Ratios) -> dict[str, Any]:
    """For `ranking.js`: typical seconds, and by baseline and contender ratio, low and high."""
    return {
        "seconds": {place: time for place, time in ratios.seconds.items() if math.isfinite(time)},
        "over": {
            base: {head: _numbers(i) for head, i in heads.items() if _finite(i)}
            for base, heads in ratios.over.items()
        },
    }


def _numbers(interval: Interval) -> list[float | None]:
    """The ratio and its bounds; those of one trial are none."""
    bounds = (None, None) if interval.single else (interval.low, interval.high)
    return [interval.estimate, *bounds]


def _finite(interval: Interval) -> bool:
    return all(map(math.isfinite, (interval.estimate, interval.low, interval.high)))


def _forest(
    name: str, workload: Workload, rows: Sequence[Row], ratios: Ratios, base: Contender
) -> charts.Chart:
    """Every contender's ratio to the baseline with its interval, the fastest on top."""
    marks = []
    for row in rows:
        mark = Mark.of(row.who, row.standing, ratios.interval(base.place, row.who.place))
        marks.append(mark if math.isfinite(mark.value) else replace(mark, value=row.ratio))
    title = f"times as long as<br>{charts.safe(base.label)}"  # `ranking.js` writes the same
    about = f"Steady epoch of each contender over the baseline's, on {workload.name}"
    return forest(name, marks, title=title, about=about, ratios=True, unit=" x")


def _scale(ranked: Sequence[measures.Standing]) -> tuple[float, float]:
    """Logarithms of the least and the greatest time of a table."""
    seen = [t for s in ranked for t in (s.epoch.low, s.epoch.high) if math.isfinite(t) and t > 0]
    return (math.log(min(seen)), math.log(max(seen))) if seen else (0.0, 0.0)


def _place(time: float, scale: tuple[float, float]) -> float:
    """Return where a time lies on the strip: 0 to 100, logarithmic."""
    low, high = scale
    if not (math.isfinite(time) and time > 0 and high > low):
        return 0.0
    return round(100 * (math.log(time) - low) / (high - low), 2)


SECTION = Section(order=20, title="Ranking", content=content)
