"""How near contenders come to what their device can do: its rate of products, and its memory's.

The roofline is Williams, Waterman & Patterson's ("Roofline: an insightful visual performance model
for multicore architectures", 2009): with so many operations a byte, a device reaches the smaller
of its rate of products and of that many times its bandwidth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .measures import Standing
from .view import Contender, View, Workload


@dataclass(frozen=True, kw_only=True)
class Roof:
    """What a device can do in a precision; NaN where it was not measured."""

    device: str
    threads: int
    precision: str
    rate: float
    """Operations a second of the best matrix product."""
    bandwidth: float
    """Bytes read and written a second by the best copy."""

    def over(self, intensity: float) -> float:
        """Operations a second that can be reached with so many for each byte; NaN: not known."""
        fed = intensity * self.bandwidth
        return fed if math.isnan(fed) else min(self.rate, fed)

    @property
    def ridge(self) -> float:
        """Operations a byte from which on the memory is no limit."""
        return self.rate / self.bandwidth if self.bandwidth > 0 else math.nan


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A contender under its roof."""

    who: Contender
    standing: Standing
    roof: Roof
    intensity: float

    @property
    def of_rate(self) -> float:
        """Share of the device's rate of products."""
        return self.standing.work / self.roof.rate

    @property
    def of_roof(self) -> float:
        """Share of what the roof allows at this intensity."""
        return self.standing.work / self.roof.over(self.intensity)

    @property
    def bound(self) -> str:
        """What the roof is made of there."""
        if math.isnan(self.intensity) or math.isnan(self.roof.ridge):
            return ""
        return "products" if self.intensity >= self.roof.ridge else "memory"


def reached(view: View, workload: Workload, ranked: Sequence[Standing]) -> list[Reached]:
    """Contenders on a device whose limit was measured, fastest first."""
    made = [
        Reached(
            who=view.contenders[standing.contender],
            standing=standing,
            roof=roof(view, standing.device, standing.threads, workload.precision),
            intensity=workload.intensity,
        )
        for standing in ranked
    ]
    return [each for each in made if each.roof.rate > 0 and each.standing.work > 0]


def roof(view: View, device: str, threads: int, precision: str) -> Roof:
    """The roof of a device with so many threads, in a precision."""
    return Roof(
        device=device,
        threads=threads,
        precision=precision,
        rate=view.peak_rate(precision, device, threads),
        bandwidth=view.bandwidth(device, threads),
    )
