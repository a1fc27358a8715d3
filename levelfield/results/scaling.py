"""What more processes buy: speed-up, efficiency, and the laws of Amdahl and Gustafson."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from levelfield import naming
from levelfield.results import against
from levelfield.results.estimate import Interval, student
from levelfield.results.record import Record
from levelfield.results.settle import steady
from levelfield.results.study import Study

CONFIDENCE = 0.95
START = ("import", "cluster", "build", "stage")
"""Phases before the first epoch."""
Cluster = tuple[int, str]
"""Partitions, and the device as it is written: several clusters may have as many partitions."""
Clusters = Mapping[Cluster, list[Record]]
"""Good trials of a curve."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One cluster."""

    partitions: int
    cluster: str
    """Its executors and cores, where another one of the curve has as many partitions; else empty.
    """
    seconds: float
    """Of the typical epoch."""
    speedup: Interval | None
    """Over one partition; none for the cluster that the others are compared with."""
    cpu: float
    """Seconds of all processes in a steady epoch, user and system; medians."""
    loss: float
    """Of the test set after the last epoch: the same samples for every size."""
    losses: tuple[float, float]
    """The lowest and the highest of its trials."""

    @property
    def efficiency(self) -> float:
        """Speed-up over the number of partitions."""
        return (self.speedup.estimate if self.speedup else 1.0) / self.partitions


@dataclass(frozen=True, kw_only=True)
class Share:
    """A law's serial share, over blocks; bounds are none where there is one block only."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One backend's mode in one environment on one workload, from one partition on."""

    workload: str
    contender: str
    points: tuple[Point, ...]
    amdahl: Share | None
    """Share s of the work that does not speed up: T(n) / T(1) = s + (1 - s) / n (Amdahl, 1967)."""
    gustafson: Share | None
    """The same if the work grew with the processes: S(n) = n - s (n - 1) (Gustafson, 1988)."""
    verified: bool
    """Whether every trial of it is."""


def curves(study: Study) -> list[Curve]:
    """Every curve that has one partition and at least one more, in the order of the records."""
    groups: dict[tuple[str, naming.Identity], dict[Cluster, list[Record]]] = {}
    for record in study.records:
        size = _partitions(record) if record.clustered else 0
        if record.status == "ok" and size:
            who = naming.identity(record)._replace(device=naming.ANY)
            found = groups.setdefault((record.workload, who), {})
            found.setdefault((size, record.device), []).append(record)
    labels = naming.labels([who for _, who in groups])
    return [
        _curve(workload, labels[who], clusters)
        for (workload, who), clusters in groups.items()
        if 1 in (sizes := {size for size, _ in clusters}) and len(sizes) > 1
    ]


def _partitions(record: Record) -> int:
    """Of the cluster that was run, else of the one that was asked for; 0 where neither tells."""
    ran = record.settings.get("partitions")
    if type(ran) is int and ran > 0:
        return ran
    asked = re.search(r"(\d{1,6})x(\d{1,6})", record.device)
    return int(asked[1]) * int(asked[2]) if asked else 0


def _curve(workload: str, who: str, clusters: Clusters) -> Curve:
    """Everything over the first cluster of one partition, whatever else has one."""
    ordered = sorted(clusters, key=lambda each: each[0])
    times = [(n, _by_block(clusters[n, device])) for n, device in ordered]
    blocks = sorted(set.intersection(*(set(found) for _, found in times)))
    ratios = [[(n, found[b] / times[0][1][b]) for n, found in times] for b in blocks]
    return Curve(
        workload=workload,
        contender=who,
        points=tuple(_point(each, ordered, clusters) for each in ordered),
        amdahl=_share([amdahl(each) for each in ratios]),
        gustafson=_share([gustafson(each) for each in ratios]),
        verified=all(
            r.verification is not None and r.verification.status == "passed"
            for records in clusters.values()
            for r in records
        ),
    )


def _point(which: Cluster, ordered: Sequence[Cluster], clusters: Clusters) -> Point:
    (size, device), base, records = which, ordered[0], clusters[which]
    alone = [n for n, _ in ordered].count(size) == 1
    losses = [r.epochs.test_loss[-1] for r in records]
    return Point(
        partitions=size,
        cluster="" if alone else device.removeprefix("spark:"),
        seconds=against.typical(records),
        speedup=None
        if which == base
        else against.ratio(records, clusters[base], comparisons=len(clusters) - 1),
        cpu=statistics.median(map(_cpu, records)),
        loss=statistics.median(losses),
        losses=(min(losses), max(losses)),
    )


def _cpu(record: Record) -> float:
    """Of the epochs that `against.typical` is of: the first, which compiles, is none of them."""
    epochs = record.epochs
    both = [u + s for u, s in zip(epochs.user, epochs.system, strict=True)]
    return float(np.median(steady(epochs.wall).of(both)))


