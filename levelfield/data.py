"""Finds, fetches, checks, prepares and memory-maps the arrays of data sets.

The parent prepares: files are looked for in the data directory, then in the user's own, then
downloaded; their checksums are verified before they are read; what a data set makes of them is
checked, cast to the workload's precision and kept in the cache. The worker only opens the arrays
(`open_arrays`), which needs NumPy alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
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
    sha256_of,
    writing,
)
from levelfield.prepared import FORMAT, LABELS, TEST, TRAIN, Prepared, canonical, reuse, store

if TYPE_CHECKING:
    from levelfield.dataset import Dataset
    from levelfield.spec.workload import Preprocess

Array = NDArray[Any]

__all__ = [
    "Prepared", "Source", "cache_directory", "check_samples", "data_directory", "describe",
    "open_arrays", "prepare", "preprocessed",
]  # fmt: skip


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
    folder = cache / f"{dataset.name}-{precision}-{sha256_of(canonical(facts))[:12]}"
    found = reuse(dataset, folder, facts)
    if found:
        return found
    with writing(cache, CACHE):
        cache.mkdir(parents=True, exist_ok=True)
        with alone(cache / f".{folder.name}.lock", announce):
            found = reuse(dataset, folder, facts)
            if not found:
                if os.path.lexists(folder):
                    announce(f"{folder} is not whole: preparing it anew")
                arrays = _arrays(dataset, precision, data, announce, preprocess)
                store(folder, facts, arrays)
                found = reuse(dataset, folder, facts)
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
