"""What machine this is: read once, kept in every study."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from levelfield.run import gpu


def describe() -> Mapping[str, Any]:
    """Processor, memory, system and Python; the host only as a fingerprint."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "gpus": [dataclasses.asdict(each) for each in gpu.here().gpus],
        "driver": gpu.here().driver,
        "host": host(),
    }


def memory() -> int:
    """Bytes of memory: the machine's, or the control group's limit where that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def host() -> str:
    """Eight digits that tell one host from another without naming it."""
    name = platform.node() + (_field("/proc/cpuinfo", "model name") or "") + str(memory())
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
