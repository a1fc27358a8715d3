"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """A path beside the target to write into; it takes the target's place when all went well.

    What was written is forced to the disk first: a crash leaves the old file or the new one.
    The folder is made where it is missing. Raises whatever writing raises; nothing is left then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        yield path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(target)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
