"""The numbers of figures and tables: those of the page, asked for by workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from levelfield.results import scaling
from levelfield.results.estimate import Interval
from levelfield.results.scaling import Curve

from .. import breakeven, layers, learning, quality, race  # noqa: TID252 - mypy knows no mapped name
from ..measures import Standing, fastest, spread  # noqa: TID252
from ..sections import devices  # noqa: TID252
from ..sections import phases as phase_bars  # noqa: TID252
from ..view import View, Workload  # noqa: TID252


class Nothing(Exception):  # noqa: N818 - no error: it says why there is nothing to show
    """Why a study has nothing for a figure or a table."""


@dataclass(frozen=True, kw_only=True)
class Equal:
    """How long a contender trains to the loss of `scaling.common`, medians over trials."""

    contender: int
    seconds: float
    """Of training; infinite where half of the trials never get there."""
    whole: float
    """With imports, build and staging."""


@dataclass(frozen=True)
class Numbers:
    """By workload, what there is to draw or to write; `Nothing` where there is none."""

    view: View

    def ranked(self, workload: Workload) -> Sequence[Standing]:
        """Every contender with a time, the fastest first."""
        if standings := self.view.standings[workload.fingerprint]:
            return standings
        raise Nothing("no trial ended well")

    def base(self, workload: Workload) -> Standing:
        """The contender that ratios refer to: the baseline, else the fastest verified one."""
        ranked = self.ranked(workload)
        if self.view.baseline is None:
            return fastest(ranked)
        for standing in ranked:
            if self.view.contenders[standing.contender].label == self.view.baseline:
                return standing
        raise Nothing("the baseline has no time here")

    def ratios(self, workload: Workload) -> Mapping[int, Interval]:
        """Every other contender's typical epoch over the base's; the intervals hold together."""
        base = self.base(workload).contender
        return self.view.ratios[workload.fingerprint].over.get(base, {})

    def curves(self, workload: Workload) -> pd.DataFrame:
        """By contender and epoch, over trials: seconds so far, losses with their range."""
        return learning.curves(learning.epochs(self.view, workload), learning.LOSSES)

    def accuracy(self, workload: Workload) -> pd.DataFrame:
        """By contender and epoch, over trials: mean accuracy on the test set, and its range."""
        table = learning.epochs(self.view, workload)
        if "accuracy" not in table:
            raise Nothing("no accuracy was recorded")
        made = learning.curves(table, {"accuracy": "accuracy"})
        return made.dropna(subset="accuracy")

    def quality(self, workload: Workload) -> Sequence[quality.Bought]:
        """Test loss, and a metric where there is one, beside seconds of training."""
        return list(quality.bought(self.view, workload, self.ranked(workload)))

    def metrics(self, workload: Workload) -> Mapping[str, Mapping[int, float]]:
        """By the metric's name and the contender: after the last epoch, median over trials."""
        table = learning.epochs(self.view, workload).groupby("trial").tail(1)
        by = table.groupby("contender")
        return {
            name: {int(str(place)): spread(values).middle for place, values in by[name]}
            for name in learning.metrics(self.view, workload)
        }

    def phases(self, workload: Workload) -> Sequence[phase_bars.Bar]:
        """Seconds by phase of every contender."""
        return phase_bars.bars(self.view, workload, self.ranked(workload))

    def equal(self, workload: Workload) -> tuple[float, Sequence[Equal]]:
        """The loss of `scaling.common`, and how long each contender takes to it."""
        ranked = self.ranked(workload)
        found = race.timed(self.view, ranked, learning.epochs(self.view, workload))
        if found is None:
            raise Nothing("no test loss")
        starts = breakeven.starts(self.view, workload)
        made = [
            Equal(contender=place, seconds=row.seconds, whole=row.seconds + starts[place])
            for row in found.rows
            for place in [row.who.place]
        ]
        return found.target, sorted(made, key=lambda each: each.whole)

    def layers(self, workload: Workload) -> Sequence[layers.Row]:
        """What layers take over what they stand on, and modes over others."""
        if found := layers.rows(self.view, workload, self.ranked(workload)):
            return found
        raise Nothing("no layer and what it stands on, no two modes of a backend")

    def devices(self, workload: Workload) -> Sequence[devices.Row]:
        """Who ran on the CPU and on a GPU."""
        if found := devices.rows(self.view, workload, self.ranked(workload)):
            return found
        raise Nothing("no backend and mode on both a CPU and a GPU")

    @cached_property
    def _scaling(self) -> Sequence[Curve]:
        return scaling.curves(self.view.study)

    def scaling(self, workload: Workload) -> Sequence[Curve]:
        """Speed-up by partitions of every contender on a cluster."""
        self.ranked(workload)
        if found := [curve for curve in self._scaling if curve.workload == workload.name]:
            return found
        records = self.view.study.records
        spark = any(r.clustered for r in records if r.status == "ok")
        raise Nothing("no cluster of one and of more partitions" if spark else "no Spark trials")

    def marked(self, workload: Workload) -> Mapping[int, bool]:
        """By contender, whether its numbers may be of another computation."""
        return {s.contender: s.marked for s in self.view.standings[workload.fingerprint]}
