"""Finds the files of data sets, or fetches them, their checksums verified before use.

Files are looked for in the data directory, then in the user's own, then downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from levelfield.errors import UserError

if TYPE_CHECKING:
    from levelfield.dataset import Dataset, File

Announce = Callable[[str], None]

DATA, CACHE = "LEVELFIELD_DATA", "LEVELFIELD_CACHE"
TIMEOUT = 30.0
"""Seconds without a byte after which a mirror is given up."""
LARGEST = 2**32
"""Bytes after which a download is given up."""


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
    for file in form_of(source, data):
        place = place_of(file, data)
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


def place_of(file: File, data: Path) -> Path | None:
    """Where a file lies: below the given folder, else below the user's own."""
    for base in _bases(data):
        if os.path.lexists(base / file.path):
            return base / file.path
    return None


def form_of(source: Dataset | type[Dataset], data: Path) -> tuple[File, ...]:
    """The files to read: those of the first form that lies there whole, else the data set's own."""
    forms = (source.files, *source.forms)
    return next((f for f in forms if f and all(place_of(file, data) for file in f)), source.files)


def _bases(data: Path) -> Iterator[Path]:
    yield data
    yield _own_data()  # not asked for before it is needed: a bare container has no home


def find(file: File, data: Path) -> Path | None:
    """Where a file lies, its checksum verified; another file in its place is an error."""
    path = place_of(file, data)
    if path is None:
        return None
    try:
        seen = hash_file(path)
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


def download(file: File, data: Path, announce: Announce) -> Path:
    """Fetch a file from the first mirror that gives the right one; return where it lies."""
    base = data if _writable((data / file.path).parent) else _own_data()
    with writing(base, DATA):
        base.mkdir(parents=True, exist_ok=True)
        part = base / f".{file.sha256[:16]}.part"
        with alone(part.with_suffix(".lock"), announce):
            found = find(file, data)
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


# --- writing them ----------------------------------------------------------------------------


@contextmanager
def alone(path: Path, announce: Announce) -> Iterator[None]:
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
def writing(folder: Path, variable: str) -> Iterator[None]:
    """Turn what fails while writing into a folder into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror or error})",
            where=str(folder),
            hint=f"make room, or set {variable} to another folder",
        ) from None


def sha256_of(*parts: bytes | NDArray[Any]) -> str:
    """SHA-256, in hexadecimal digits, of these bytes and C-contiguous arrays, in a row."""
    import hashlib

    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.data if isinstance(part, np.ndarray) else part)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
