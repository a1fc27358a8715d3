"""CIFAR-10 and CIFAR-100 as they are published: binary records or pickles, packed or unpacked.

A binary record is the label (of CIFAR-100: the coarse one, then the fine one), a byte each, then
the red, the green and the blue values, row after row. A pickle is a dictionary of an array of the
same values and of lists of labels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield import dataset
from levelfield.dataset import File, Split
from levelfield.errors import UserError
from levelfield.spec.fields import Range

from . import _archives, _pickles

SIDE, CHANNELS = 32, 3
PIXELS = SIDE * SIDE * CHANNELS
TRAINING, TESTING = 50_000, 10_000
LARGEST = 2**28
"""Bytes of a batch that are read at most: more than any has."""
MIRROR = "https://www.cs.toronto.edu/~kriz/"
_HINT = "delete it, so that another is looked for, or put the original in its place"

Samples = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Values, 3,072 a sample, and labels."""


def archive(path: str, sha256: str) -> tuple[File]:
    """The published archive that is kept at this path."""
    return (File(path, (MIRROR + PurePosixPath(path).name,), sha256),)


def unpacked(folder: str, names: Sequence[str], sha256: Sequence[str]) -> tuple[File, ...]:
    """Files of an archive that was unpacked, below ``folder``, with these checksums."""
    checksums = zip(names, sha256, strict=True)
    return tuple(File(f"{folder}/{name}", (), checksum) for name, checksum in checksums)


@dataclass(frozen=True)
class Cifar(dataset.Dataset):
    """50,000 training and 10,000 test images of 32x32 pixels, RGB, pixel / 255.

    The options ``train`` and ``test`` take the first ones only.
    """

    batches: ClassVar[tuple[tuple[str, ...], str]]
    """Files of the training images, all of one length, and of the test images; without ``.bin``."""
    marks: ClassVar[tuple[str, ...]]
    """Keys of the labels in a pickle, in the order of their bytes in a record; the last is used."""

    train: Annotated[int, Range(1, TRAINING)] = TRAINING
    test: Annotated[int, Range(1, TESTING)] = TESTING

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample: 32 x 32 pixels of three channels."""
        return (SIDE, SIDE, CHANNELS)

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of training and of test samples."""
        return (self.train, self.test)

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    def load(self, files: Mapping[str, Path]) -> Split:
        """Read as many batches as are needed, in whichever form they come."""
        names, last = self.batches
        each = TRAINING // len(names)
        starts = {name: place * each for place, name in enumerate(names)}
        wanted = {
            name: min(each, self.train - start)
            for name, start in starts.items()
            if start < self.train
        }
        counts = {**wanted, last: self.test}
        found: dict[str, Samples] = {}
        for name, where, content in _contents(files, counts):
            most = TESTING if name == last else each
            found[name] = self._parse(content, counts[name], most, where=where)
        for name in counts:
            if name not in found:
                where = ", ".join(map(str, files.values()))
                raise UserError(f"no {name} in it", where=where, expected=", ".join(counts))
        train, train_labels = _images([found[name] for name in wanted])
        test, test_labels = _images([found[last]])
        return Split(train, test, train_labels, test_labels)

    def _parse(self, content: bytes, count: int, most: int, *, where: str) -> Samples:
        """The first samples of a file, which was published with ``most``."""
        if where.endswith(".bin"):
            values, labels = _records(content, len(self.marks), most, where=where)
        else:
            values, labels = _unpickled(content, self.marks[-1], where=where)
        if not count <= len(values) <= most:
            raise UserError(
                f"holds {len(values):,} images",
                where=where,
                expected=f"{count:,}" if count == most else f"{count:,} to {most:,}",
                hint=f"{_HINT}; or ask for fewer with the options of {self.name}, train and test",
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if len(wrong):
            raise UserError(
                f"image {wrong[0] + 1} has the label {labels[wrong[0]]}",
                where=where,
                expected=f"0 to {len(self.classes) - 1}",
                hint=_HINT,
            )
        return values[:count], labels[:count]


def _contents(
    files: Mapping[str, Path], names: Mapping[str, int]
) -> Iterator[tuple[str, str, bytes]]:
    """Name, place and bytes of each file with one of these names: given, or in a given archive."""
    for path in files.values():
        if path.name.endswith(".tar.gz"):
            for inside, opener in _archives.walk(path):
                name = PurePosixPath(inside).name.removesuffix(".bin")
                if name in names:
                    with _archives.reading(path), opener() as file:
                        yield name, f"{path}, {inside}", file.read(LARGEST)
        elif path.name.removesuffix(".bin") in names:
            with path.open("rb") as file:
                yield path.name.removesuffix(".bin"), str(path), file.read(LARGEST)


def _records(content: bytes, labels: int, most: int, *, where: str) -> Samples:
    """Samples of a binary file; the last of ``labels`` bytes before a sample is its label."""
    length = labels + PIXELS
    if len(content) % length or len(content) > most * length:
        raise UserError(
            f"{len(content):,} bytes",
            where=where,
            expected=f"{most * length:,}, which are {most:,} records of {length:,}",
            hint=_HINT,
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, length)
    return records[:, labels:], records[:, labels - 1].astype(np.int64)


def _unpickled(content: bytes, mark: str, *, where: str) -> Samples:
    batch = _pickles.load(content, where=where)
    stored, labels = batch.get(b"data"), batch.get(mark.encode())
    try:
        if not isinstance(stored, _pickles.Stored) or not isinstance(labels, list):
            raise ValueError(f"no array 'data' or no list '{mark}' in it")  # noqa: TRY301, TRY004
        values = stored.array()
        if values.shape != (len(labels), PIXELS):
            raise ValueError(f"{len(labels)} labels of values of shape {values.shape}")  # noqa: TRY301
        if not all(type(label) is int and 0 <= label < 2**31 for label in labels):
            raise ValueError("labels that are no whole numbers")  # noqa: TRY301
    except ValueError as error:
        expected = f"an array of images x {PIXELS} bytes and a label each"
        raise UserError(str(error), where=where, expected=expected, hint=_HINT) from None
    return values, np.array(labels, np.int64)


def _images(batches: Sequence[Samples]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images, channels last, pixel / 255, and labels."""
    total = sum(len(values) for values, _ in batches)
    images, start = np.empty((total, SIDE, SIDE, CHANNELS), np.float32), 0
    for values, _ in batches:
        planes = values.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
        np.divide(planes, 255, out=images[start : start + len(planes)], dtype=np.float32)
        start += len(planes)
    return images, np.concatenate([labels for _, labels in batches])
