"""The stop-watch of the worker: wall time, and CPU time of the whole process tree.

CPU time is that of the worker, of the helpers it has waited for, and of those still living (their
own readings come from ``/proc``, in ticks of 10 ms): a framework's helper processes count.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
SESSION, CPU, WAITED, START = 3, 11, 13, 19
"""Places in what `stat` gives, of proc(5)'s fields 6, 14, 16 and 22: the session; user and system
ticks of the process, and of the helpers it has waited for (two places each); ticks after boot."""


class Clock:
    """Measures spans; each is a mapping of ``wall``, ``user`` and ``system`` to seconds.

    Beside them stands ``idle``: CPU seconds since the span before, which a worker that waits for
    its turn ought not to use.
    """

    def __init__(self) -> None:
        """Begin with no span."""
        self.span: dict[str, float] = {}
        self._spent: float | None = None

    @staticmethod
    def now() -> float:
        """Seconds on the clock, from a moment that means nothing."""
        return time.perf_counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure what runs inside; the readings are in ``span`` afterwards."""
        user, system = tree_cpu()
        idle = 0.0 if self._spent is None else max(0.0, user + system - self._spent)
        start = self.now()
        try:
            yield
        finally:
            wall = self.now() - start
            user_end, system_end = tree_cpu()
            self._spent = user_end + system_end
            self.span = {
                "wall": wall,
                "user": max(0.0, user_end - user),
                "system": max(0.0, system_end - system),
                "idle": idle,
            }


def tree_cpu() -> tuple[float, float]:
    """User and system seconds so far of this process and of all its descendants."""
    user = system = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        user, system = user + usage.ru_utime, system + usage.ru_stime
    for pid in descendants(os.getpid()):
        try:
            ticks = stat(pid)[CPU : WAITED + 2]
        except OSError:
            continue  # it has ended: from now on it counts among the waited-for
        own_user, own_system, kids_user, kids_system = map(int, ticks)
        user += (own_user + kids_user) / TICK
        system += (own_system + kids_system) / TICK
    return user, system


def stat(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` from the third on: after the name, which may hold spaces.

    Raises `OSError` where the process has ended.
    """
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def descendants(pid: int) -> Iterator[int]:
    """Every process below one that is not waited for yet."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def children(pid: int) -> Iterator[int]:
    """Children of a process that are not waited for; it lists them by the thread that has them."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names are all it takes
    except OSError:
        return
    for thread in threads:
        try:
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii")
        except OSError:
            continue
        yield from map(int, text.split())


def peak_memory(pid: int | str = "self") -> int | None:
    """Peak resident bytes of a process, this one by default; None where it has ended.

    VmHWM, since ``ru_maxrss`` starts at the parent's.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def resident(pid: int) -> int:
    """Bytes that a process holds in main memory now; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
