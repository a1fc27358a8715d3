"""What trials cost in energy, and how their GPU fared: medians over a contender's good trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from levelfield.results.record import Readings, Record

from .measures import Standing
from .view import Contender, View

STEADY = "steady epochs"
LONG = 1.0
"""Seconds from which on a phase's joules say something: counters move in steps."""
REASONS = {
    0x2: "clocks set by an application",
    0x4: "power limit",
    0x8: "hardware slow-down",
    0x10: "kept in step with another GPU",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "power brake",
    0x100: "clocks set for the display",
}
"""Why clocks are held down, by NVML's bits (``nvmlClocksEventReasons``); idle, 0x1, is none."""
WRONG = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
"""Those that make a time another one than the GPU's own."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Joules of one source; NaN where they were not read."""

    epoch: float
    """Of a steady epoch, with its share of the evaluations."""
    sample: float
    """Of a training sample in it."""
    trial: float
    """Of the whole trial."""


@dataclass(frozen=True, kw_only=True)
class Fared:
    """A contender's energy by source, and its GPU's readings over whole trials."""

    who: Contender
    standing: Standing
    spent: dict[str, Spent]
    watts: float
    """Mean power of the GPU over the trial's samples."""
    utilisation: float
    sm_clock: tuple[float, float]
    """Lowest and highest, in hertz."""
    temperature: float
    """Highest."""
    memory: float
    """Most that its processes held, in bytes; its framework's own word stands beside it."""
    reserved: float
    throttled: tuple[str, ...]

    @property
    def on_gpu(self) -> bool:
        """Whether it ran on one."""
        return self.standing.device.startswith("cuda")


def fared(view: View, ranked: Sequence[Standing], fingerprint: str) -> list[Fared]:
    """Everyone of a workload's ranking, fastest first."""
    places = view.trials["contender"].tolist()
    good: dict[int, list[Record]] = {}
    for place, record in zip(places, view.study.records, strict=True):
        if record.status == "ok" and record.fingerprint == fingerprint:
            good.setdefault(place, []).append(record)
    return [
        _fared(view.contenders[standing.contender], standing, good.get(standing.contender, []))
        for standing in ranked
    ]


def _fared(who: Contender, standing: Standing, records: Sequence[Record]) -> Fared:
    sources = dict.fromkeys(name for record in records for name in record.energy)
    readings = [record.readings for record in records]
    bits = [int(bit) for each in readings for bit in _numbers(each.throttled)]
    clocks = [value for each in readings for value in _numbers(each.sm_clock)]
    return Fared(
        who=who,
        standing=standing,
        spent={name: _spent(records, name) for name in sources},
        watts=_middle(readings, "power", _mean),
        utilisation=_middle(readings, "utilisation", _mean),
        sm_clock=(min(clocks, default=math.nan), max(clocks, default=math.nan)),
        temperature=_middle(readings, "temperature", max),
        memory=_middle(readings, "memory", max),
        reserved=_median(r.device_reserved for r in records if r.device_reserved is not None),
        throttled=tuple(text for bit, text in REASONS.items() if any(seen & bit for seen in bits)),
    )


def _spent(records: Sequence[Record], source: str) -> Spent:
    known = [record for record in records if source in record.energy]
    steady = [
        (record.energy[source][STEADY] / (len(record.epochs.wall) - 1), record.samples)
        for record in known
        if STEADY in record.energy[source] and math.fsum(record.epochs.wall[1:]) >= LONG
    ]
    return Spent(
        epoch=_median(joules for joules, _ in steady),
        sample=_median(joules / samples for joules, samples in steady if samples),
        trial=_median(math.fsum(record.energy[source].values()) for record in known),
    )


def _middle(readings: Iterable[Readings], column: str, of: Callable[[list[float]], float]) -> float:
    """The median over trials of something about a column; NaN where nobody has it."""
    return _median(of(values) for each in readings if (values := _numbers(getattr(each, column))))


def _numbers(column: Iterable[float]) -> list[float]:
    return [value for value in column if not math.isnan(value)]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return median(found) if found else math.nan
