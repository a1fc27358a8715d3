"""Reads what the machine tells of itself: counters, settings, frequencies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from levelfield.run import neighbours
from levelfield.run.noise import parse
from levelfield.run.noise.parse import Task
from levelfield.run.noise.readings import Readings, Snapshot, change, rate, used

T = TypeVar("T")
CPU = "sys/devices/system/cpu"


class Probe:
    """Reads what it can and keeps, by name, why it could not read the rest."""

    def __init__(self) -> None:
        """Nothing is missing yet."""
        self.absent: dict[str, str] = {}

    def __call__(self, name: str, read: Callable[[], T]) -> T | None:
        """The reading, or None."""
        try:
            return read()
        except FileNotFoundError as error:
            self.absent[name] = f"there is no {error.filename}"
        except OSError as error:
            self.absent[name] = f"{error.filename}: {error.strerror}"
        except ValueError as error:
            self.absent[name] = str(error)
        return None


@dataclass(frozen=True, kw_only=True)
class System:
    """The machine's files. ``root`` and ``clock``: others than the real ones in tests."""

    root: Path = Path("/")
    clock: Callable[[], float] = time.monotonic
    own: int = field(default_factory=os.getpid)
    """The process whose descendants are ours."""

    def read(self, name: str) -> str:
        """Text of a file below the root; what is no UTF-8 in it is replaced."""
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
        return os.listdir(self.root / folder)  # noqa: PTH208 - names are all it takes

    def snapshot(self, workers: Iterable[int]) -> Snapshot:
        """All counters now; ``workers``: process ids."""
        probe = Probe()
        return Snapshot(
            clock=self.clock(),
            busy=probe("stolen", self._busy),
            load=probe("load", lambda: parse.load(self.read("proc/loadavg"))),
            waited=probe("waiting", lambda: parse.waited(self.read("proc/pressure/cpu"))),
            throttled=probe("throttled", lambda: parse.throttled(self._group("cpu.stat"))),
            swapped=probe("swapped", lambda: parse.swapped(self.read("proc/vmstat"))),
            switches=probe("switches", lambda: sum(self._switches(workers))),
            tasks=probe("foreign", lambda: tuple(self._tasks())),
            absent=probe.absent,
        )

    def frequencies(self, cpus: Sequence[int]) -> tuple[float, ...]:
        """MHz of these processors now; raises `OSError` or `ValueError` where nobody tells."""
        try:
            return tuple(
                parse.whole(self.read(f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq")) / 1000
                for cpu in cpus
            )
        except FileNotFoundError:
            return parse.nominal(self.read("proc/cpuinfo"))

    def readings(
        self,
        before: Snapshot,
        after: Snapshot,
        cpus: Sequence[int],
        frequencies: Sequence[tuple[float, ...]],
    ) -> Readings:
        """What happened between two snapshots, and the settings under which it did."""
        probe = Probe()
        probe.absent |= {**before.absent, **after.absent}
        if not frequencies:
            probe("frequency", lambda: self.frequencies(cpus))
            probe.absent.setdefault("frequency", "it was not read")
        seconds = max(after.clock - before.clock, 1e-9)
        named, foreign, ours = used(before.tasks, after.tasks, own=self.own, seconds=seconds)
        busy = stolen = None
        if before.busy is not None and after.busy is not None:
            busy, stolen = (b - a for a, b in zip(before.busy, after.busy, strict=True))
            stolen = max(0.0, stolen) / (seconds * self._processors())
        unnamed = None
        if busy is not None and foreign is not None:
            unnamed = max(0.0, busy / seconds - ours - foreign)
        else:
            probe.absent["unnamed"] = "it takes /proc/stat and the processes' own"
        quota = probe("quota", self._quota)
        if quota is None:
            probe.absent.setdefault("quota", "no limit is set")
        return Readings(
            cores=len(cpus),
            stolen=stolen,
            frequency=change(frequencies),
            governor=probe("governor", lambda: self._governor(cpus)),
            turbo=probe("turbo", self._turbo),
            siblings=probe("siblings", lambda: self._siblings(cpus)),
            load=before.load,
            waiting=rate(before.waited, after.waited, seconds),
            named=named,
            foreign=foreign,
            unnamed=unnamed,
            quota=quota,
            throttled=rate(before.throttled, after.throttled, seconds),
            switches=rate(before.switches, after.switches, seconds * len(cpus)),
            swap=probe("swap", lambda: parse.swap_used(self.read("proc/meminfo"))),
            swapped=rate(before.swapped, after.swapped, seconds),
            absent=probe.absent,
        )

    def _busy(self) -> tuple[float, float]:
        found = neighbours.parse(self.read("proc/stat"))
        if found is None:
            raise ValueError("/proc/stat does not tell")
        return found

    def _processors(self) -> int:
        """Those that ``/proc/stat`` adds up."""
        lines = self.read("proc/stat").splitlines()
        return max(1, sum(line[:3] == "cpu" and line[3:4].isdigit() for line in lines))

    def _tasks(self) -> Iterator[Task]:
        for name in self.names("proc"):
            if name.isascii() and name.isdigit():
                try:
                    yield parse.task(self.read(f"proc/{name}/stat"))
                except (OSError, ValueError):
                    continue  # it has ended, or hides

    def _switches(self, workers: Iterable[int]) -> Iterator[int]:
        for pid in workers:
            for thread in self.names(f"proc/{pid}/task"):
                yield parse.switches(self.read(f"proc/{pid}/task/{thread}/status"))

    def _groups(self, *files: str) -> Iterator[list[str]]:
        """Texts of these files in our control group and in those around it, the innermost first."""
        paths = parse.groups(self.read("proc/self/cgroup"))
        places = [("", "sys/fs/cgroup"), ("", "sys/fs/cgroup/unified")]
        places += [("cpu", "sys/fs/cgroup/cpu"), ("cpu", "sys/fs/cgroup/cpu,cpuacct")]
        for controller, base in places:
            path = PurePosixPath("/", paths.get(controller, "/"))
            inner = [] if ".." in path.parts else [path, *path.parents]
            for folder in dict.fromkeys([*inner, PurePosixPath("/")]):
                inside = PurePosixPath(base, folder.relative_to("/"))
                try:
                    yield [self.read(str(inside / name)) for name in files]
                except (FileNotFoundError, NotADirectoryError):
                    continue

    def _group(self, name: str) -> str:
        """A file of the innermost control group that counts how often its quota stopped it."""
        for (text,) in self._groups(name):
            if "throttled" in text:
                return text
        raise ValueError("no control group counts it")

    def _quota(self) -> float | None:
        found = [parse.quota(text) for (text,) in self._groups("cpu.max")]
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        found += [parse.quota_v1(one, other) for one, other in self._groups(*names)]
        return min((cores for cores in found if cores is not None), default=None)

    def _governor(self, cpus: Sequence[int]) -> str:
        found = [self.read(f"{CPU}/cpu{cpu}/cpufreq/scaling_governor").strip() for cpu in cpus]
        return ", ".join(parse.printable(name) for name in dict.fromkeys(found))

    def _turbo(self) -> bool:
        try:
            return parse.whole(self.read(f"{CPU}/intel_pstate/no_turbo")) == 0
        except FileNotFoundError:
            return parse.whole(self.read(f"{CPU}/cpufreq/boost")) == 1

    def _siblings(self, cpus: Sequence[int]) -> str:
        shared = [
            parse.processors(self.read(f"{CPU}/cpu{cpu}/topology/thread_siblings_list"))
            for cpu in cpus
        ]
        if any(len(threads & set(cpus)) > 1 for threads in shared):
            return "inside"
        return "outside" if any(len(threads) > 1 for threads in shared) else "none"
