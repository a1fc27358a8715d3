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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from levelfield.errors import UserError

if TYPE_CHECKING:
    from levelfield.dataset import Dataset, File

Array = NDArray[Any]
Announce = Callable[[str], None]

DATA, CACHE = "LEVELFIELD_DATA", "LEVELFIELD_CACHE"
TRAIN, TEST, META = "train.npy", "test.npy", "meta.json"
FORMAT = 1
"""Layout of the cache; to be raised when another version could not read it."""
TIMEOUT = 30.0
"""Seconds without a byte after which a mirror is given up."""
LARGEST = 2**32
"""Bytes after which a download is given up."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The arrays of a data set on disk, ready to be memory-mapped."""

    folder: Path
    shape: tuple[int, ...]
    """Shape of one sample."""
    sizes: tuple[int, int]
    """Number of training and of test samples."""
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of the training, then the test array's bytes."""

    @property
    def paths(self) -> tuple[Path, Path]:
        """The .npy files of the training and of the test samples, for `open_arrays`."""
        return self.folder / TRAIN, self.folder / TEST


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set as lists show it."""

    name: str
    about: str
    where: str
    """``embedded``, the folder that holds its files, ``will be downloaded``, or what is missing."""


def data_directory(given: str | Path | None) -> Path:
    """The folder to look for data sets in: the option, else $LEVELFIELD_DATA, else the user's own.

    The user's own is ``levelfield`` below $XDG_DATA_HOME or ``~/.local/share``; it need not exist.
    Downloads go into the folder returned here, but where that is read-only, into the user's own.
    """
    text, where = (str(given), "--data") if given else (os.environ.get(DATA, ""), DATA)
    if not text:
        return _own_data()
    folder = _absolute(text, where)
    if not os.path.isdir(folder):  # noqa: PTH112 - unlike Path.is_dir, it never raises
        raise UserError(
            "not a folder" if os.path.lexists(folder) else "no such folder",
            where=f"{where}={text}",
            expected="a folder that holds data sets, such as mnist/",
            hint=f"create it, or leave {where} out: then {_own_data()} is used",
        )
    return folder


def cache_directory() -> Path:
    """The folder for prepared arrays: $LEVELFIELD_CACHE, else below $XDG_CACHE_HOME or ~/.cache."""
    text = os.environ.get(CACHE, "")
    return _absolute(text, CACHE) if text else _users("XDG_CACHE_HOME", "~/.cache", CACHE)


def prepare(dataset: Dataset, *, precision: str, data: Path, announce: Announce) -> Prepared:
    """Make the arrays of a data set ready in the cache, or find them there.

    Arrays that are already there are taken as they are when sizes and times are those written (or,
    where times differ, their checksums); the data set's files are then not looked for. Anything
    else is made anew, aside, and renamed, one process at a time.

    Args:
        dataset: what to prepare.
        precision: dtype of the arrays, ``float32`` or ``float64``.
        data: where to look first for its files: see `data_directory`.
        announce: told, in a line of text, of whatever takes long.
    """
    facts = _facts(dataset, precision)
    cache = cache_directory()
    folder = cache / f"{dataset.name}-{precision}-{_hash(_json(facts))[:12]}"
    found = _reuse(dataset, folder, facts)
    if found:
        return found
    with _writing(cache, CACHE):
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / f".{folder.name}.lock", announce):
            found = _reuse(dataset, folder, facts)
            if not found:
                if os.path.lexists(folder):
                    announce(f"{folder} is not whole: preparing it anew")
                arrays = _arrays(dataset, precision, data, announce)
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


def open_arrays(paths: Sequence[str | Path], samples: int | None) -> tuple[Array, Array]:
    """Memory-map prepared arrays, read-only: the first ``samples`` for training, all for testing.

    paths: the two files of `Prepared.paths`. Each array is samples x the shape of one.
    """
    try:
        train, test = (np.asarray(np.load(path, mmap_mode="r")) for path in paths)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"the prepared arrays cannot be opened ({error})",
            where=str(paths[0]),
            hint="run again: broken arrays are prepared anew",
        ) from None
    return train[:samples], test


def describe(data: Path) -> list[Source]:
    """Every data set by name, and where it would come from; reads no file and no network."""
    from levelfield import registry

    return [
        Source(name=name, about=source.about, where=_where(source, data))
        for name, source in registry.datasets().items()
    ]


def _where(source: type[Dataset], data: Path) -> str:
    from levelfield import registry

    absent = registry.missing(source.packages)
    if absent:
        return f"missing package {' '.join(absent)}"
    folder = "embedded"
    for file in source.files:
        place = _place(file, data)
        if place is None:
            return "will be downloaded" if file.urls else "not found"
        folder = str(place.parent)
    return folder


# --- where files are -------------------------------------------------------------------------


def _own_data() -> Path:
    return _users("XDG_DATA_HOME", "~/.local/share", DATA)


def _users(variable: str, fallback: str, ours: str) -> Path:
    """The user's own folder, by the XDG rules: a relative path in the variable is passed over."""
    base = Path(os.environ.get(variable, ""))
    return (base if base.is_absolute() else _absolute(fallback, ours)) / "levelfield"


