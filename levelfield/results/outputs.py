"""What trained models gave, beside a study's records: rebuilt samples, answers of classifiers.

``outputs/KEY.npz`` in a study's folder is of the trial of this key, ``outputs/FINGERPRINT.npz`` of
a workload: the test samples that all of its contenders were given. A study without them is whole.
Files are written aside and renamed, so that each is there whole or not at all.

An autoencoder's file holds ``rebuilt`` (some samples, as they came out) and ``errors`` (one a
sample, from the numbers before they were rounded). Pictures are kept in 8 bits, from the least to
the greatest value of the chosen originals; other samples as float32. A classifier's file holds
``answers``: the most probable class of every test sample.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from levelfield.errors import UserError
from levelfield.results.aside import aside

Array = NDArray[Any]

FOLDER = "outputs"
MOST, LEAST, VALUES = 16, 4, 32_768
"""Samples of a workload; fewer, but so many, where they have more values than this together."""
LARGEST = 1 << 28
"""Bytes that a file may unfold to."""
CHANNELS = (1, 3)
SMALLEST = 16
"""Values from which on a flat sample may be a picture."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Originals:
    """The test samples whose outputs are kept, the same for all contenders of a workload."""

    places: Array
    """In the test set; shape: chosen."""
    samples: Array
    """Shape: chosen x values. As they are trained on; from a file of pictures, in 256 steps."""
    range: tuple[float, float]
    """The chosen samples' least and greatest value."""
    picture: tuple[int, ...] = ()
    """Height, width and, of colours, 3; empty where a sample is no picture."""
    labels: Array | None = None
    """The class of every test sample, where the data set has classes."""
    classes: tuple[str, ...] = ()

    def stored(self, rows: Array) -> Array:
        """Samples (chosen x values) as they are kept: pictures in 8 bits, cut off at the range."""
        if not self.picture:
            return rows.astype(np.float32)
        low, high = self.range
        share = (rows.astype(np.float64) - low) / ((high - low) or 1.0)
        return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)

    def values(self, kept: Array) -> Array:
        """The samples that `stored` gave, in the workload's own values."""
        low, high = self.range
        return low + kept * ((high - low) / 255) if self.picture else kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Rebuilt:
    """What an autoencoder made of the chosen samples."""

    samples: Array
    """Shape: chosen x values."""
    errors: Array
    """Mean squared error of each."""


# --- choosing --------------------------------------------------------------------------------


