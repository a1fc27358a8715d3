"""Seeded random samples of any size: data that needs no file, for scaling and for tests.

A sample is a mixture of a few patterns that all samples share, with a little noise, so that an
autoencoder has something to learn. No value is ever 0 or 1: zeros would let a backend that skips
them look faster than it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield import dataset
from levelfield.dataset import File, Split
from levelfield.spec.fields import Range

PATTERNS, NOISE = 8, 0.125


@dataclass(frozen=True)
class Synthetic(dataset.Dataset):
    """Random samples within (0, 1), the same bits on every machine and with every NumPy.

    More training samples extend the set: the first ones, and the test set, stay what they were.
    """

    name: ClassVar[str] = "synthetic"
    about: ClassVar[str] = (
        "random data of rank 8 and noise; options features=784, train=10000, test=1000, seed=0"
    )
    files: ClassVar[tuple[File, ...]] = ()

    features: Annotated[int, Range(1)] = 784
    train: Annotated[int, Range(1)] = 10_000
    test: Annotated[int, Range(1)] = 1_000
    seed: Annotated[int, Range(0)] = 0

    @property
    def shape(self) -> tuple[int]:
        """Shape of one sample: (features,)."""
        return (self.features,)

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of training and of test samples."""
        return (self.train, self.test)

    def load(self, files: Mapping[str, Path]) -> Split:  # noqa: ARG002 - there are none
        """Make the samples; both sets mix the same patterns."""
        patterns = self._uniform(0, PATTERNS, self.features)
        return Split(
            train=self._mixtures(patterns, self.train, stream=1),
            test=self._mixtures(patterns, self.test, stream=3),
        )

    def _mixtures(
        self, patterns: NDArray[np.float64], samples: int, *, stream: int
    ) -> NDArray[np.float64]:
        """Weighted patterns and noise, summed in a fixed order: BLAS would round its own way."""
        mixed = self._uniform(stream, samples, self.features)
        mixed *= NOISE
        weights = self._uniform(stream + 1, samples, PATTERNS)
        weights *= (1 - NOISE) / PATTERNS
        for index, pattern in enumerate(patterns):
            mixed += weights[:, index, None] * pattern
        return mixed

    def _uniform(self, stream: int, rows: int, columns: int) -> NDArray[np.float64]:
        """Multiples of 2**-24 within (0, 1), exact in float32 too, from PCG64's raw bits."""
        seeds = np.random.SeedSequence(self.seed, spawn_key=(stream,))
        raw = np.random.PCG64(seeds).random_raw(rows * columns).reshape(rows, columns)
        raw >>= np.uint64(41)
        values = raw.astype(np.float64)
        values += 0.5
        values *= 2.0**-23
        return values
