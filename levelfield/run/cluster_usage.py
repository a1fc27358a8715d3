"""What a cluster costs: CPU seconds of every role, read from the process tree."""

from __future__ import annotations

import os
from pathlib import Path

from levelfield.run.clock import CPU, START, TICK, WAITED, children, peak_memory, stat
from levelfield.run.cluster import Cluster

Costs = dict[str, dict[str, float]]
MEMORY = "memory"


def usage(cluster: Cluster) -> Costs:
    """User and system seconds so far, by role; ``wall``: since the role's first process began.

    ``memory``: the sum of its processes' peaks, in bytes, each at its own time.

    driver: this process; driver JVM: Spark's part of it; master; workers: the JVMs that start
    executors; executors: theirs; executors' Python: where the training itself runs. What a process
    has waited for counts for the role of its children.
    """
    costs: Costs = {}
    _add(costs, "driver", os.getpid())
    roles = {process.pid: role.partition(" ")[0] for role, process in cluster.processes.items()}
    for child in children(os.getpid()):
        role = roles.get(child, "driver JVM" if _is_java(child) else "driver")
        below = {"worker": ("workers", "executors", "executors' Python")}.get(role, (role,))
        _tree(costs, child, below)
    return costs


def _tree(costs: Costs, pid: int, roles: tuple[str, ...]) -> None:
    """Add a process to the first role, its children to the next, and so on; the last takes all."""
    rest = roles[1:] or roles
    _add(costs, roles[0], pid)
    _add(costs, rest[0], pid, waited=True)
    for child in children(pid):
        _tree(costs, child, rest)


def _add(costs: Costs, role: str, pid: int, *, waited: bool = False) -> None:
    """Add a process' own seconds, or those of the children it has waited for."""
    try:
        fields = stat(pid)
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    user, system = (int(field) / TICK for field in fields[WAITED if waited else CPU :][:2])
    row = costs.setdefault(role, {"user": 0.0, "system": 0.0, "wall": 0.0, MEMORY: 0.0})
    row["user"] += user
    row["system"] += system
    if not waited:
        row[MEMORY] += peak_memory(pid) or 0
        row["wall"] = max(row["wall"], up - int(fields[START]) / TICK)


def _is_java(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip() == "java"
    except OSError:
        return False
