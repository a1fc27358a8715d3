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
    """The arrays of a data set, samples first, in float64 or float32; images within 0..1.

    Labels: one int64 a sample, the place of its class in `Dataset.classes`; None where there are
    none.
    """

    train: NDArray[Any]
    test: NDArray[Any]
    train_labels: NDArray[Any] | None = None
    test_labels: NDArray[Any] | None = None


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
    forms: ClassVar[tuple[tuple[File, ...], ...]] = ()
    """Other files with the same samples, such as an archive unpacked: read in place of `files`,
    where those are not in the data directory and all of one form are."""
    version: ClassVar[int] = 1
    """To be raised when `load` gives other arrays than before."""
    bounded: ClassVar[bool] = True
    """Whether every value lies within 0..1; a table's may be any finite number."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample; of an image: (height, width, channels)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels; empty where there are no labels."""
        return ()

    @property
    def state(self) -> str:
        """What else the arrays depend on, such as a digest of files that the user named."""
        return ""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Number of training and of test samples."""

    @abstractmethod
    def load(self, files: Mapping[str, Path]) -> Split:
        """Read the files (by their path below the data directory) into arrays."""


__all__ = ["Dataset", "File", "Split"]
