"""A stand-in for NVML's Python module: plays recorded readings, and fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class NVMLError(Exception):
    """What NVML raises."""


class NVMLError_NotSupported(NVMLError):  # noqa: N801, N818 - NVML's own names
    """A GPU that has no such reading."""

    def __init__(self) -> None:
        super().__init__("Not Supported")


class NVMLError_GpuIsLost(NVMLError):  # noqa: N801, N818
    """A GPU that has fallen off the bus."""

    def __init__(self) -> None:
        super().__init__("GPU is lost")


class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801, N818
    """No driver."""

    def __init__(self) -> None:
        super().__init__("NVML Shared Library Not Found")


Told = Callable[[], Any]


def played(values: Iterable[Any]) -> Told:
    """Give the values one after the other, the last one for ever; exceptions are raised."""
    left: Iterator[Any] = iter(values)
    last: list[Any] = []

    def told() -> Any:
        for value in left:
            last[:] = [value]
            break
        if isinstance(last[0], Exception):
            raise last[0]
        return last[0]

    return told


@dataclass
class Card:
    """One GPU: what it answers, by the name of NVML's function."""

    uuid: str = "GPU-0"
    name: str | bytes = "NVIDIA Test"
    answers: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    _played: dict[str, Told] = field(default_factory=dict)

    def ask(self, what: str, usual: Any) -> Any:
        """The next answer; the usual one where nothing else was recorded."""
        told = self._played.setdefault(what, played(self.answers.get(what, [usual])))
        return told()


def process(pid: int, memory: int | None) -> SimpleNamespace:
    """A process on a GPU, as NVML tells of it."""
    return SimpleNamespace(pid=pid, usedGpuMemory=memory)


class Nvml:
    """The module; every card answers for itself."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    NVMLError = NVMLError
    NVMLError_GpuIsLost = NVMLError_GpuIsLost

    def __init__(
        self, *cards: Card, broken: Exception | None = None, driver: Any = "580.1"
    ) -> None:
        self.cards, self.broken, self.driver = cards, broken, driver
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's own names, to the end of the class
        if self.broken:
            raise self.broken
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> Any:  # noqa: N802
        return self.driver

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        if index >= len(self.cards):
            raise NVMLError("Invalid Argument")
        return self.cards[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:  # noqa: N802
        for card in self.cards:
            if card.uuid == uuid:
                return card
        raise NVMLError("Not Found")

    def nvmlDeviceGetName(self, card: Card) -> Any:  # noqa: N802
        return card.name

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=card.ask("total", 80 * 2**30))

    def nvmlDeviceGetEnforcedPowerLimit(self, card: Card) -> int:  # noqa: N802
        return int(card.ask("limit", 700_000))

    def nvmlDeviceGetUtilizationRates(self, card: Card) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=card.ask("utilisation", 90))

    def nvmlDeviceGetClockInfo(self, card: Card, kind: int) -> int:  # noqa: N802
        return int(card.ask(f"clock{kind}", 1980))

    def nvmlDeviceGetTemperature(self, card: Card, kind: int) -> int:  # noqa: N802
        return int(card.ask("temperature", 60))

    def nvmlDeviceGetPowerUsage(self, card: Card) -> int:  # noqa: N802
        return int(card.ask("power", 500_000))

    def nvmlDeviceGetCurrentClocksEventReasons(self, card: Card) -> int:  # noqa: N802
        return int(card.ask("throttled", 0))

    def nvmlDeviceGetTotalEnergyConsumption(self, card: Card) -> int:  # noqa: N802
        return int(card.ask("energy", 0))

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Any]:  # noqa: N802
        return list(card.ask("processes", []))

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: Card) -> list[Any]:  # noqa: N802
        return list(card.ask("graphics", []))
