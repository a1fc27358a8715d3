"""The numbers of figures and tables: from the report's sections and from `results`, each once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median, median_low

import pandas as pd

from levelfield.results import against, scaling
from levelfield.results.estimate import Interval
from levelfield.results.record import Record
from levelfield.results.scaling import Curve

from .. import learning  # noqa: TID252 - mypy knows no mapped name
from ..measures import Standing, fastest  # noqa: TID252
from ..sections import phases as phase_bars  # noqa: TID252
from ..view import View, Workload  # noqa: TID252

START = ("import", "cluster", "build", "stage")
"""Phases before the first epoch."""


class Nothing(Exception):  # noqa: N818 - no error: it says why there is nothing to show
    """Why a study has nothing for a figure or a table."""


@dataclass(frozen=True, kw_only=True)
class Equal:
    """How long a contender trains to the loss that all of its workload reach."""

    contender: int
    seconds: float
    """Of training, (lower) median over trials."""
    whole: float
    """With imports, build and staging."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A contender beside the library that its backend stands on, on the same device."""

    upper: int
    lower: int
    ratio: Interval


@dataclass(frozen=True)
class Numbers:
    """By a workload's fingerprint, what there is to draw or to write."""

    view: View

    @cached_property
    def good(self) -> Mapping[str, Mapping[int, list[Record]]]:
        """Trials that ended well with at least one epoch, by contender."""
        made: dict[str, dict[int, list[Record]]] = {}
        places = self.view.trials["contender"].tolist()
        for place, record in zip(places, self.view.study.records, strict=True):
            if record.status == "ok" and record.epochs.wall:
                made.setdefault(record.fingerprint, {}).setdefault(place, []).append(record)
        return made

    def ranked(self, workload: Workload) -> Sequence[Standing]:
        """Every contender with a time, the fastest first; `Nothing` where there is none."""
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
        good = self.good[workload.fingerprint]
        others = [s.contender for s in self.ranked(workload) if s.contender != base]
        return {
            place: against.ratio(good[base], good[place], comparisons=len(others))
            for place in others
        }

    def curves(self, workload: Workload) -> pd.DataFrame:
        """By contender and epoch, over trials: seconds so far, losses with their range."""
        return learning.curves(learning.epochs(self.view, workload), learning.LOSSES)

    def accuracy(self, workload: Workload) -> pd.DataFrame:
        """By contender and epoch, over trials: mean accuracy on the test set, and its range."""
        table = learning.epochs(self.view, workload)
        if "accuracy" not in table:
            return pd.DataFrame(columns=["accuracy", "accuracy low", "accuracy high"])
        made = learning.curves(table, {"accuracy": "accuracy"})
        return made.dropna(subset="accuracy")

    def phases(self, workload: Workload) -> phase_bars.Chart:
        """Seconds by phase of every contender."""
        if found := self._phases.get(workload.fingerprint):
            return found
        raise Nothing("no trial ended well")

    @cached_property
    def _phases(self) -> dict[str, phase_bars.Chart]:
        charts: Sequence[phase_bars.Chart] = phase_bars.content(self.view)["charts"]
        return {chart.workload.fingerprint: chart for chart in charts}

    def equal(self, workload: Workload) -> tuple[float, Sequence[Equal]]:
        """The highest of the contenders' last test losses, and how long each takes to it.

        As `scaling.races` has it for clusters: medians over trials.
        """
        good = self.good.get(workload.fingerprint, {})
        last = {
            place: median(record.epochs.test_loss[-1] for record in records)
            for place, records in good.items()
            if all(math.isfinite(record.epochs.test_loss[-1]) for record in records)
        }
        if not last:
            raise Nothing("no test loss" if good else "no trial ended well")
        target = max(last.values())
        made = [_equal(place, good[place], target) for place in last]
        return target, sorted(made, key=lambda each: each.whole)

    def layers(self, workload: Workload) -> Sequence[Layer]:
        """Backends named ``upper-lower`` over the fastest mode of ``lower`` on the same device."""
        good, contenders = self.good[workload.fingerprint], self.view.contenders
        who = {s.contender: good[s.contender][0] for s in self.ranked(workload)}
        pairs = []
        for upper, record in who.items():
            _, dash, beneath = record.backend.partition("-")
            below = [p for p, r in who.items() if r.backend == beneath and dash]
            below = [p for p in below if who[p].device == record.device]
            pairs += [(upper, place) for place in below[:1]]
        pairs.sort(key=lambda pair: contenders[pair[0]].place)
        return [
            Layer(
                upper=upper,
                lower=lower,
                ratio=against.ratio(good[lower], good[upper], comparisons=len(pairs)),
            )
            for upper, lower in pairs
        ]

    @cached_property
    def _scaling(self) -> Sequence[scaling.Curve]:
        return scaling.curves(self.view.study)

    def scaling(self, workload: Workload) -> Sequence[scaling.Curve]:
        """Speed-up by partitions of every contender on a cluster."""
        if found := [curve for curve in self._scaling if curve.workload == workload.name]:
            return found
        records = self.view.study.records
        spark = any(r.device.startswith("spark") for r in records if r.status == "ok")
        raise Nothing("no cluster of one and of more partitions" if spark else "no Spark trials")

    def doubted(self, workload: Workload, curve: Curve) -> bool:
        """Whether any size of a curve's cluster is not verified."""
        return any(
            marked
            for place, marked in self.marked(workload).items()
            if self.view.contenders[place].label.startswith(f"{curve.contender}@spark")
        )

    def marked(self, workload: Workload) -> Mapping[int, bool]:
        """By contender, whether its numbers may be of another computation."""
        return {s.contender: s.marked for s in self.view.standings[workload.fingerprint]}


def _equal(place: int, records: Sequence[Record], target: float) -> Equal:
    times = [scaling.time_to(r.epochs.wall, r.epochs.test_loss, target) for r in records]
    starts = [
        math.fsum(r.phases[phase].wall for phase in START if phase in r.phases) for r in records
    ]
    # The lower median: half of the trials reach the median of the last losses, perhaps no more.
    seconds = median_low(times)
    return Equal(contender=place, seconds=seconds, whole=seconds + median(starts))
