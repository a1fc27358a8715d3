"""What a worker times besides training: whether training was waited for, and a fixed product."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from levelfield.run.clock import Clock

if TYPE_CHECKING:
    from levelfield.backend import Array, Backend


def barrier(
    clock: Clock, backend: Backend, sample: Array, order: Array, rates: Array, *, repeats: int
) -> list[list[float]]:
    """Seconds of training, of fetching the weights right after it, and of fetching them idle.

    If `train` returned before the device was idle, the first fetch has to wait for the rest. The
    other one follows another training, and a prediction, which needs all that the training has left
    undone: weights that were fetched already would cost less, for JAX keeps what it has copied from
    a device.
    """

    def timed(call: Callable[[], object]) -> float:
        with clock.running():
            call()
        return clock.span["wall"]

    def train() -> object:
        return backend.train(order, rates)

    backend.predict(sample)  # what it compiles is ready now
    readings = []
    for _ in range(repeats):
        spans = [timed(train), timed(backend.weights)]
        train()
        backend.predict(sample)
        readings.append([*spans, timed(backend.weights)])
    return readings


def sentinel(clock: Clock, *, size: int, repeats: int, precision: str) -> list[float]:
    """Seconds of each of some products of two square matrices, after one that warms up."""
    a, b = (
        np.random.Generator(np.random.PCG64(seed)).uniform(-1, 1, (size, size)).astype(precision)
        for seed in (1, 2)
    )
    out = a @ b
    seconds = []
    for _ in range(repeats):
        with clock.running():
            np.matmul(a, b, out=out)
        seconds.append(clock.span["wall"])
    return seconds
