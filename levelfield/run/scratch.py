"""The folder that one run works in: gone when it ends, or when the next one begins."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX, OWNER = "levelfield-", ".owner"


@contextmanager
def scratch() -> Iterator[Path]:
    """A fresh folder; those whose owner was killed (kill -9) are removed first.

    The owner holds a lock on a file in it, which the kernel takes back however a process ends.
    """
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / OWNER).open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        owner.write(str(os.getpid()))  # only now may others ask for the lock
        owner.flush()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove the folders there that nobody owns any more."""
    for mark in place.glob(f"{PREFIX}*/{OWNER}"):
        with contextlib.suppress(OSError), mark.open() as owner:
            if owner.read():
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(mark.parent, ignore_errors=True)
