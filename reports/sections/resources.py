"""What a steady epoch costs in processor time, and a trial in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import Contender, Section, View, Workload, measures


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender's use of the machine, beside the greatest of its table."""

    who: Contender
    standing: measures.Standing
    user: float
    """User seconds, in percent of the greatest sum of user and system seconds."""
    system: float
    memory: float
    """Peak memory, in percent of the greatest."""


def content(view: View) -> Mapping[str, Any]:
    """Return one table a workload: its rows, and whether a device has memory of its own."""
    tables: list[tuple[Workload, list[Row], bool]] = []
    for workload, ranked in view.ranked():
        cpu = _greatest(s.user + s.system for s in ranked)
        memory = _greatest(s.peak_memory for s in ranked)
        rows = [
            Row(
                who=view.contenders[standing.contender],
                standing=standing,
                user=_percent(standing.user, cpu),
                system=_percent(standing.system, cpu),
                memory=_percent(standing.peak_memory, memory),
            )
            for standing in ranked
        ]
        device = any(not math.isnan(s.device_memory) for s in ranked)
        tables.append((workload, rows, device))
    unread = {pair for record in view.study.records for pair in record.unread.items()}
    told = any(record.energy or record.readings.seconds for record in view.study.records)
    return {"tables": tables, "unread": [] if told else sorted(unread)}


def _greatest(values: Any) -> float:
    return max((value for value in values if value > 0), default=0.0)


def _percent(value: float, whole: float) -> float:
    return 100 * value / whole if value > 0 and whole > 0 else 0.0


SECTION = Section(order=50, title="CPU and memory", content=content)