def _absolute(text: str, variable: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise UserError(
            "no home folder is known", where=text, hint=f"set HOME, or {variable} to a folder"
        ) from None


def _place(file: File, data: Path) -> Path | None:
    """Where a file lies: below the given folder, else below the user's own."""
    for base in _bases(data):
        if os.path.lexists(base / file.path):
            return base / file.path
    return None


def _bases(data: Path) -> Iterator[Path]:
    yield data
    yield _own_data()  # not asked for before it is needed: a bare container has no home


def _find(file: File, data: Path) -> Path | None:
    """Where a file lies, its checksum verified; another file in its place is an error."""
    path = _place(file, data)
    if path is None:
        return None
    try:
        seen = _hash_file(path)
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if seen != file.sha256:
        raise UserError(
            f"its SHA-256 is {seen}",
            where=str(path),
            expected=f"{file.sha256}, that of the original",
            hint="delete it, so that it is downloaded again, or put the original in its place",
        )
    return path


# --- fetching them ---------------------------------------------------------------------------


class _MirrorError(Exception):
    """A mirror did not give the file; the message says why."""


def _download(file: File, data: Path, announce: Announce) -> Path:
    """Fetch a file from the first mirror that gives the right one; return where it lies."""
    base = data if _writable((data / file.path).parent) else _own_data()
    with _writing(base, DATA):
        base.mkdir(parents=True, exist_ok=True)
        part = base / f".{file.sha256[:16]}.part"
        with _alone(part.with_suffix(".lock"), announce):
            found = _find(file, data)
            return found or _from_mirrors(file, part, base / file.path, announce)


def _from_mirrors(file: File, part: Path, place: Path, announce: Announce) -> Path:
    failures = []
    try:
        for url in file.urls:
            announce(f"downloading {url}")
            try:
                with part.open("wb") as sink:
                    seen = _fetch(url, sink)
            except _MirrorError as error:
                failures.append(f"{url} ({error})")
                continue
            if seen == file.sha256:
                place.parent.mkdir(parents=True, exist_ok=True)
                part.replace(place)
                return place
            failures.append(f"{url} (SHA-256 {seen[:16]}… instead of {file.sha256[:16]}…)")
    finally:
        part.unlink(missing_ok=True)
    raise UserError(
        f"not there, and no mirror gave it: {', '.join(failures) or 'it has none'}",
        where=str(place),
        hint=f"give the folder that holds {file.path} with --data or {DATA}, or connect once",
    )


def _fetch(url: str, sink: BinaryIO) -> str:
    """Write what a mirror gives and return its SHA-256."""
    import hashlib

    digest = hashlib.sha256()
    for chunk in _chunks(url):
        digest.update(chunk)
        sink.write(chunk)
    return digest.hexdigest()


def _chunks(url: str) -> Iterator[bytes]:
    """The body that a mirror gives, whole, or `_MirrorError`; errors of the caller pass by."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310 - an address in a data set's file
            length, came = response.headers.get("Content-Length"), 0
            while chunk := response.read1(2**20):
                came += len(chunk)
                if came > LARGEST:
                    raise _MirrorError(f"more than {LARGEST} bytes")
                yield chunk
    except HTTPError as error:
        error.close()
        raise _MirrorError(f"HTTP {error.code} {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            raise _MirrorError(f"nothing came for {TIMEOUT:g} s") from None
        words = getattr(reason, "strerror", "") or str(reason) or type(reason).__name__
        raise _MirrorError(words) from None
    if length is not None and length.strip() != str(came):
        raise _MirrorError(f"cut short: {came} of {length} bytes")


def _writable(folder: Path) -> bool:
    """Whether a folder, or the nearest one above it, may be written; read-only binds root too."""
    while not folder.exists():
        folder = folder.parent
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


# --- making arrays of them -------------------------------------------------------------------


def _arrays(
    dataset: Dataset, precision: str, data: Path, announce: Announce
) -> tuple[Array, Array]:
    """Load a data set's training and test samples, checked, in this precision, C-contiguous."""
    from levelfield import registry

    where = f"data set {_text(dataset)}"
    absent = registry.missing(dataset.packages)
    if absent:
        needed = " ".join(absent)
        raise UserError(f"needs {needed}", where=where, hint=f"pip install {needed}")
    _check_memory(dataset, where)
    files = {
        file.path: _find(file, data) or _download(file, data, announce) for file in dataset.files
    }
    announce(f"preparing {_text(dataset)} in {precision}")
    try:
        split = dataset.load(files)
        train = _checked(split.train, dataset.sizes[0], dataset, f"{where}, training samples")
        test = _checked(split.test, dataset.sizes[1], dataset, f"{where}, test samples")
        return np.ascontiguousarray(train, precision), np.ascontiguousarray(test, precision)
    except OSError as error:
        raise UserError(f"cannot be read ({error})", where=where) from None
    except MemoryError:
        raise UserError("not enough memory", where=where, hint="fewer samples") from None


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
    if not (low >= 0.0 and high <= 1.0):
        raise UserError(
            f"got values from {low:g} to {high:g}", where=where, expected="values within 0 to 1"
        )
    return array


# --- keeping them ----------------------------------------------------------------------------


def _text(dataset: Dataset) -> str:
    """The data set as a workload names it, every option written out."""
    options = ",".join(f"{key}={value}" for key, value in dataset.plain().items())
    return f"{dataset.name}:{options}" if options else dataset.name


def _facts(dataset: Dataset, precision: str) -> dict[str, Any]:
    """What decides the bytes of the prepared arrays."""
    return {
        "format": FORMAT,
        "dataset": _text(dataset),
        "version": dataset.version,
        "files": {file.path: file.sha256 for file in dataset.files},
        "precision": precision,
    }


def _store(folder: Path, facts: Mapping[str, Any], arrays: tuple[Array, Array]) -> None:
    """Write a folder of the cache aside and rename it; what stood in its place goes."""
    aside, old = (folder.with_name(f".{folder.name}.{end}") for end in ("new", "old"))
    _remove(aside)
    _remove(old)
    try:
        aside.mkdir()
        stored = {
            name: _write(aside / name, array)
            for name, array in zip((TRAIN, TEST), arrays, strict=True)
        }
        shapes = {"train": arrays[0].shape, "test": arrays[1].shape}
        meta = {**facts, "shapes": shapes, "sha256": _hash(*arrays), "stored": stored}
        sealed = {**meta, "seal": _hash(_json(meta))}
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
    sha256 = _hash(head.getvalue(), array)
    return {"bytes": status.st_size, "modified": status.st_mtime_ns, "sha256": sha256}


def _reuse(dataset: Dataset, folder: Path, facts: Mapping[str, Any]) -> Prepared | None:
    """What lies in a folder of the cache, or None where it is not whole and as it was written."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        seal = meta.pop("seal")
        good = seal == _hash(_json(meta)) and all(meta[key] == facts[key] for key in facts)
        good = good and all(
            _unchanged(folder / name, meta["stored"][name]) for name in (TRAIN, TEST)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not good:
        return None
    digest = meta["sha256"][:16]
    return Prepared(folder=folder, shape=dataset.shape, sizes=dataset.sizes, digest=digest)


def _unchanged(path: Path, stored: Mapping[str, Any]) -> bool:
    status = path.stat()
    if status.st_size != stored["bytes"]:
        return False
    untouched: bool = status.st_mtime_ns == stored["modified"]
    return untouched or _hash_file(path) == stored["sha256"]


# --- files -----------------------------------------------------------------------------------


@contextmanager
def _alone(path: Path, announce: Announce) -> Iterator[None]:
    """Hold a lock file, one process at a time; it is gone afterwards, even from a killed process.

    (A killed process leaves the file, but not the lock: the next one takes and removes it.)
    """
    import fcntl

    while True:
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                announce(f"waiting for another process, which holds {path}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                ours = os.path.samestat(os.fstat(lock.fileno()), path.stat())
            except FileNotFoundError:
                ours = False  # the process before has removed the file we waited for
            if ours:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


@contextmanager
def _writing(folder: Path, variable: str) -> Iterator[None]:
    """Turn what fails while writing into a folder into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror or error})",
            where=str(folder),
            hint=f"make room, or set {variable} to another folder",
        ) from None


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it, where there is one."""
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _json(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True).encode()


def _hash(*parts: bytes | Array) -> str:
    import hashlib

    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.data if isinstance(part, np.ndarray) else part)
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
