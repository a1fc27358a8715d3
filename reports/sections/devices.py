"""One contender on the CPU and on a GPU: seconds, processor time, and whether it learns alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levelfield.results import against
from levelfield.results.estimate import Interval

from ..ratios import ratio, told  # noqa: TID252 - mypy knows no mapped name
from . import Contender, Section, View, Workload, measures


@dataclass(frozen=True, kw_only=True)
class Row:
    """One backend's mode on both."""

    cpu: measures.Standing
    gpu: measures.Standing
    who: Contender
    """On the GPU."""
    base: Contender
    speedup: Interval
    """Typical steady epoch on the CPU over that on the GPU."""
    bounds: str
    agreement: float
    """By how much the last test losses differ, as a share of the CPU's; NaN where one is none."""

    @property
    def marked(self) -> bool:
        """Whether one of the two is not verified."""
        return self.cpu.marked or self.gpu.marked


def content(view: View) -> Mapping[str, Any] | None:
    """Return one table a workload where somebody ran on both; None where nobody did."""
    tables = [(workload, rows(view, workload, ranked)) for workload, ranked in view.ranked()]
    found = [(workload, pairs) for workload, pairs in tables if pairs]
    return {"tables": found, "sure": against.CONFIDENCE} if found else None


def rows(view: View, workload: Workload, ranked: Sequence[measures.Standing]) -> list[Row]:
    """Every mode of a backend that ran on both, the greatest speed-up first."""
    families = measures.families([s for s in ranked if s.epoch.middle > 0])
    pairs = [
        (cpu, gpu)
        for gpu in families.get("cuda", [])
        for cpu in families.get("cpu", [])
        if view.modes[cpu.contender] == view.modes[gpu.contender]
    ]
    sides = view.sides[workload.fingerprint]
    made = []
    for cpu, gpu in pairs:
        found = ratio(sides[gpu.contender], sides[cpu.contender], comparisons=len(pairs))
        made.append(
            Row(
                cpu=cpu,
                gpu=gpu,
                who=view.contenders[gpu.contender],
                base=view.contenders[cpu.contender],
                speedup=found,
                bounds=told(found),
                agreement=_apart(cpu.test_loss.middle, gpu.test_loss.middle),
            )
        )
    return sorted(made, key=lambda row: -row.speedup.estimate)


def _apart(one: float, other: float) -> float:
    """The difference of two losses as a share of the first."""
    return abs(other - one) / abs(one) if one else math.nan


SECTION = Section(order=57, title="CPU and GPU", content=content)
