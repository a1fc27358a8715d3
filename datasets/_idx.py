"""The IDX format of MNIST and its successors, read strictly.

Two zero bytes, the type of a value (8: unsigned byte), the number of axes, the length of each axis
as a big-endian uint32, then the values, last axis fastest; here as a gzip file.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from levelfield.dataset import File, Split
from levelfield.errors import UserError

NAMES = (
    "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
)  # fmt: skip
TRAINING, TESTING, SIDE, CLASSES = 60_000, 10_000, 28, 10
_HINT = "delete it, so that it is downloaded again, or put the original in its place"


def files(
    folder: str, *, mirrors: tuple[str, ...], sha256: tuple[str, str, str, str]
) -> tuple[File, ...]:
    """The files of `NAMES` below ``folder``, with these checksums."""
    return tuple(
        File(f"{folder}/{name}", tuple(mirror + name for mirror in mirrors), checksum)
        for name, checksum in zip(NAMES, sha256, strict=True)
    )


def split(train: Path, test: Path, train_labels: Path, test_labels: Path) -> Split:
    """Read images into samples x 784 float64 values, pixel / 255, and their labels."""
    return Split(
        _flat(train, TRAINING),
        _flat(test, TESTING),
        labels(train_labels, size=TRAINING, classes=CLASSES),
        labels(test_labels, size=TESTING, classes=CLASSES),
    )


def labels(path: Path, *, size: int, classes: int) -> NDArray[np.int64]:
    """Read a file of ``size`` labels; one that is not below ``classes`` is a `UserError`."""
    found = read(path, shape=(size,))
    wrong = np.flatnonzero(found >= classes)
    if len(wrong):
        seen, expected = f"label {found[wrong[0]]} at place {wrong[0]}", f"0 to {classes - 1}"
        raise UserError(seen, where=str(path), expected=expected, hint=_HINT)
    return found.astype(np.int64)


def read(path: Path, *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Unpack a gzip file and parse it as bytes of this shape.

    Raise `UserError`, with the file's name, where it is not gzip, cut short, corrupt, or holds
    anything but this shape. No more than the shape's own size is ever unpacked.
    """
    import gzip
    import zlib

    most = len(_header(shape)) + _product(shape)
    try:
        with gzip.open(path) as file:
            data = file.read(most) + file.read(1)  # the last read meets the end and its checksum
    except gzip.BadGzipFile as error:
        seen = f"not a sound gzip file ({error})"
    except EOFError:
        seen = "a gzip file that was cut short"
    except zlib.error as error:
        seen = f"a corrupt gzip file ({error})"
    except OSError as error:
        seen = f"cannot be read ({error.strerror or error})"
    else:
        return parse(data, shape=shape, where=str(path))
    expected = f"a gzip file of {_times(shape)} bytes in the IDX format"
    raise UserError(seen, where=str(path), expected=expected, hint=_HINT)


def parse(data: bytes, *, shape: tuple[int, ...], where: str) -> NDArray[np.uint8]:
    """Return the bytes of an unpacked IDX file as a read-only array of this shape.

    Raise `UserError`, naming ``where``, on another magic number, another shape, or values missing
    or left over.
    """
    header = _header(shape)
    seen, values = data[: len(header)], len(data) - len(header)
    if seen[:4] != header[:4]:
        found = f"begins with the bytes {seen[:4].hex(' ') or '(none)'}"
        wanted = f"{header[:4].hex(' ')} (IDX, unsigned bytes, {len(shape)} axes)"
    elif len(seen) < len(header):
        found, wanted = f"its header ends after {len(seen)} bytes", f"{len(header)} bytes"
    elif seen != header:
        found = f"holds {_times(struct.unpack(f'>4x{len(shape)}I', seen))} values"
        wanted = f"{_times(shape)} values"
    elif values != _product(shape):
        found = f"{'more' if values > _product(shape) else values} values after its header"
        wanted = f"{_times(shape)} = {_product(shape)} values"
    else:
        return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)
    raise UserError(found, where=where, expected=wanted, hint=_HINT)


def _flat(path: Path, size: int) -> NDArray[np.float64]:
    images = read(path, shape=(size, SIDE, SIDE)).reshape(size, SIDE * SIDE)
    return np.divide(images, 255.0, dtype=np.float64)


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
