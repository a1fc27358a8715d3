"""Prepared arrays as they lie in the cache: written whole or not at all, known by their seal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from levelfield.fetch import hash_file, sha256_of

if TYPE_CHECKING:
    from levelfield.dataset import Dataset

Array = NDArray[Any]

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


def store(folder: Path, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
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
        sealed = {**meta, "seal": sha256_of(canonical(meta))}
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


def reuse(dataset: Dataset, folder: Path, facts: Mapping[str, Any]) -> Prepared | None:
    """What lies in a folder of the cache, or None where it is not whole and as it was written."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        seal = meta.pop("seal")
        good = seal == sha256_of(canonical(meta)) and all(meta[key] == facts[key] for key in facts)
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


def canonical(facts: Mapping[str, Any]) -> bytes:
    """JSON of facts, the same for the same facts."""
    return json.dumps(facts, sort_keys=True).encode()


__all__ = ["FORMAT", "LABELS", "TEST", "TRAIN", "Prepared", "canonical", "reuse", "store"]
