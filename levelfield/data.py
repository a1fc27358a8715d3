"""Finds, fetches, checks, prepares and memory-maps the arrays of data sets.

The parent prepares: files are looked for in the data directory, then in the user's own, then
downloaded; their checksums are verified before they are read; what a data set makes of them is
checked, cast to the workload's precision and kept in the cache. The worker only opens the arrays
(`open_arrays`), which needs NumPy alone.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from levelfield.errors import UserError
from levelfield.fetch import (
    CACHE,
    Announce,
    Source,
    alone,
    cache_directory,
    data_directory,
    describe,
    download,
    find,
    form_of,
    hash_file,
    sha256_of,
    writing,
)

if TYPE_CHECKING:
    from levelfield.dataset import Dataset
    from levelfield.spec.workload import Preprocess

Array = NDArray[Any]

__all__ = [
    "Prepared", "Source", "cache_directory", "check_samples", "data_directory", "describe",
    "open_arrays", "prepare", "preprocessed",
]  # fmt: skip
TRAIN, TEST, META = "train.npy", "test.npy", "meta.json"
LABELS = ("train-labels.npy", "test-labels.npy")
FORMAT = 1
"""Layout of the cache; to be raised when another version could not read it."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The arrays of a data set on disk, ready to be memory-mapped."""

    folder: Path
    shape: tuple[int, ...]
    """Shape of one sample."""
    sizes: tuple[int, int]
    """Number of training and of test samples."""
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of the training, then the test array's bytes (then
    those of the labels)."""
    classes: int = 0
    """Number of classes; 0 where there are no labels."""

    @property
    def paths(self) -> tuple[Path, Path]:
        """The .npy files of the training and of the test samples, for `open_arrays`."""
        return self.folder / TRAIN, self.folder / TEST

    @property
    def labels(self) -> tuple[Path, Path] | None:
        """The same of their labels, where there are any."""
        return (self.folder / LABELS[0], self.folder / LABELS[1]) if self.classes else None


def prepare(
    dataset: Dataset,
    *,
    precision: str,
    data: Path,
    announce: Announce,
    preprocess: Preprocess = "unit",
) -> Prepared:
    """Make the arrays of a data set ready in the cache, or find them there.

    Arrays that are already there are taken as they are when sizes and times are those written (or,
    where times differ, their checksums); the data set's files are then not looked for. Anything
    else is made anew, aside, and renamed, one process at a time.

    Args:
        dataset: what to prepare.
        precision: dtype of the arrays, ``float32`` or ``float64``.
        data: where to look first for its files: see `data_directory`.
        announce: told, in a line of text, of whatever takes long.
        preprocess: what is done to the values: see `Workload.preprocess`.
    """
    facts = _facts(dataset, precision, preprocess)
    cache = cache_directory()
    folder = cache / f"{dataset.name}-{precision}-{sha256_of(_json(facts))[:12]}"
    found = _reuse(dataset, folder, facts)
    if found:
        return found
    with writing(cache, CACHE):
        cache.mkdir(parents=True, exist_ok=True)
        with alone(cache / f".{folder.name}.lock", announce):
            found = _reuse(dataset, folder, facts)
            if not found:
                if os.path.lexists(folder):
                    announce(f"{folder} is not whole: preparing it anew")
                arrays = _arrays(dataset, precision, data, announce, preprocess)
                _store(folder, facts, arrays)
                found = _reuse(dataset, folder, facts)
    if not found:
        raise UserError(
            "is not what was just written", where=str(folder), hint=f"set {CACHE} to another folder"
        )
    return found


def check_samples(dataset: Dataset, samples: int | None) -> int:
    """Return how many training samples are used: ``samples``, or all where it is None.

    Raise `UserError` where a data set has fewer.
    """
    most = dataset.sizes[0]
    if samples is not None and samples > most:
        raise UserError(
            f"{samples} samples asked for",
            where=f"data set {_text(dataset)}",
            expected=f"at most {most}, the size of its training set",
            hint=f"samples: {most}, or leave the key out to use all",
        )
    return most if samples is None else samples


def open_arrays(
    paths: Sequence[str | Path], samples: int | None, shape: Sequence[int] | None = None
) -> tuple[Array, Array]:
    """Memory-map prepared arrays, read-only: the first ``samples`` for training, all for testing.

    paths: the two files of `Prepared.paths` or of `Prepared.labels`. Each array is samples x the
    shape of one, which may be seen as another ``shape`` of as many values.
    """
    try:
        train, test = (np.asarray(np.load(path, mmap_mode="r")) for path in paths)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"the prepared arrays cannot be opened ({error})",
            where=str(paths[0]),
            hint="run again: broken arrays are prepared anew",
        ) from None
    if shape is not None:
        train, test = train.reshape(-1, *shape), test.reshape(-1, *shape)
    return train[:samples], test


# --- making arrays of them -------------------------------------------------------------------


def _arrays(
    dataset: Dataset, precision: str, data: Path, announce: Announce, preprocess: Preprocess
) -> dict[str, Array]:
    """Load a data set's samples and labels, checked, in this precision, by the file's name."""
    from levelfield import registry

    where = f"data set {_text(dataset)}"
    absent = registry.missing(dataset.packages)
    if absent:
        needed = " ".join(absent)
        raise UserError(f"needs {needed}", where=where, hint=f"pip install {needed}")
    _check_memory(dataset, where)
    files = {
        file.path: find(file, data) or download(file, data, announce)
        for file in form_of(dataset, data)
    }
    announce(f"preparing {_text(dataset)} in {precision}")
    try:
        split = dataset.load(files)
        train = _checked(split.train, dataset.sizes[0], dataset, f"{where}, training samples")
        test = _checked(split.test, dataset.sizes[1], dataset, f"{where}, test samples")
        train, test = preprocessed(train, test, preprocess)
        arrays = {
            TRAIN: np.ascontiguousarray(train, precision),
            TEST: np.ascontiguousarray(test, precision),
        }
        if dataset.classes:
            given = (split.train_labels, split.test_labels)
            for name, labels, size in zip(LABELS, given, dataset.sizes, strict=True):
                arrays[name] = _checked_labels(labels, size, dataset, f"{where}, labels")
    except OSError as error:
        raise UserError(f"cannot be read ({error})", where=where) from None
    except MemoryError:
        raise UserError("not enough memory", where=where, hint="fewer samples") from None
    return arrays


def preprocessed(train: Array, test: Array, how: Preprocess) -> tuple[Array, Array]:
    """Training and test samples as a workload wants them: see `Workload.preprocess`.

    Means and deviations are those of the training set, of each feature or of each image channel; a
    feature that never changes is only centred.
    """
    if how == "unit":
        return train, test
    if how == "centred":
        return train - train.dtype.type(0.5), test - test.dtype.type(0.5)
    image = len(train.shape[1:]) > 1
    axes = tuple(range(train.ndim - 1)) if image else (0,)
    low = train.min(axis=axes)
    still = low == train.max(axis=axes)  # rounding would give it a deviation, and a huge quotient
    mean = np.where(still, low, train.mean(axis=axes, dtype=np.float64)).astype(train.dtype)
    deviation = train.std(axis=axes, dtype=np.float64).astype(train.dtype)
    deviation = np.where(still | (deviation == 0), deviation.dtype.type(1.0), deviation)
    return (train - mean) / deviation, (test - mean) / deviation


def _check_memory(dataset: Dataset, where: str) -> None:
    need = 8 * sum(dataset.sizes) * math.prod(dataset.shape)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > there:
        raise UserError(
            f"its values fill {need / 2**30:,.1f} GiB",
            where=where,
            expected=f"less than this machine's memory, {there / 2**30:,.1f} GiB",
            hint="fewer samples or features",
        )


def _checked(array: Array, samples: int, dataset: Dataset, where: str) -> Array:
    wanted = (samples, *dataset.shape)
    if array.shape != wanted or array.dtype.kind != "f":
        raise UserError(
            f"got {array.dtype} of shape {array.shape}",
            where=where,
            expected=f"float32 or float64 of shape {wanted}",
        )
    with np.errstate(invalid="ignore"):
        low, high = float(array.min()), float(array.max())
    if not dataset.bounded:
        if not math.isfinite(low + high):
            raise UserError("got values that are not finite", where=where, expected="numbers")
        return array
    if not (low >= 0.0 and high <= 1.0):
        raise UserError(
            f"got values from {low:g} to {high:g}", where=where, expected="values within 0 to 1"
        )
    return array


def _checked_labels(labels: Array | None, samples: int, dataset: Dataset, where: str) -> Array:
    count = len(dataset.classes)
    if labels is None or labels.shape != (samples,) or labels.dtype.kind not in "iu":
        got = "none" if labels is None else f"{labels.dtype} of shape {labels.shape}"
        raise UserError(f"got {got}", where=where, expected=f"{samples} whole numbers")
    if labels.min() < 0 or labels.max() >= count:
        raise UserError(
            f"got labels from {labels.min()} to {labels.max()}",
            where=where,
            expected=f"0 to {count - 1}, for {count} classes",
        )
    return np.ascontiguousarray(labels, np.int64)


# --- keeping them ----------------------------------------------------------------------------


def _text(dataset: Dataset) -> str:
    """The data set as a workload names it, every option written out."""
    options = ",".join(f"{key}={value}" for key, value in dataset.plain().items())
    return f"{dataset.name}:{options}" if options else dataset.name


def _facts(dataset: Dataset, precision: str, preprocess: Preprocess) -> dict[str, Any]:
    """What decides the bytes of the prepared arrays."""
    return {
        "format": FORMAT,
        "dataset": _text(dataset),
        "version": dataset.version,
        "files": {file.path: file.sha256 for file in dataset.files},
        "precision": precision,
        **({"state": dataset.state} if dataset.state else {}),
        **({"preprocess": preprocess} if preprocess != "unit" else {}),
        **({"classes": len(dataset.classes)} if dataset.classes else {}),
    }


def _store(folder: Path, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a folder of the cache aside and rename it; what stood in its place goes."""
    aside, old = (folder.with_name(f".{folder.name}.{end}") for end in ("new", "old"))
    _remove(aside)
    _remove(old)
    try:
        aside.mkdir()
        stored = {name: _write(aside / name, array) for name, array in arrays.items()}
        shapes = {"train": arrays[TRAIN].shape, "test": arrays[TEST].shape}
        sha256 = sha256_of(*arrays.values())
        meta = {**facts, "shapes": shapes, "sha256": sha256, "stored": stored}
        sealed = {**meta, "seal": sha256_of(_json(meta))}
        (aside / META).write_text(json.dumps(sealed, indent=1) + "\n", encoding="utf-8")
        if os.path.lexists(folder):
            folder.rename(old)
        aside.rename(folder)
    finally:
        _remove(aside)
        _remove(old)


