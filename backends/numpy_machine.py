"""The processors' limit as NumPy reaches it: its BLAS, and one thread that copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class NumpyMachine:
    """Works in main memory."""

    def __init__(self, precision: str) -> None:
        """Take the type of the numbers."""
        self.dtype = np.dtype(precision)

    def product(self, size: int) -> Callable[[int], None]:
        """`numpy.matmul` into an array that is there already."""
        random = np.random.default_rng(1)
        a, b = (random.uniform(-1, 1, (size, size)).astype(self.dtype) for _ in range(2))
        out = np.empty_like(a)

        def work(count: int) -> None:
            for _ in range(count):
                np.matmul(a, b, out=out)

        return work

    def copy(self, size: int) -> Callable[[int], None]:
        """`numpy.copyto`."""
        a, b = np.ones(size, np.uint8), np.zeros(size, np.uint8)

        def work(count: int) -> None:
            for _ in range(count):
                np.copyto(b, a)

        return work
