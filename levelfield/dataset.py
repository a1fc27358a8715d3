"""The contract of a data source: where its files are, and how they become arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from levelfield.spec.fields import Spec


@dataclass(frozen=True)
class File:
    """A file of a data set: its place below the data directory, where else it is, its checksum."""

    path: str
    urls: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Split:
    """The arrays of a data set, samples first, each value within 0..1 (float64 or float32)."""

    train: NDArray[Any]
    test: NDArray[Any]


class Dataset(Spec, ABC):
    """A source of samples. A subclass is a frozen dataclass; its fields are its options.

    One file in ``datasets/`` a source, found by being there; `levelfield.data` finds or fetches the
    files, checks them, and keeps the prepared arrays.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    """One line: what it is, how many samples, licence."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions it needs beside NumPy."""
    files: ClassVar[tuple[File, ...]] = ()
    version: ClassVar[int] = 1
    """To be raised when `load` gives other arrays than before."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Number of training and of test samples."""

    @abstractmethod
    def load(self, files: Mapping[str, Path]) -> Split:
        """Read the files (by their path below the data directory) into arrays."""


__all__ = ["Dataset", "File", "Split"]
