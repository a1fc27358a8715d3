"""How times are kept and compared: beside a yardstick, so that a baseline travels.

pytest-benchmark stores seconds. Each stored run also holds what a fixed piece of Python took on its
machine; before a comparison, the stored seconds are scaled to the machine and hour of this run.
"""

# ruff: noqa: INP001 - no package: pytest imports these files by their path

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import pytest

from levelfield.run import machine

TIMES = ("min", "max", "mean", "stddev", "median", "iqr", "q1", "q3", "ld15iqr", "hd15iqr", "total")
"""pytest-benchmark's statistics that are seconds; ``ops`` is the inverse of one."""
KEPT = ("cpu", "cores", "system", "python")
DOCUMENT = [{"name": f"n{n}", "values": [n / 7, -n, None, str(n)]} for n in range(200)]
ROUNDS = 60


@cache
def yardstick() -> float:
    """Seconds of a fixed piece of Python and JSON here and now: the best of some."""
    return min(_timed() for _ in range(ROUNDS))


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """What machine it is, without its name; and its yardstick."""
    facts = machine.describe()
    return {**{name: facts[name] for name in KEPT}, "yardstick": yardstick()}


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_compare_machine_info(
    machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Scale what was stored to this machine; from there on it counts as measured here."""
    scale = machine_info["yardstick"] / compared_benchmark["machine_info"]["yardstick"]
    for benchmark in compared_benchmark["benchmarks"]:
        stats = benchmark["stats"]
        stats.update({name: stats[name] * scale for name in TIMES if name in stats})
        stats["ops"] /= scale
    compared_benchmark["machine_info"] = machine_info


def _timed() -> float:
    started = time.perf_counter()
    text = json.dumps(DOCUMENT)
    words: dict[str, int] = {}
    for word in text.split():
        words[word] = words.get(word, 0) + 1
    json.loads(text)
    return time.perf_counter() - started
