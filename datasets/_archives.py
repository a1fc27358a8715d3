"""The files of a folder, a zip or a tar archive, one after the other; nothing is unpacked to disk.

A name that would lead out of its archive, or a link in it, is refused, although nothing is written:
such an archive is not what it says it is.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from levelfield.errors import UserError, shown

Opener = Callable[[], IO[bytes]]
_HINT = "make the archive anew, or fetch the original again"


def walk(path: Path) -> Iterator[tuple[str, Opener]]:
    """Every file by its name inside, and what opens it until the next one is asked for.

    The files of a folder come sorted by name, those of an archive as they lie in it.

    Raise `UserError` on what is neither a folder nor an archive, on an archive that is broken, and
    on a name that leads out of it.
    """
    with reading(path):
        if path.is_dir():
            yield from _folder(path)
        elif zipfile.is_zipfile(path):
            yield from _zip(path)
        else:
            yield from _tar(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what fails while a folder or an archive is read into a `UserError`."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(
            "no such folder or archive", where=str(path), expected="a folder, a .zip or a .tar"
        ) from None
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError) as error:
        raise UserError(
            f"cannot be read as an archive ({str(error) or type(error).__name__})",
            where=str(path),
            expected="a sound .zip or .tar (.gz, .bz2, .xz)",
            hint=_HINT,
        ) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror or error})", where=str(path)) from None


def state(path: Path) -> str:
    """SHA-256 of the names, sizes and times of a folder's files, or of an archive's own.

    Empty where there is nothing; whoever reads it then says so.
    """
    names = _names(path) if path.is_dir() else [""] if path.exists() else []
    digest = hashlib.sha256()
    for name in names:
        file = path / name
        status = file.stat() if file.exists() else file.lstat()
        digest.update(os.fsencode(f"{name}\0{status.st_size} {status.st_mtime_ns}\0"))
    return digest.hexdigest() if names else ""


def _names(folder: Path) -> list[str]:
    """Every file below a folder, relative to it, sorted; links are followed."""
    found = []
    for root, _, files in os.walk(folder, followlinks=True):
        found += [(Path(root) / file).relative_to(folder).as_posix() for file in files]
    return sorted(found)


def _folder(folder: Path) -> Iterator[tuple[str, Opener]]:
    for name in _names(folder):
        yield name, partial(_opened, folder / name)


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _zip(path: Path) -> Iterator[tuple[str, Opener]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            link = stat.S_ISLNK(member.external_attr >> 16)
            _refuse_outside(path, member.filename, link=link)
            if not member.is_dir():
                yield member.filename, partial(archive.open, member)


def _tar(path: Path) -> Iterator[tuple[str, Opener]]:
    with tarfile.open(path) as archive:
        for member in archive:
            _refuse_outside(path, member.name, link=not (member.isfile() or member.isdir()))
            if member.isfile():
                yield member.name, partial(_extracted, archive, member)
        stream = archive.fileobj
        assert stream is not None  # noqa: S101 - for the type checker: it is open
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it breaks off")  # which tarfile takes for its end


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    assert file is not None  # noqa: S101 - for the type checker: a member that is a file has one
    return file


def _refuse_outside(path: Path, name: str, *, link: bool) -> None:
    inside = PurePosixPath(name.replace("\\", "/"))
    if link or inside.is_absolute() or ".." in inside.parts:
        what = "which is a link or a device" if link else "which leads out of it"
        raise UserError(
            f"holds {shown(name)}, {what}",
            where=str(path),
            expected="files and folders below the archive's own",
            hint=_HINT,
        )
