"""Understands the texts in which Linux tells what a machine is doing.

Every function takes a file's text and raises `ValueError` where it is not what proc(5), cgroups(7)
or the kernel's admin-guide describe. Nothing that is missing is taken for zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from levelfield.run.clock import TICK

_WHOLE = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
NAME = 40
"""Characters of a process' name that are shown (the kernel keeps 15, its own threads have more)."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A process as ``/proc/PID/stat`` shows it."""

    pid: int
    name: str
    """Printable; whatever else the process has put into it is replaced."""
    parent: int
    start: int
    """Ticks after boot: with the pid it names one process for good."""
    seconds: float
    """CPU time so far, without that of children."""


def task(text: str) -> Task:
    """A process from ``/proc/PID/stat``; its name may hold anything, parentheses and lines too."""
    head, opened, rest = text.partition("(")
    name, closed, tail = rest.rpartition(")")
    fields = tail.split()
    if not opened or not closed or len(fields) < 20:  # noqa: PLR2004 - up to the start time
        raise ValueError("not a process' stat")
    return Task(
        pid=_whole(head.strip()),
        name=printable(name),
        parent=_whole(fields[1]),
        start=_whole(fields[19]),
        seconds=(_whole(fields[11]) + _whole(fields[12])) / TICK,
    )


def printable(name: str) -> str:
    """A name as it may stand in a table: one line, nothing that moves a cursor, not endless."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return shown if len(shown) <= NAME else shown[: NAME - 1] + "…"


def load(text: str) -> float:
    """Mean number of runnable tasks over the last minute, from ``/proc/loadavg``."""
    return _number((text.split() or [""])[0])


def waited(text: str) -> float:
    """Seconds in which some task waited for a processor, from ``/proc/pressure/cpu``."""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "some":
            facts = dict(word.split("=", 1) for word in rest.split() if "=" in word)
            return _whole(facts.get("total", "")) / 1e6
    raise ValueError("no line 'some'")


def nominal(text: str) -> tuple[float, ...]:
    """MHz of every processor, from ``/proc/cpuinfo``; what a hypervisor shows there never moves."""
    found = _fields(text, "cpu MHz")
    if not found:
        raise ValueError("no line 'cpu MHz'")
    if any("hypervisor" in flags.split() for flags in _fields(text, "flags")):
        raise ValueError("a virtual machine is not told its processors' frequency")
    return tuple(_number(word) for word in found)


def quota(text: str) -> float | None:
    """Processors that a control group may use, from ``cpu.max``; None without a limit."""
    words = text.split()
    if len(words) != 2:  # noqa: PLR2004 - quota and period
        raise ValueError("not a quota and a period")
    return None if words[0] == "max" else _share(words[0], words[1])


def quota_v1(quota: str, period: str) -> float | None:
    """The same from ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us`` of version 1."""
    return None if quota.strip() == "-1" else _share(quota.strip(), period.strip())


def throttled(text: str) -> float:
    """Seconds for which a control group was stopped at its quota, from ``cpu.stat``."""
    facts = dict(line.split(None, 1) for line in text.splitlines() if len(line.split()) == 2)  # noqa: PLR2004 - name and value
    if "throttled_usec" in facts:
        return _whole(facts["throttled_usec"].strip()) / 1e6
    if "throttled_time" in facts:  # version 1
        return _whole(facts["throttled_time"].strip()) / 1e9
    raise ValueError("no quota is set")


def groups(text: str) -> dict[str, str]:
    """Path by controller, from ``/proc/self/cgroup``; version 2 has the controller ''."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:  # noqa: PLR2004 - number, controllers, path
            found |= dict.fromkeys(parts[1].split(","), parts[2])
    return found


def switches(text: str) -> int:
    """How often a thread was made to leave its processor, from ``/proc/PID/task/TID/status``."""
    return _whole(_one(text, "nonvoluntary_ctxt_switches"))


def swap_used(text: str) -> int:
    """Bytes that lie in swap, from ``/proc/meminfo``."""
    total, free = (
        _whole(_one(text, name).removesuffix("kB").strip()) for name in ("SwapTotal", "SwapFree")
    )
    return max(0, total - free) * 1024


def swapped(text: str) -> int:
    """Pages that went to swap or came back since boot, from ``/proc/vmstat``."""
    facts = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)  # noqa: PLR2004 - name and value
    return _whole(facts.get("pswpin", "")) + _whole(facts.get("pswpout", ""))


def processors(text: str) -> frozenset[int]:
    """Numbers in a list such as ``0-3,8``, as ``thread_siblings_list`` has them."""
    found: set[int] = set()
    for part in text.strip().split(","):
        match = _RANGE.fullmatch(part.strip())
        if not match:
            raise ValueError("not a list of processors")
        low = int(match[1])
        found |= set(range(low, int(match[2] or low) + 1))
    return frozenset(found)


def whole(text: str) -> int:
    """The number that a file of one number holds."""
    return _whole(text.strip())


def _fields(text: str, name: str) -> list[str]:
    """Values of the lines ``name : value``."""
    pairs = (line.partition(":") for line in text.splitlines())
    return [value.strip() for key, colon, value in pairs if colon and key.strip() == name]


def _one(text: str, name: str) -> str:
    found = _fields(text, name)
    if not found:
        raise ValueError(f"no line '{name}'")
    return found[0]


def _share(quota: str, period: str) -> float:
    if not _whole(period):
        raise ValueError("a period of nothing")
    return _whole(quota) / _whole(period)


def _whole(word: str) -> int:
    if not _WHOLE.fullmatch(word):
        raise ValueError("not a whole number")
    return int(word)


def _number(word: str) -> float:
    if not _NUMBER.fullmatch(word):
        raise ValueError("not a number")
    return float(word)
