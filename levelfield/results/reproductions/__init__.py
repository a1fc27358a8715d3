"""Published studies: one module a study, found by being in this folder.

A study is named after the suite that repeats it. Its figures are in ``benchmarks/published/``.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from levelfield.errors import unknown
from levelfield.results.record import Record
from levelfield.results.study import Study
from levelfield.results.sweep import Sweep

HOLDS, NOT, OPEN = "holds", "does not hold", "no difference shown"
Seen = TypeVar("Seen")
"""What a study is read from."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Published figures and ours, in words."""

    cells: tuple[str, ...]
    marked: bool
    """Whether something of it was not verified."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Published figures beside ours."""

    about: str
    head: tuple[str, ...]
    words: int
    """So many columns from the left are words, the others numbers."""
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that was published, and whether it holds here."""

    of: str
    claim: str
    answer: str
    detail: str = ""
    kind: str = ""
    """Findings of several kinds are counted apart."""
    marked: bool = False
    """Whether something of it was not verified."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A published study beside ours."""

    tables: tuple[Table, ...]
    findings: tuple[Finding, ...]
    remark: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many findings have which answer, kind by kind."""
        return Counter(f"{f.kind}: {f.answer}" if f.kind else f.answer for f in self.findings)


class Reproduction(ABC, Generic[Seen]):
    """Sets published figures beside ours, and says which of the published findings hold here."""

    name: ClassVar[str]
    """The suite's."""
    verb: ClassVar[str] = "run"
    """Of the command that measures the suite."""

    @abstractmethod
    def load(self, folder: Path) -> Seen:
        """What that command left in a folder; raise a `UserError` where there is none."""

    @abstractmethod
    def compared(self, seen: Seen) -> Comparison | None:
        """Tables and findings; None where nothing of it was published."""


@cache
def reproductions() -> dict[str, Reproduction[Any]]:
    """Every published study by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    made = [kind() for kind in Reproduction.__subclasses__()]
    return {study.name: study for study in sorted(made, key=lambda study: study.name)}


def reproduction(name: str) -> Reproduction[Any]:
    """The published study of this name; raise a `UserError` where there is none."""
    known = reproductions()
    if name not in known:
        raise unknown("published study", name, known)
    return known[name]


def published(name: str) -> list[dict[str, str]]:
    """The rows of a published table, as printed."""
    path = resources.files("levelfield.benchmarks") / "published" / f"{name}.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sizes(dataset: str) -> tuple[int, int]:
    """Training and test samples of a data set, as a workload names it."""
    from levelfield import registry  # only here: a report that needs no sizes reads records alone

    return registry.dataset(dataset).sizes


def good(study: Study) -> list[Record]:
    """The trials that ended well."""
    return [record for record in study.records if record.status == "ok"]


def unverified(records: Iterable[Record | Sweep]) -> bool:
    """Whether one of them may be of another computation."""
    checks = (record.verification for record in records)
    return any(check is None or check.status != "passed" for check in checks)


__all__ = [
    "HOLDS",
    "NOT",
    "OPEN",
    "Comparison",
    "Finding",
    "Reproduction",
    "Row",
    "Table",
    "good",
    "published",
    "reproduction",
    "reproductions",
    "unverified",
]
