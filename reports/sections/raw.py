"""The facts themselves, to take away: every record and the tables made of them."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, count, islice, repeat
from typing import Any

import pandas as pd
from markupsafe import Markup

from levelfield.results.lines import SCHEMA
from levelfield.results.record import Record, Sentinel
from levelfield.results.store import HEAD, RECORDS
from levelfield.results.study import Study

from . import Section, View

ROWS = 200_000
"""A longer table of epochs is not put into the page beside the records that hold the same."""

COLUMNAR_ROWS = 25_000
"""The same of Parquet, which of many measured numbers is no smaller than CSV: about a megabyte."""

LEVEL = 3
"""Of compression: higher ones take twice the time to save a tenth."""

IDENTITY = ("key", "workload", "backend", "mode", "device", "environment", "repeat", "status")
COLUMNS = ("wall", "user", "system", "loss", "test_loss")


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that lies in the page, compressed."""

    name: str
    about: str
    size: int
    """Bytes, once taken away."""
    packed: Markup
    """gzip, in base64."""


def content(view: View) -> Mapping[str, Any]:
    """Return the files to offer, and how many rows a table that was left out would have."""
    study = view.study
    rows = sum(len(record.epochs.wall) for record in study.records)
    whole = rows <= ROWS
    columnar = find_spec("pyarrow") is not None
    trials = study.trials()
    files = [
        packed(HEAD, "what holds for the whole study", head(study)),
        packed(RECORDS, "every record, one JSON object a line", records(study)),
        packed("trials.csv", "one row a trial", _bytes(trials.to_csv(index=False))),
    ]
    if whole:
        files.append(packed("epochs.csv", "one row an epoch of a trial", epochs(study.records)))
    if columnar:
        files.append(packed("trials.parquet", "one row a trial", parquet(trials)))
    if columnar and rows <= COLUMNAR_ROWS:
        files.append(
            packed("epochs.parquet", "one row an epoch of a trial", parquet(study.epochs()))
        )
    left_out = [
        f"epochs.{kind}"
        for kind, most in (("csv", ROWS), ("parquet", COLUMNAR_ROWS))
        if rows > most and (kind == "csv" or columnar)
    ]
    return {"files": files, "rows": rows, "left_out": left_out, "columnar": columnar}


def records(study: Study) -> bytes:
    """The lines of the study's file that were loaded; written anew where it has changed."""
    loaded = len(study.records) + len(study.sentinels)
    try:
        with (study.folder / RECORDS).open("rb") as file:
            lines = list(islice(file, loaded))
    except OSError:
        lines = []
    if len(lines) == loaded and all(line.endswith(b"\n") for line in lines):
        return b"".join(lines)
    rows: Iterator[Record | Sentinel] = chain(study.records, study.sentinels)
    anew = (row.line() + "\n" for row in rows)
    return _bytes("".join(anew))


def epochs(rows: tuple[Record, ...]) -> bytes:
    """The table of epochs as CSV: its columns are those of `Study.epochs`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*IDENTITY, "epoch", *COLUMNS))
    for row in rows:
        who = (repeat(getattr(row, name)) for name in IDENTITY)
        columns = (_column(row, name) for name in COLUMNS)
        writer.writerows(zip(*who, count(1), *columns, strict=False))
    return _bytes(out.getvalue())


def _column(row: Record, name: str) -> Iterator[float | str]:
    """A column of a record, a place an epoch; empty cells where the test set was not looked at."""
    values: tuple[float, ...] = getattr(row.epochs, name)
    if name != "test_loss":
        return iter(values)
    tested = set(row.epochs.tested or range(1, len(values) + 1))
    every = enumerate(row.epochs.spread(values), start=1)
    return (value if epoch in tested else "" for epoch, value in every)


def parquet(table: pd.DataFrame) -> bytes:
    """A table as Parquet: its columns keep their kinds; needs pyarrow.

    Text is written as categories, because names repeat; Arrow has no halves of characters.
    """
    made = table.copy()
    for name in made.select_dtypes(exclude="number"):
        made[name] = pd.Categorical([_bytes(text).decode() for text in made[name]])
    out = io.BytesIO()
    numbers = list(made.select_dtypes("float"))
    made.to_parquet(
        out,
        engine="pyarrow",
        index=False,
        compression="zstd",
        use_dictionary=[name for name in made if name not in numbers],
        use_byte_stream_split=numbers,
    )
    return out.getvalue()


def head(study: Study) -> bytes:
    """The head's file; written anew where it has gone."""
    try:
        return (study.folder / HEAD).read_bytes()
    except OSError:
        facts = {"schema": SCHEMA, **vars(study.head)}
        return _bytes(json.dumps(facts, indent=1, ensure_ascii=False, default=str))


def _bytes(text: str) -> bytes:
    """UTF-8, also of text that holds halves of characters."""
    return text.encode(errors="backslashreplace")


def packed(name: str, about: str, data: bytes) -> File:
    """A file ready to lie in the page."""
    text = base64.b64encode(gzip.compress(data, compresslevel=LEVEL, mtime=0)).decode()
    markup = Markup(text)  # noqa: S704 - letters and digits
    return File(name=name, about=about, size=len(data), packed=markup)


SECTION = Section(order=100, title="Raw data", content=content)
