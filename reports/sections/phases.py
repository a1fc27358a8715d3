"""Where the time of a trial went: phases side by side, as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..breakeven import Cold, cold  # noqa: TID252 - mypy knows no mapped name
from . import Contender, Section, View, Workload, measures

REST = "start and rest"
"""What the whole trial took beyond its phases: starting Python, opening data, ending."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A contender's trial: seconds by phase, medians over its trials."""

    who: Contender
    marked: bool
    seconds: Mapping[str, float]
    widths: Mapping[str, float]
    """In percent of the longest bar."""
    total: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The bars of one workload."""

    workload: Workload
    bars: tuple[Bar, ...]
    cold: Cold | None
    """From a cold start to many epochs; None where no steady epoch is known."""
    standings: Mapping[int, measures.Standing]
    """By the contender's place."""


def content(view: View) -> Mapping[str, Any]:
    """Return one chart a workload; contenders in the order of the ranking."""
    seen = list(view.phases.columns)
    charts = [_chart(view, number, *ranking) for number, ranking in enumerate(view.ranked())]
    return {"charts": charts, "phases": [*seen, REST], "devices": measures.DEVICES}


def _chart(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> Chart:
    return Chart(
        workload=workload,
        bars=bars(view, workload, ranked),
        cold=cold(f"cold-{number}", view, workload, ranked),
        standings={standing.contender: standing for standing in ranked},
    )


def bars(view: View, workload: Workload, ranked: Sequence[measures.Standing]) -> tuple[Bar, ...]:
    """The bars of a workload, in the order of the ranking."""
    trials = view.trials.loc[view.phases.index]
    trials = trials[trials["fingerprint"] == workload.fingerprint]
    spans = view.phases.loc[trials.index]
    rest = (trials["wall"] - spans.sum(axis=1)).clip(lower=0)
    medians = spans.assign(**{REST: rest}).groupby(trials["contender"]).median()
    longest = medians.sum(axis=1).max()
    made = []
    for standing in ranked:
        row = medians.loc[[standing.contender]].iloc[0].to_numpy(dtype=float)
        seconds = dict(zip(map(str, medians.columns), row.tolist(), strict=True))
        known = {name: value for name, value in seconds.items() if value > 0 and longest > 0}
        made.append(
            Bar(
                who=view.contenders[standing.contender],
                marked=standing.marked,
                seconds=seconds,
                widths={name: 100 * value / longest for name, value in known.items()},
                total=math.fsum(known.values()),
            )
        )
    return tuple(made)


SECTION = Section(order=40, title="Where the time went", content=content)
