"""What was read of the machine: counters at a moment, and what they say between two moments.

A reading that cannot be had is None, and ``absent`` says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from levelfield.run.noise.parse import Task

NAMED = 5
"""Foreign processes that are named, at most; the others count in their sum."""


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A process that is not ours and used a processor during the measurement."""

    name: str
    pid: int
    cores: float
    """Of one processor's time: 1.0 is a whole core."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What the system told about one measurement."""

    cores: int
    """Processors that the workers ran on; each worker has as many threads."""
    stolen: float | None
    """Share of all processors' time that the hypervisor gave to others."""
    frequency: float | None
    """Highest over lowest frequency of one processor, less 1; the worst of all."""
    governor: str | None
    turbo: bool | None
    siblings: str | None
    """Where the hyperthreads of our cores are: none, outside or inside the workers' processors."""
    load: float | None
    """Runnable tasks over the minute before."""
    waiting: float | None
    """Share of the time in which some task waited for a processor."""
    named: tuple[Foreign, ...] | None
    foreign: float | None
    """Cores that all processes used that are not ours and lived from begin to end, or were born."""
    unnamed: float | None
    """Cores that were used by nobody who can be named: short-lived, or in other containers."""
    quota: float | None
    """Processors that the control group may use."""
    throttled: float | None
    """Share of the time for which the control group was stopped at its quota."""
    switches: float | None
    """Times a second, by processor, that a worker's thread was made to leave it."""
    swap: int | None
    """Bytes that lie in swap."""
    swapped: float | None
    """Pages a second that went there or came back."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why a reading is None."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The counters at one moment; all of them only grow."""

    clock: float
    busy: tuple[float, float] | None
    """Seconds that all processors worked, and that were stolen from them."""
    load: float | None
    waited: float | None
    throttled: float | None
    swapped: int | None
    switches: int | None
    tasks: tuple[Task, ...] | None
    absent: Mapping[str, str]


def used(
    before: Sequence[Task] | None, after: Sequence[Task] | None, *, own: int, seconds: float
) -> tuple[tuple[Foreign, ...] | None, float | None, float]:
    """Who used the processors between two lists of processes.

    Gives the foreign processes that used most (the `NAMED` first), the cores that all foreign ones
    used, and those that ``own`` and its descendants used.
    """
    if before is None or after is None:
        return None, None, 0.0
    began = {(task.pid, task.start): task.seconds for task in before}
    ours = _family(own, [*before, *after])
    foreign, mine = [], 0.0
    for task in after:
        share = max(0.0, task.seconds - began.get((task.pid, task.start), 0.0)) / seconds
        if task.pid in ours:
            mine += share
        elif share:
            foreign.append(Foreign(name=task.name, pid=task.pid, cores=share))
    foreign.sort(key=lambda each: -each.cores)
    return tuple(foreign[:NAMED]), sum(each.cores for each in foreign), mine


def _family(own: int, tasks: Iterable[Task]) -> set[int]:
    """A process and its descendants."""
    children: dict[int, set[int]] = {}
    for task in tasks:
        children.setdefault(task.parent, set()).add(task.pid)
    found, todo = set(), [own]
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, ())
    return found


def rate(before: float | None, after: float | None, seconds: float) -> float | None:
    """Growth of a counter a second; None where one end is missing."""
    return None if before is None or after is None else max(0.0, after - before) / seconds


def change(frequencies: Sequence[tuple[float, ...]]) -> float | None:
    """Highest over lowest of each processor, less 1; the worst of them."""
    columns = list(zip(*frequencies, strict=False))
    found = [max(column) / min(column) - 1 for column in columns if min(column) > 0]
    return max(found, default=None)
