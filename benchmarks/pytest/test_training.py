"""One training piece of each backend: an epoch of the handwritten digits, through its adapter.

Each backend has a worker of its own, as in a trial, since one process cannot hold them all: Keras
has one backend a process, and thread pools would be in each other's way. What is timed is asking
for the epoch and having the answer.
"""

# ruff: noqa: INP001, S101

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from levelfield import data, registry
from levelfield.run.process import Process
from levelfield.spec import suite

HISTORY = suite.load(registry.suites() / "history.yaml")
WORKLOAD = HISTORY.workloads[0]
WARM, ROUNDS = 3, 20
TIMEOUT = 300.0


@pytest.fixture(params=HISTORY.contenders)
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    """A worker that has built the workload in this contender, and staged the data."""
    backend, mode = request.param.split("/")
    adapter = registry.adapter(backend)
    if missing := registry.missing(adapter.packages):
        pytest.skip(f"not installed: {', '.join(missing)}")
    source = registry.dataset(WORKLOAD.dataset)
    prepared = data.prepare(
        source,
        precision=WORKLOAD.precision,
        data=data.data_directory(None),
        announce=lambda _: None,
    )
    weights = tmp_path / "weights.npz"
    arrays: dict[str, Any] = dict(WORKLOAD.initial_weights(source.shape))
    np.savez(weights, **arrays)
    cpus = sorted(os.sched_getaffinity(0))
    caches = {"KERAS_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environ = {**adapter.environ, **caches, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    with Process(cpus=cpus, environ=environ, timeout=TIMEOUT) as process:
        process.ask("load", backend=backend, module=adapter.__module__, source="")
        process.ask(
            "build",
            workload=WORKLOAD.plain(),
            weights=str(weights),
            mode=mode,
            device="cpu",
            threads=len(cpus),
        )
        train, test = map(str, prepared.paths)
        process.ask("stage", train=train, test=test, samples=WORKLOAD.samples)
        yield process


def test_train_an_epoch(benchmark: Any, worker: Process) -> None:
    """Compiled and warm."""
    benchmark.group = "training"
    reply = benchmark.pedantic(
        worker.ask, ("train",), {"epoch": 0}, rounds=ROUNDS, warmup_rounds=WARM
    )
    assert reply["loss"] > 0