def _by_block(records: Sequence[Record]) -> dict[int, float]:
    return {record.block: against.typical([record]) for record in records}


def amdahl(ratios: Iterable[tuple[int, float]]) -> float:
    """Serial share by least squares, from n and T(n) / T(1): y - 1/n = s (1 - 1/n)."""
    points = [(1 - 1 / n, y - 1 / n) for n, y in ratios if n > 1]
    return sum(z * y for z, y in points) / sum(z * z for z, _ in points)


def gustafson(ratios: Iterable[tuple[int, float]]) -> float:
    """Serial share by least squares, from n and T(n) / T(1): n - S = s (n - 1)."""
    points = [(n - 1, n - 1 / y) for n, y in ratios if n > 1]
    return sum(z * y for z, y in points) / sum(z * z for z, _ in points)


def _share(found: Sequence[float]) -> Share | None:
    """Mean over blocks with Student's t interval."""
    if not found:
        return None
    middle = statistics.fmean(found)
    if len(found) == 1:
        return Share(estimate=middle, low=None, high=None)
    reach = student(CONFIDENCE, len(found) - 1) * statistics.stdev(found)
    reach /= math.sqrt(len(found))
    return Share(estimate=middle, low=middle - reach, high=middle + reach)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How long a contender trains until its test loss is that of `common`."""

    workload: str
    samples: int
    """Training samples an epoch: what the start of a job has to be paid back by."""
    target: float
    contender: str
    seconds: float
    """Of training, median over trials; infinite where half of them diverged."""
    spread: tuple[float, float]
    """The quickest and the slowest trial."""
    whole: float
    """The same with imports, the start of the cluster, build and staging."""
    ratio: float | None
    """``seconds`` over those of the quickest single process; none where there is none."""


def races(study: Study) -> list[Reached]:
    """Time to equal loss of every workload that has good trials on a cluster; fewest samples first.

    A single process is any contender on one device.
    """
    groups: dict[str, dict[str, list[Record]]] = {}
    for record in study.records:
        if record.status == "ok" and record.epochs.test_loss:
            found = groups.setdefault(record.workload, {})
            found.setdefault(study.label(record), []).append(record)
    made = []
    for contenders in groups.values():
        if any(records[0].clustered for records in contenders.values()):
            made += _race(contenders)
    return sorted(made, key=lambda each: (each.samples, each.workload, each.seconds))


def _race(contenders: Mapping[str, list[Record]]) -> list[Reached]:
    target = common(r.epochs.test_loss[-1] for records in contenders.values() for r in records)
    trials = {
        label: [time_to(e.wall, e.spread(e.test_loss), target) for e in (r.epochs for r in records)]
        for label, records in contenders.items()
    }
    times = {label: statistics.median(each) for label, each in trials.items()}
    single = [times[label] for label, records in contenders.items() if not records[0].clustered]
    return [
        Reached(
            workload=records[0].workload,
            samples=records[0].samples,
            target=target,
            contender=label,
            seconds=times[label],
            spread=(min(trials[label]), max(trials[label])),
            whole=times[label] + statistics.median(map(start, records)),
            ratio=times[label] / min(single) if single and 0 < min(single) < math.inf else None,
        )
        for label, records in contenders.items()
    ]


def common(last: Iterable[float]) -> float:
    """The test loss that contenders of a workload are timed to, everywhere: page, figures, tables.

    last: of every trial, after its last epoch. It is the highest of those that are finite numbers,
    so that every trial which did not diverge reaches it, rounded up to three digits, as it is
    written. NaN where none is finite. What a contender takes to it is the median over its trials of
    `time_to`.
    """
    highest = max((loss for loss in last if math.isfinite(loss)), default=math.nan)
    if math.isnan(highest) or highest == 0:
        return highest
    near = float(f"{highest:.2e}")
    unit = 10.0 ** (math.floor(math.log10(abs(highest))) - 2)
    return near if near >= highest else float(f"{near + unit:.2e}")


def time_to(seconds: Sequence[float], losses: Sequence[float], target: float) -> float:
    """Seconds of training until the loss after an epoch is at most the target; infinite if never.

    seconds: of each epoch. losses: after each, NaN where it was not looked at. Between two that are
    known the loss is taken to fall in a straight line; before the first nothing is known, and all
    of it counts.
    """
    spent, since, before = 0.0, 0.0, math.nan
    for each, loss in zip(seconds, losses, strict=True):
        spent += each
        if math.isnan(loss):
            continue
        if loss <= target:
            share = (before - target) / (before - loss) if loss < before < math.inf else 1.0
            return since + share * (spent - since)
        since, before = spent, loss
    return math.inf


def start(record: Record) -> float:
    """Seconds of a trial before its first epoch."""
    return math.fsum(record.phases[phase].wall for phase in START if phase in record.phases)
