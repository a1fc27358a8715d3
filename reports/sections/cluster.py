"""What a Spark cluster buys and costs: speed-up by its size, races, and CPU seconds by role."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from levelfield.results import scaling
from levelfield.results.record import Record

from .. import scaling as drawn  # noqa: TID252 - mypy knows no mapped name
from . import Contender, Section, View, Workload, charts

DRAWN = 12
"""Workloads with charts; the tables hold all."""
ROLES = ("driver", "driver JVM", "master", "workers", "executors", "executors' Python")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds of a contender's trials by role, medians; and the bytes that Spark tells of."""

    who: Contender
    workload: str
    cpu: tuple[float, ...]
    memory: float
    """Bytes: the sum of all processes' peaks; NaN where it was not read."""
    traffic: Mapping[str, float]
    ran: str
    """The cluster that was run, as ``executors x cores``."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Charts whose lines or bars are switched together."""

    title: str
    who: tuple[Contender, ...]
    charts: tuple[charts.Chart, ...]


def content(view: View) -> Mapping[str, Any] | None:
    """Return the curves and the costs; nothing where no trial ran on a cluster."""
    groups: dict[tuple[int, str], list[Record]] = {}
    places = view.trials["contender"].tolist()
    for place, record in zip(places, view.study.records, strict=True):
        if record.status == "ok" and record.cluster:
            groups.setdefault((place, record.workload), []).append(record)
    costs = [_cost(view.contenders[place], name, found) for (place, name), found in groups.items()]
    curves = scaling.curves(view.study)
    kinds = sorted({kind for cost in costs for kind in cost.traffic})
    if not (costs or curves):
        return None
    races = scaling.races(view.study)
    return {
        "curves": curves,
        "panels": list(_panels(curves)),
        "races": races,
        "ever": math.isfinite,
        "raced": list(_raced(view, races)),
        "costs": costs,
        "costed": list(_costed(costs, kinds)),
        "undrawn": len({curve.workload for curve in curves}) > DRAWN,
        "roles": ROLES,
        "kinds": kinds,
    }


def _panels(curves: Sequence[scaling.Curve]) -> Iterator[Panel]:
    """A panel for each workload: speed-up, efficiency and loss of everyone's curve."""
    for number, workload in enumerate(list(dict.fromkeys(c.workload for c in curves))[:DRAWN]):
        mine = [curve for curve in curves if curve.workload == workload]
        who = drawn.looks([curve.contender for curve in mine])
        made = [
            drawn.speedup(f"cluster-{number}-speedup", mine, who),
            drawn.efficiency(f"cluster-{number}-efficiency", mine, who),
            drawn.cpu(f"cluster-{number}-cpu", mine, who),
        ]
        if any(math.isfinite(point.loss) for curve in mine for point in curve.points):
            made.append(drawn.losses(f"cluster-{number}-loss", mine, who))
        yield Panel(title=workload, who=who, charts=tuple(made))


def _raced(view: View, races: Sequence[scaling.Reached]) -> Iterator[Panel]:
    """A panel for each family of workloads that differ in their samples, and in nothing else."""
    families: dict[str, list[scaling.Reached]] = {}
    facts = {workload.name: _family(workload) for workload in view.workloads}
    for each in races:
        families.setdefault(facts.get(each.workload, each.workload), []).append(each)
    several = [mine for mine in families.values() if len({each.samples for each in mine}) > 1]
    for number, mine in enumerate(several[:DRAWN]):
        looks = drawn.looks(list(dict.fromkeys(each.contender for each in mine)))
        who = {each.label: each for each in looks}
        names = dict.fromkeys(each.workload for each in mine)
        yield Panel(
            title=", ".join(names),
            who=looks,
            charts=(
                drawn.races(f"races-{number}-training", mine, who, whole=False),
                drawn.races(f"races-{number}-whole", mine, who, whole=True),
            ),
        )


def _family(workload: Workload) -> str:
    """What a workload is beside its samples."""
    rest = {k: v for k, v in workload.facts.items() if k not in {"name", "samples", "flops"}}
    return json.dumps(rest, sort_keys=True, default=str) if rest else workload.name


def _costed(costs: Sequence[Cost], kinds: Sequence[str]) -> Iterator[Panel]:
    """CPU seconds by role, stacked, and bytes by kind, for each workload."""
    for number, workload in enumerate(list(dict.fromkeys(c.workload for c in costs))[:DRAWN]):
        mine = [cost for cost in costs if cost.workload == workload]
        labels = [cost.who.label for cost in mine]
        roles = drawn.looks(ROLES)
        cpu = [
            drawn.Bars(kind=r.label, colour=r.colour, amounts=tuple(c.cpu[r.place] for c in mine))
            for r in roles
        ]
        name = f"cluster-cpu-{number}"
        chart = drawn.bars(name, labels, cpu, x="CPU seconds of a trial", stacked=True)
        yield Panel(title=f"CPU seconds by role, {workload}", who=roles, charts=(chart,))
        moved = drawn.looks(kinds)
        traffic = [
            drawn.Bars(
                kind=k.label,
                colour=k.colour,
                amounts=tuple(c.traffic.get(k.label, 0.0) / 2**20 for c in mine),
            )
            for k in moved
        ]
        if any(amount > 0 for each in traffic for amount in each.amounts):
            name = f"cluster-traffic-{number}"
            chart = drawn.bars(name, labels, traffic, x="MiB moved in a trial", stacked=False)
            yield Panel(title=f"Bytes moved, {workload}", who=moved, charts=(chart,))


def _cost(who: Contender, workload: str, records: list[Record]) -> Cost:
    first = records[0]
    kinds = {kind for record in records for kind in record.traffic}
    executors, cores = (first.settings.get(k, "?") for k in ("executors", "cores of an executor"))
    return Cost(
        who=who,
        workload=workload,
        cpu=tuple(
            median(
                s.user + s.system for s in [r.cluster[role] for r in records if role in r.cluster]
            )
            if any(role in r.cluster for r in records)
            else 0.0
            for role in ROLES
        ),
        memory=median(sum(r.cluster_memory.values()) or float("nan") for r in records),
        traffic={kind: median(r.traffic.get(kind, 0) for r in records) for kind in kinds},
        ran=f"{executors} x {cores}",
    )


SECTION = Section(order=55, title="Cluster", content=content)