def choose(order: Array, labels: Array | None, *, values: int) -> Array:
    """Places of the test samples to keep: of classes as many each, in turn; else in this order.

    order: a permutation of the test set. labels: their classes. values: of one sample.
    """
    most = max(LEAST, min(MOST, VALUES // values))
    if labels is None:
        return order[:most]
    classes = np.unique(labels)[:most]
    rounds = most // len(classes)
    return np.concatenate([order[labels[order] == each][:rounds] for each in classes])


def picture(shape: tuple[int, ...], *, bounded: bool) -> tuple[int, ...]:
    """How a sample of this shape can be drawn: height and width, and 3 of colours; empty if not.

    Flat samples may be squares that were unrolled, as those of MNIST are; a table's are not, whose
    values are not ``bounded``.
    """
    if len(shape) == 3 and shape[2] in CHANNELS:  # noqa: PLR2004 - height, width, channels
        return shape if shape[2] > 1 else shape[:2]
    if len(shape) == 2:  # noqa: PLR2004
        return shape
    side = math.isqrt(math.prod(shape))
    square = side * side == math.prod(shape) >= SMALLEST
    return (side, side) if square and bounded and len(shape) == 1 else ()


# --- writing ---------------------------------------------------------------------------------


def keep(folder: Path, *, fingerprint: str, key: str, made: Path, given: Originals) -> None:
    """Keep what a worker wrote of its last evaluation; raise `UserError` where that is impossible.

    made: the worker's file: ``rebuilt`` (chosen x the shape of a sample) or ``answers``.
    """
    found = _read(made)
    if "answers" in found:
        answers = _answers(found["answers"], given, made)
        arrays = {"answers": answers.astype(np.min_scalar_type(len(given.classes)))}
    else:
        rows = _rows(found.get("rebuilt"), given, made)
        errors = np.mean((rows.astype(np.float64) - given.samples) ** 2, axis=1)
        arrays = {"rebuilt": given.stored(rows), "errors": errors}
    if not _path(folder, fingerprint).exists():
        _write(_path(folder, fingerprint), _plain(given))
    _write(_path(folder, key), arrays)


def _plain(given: Originals) -> dict[str, Array]:
    arrays = {
        "places": given.places,
        "samples": given.stored(given.samples),
        "range": np.array(given.range),
        "picture": np.array(given.picture, np.int64),
    }
    if given.labels is not None:
        arrays["labels"] = given.labels.astype(np.min_scalar_type(len(given.classes)))
        arrays["classes"] = np.array(given.classes)
    return arrays


def _write(path: Path, arrays: dict[str, Array]) -> None:
    """Write a file whole or not at all; forced, so that nothing is left for a timed moment."""
    try:
        with aside(path) as new, new.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=str(path)) from None


# --- reading ---------------------------------------------------------------------------------


def kept(folder: Path) -> frozenset[str]:
    """Keys and fingerprints that a study's folder has outputs of."""
    try:
        names = [path.name for path in (folder / FOLDER).iterdir()]
    except OSError:
        return frozenset()
    return frozenset(name[:-4] for name in names if name.endswith(".npz") and name[0] != ".")


def originals(folder: Path, fingerprint: str) -> Originals:
    """The samples that contenders of a workload were given; raise `UserError` where none is."""
    path = _path(folder, fingerprint)
    found = _read(path)
    try:
        low, high = map(float, found["range"])
        made = Originals(
            places=found["places"],
            samples=found["samples"],
            range=(low, high),
            picture=tuple(map(int, found["picture"])),
            labels=found.get("labels"),
            classes=tuple(map(str, found.get("classes", ()))),
        )
    except (KeyError, ValueError, TypeError):
        raise _odd(path) from None
    if not (_samples_fit(made) and _classes_fit(made)):
        raise _odd(path)
    return replace(made, samples=made.values(made.samples))


def rebuilt(folder: Path, key: str, given: Originals) -> Rebuilt | None:
    """What a trial's autoencoder made of them; None where it was none."""
    path = _path(folder, key)
    found = _read(path)
    if "answers" in found:
        return None
    rows = _rows(found.get("rebuilt"), given, path)
    errors = found.get("errors")
    if errors is None or errors.shape != given.places.shape or errors.dtype.kind != "f":
        raise _odd(path)
    return Rebuilt(samples=given.values(rows), errors=errors)


def answers(folder: Path, key: str, given: Originals) -> Array | None:
    """The class that a trial's classifier gave to each test sample; None where it was none."""
    path = _path(folder, key)
    found = _read(path)
    return _answers(found["answers"], given, path).astype(int) if "answers" in found else None


def _path(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.npz"


def _read(path: Path) -> dict[str, Array]:
    """Every array of a file; whatever it holds, it cannot run code or fill the memory."""
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(each.file_size for each in packed.infolist()) > LARGEST:
                raise _odd(path)
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except (ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error):
        raise _odd(path) from None


def _rows(rows: Array | None, given: Originals, path: Path) -> Array:
    """Samples, one a row, checked."""
    if rows is None or rows.dtype.kind not in "fiu" or rows.size != given.samples.size:
        raise _odd(path)
    return rows.reshape(given.samples.shape)


def _answers(found: Array, given: Originals, path: Path) -> Array:
    """Places of classes, one a test sample, checked."""
    if given.labels is None or found.shape != given.labels.shape or found.dtype.kind not in "iu":
        raise _odd(path)
    if found.size and (found.min() < 0 or found.max() >= len(given.classes)):
        raise _odd(path)
    return found


def _samples_fit(given: Originals) -> bool:
    """Whether samples, places and the picture's shape belong to each other."""
    samples, places, picture = given.samples, given.places, given.picture
    if samples.ndim != 2 or not samples.size or samples.dtype.kind not in "fiu":  # noqa: PLR2004
        return False
    fits = places.shape == samples.shape[:1] and places.dtype.kind in "iu"
    drawn = not picture or (min(picture) > 0 and math.prod(picture) == samples.shape[1])
    return bool(fits and drawn and places.min() >= 0 and all(map(math.isfinite, given.range)))


def _classes_fit(given: Originals) -> bool:
    """Whether labels and names of classes belong to each other and to the places."""
    if given.labels is None:
        return True
    labels = given.labels
    fits = labels.ndim == 1 and labels.dtype.kind in "iu" and given.places.max() < len(labels)
    return bool(fits and labels.min() >= 0 and labels.max() < len(given.classes))


def _odd(path: Path) -> UserError:
    return UserError("not what a trained model gave", where=str(path))
