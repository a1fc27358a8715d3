"""A study beside the published one: figures side by side, and which of its findings hold here.

What is compared, and when a finding holds, is said by the study's module in `reproductions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from levelfield.errors import UserError
from levelfield.results.reproductions import Comparison, Table, reproduction


def describe(what: str, study: Any) -> str:
    """Tables and findings in words, of what the published study's own `load` gives.

    Raises a `UserError` where nothing in the study was published.
    """
    found = reproduction(what).compared(study)
    if found is None:
        raise UserError(
            "nothing in this study was published",
            where=str(study.folder),
            expected=f"good trials of the suite {what}",
        )
    return "\n".join(_lines(found))


def of_folder(what: str, folder: Path) -> str:
    """The same of a folder; raise a `UserError` where it has no such results."""
    return describe(what, reproduction(what).load(folder))


def _lines(found: Comparison) -> Iterator[str]:
    for table in found.tables:
        yield table.about
        yield from _columns(table)
        if table.note:
            yield table.note
        yield ""
    for each in found.findings:
        detail = f" ({each.detail})" if each.detail else ""
        yield f"{each.of}: {each.claim}: {each.answer}{detail}"
    if found.findings:
        yield "in all: " + ", ".join(f"{n} x {answer}" for answer, n in found.counts.items())
    if found.remark:
        yield found.remark


def _columns(table: Table) -> Iterator[str]:
    """Words to the left, numbers to the right; each column as wide as its widest cell."""
    rows = [table.head, *(row.cells for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place < table.words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
