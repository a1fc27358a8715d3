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
        "random data, rank 8; options features=784, train=10000, test=1000, seed=0, labels=0"
    )
    files: ClassVar[tuple[File, ...]] = ()

    features: Annotated[int, Range(1)] = 784
    train: Annotated[int, Range(1)] = 10_000
    test: Annotated[int, Range(1)] = 1_000
    seed: Annotated[int, Range(0)] = 0
    labels: Annotated[int, Range(0)] = 0
    """Number of classes; with 0 there are no labels."""

    @property
    def shape(self) -> tuple[int]:
        """Shape of one sample: (features,)."""
        return (self.features,)

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of training and of test samples."""
        return (self.train, self.test)

    @property
    def classes(self) -> tuple[str, ...]:
        """Numbers, as many as ``labels`` says."""
        return tuple(map(str, range(self.labels)))

    def load(self, files: Mapping[str, Path]) -> Split:  # noqa: ARG002 - there are none
        """Make the samples; both sets mix the same patterns."""
        patterns = self._uniform(0, PATTERNS, self.features)
        return Split(
            train=self._mixtures(patterns, self.train, stream=1),
            test=self._mixtures(patterns, self.test, stream=3),
            train_labels=self._labels(self.train, stream=2) if self.labels else None,
            test_labels=self._labels(self.test, stream=4) if self.labels else None,
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

    def _labels(self, samples: int, *, stream: int) -> NDArray[np.int64]:
        """Which of a few directions the weights of a sample's patterns point to most.

        A direction is 8 seeded numbers within (-1/2, 1/2), divided by their length; a sample's
        label is the one with the largest product with its weights, less 1/2 each. What can read
        the weights from a sample can therefore learn its label.
        """
        weights = self._uniform(stream, samples, PATTERNS) - 0.5
        directions = self._uniform(5, self.labels, PATTERNS) - 0.5
        lengths = np.zeros(self.labels)
        products = np.zeros((samples, self.labels))
        for index in range(PATTERNS):  # in a fixed order: BLAS would round its own way
            lengths += directions[:, index] ** 2
            products += weights[:, index, None] * directions[:, index]
        nearest: NDArray[np.int64] = np.argmax(products / np.sqrt(lengths), axis=1)
        return nearest

    def _uniform(self, stream: int, rows: int, columns: int) -> NDArray[np.float64]:
        """Multiples of 2**-24 within (0, 1), exact in float32 too, from PCG64's raw bits."""
        seeds = np.random.SeedSequence(self.seed, spawn_key=(stream,))
        raw = np.random.PCG64(seeds).random_raw(rows * columns).reshape(rows, columns)
        raw >>= np.uint64(41)
        values = raw.astype(np.float64)
        values += 0.5
        values *= 2.0**-23
        return values
