"""How a GPU fares, by NVIDIA's management library (NVML), asked from outside of whoever uses it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from levelfield.run import gpu

from . import Unread

NAME = "gpu"
Read = Callable[[Any, Any], float]
"""Of NVML's module and the GPU's handle."""


def _reasons(nvml: Any, handle: Any) -> float:
    """Why the clocks are lower than they could be: a sum of powers of two, NVML's own."""
    ask = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
    return float((ask or nvml.nvmlDeviceGetCurrentClocksThrottleReasons)(handle))


READINGS: Mapping[str, Read] = {
    "utilisation": lambda nvml, h: nvml.nvmlDeviceGetUtilizationRates(h).gpu / 100,
    "sm_clock": lambda nvml, h: 1e6 * nvml.nvmlDeviceGetClockInfo(h, nvml.NVML_CLOCK_SM),
    "memory_clock": lambda nvml, h: 1e6 * nvml.nvmlDeviceGetClockInfo(h, nvml.NVML_CLOCK_MEM),
    "temperature": lambda nvml, h: nvml.nvmlDeviceGetTemperature(h, nvml.NVML_TEMPERATURE_GPU),
    "power": lambda nvml, h: nvml.nvmlDeviceGetPowerUsage(h) / 1000,
    "throttled": _reasons,
}
"""By name, in the units of `levelfield.results.record.Readings`."""


class Nvml:
    """One GPU, while a trial runs on it."""

    name = NAME

    def __init__(
        self, place: str, *, ours: Callable[[], set[int]], nvml: Any = None, proc: str = "/proc"
    ) -> None:
        """Find the GPU of this place; raise `Unread` where NVML does not know it.

        ours: numbers of the processes of the trial, as they are when it is called.
        """
        self._ours, self._proc = ours, Path(proc)
        self._unread: dict[str, str] = {}
        self._lost, self._listed = "", False
        try:
            self._nvml = nvml or gpu.library()
        except ImportError:
            raise Unread("the package nvidia-ml-py is missing") from None
        try:
            self._nvml.nvmlInit()
            self._handle = gpu.handle(self._nvml, place)
        except self._nvml.NVMLError as error:
            raise Unread(f"NVML: {error}") from None
        # Who was there before: in a container they may bear numbers of another namespace.
        mine = ours()
        there = [process for process in self._processes() if process.pid not in mine]
        self._before = {process.pid for process in there}
        self._seen = {each.pid: self._told(each.pid, each.usedGpuMemory) for each in there}

    def energy(self) -> float:
        """Joules since the driver was loaded."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError as error:
            raise Unread(f"NVML: {error}") from None

    def sample(self) -> dict[str, float]:
        """Every reading that the GPU has; empty once it has fallen off the bus."""
        found: dict[str, float] = {}
        for name, read in READINGS.items():
            if name in self._unread or self._lost:
                continue
            try:
                found[name] = float(read(self._nvml, self._handle))
            except self._nvml.NVMLError as error:
                self._fail(name, error)
        if not self._lost and "memory" not in self._unread:
            with contextlib.suppress(Unread):
                found["memory"] = self._look()
        return {} if self._lost else found

    def _fail(self, name: str, error: Exception) -> None:
        """What is not supported is not asked for again; a GPU that is gone is asked nothing."""
        gone = getattr(self._nvml, "NVMLError_GpuIsLost", ())
        if isinstance(error, gone):
            self._lost = f"NVML: {error}"
        else:
            self._unread[name] = f"NVML: {error}"

    def _look(self) -> float:
        """Bytes that the trial's processes hold; notes whoever else is there."""
        ours, held, own = self._ours(), 0.0, False
        for process in self._processes():
            pid, used = process.pid, process.usedGpuMemory
            visible = (self._proc / str(pid)).exists()
            if pid in self._before or (visible and pid not in ours):
                self._seen[pid] = self._told(pid, used)
            elif used is None:
                self._unread["memory"] = "NVML does not tell how much a process holds"
                raise Unread(self._unread["memory"])
            else:
                held, own = held + used, True
        self._listed |= own
        if not own:
            raise Unread("NVML lists none of the trial's processes")
        return held

    def _processes(self) -> Iterator[Any]:
        try:
            yield from self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        except self._nvml.NVMLError as error:
            self._fail("memory", error)
        with contextlib.suppress(self._nvml.NVMLError):  # a desktop's; many GPUs have none
            yield from self._nvml.nvmlDeviceGetGraphicsRunningProcesses(self._handle)

    def _told(self, pid: int, used: int | None) -> str:
        try:
            name = (self._proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace")
        except OSError:
            name = "of another container or user"
        size = "" if used is None else f", {used / 2**20:.0f} MiB"
        return f"process {pid} ({name.strip()}){size}"

    def unread(self) -> dict[str, str]:
        """By reading: why it is not there, or why it ended."""
        lost = {"gpu": f"{self._lost}: nothing was read from then on"} if self._lost else {}
        alone = {} if self._listed else {"memory": "NVML lists none of the trial's processes"}
        return {**alone, **self._unread, **lost}

    def foreign(self) -> tuple[str, ...]:
        """Others' processes that were seen on the GPU."""
        return tuple(self._seen.values())

    def close(self) -> None:
        """Let go of NVML."""
        with contextlib.suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()
