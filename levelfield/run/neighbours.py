"""How much of the processors others used while something was measured."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from levelfield.run.clock import TICK

BUSY = (0, 1, 2, 5, 6)
"""Columns of ``/proc/stat``'s ``cpu`` line (proc(5)) in which a processor works for somebody here:
user, nice, system, irq, softirq. Guests' time is in user and nice already."""
STEAL = 7


class Neighbours:
    """Use as a context manager around work whose processes have ended (and are waited for) inside.

    ``share``: of all processors' time, what processes that are not ours used. None where
    ``/proc/stat`` does not tell.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.share: float | None = None

    def __enter__(self) -> Self:
        """Read the counters."""
        self._began, self._own = time.monotonic(), _own()
        self._busy = _busy()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Read them again."""
        after = _busy()
        if self._busy is None or after is None:
            return
        cores = os.cpu_count() or 1
        seconds = cores * max(time.monotonic() - self._began, 1 / TICK)
        self.share = max(0.0, after - self._busy - (_own() - self._own)) / seconds


def _own() -> float:
    """CPU seconds of this process and of all that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy() -> float | None:
    """Seconds so far that processors worked."""
    try:
        text = Path("/proc/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = parse(text)
    return found[0] if found else None


def parse(text: str) -> tuple[float, float] | None:
    """Busy and stolen seconds of all processors from the text of ``/proc/stat``."""
    for line in text.splitlines():
        if line.startswith("cpu "):
            ticks = [int(word) for word in line.split()[1:] if word.isdigit()]
            if len(ticks) <= STEAL:
                return None
            return sum(ticks[i] for i in BUSY) / TICK, ticks[STEAL] / TICK
    return None
