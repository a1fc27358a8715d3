"""GPUs of this machine, as NVIDIA's management library (NVML) tells of them: no framework is asked.

A device ``cuda:1`` means the GPU that ``nvidia-smi`` lists as 1 or, where ``CUDA_VISIBLE_DEVICES``
is set, the second one it names. A worker is shown that GPU and no other.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from levelfield.spec.device import parse

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOOKED = "looked for NVIDIA's driver through NVML"


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU that can be used."""

    place: str
    """What ``CUDA_VISIBLE_DEVICES`` takes: its number in the order of the bus, or its UUID."""
    name: str
    memory: int
    """Bytes."""
    power_limit: float | None = None
    """Watts that it may draw; None where it does not tell."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The GPUs that can be used, in the order in which ``cuda:0``, ``cuda:1`` ... count them."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    reason: str = ""
    """Why there is none; empty where there is one, or where nobody can tell."""

    def absent(self, device: str) -> str:
        """Why this device cannot be used; empty where it can, or only CUDA itself could tell."""
        index = parse(device).index
        if self.reason:
            return f"no GPU: {self.reason}"
        if self.gpus and index >= len(self.gpus):
            return f"no GPU {index}: this machine has {self}"
        return ""

    def told(self, device: str) -> str:
        """Which GPU and driver a device means; empty for one that is none."""
        wanted = parse(device)
        if wanted.kind != "cuda":
            return ""
        name = self.gpus[wanted.index].name if wanted.index < len(self.gpus) else "unknown"
        return f"{name}, driver {self.driver}"

    def __str__(self) -> str:
        """Return the GPUs in words."""
        named = [f"{number}: {gpu.name}" for number, gpu in enumerate(self.gpus)]
        return ", ".join(named) or f"none: {self.reason or 'NVML knows of no GPU'}"


def library() -> Any:
    """NVML's Python module; raises `ImportError` where it is not installed."""
    return importlib.import_module("pynvml")


@cache
def here() -> Found:
    """The GPUs of this machine, looked up once."""
    return look(os.environ)


def look(environ: Mapping[str, str], nvml: Any = None) -> Found:
    """Look for GPUs; environ: whose ``CUDA_VISIBLE_DEVICES`` narrows them. nvml: for tests."""
    try:
        nvml = nvml or library()
    except ImportError:
        return Found(reason="" if nodes() else f"{LOOKED}: the package nvidia-ml-py is missing")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        # A driver without NVML, as in some containers: then only CUDA itself can tell.
        return Found(reason="" if nodes() else f"{LOOKED}: {error}")
    try:
        return _listed(nvml, environ.get(VISIBLE))
    except nvml.NVMLError as error:
        return Found(reason=f"{LOOKED}, which broke off: {error}")
    finally:
        nvml.nvmlShutdown()


def _listed(nvml: Any, visible: str | None) -> Found:
    count, driver = nvml.nvmlDeviceGetCount(), _text(nvml.nvmlSystemGetDriverVersion())
    if not count:
        return Found(driver=driver, reason=f"{LOOKED}: driver {driver} sees none")
    places = list(map(str, range(count))) if visible is None else _places(visible)
    gpus = []
    for place in places:
        try:
            gpus.append(_gpu(nvml, place))
        except nvml.NVMLError:
            break  # as CUDA does: what follows an unknown one is not seen either
    if gpus:
        return Found(gpus=tuple(gpus), driver=driver)
    return Found(driver=driver, reason=f"{VISIBLE}={visible} hides all {count} GPUs")


def _places(visible: str) -> list[str]:
    return [place.strip() for place in visible.split(",") if place.strip()]


def handle(nvml: Any, place: str) -> Any:
    """NVML's handle of a GPU, by its number or its UUID."""
    if place.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(place))
    return nvml.nvmlDeviceGetHandleByUUID(place)


def _gpu(nvml: Any, place: str) -> Gpu:
    found = handle(nvml, place)
    try:
        limit = nvml.nvmlDeviceGetEnforcedPowerLimit(found) / 1000
    except nvml.NVMLError:
        limit = None
    return Gpu(
        place=place,
        name=_text(nvml.nvmlDeviceGetName(found)),
        memory=int(nvml.nvmlDeviceGetMemoryInfo(found).total),
        power_limit=limit,
    )


def environ(device: str, found: Found) -> dict[str, str]:
    """What a worker finds in its environment, so that it sees this device and no other GPU."""
    wanted = parse(device)
    if wanted.kind == "cpu":
        return {VISIBLE: "", "JAX_PLATFORMS": "cpu"}
    if wanted.kind != "cuda":
        return {}
    gpus = found.gpus
    return {
        VISIBLE: gpus[wanted.index].place if wanted.index < len(gpus) else str(wanted.index),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # Memory is taken as it is needed: readings mean something, and two workers fit.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }


def nodes() -> bool:
    """Whether the system has a GPU's device file, NVML or not."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