def _write(path: Path, array: Array) -> dict[str, Any]:
    """Write an array as .npy and force it to the disk; return what tells whether it changed.

    Forced, so that no write is left to be done in the background while something is timed.
    """
    import io

    head = io.BytesIO()
    layout = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(head, layout)
    with path.open("wb") as file:
        file.write(head.getvalue())
        file.write(array.data)
        file.flush()
        os.fsync(file.fileno())
    status = path.stat()
    sha256 = sha256_of(head.getvalue(), array)
    return {"bytes": status.st_size, "modified": status.st_mtime_ns, "sha256": sha256}


def _reuse(dataset: Dataset, folder: Path, facts: Mapping[str, Any]) -> Prepared | None:
    """What lies in a folder of the cache, or None where it is not whole and as it was written."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        seal = meta.pop("seal")
        good = seal == sha256_of(_json(meta)) and all(meta[key] == facts[key] for key in facts)
        names = (TRAIN, TEST, *(LABELS if dataset.classes else ()))
        good = good and all(_unchanged(folder / name, meta["stored"][name]) for name in names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not good:
        return None
    digest = meta["sha256"][:16]
    return Prepared(
        folder=folder,
        shape=dataset.shape,
        sizes=dataset.sizes,
        digest=digest,
        classes=len(dataset.classes),
    )


def _unchanged(path: Path, stored: Mapping[str, Any]) -> bool:
    status = path.stat()
    if status.st_size != stored["bytes"]:
        return False
    untouched: bool = status.st_mtime_ns == stored["modified"]
    return untouched or hash_file(path) == stored["sha256"]


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it, where there is one."""
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _json(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True).encode()
