"""What a Spark cluster buys and costs: speed-up by its size, and CPU seconds by role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from levelfield.results import scaling
from levelfield.results.record import Record

from . import Contender, Section, View

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
    return {
        "curves": curves,
        "races": scaling.races(view.study),
        "costs": costs,
        "roles": ROLES,
        "kinds": kinds,
    }


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


SECTION = Section(order=65, title="Cluster", content=content)
