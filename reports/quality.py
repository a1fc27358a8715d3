"""What a contender's time bought: quality at the end beside seconds of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import learning
from .measures import Spread, Standing, spread
from .view import Contender, View, Workload

ACCURACY = "accuracy"
"""What records call it."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A contender: seconds of training and final quality, medians over trials."""

    who: Contender
    standing: Standing
    seconds: Spread
    quality: Spread
    front: bool
    """Whether no other verified contender is at least as quick and as good, and better in one."""


@dataclass(frozen=True, kw_only=True)
class Bought:
    """A measure of quality: what each contender of a workload has of it."""

    measure: str
    """In words, such as "test loss"."""
    higher: bool
    """Whether more of it is better."""
    points: tuple[Point, ...]
    """On the front first, then by seconds."""

    @property
    def front(self) -> list[Point]:
        """Those on the front, quickest first."""
        return [point for point in self.points if point.front]


def bought(view: View, workload: Workload, ranked: Sequence[Standing]) -> Iterator[Bought]:
    """Test loss, and accuracy or another metric; what nobody has is left out."""
    last = learning.epochs(view, workload).groupby("trial").tail(1)
    names = learning.metrics(view, workload)
    metrics = [ACCURACY] if ACCURACY in names else names[:1]
    columns = {"test_loss": "test loss"} | {name: f"test {name}" for name in metrics}
    for column, title in columns.items():
        higher = column != "test_loss"
        if points := _points(view, last, column, ranked, higher=higher):
            yield Bought(measure=title, higher=higher, points=points)


def _points(
    view: View,
    last: pd.DataFrame,
    column: str,
    ranked: Sequence[Standing],
    *,
    higher: bool,
) -> tuple[Point, ...]:
    """Those whose every trial ended with a finite number."""
    known = last[np.isfinite(last["seconds"])].groupby("contender")
    found = []
    for standing in ranked:
        if standing.contender not in known.groups:
            continue
        mine = known.get_group(standing.contender)
        if np.isfinite(mine[column]).all():
            found.append((standing, spread(mine["seconds"]), spread(mine[column])))
    sign = -1 if higher else 1
    costs = [(s.middle, sign * q.middle) for standing, s, q in found if not standing.marked]
    points = [
        Point(
            who=view.contenders[standing.contender],
            standing=standing,
            seconds=seconds,
            quality=quality,
            front=not standing.marked
            and undominated((seconds.middle, sign * quality.middle), costs),
        )
        for standing, seconds, quality in found
    ]
    return tuple(sorted(points, key=lambda p: (not p.front, p.seconds.middle)))


def undominated(cost: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Whether nobody costs at most as much in both, and less in one."""
    return not any(
        other != cost and other[0] <= cost[0] and other[1] <= cost[1] for other in others
    )
