"""What the parent reads of the machine while a trial runs: energy, and how its GPU fares.

Energy counters are read where phases meet; a thread takes the other readings and sleeps between
them. What cannot be read is told with its reason, and is never a zero.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from levelfield.results.record import Readings
from levelfield.spec.device import parse

INTERVAL = 0.5
"""Seconds from one sample to the next."""
MOST = 2049
"""Samples that are kept, an odd number: then every second goes, and they come half as often."""


class Unread(Exception):  # noqa: N818 - reads as a word, as Unsupported does
    """Something cannot be read; the message says why."""


class Meter(Protocol):
    """One source of readings. It raises `Unread` where it has nothing, or has it no more."""

    name: str
    """What its energy is of: ``gpu``, ``processors``."""

    def energy(self) -> float:
        """Joules since some moment that means nothing."""

    def sample(self) -> dict[str, float]:
        """Readings now, by name (see `levelfield.results.record.Readings`); empty: it has none."""

    def unread(self) -> dict[str, str]:
        """By what could not be read: why."""

    def foreign(self) -> tuple[str, ...]:
        """Processes of others that were seen on the device, in words."""

    def close(self) -> None:
        """Let go of the source."""


class Meters:
    """All meters of one trial. Use as a context manager around it; then ask for its `facts`."""

    def __init__(
        self,
        meters: Sequence[Meter],
        *,
        unread: dict[str, str] | None = None,
        interval: float = INTERVAL,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the meters that there are; ``unread``: why there are not more."""
        self.meters, self.interval, self.now = list(meters), interval, now
        self._unread = dict(unread or {})
        self._foreign: list[str] = []
        self._energy: dict[str, dict[str, float]] = {}
        self._last: dict[str, float] = {}
        self._columns: dict[str, list[float]] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # NVML and the counters are read by two threads

    def __enter__(self) -> Self:
        """Read the counters for the first time, and begin to sample where there is what to."""
        self._began = self.now()
        self._last = self._counted()
        if self.sample():
            self._thread = threading.Thread(target=self._sampled, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop sampling; let go of the sources."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        for meter in self.meters:
            self._unread |= meter.unread()
            self._foreign += meter.foreign()
            meter.close()

    def mark(self, phase: str) -> None:
        """A phase has ended: the energy since the one before is its own."""
        now = self._counted()
        for name in now.keys() & self._last.keys():
            spent = self._energy.setdefault(name, {})
            spent[phase] = spent.get(phase, 0.0) + now[name] - self._last[name]
        self._last = now

    def sample(self) -> bool:
        """Take one sample of everything; whether anything could be read."""
        found: dict[str, float] = {}
        with self._lock:
            for meter in self.meters:
                found |= meter.sample()
        if not found:
            return False
        row = {"seconds": self.now() - self._began, **found}
        taken = len(self._columns.get("seconds", ()))
        for name in dict.fromkeys([*self._columns, *row]):
            column = self._columns.setdefault(name, [math.nan] * taken)
            column.append(row.get(name, math.nan))
        if taken + 1 >= MOST:
            self._columns = {name: column[::2] for name, column in self._columns.items()}
            self.interval *= 2
        return True

    def facts(self) -> dict[str, Any]:
        """What the trial's record keeps of it."""
        return {
            "energy": self._energy,
            "readings": Readings(**{name: tuple(c) for name, c in self._columns.items()}),
            "unread": self._unread,
            "foreign": tuple(self._foreign),
        }

    def _sampled(self) -> None:
        while not self._stopped.wait(self.interval):
            self.sample()

    def _counted(self) -> dict[str, float]:
        found = {}
        with self._lock:
            for meter in self.meters:
                try:
                    found[meter.name] = meter.energy()
                except Unread as error:
                    self._unread[f"energy of the {meter.name}"] = str(error)
        return found


def of(device: str, ours: Callable[[], set[int]]) -> Meters:
    """The meters of a trial on a device; ours: the numbers of its processes when it is called."""
    from levelfield.run import gpu
    from levelfield.run.meters import nvml, rapl

    wanted = parse(device)
    sources: dict[str, Callable[[], Meter]] = {rapl.NAME: rapl.Rapl}
    if wanted.kind == "cuda":
        place = gpu.environ(device, gpu.here())[gpu.VISIBLE]
        sources[nvml.NAME] = lambda: nvml.Nvml(place, ours=ours)
    found: list[Meter] = []
    unread = {}
    for name, make in sources.items():
        try:
            found.append(make())
        except Unread as error:
            unread[f"energy of the {name}"] = str(error)
    return Meters(found, unread=unread)
