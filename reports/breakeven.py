"""From a cold start to so many epochs: who is ahead when, and from when on a slow start pays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from levelfield.results.scaling import START

from . import charts
from .measures import Standing
from .view import Contender, View, Workload

LONGEST = 10_000
"""Epochs that the plot reaches to."""
POINTS = 41
VAST = 1e12
"""Epochs that nobody trains."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """A contender after n epochs: start + first + (n - 1) x steady seconds.

    Start and first epoch are medians over trials, the steady one is the typical one.
    """

    who: Contender
    standing: Standing
    start: float
    first: float
    steady: float

    def after(self, epochs: float) -> float:
        """Seconds from the cold start to the end of so many epochs."""
        return self.start + self.first + (epochs - 1) * self.steady


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender beside the quickest starter on its kind of device."""

    course: Course
    starter: Course
    ahead: int | None
    """The first epoch after which it is ahead for good; None: never. 1 for the starter itself."""
    seconds: float
    """From the cold start to the end of that epoch; NaN where there is none."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A contender has taken the least time after these epochs."""

    who: Contender
    standing: Standing
    since: int
    until: int | None
    """None: for ever."""


@dataclass(frozen=True, kw_only=True)
class Cold:
    """One workload: everybody's course, and who leads when."""

    rows: tuple[Row, ...]
    leads: Mapping[str, tuple[Stretch, ...]]
    """By kind of device, by epochs: among the verified, or among all where nobody is."""
    left: tuple[Contender, ...]
    """Those who trained one epoch only: what a steady one takes is not known."""
    chart: charts.Chart


def starts(view: View, workload: Workload) -> dict[int, float]:
    """By contender's place: seconds before its first epoch, median over trials."""
    mine = view.trials.loc[view.phases.index]
    mine = mine[mine["fingerprint"] == workload.fingerprint]
    spans = view.phases.reindex(index=mine.index, columns=list(START), fill_value=0.0)
    found = spans.sum(axis=1).groupby(mine["contender"]).median()
    return dict(zip(found.index.tolist(), found.tolist(), strict=True))


def cold(name: str, view: View, workload: Workload, ranked: Sequence[Standing]) -> Cold | None:
    """The courses of a workload's contenders; None where nobody's can be told."""
    families = _courses(view, workload, ranked)
    courses = [course for family in families.values() for course in family]
    if not courses:
        return None
    rows = [row for family in families.values() for row in _rows(family)]
    return Cold(
        rows=tuple(sorted(rows, key=lambda row: row.course.after(1))),
        leads={device: _leads(family) for device, family in families.items()},
        left=tuple(view.contenders[s.contender] for s in ranked if s.single),
        chart=_chart(name, workload, courses),
    )


def leads(
    view: View, workload: Workload, ranked: Sequence[Standing]
) -> Mapping[str, tuple[Stretch, ...]]:
    """By kind of device: who leads a workload from a cold start, and after how many epochs."""
    families = _courses(view, workload, ranked)
    return {device: _leads(family) for device, family in families.items()}


def _courses(view: View, workload: Workload, ranked: Sequence[Standing]) -> dict[str, list[Course]]:
    """By kind of device: the courses of those whose first and steady epochs are known."""
    begun = starts(view, workload)
    courses = [
        Course(
            who=view.contenders[s.contender],
            standing=s,
            start=begun[s.contender],
            first=s.first,
            steady=s.epoch.middle,
        )
        for s in ranked
        if not s.single
    ]
    found: dict[str, list[Course]] = {}
    for each in courses:
        if math.isfinite(each.after(2)) and each.after(1) > 0:
            found.setdefault(each.standing.device.partition(":")[0], []).append(each)
    return found


def _leads(family: Sequence[Course]) -> tuple[Stretch, ...]:
    return tuple(leaders([each for each in family if not each.standing.marked] or family))


def _rows(family: Sequence[Course]) -> Iterator[Row]:
    """Everybody on one kind of device beside its quickest starter."""
    starter, *others = sorted(family, key=lambda each: (each.after(1), each.steady))
    yield Row(course=starter, starter=starter, ahead=1, seconds=starter.after(1))
    for course in others:
        ahead = overtakes(course, starter)
        seconds = course.after(ahead) if ahead else math.nan
        yield Row(course=course, starter=starter, ahead=ahead, seconds=seconds)


def overtakes(late: Course, early: Course) -> int | None:
    """The least number of epochs from which on the one that starts later has taken less time."""
    behind, gain = late.after(1) - early.after(1), early.steady - late.steady
    if behind < 0:
        return 1 if gain >= 0 else None
    return math.floor(behind / gain) + 2 if behind < gain * VAST else None


def leaders(courses: Sequence[Course]) -> Iterator[Stretch]:
    """Who has taken the least time after how many epochs, from the first on."""
    since = 1
    lead = min(courses, key=lambda each: (each.after(1), each.steady))
    while True:
        faster = [each for each in courses if each.steady < lead.steady]
        points = {each.who.place: overtakes(each, lead) or 1 for each in faster}
        if not points:
            yield Stretch(who=lead.who, standing=lead.standing, since=since, until=None)
            return
        first = max(since, min(points.values()))
        then = min(faster, key=lambda each: (points[each.who.place] > first, each.after(first)))
        if first > since:
            yield Stretch(who=lead.who, standing=lead.standing, since=since, until=first - 1)
        since, lead = first, then


def _chart(name: str, workload: Workload, courses: Sequence[Course]) -> charts.Chart:
    figure = charts.figure(x="epochs", y="seconds since the cold start", log_y=True)
    epochs = np.unique(np.geomspace(1, LONGEST, POINTS).round())
    for course in courses:
        who = course.who
        style = {"color": who.colour, "dash": who.dash, "width": 1.8}
        seconds = course.after(1) + (epochs - 1) * course.steady
        line = charts.line(epochs, seconds, name=who.label, line=style, meta={"group": who.place})
        figure.add_trace(line.update(mode="lines"))
    figure.update_xaxes(type="log", rangemode="normal")
    about = f"Seconds from the cold start by epochs, of each contender, on {workload.name}"
    return charts.Chart(name=name, figure=figure, about=about)
