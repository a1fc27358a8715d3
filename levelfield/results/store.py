"""A study on disk: a folder with ``study.json`` and an append-only ``records.jsonl``.

Every record is appended with one write and forced to the disk before the next trial starts, so that
``kill -9`` at any moment loses at most the trial under way. A half-written last line is that trial:
readers pass over it, the next writer cuts it off. One writer at a time holds the folder's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from levelfield.errors import UserError, shown
from levelfield.results.aside import aside
from levelfield.results.lines import SCHEMA
from levelfield.results.record import Limit, Record, Sentinel

HEAD, RECORDS, LOCK = "study.json", "records.jsonl", ".lock"


@dataclass(frozen=True, kw_only=True)
class Head:
    """What holds for a whole study: its suite and workloads, its plan's seed, its machine."""

    suite: str
    created: str
    levelfield: str
    seed: int
    repeats: int
    workloads: Mapping[str, Mapping[str, Any]]
    """By fingerprint: the workload in plain values, with its ``samples``, and as the engine counts
    them ``flops`` a sample and ``traffic``, bytes a step."""
    contenders: tuple[str, ...]
    options: Mapping[str, Any]
    machine: Mapping[str, Any]
    backends: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By name: what people call it (``spoken``), and what it is a layer ``over``."""
    commit: str = ""
    """Of Levelfield's checkout, where it runs from one; ends in ``+`` where files were changed."""


class Store:
    """The one writer of a study. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Open (or begin) a study's folder for writing, alone."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / LOCK).open("a")
        except OSError as error:
            raise write_error(folder, error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise UserError(
                "another process is writing this study",
                where=str(folder),
                hint="wait for it to end, or give another folder with --out",
            ) from None
        except OSError as error:
            self._lock.close()
            raise write_error(folder, error) from None
        self._records: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the records and give the lock back."""
        if self._records:
            self._records.close()
        self._lock.close()

    def begin(self, head: Head) -> None:
        """Write the head of a new study, whole or not at all."""
        text = json.dumps({"schema": SCHEMA, **vars(head)}, indent=1, ensure_ascii=False)
        try:
            with aside(self.folder / HEAD) as new:
                new.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise write_error(self.folder, error) from None

    def append(self, record: Record | Sentinel | Limit) -> None:
        """Append one record and force it to the disk; on failure leave the others untouched."""
        data = (record.line() + "\n").encode(errors="backslashreplace")  # as JSON escapes them too
        path = self.folder / RECORDS
        end: int | None = None
        try:
            if self._records is None:
                self._records = path.open("ab", buffering=0)
                os.truncate(self._records.fileno(), _whole(path))
            end = self._records.seek(0, os.SEEK_END)
            written = self._records.write(data)
            if written != len(data):
                raise OSError(28, "No space left on device")  # noqa: TRY301 - a short write is one
            os.fsync(self._records.fileno())
        except OSError as error:
            if end is not None and self._records is not None:
                os.truncate(self._records.fileno(), end)
            raise write_error(path, error) from None


def check_writable(folder: Path) -> None:
    """Raise `UserError` where a folder can neither be made nor written in; nothing is made."""
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise write_error(folder, error) from None


def read_head(folder: Path) -> Head:
    """Read what holds for the whole study; raise `UserError` where there is none, or another's."""
    path = folder / HEAD
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        schema = facts.pop("schema")
    except FileNotFoundError:
        raise UserError(
            "no study here",
            where=str(folder),
            expected=f"a folder with {HEAD} and {RECORDS}, as `levelfield run` makes it",
        ) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"not a study's head ({shown(error)})", where=str(path)) from None
    if schema != SCHEMA:
        raise _other_schema(schema, str(path))
    try:
        return Head(**{**facts, "contenders": tuple(facts["contenders"])})
    except (TypeError, KeyError) as error:
        raise UserError(f"not a study's head ({shown(error)})", where=str(path)) from None


class Rows(NamedTuple):
    """All whole lines of a study's records, in the order they were written."""

    records: list[Record]
    sentinels: list[Sentinel]
    limits: list[Limit]


def read_records(folder: Path) -> Rows:
    """Read every whole line of a study's records."""
    rows = Rows([], [], [])
    with contextlib.suppress(FileNotFoundError):  # no trial has ended yet
        for where, facts in lines(folder / RECORDS):
            try:
                if facts["type"] == "sentinel":
                    rows.sentinels.append(Sentinel.parse(facts))
                elif facts["type"] == "limit":
                    rows.limits.append(Limit.parse(facts))
                else:
                    rows.records.append(Record.parse(facts))
            except UserError as error:
                raise UserError(error.seen, where=where) from None
    return rows


def lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every whole line of a file of records: where it stands, and its JSON.

    Raise `UserError` where it cannot be read or holds something else; `FileNotFoundError` where
    there is none.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # the trial under way when its writer was killed
            where = f"{path}:{number}"
            try:
                facts = json.loads(line)
                schema = facts["schema"]
                facts["type"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise UserError(
                    f"not a record ({shown(error)})",
                    where=where,
                    expected="one JSON object a line",
                    hint="the file was changed by something else: restore it, or remove that line",
                ) from None
            if schema != SCHEMA:
                raise _other_schema(schema, where)
            yield where, facts


def _whole(path: Path) -> int:
    """Length of the file up to the end of its last whole line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            cut = file.read(end - start).rfind(b"\n")
            if cut >= 0:
                return start + cut + 1
            end = start
    return 0


def write_error(path: Path, error: OSError) -> UserError:
    """An error for what could not be written, with what was kept."""
    return UserError(
        f"cannot be written ({error.strerror})",
        where=str(path),
        hint="make room or give another folder with --out; what was recorded before is kept: "
        "go on with --resume",
    )


def _other_schema(schema: object, where: str) -> UserError:
    return UserError(
        f"written with schema {shown(schema)}",
        where=where,
        expected=f"schema {SCHEMA}, which this version of Levelfield reads and writes",
        hint="use the version of Levelfield that wrote it, or start a new study with --out",
    )
