"""Published studies: one module a study, found by being in this folder.

A study is named after the suite that repeats it. Its figures are in ``benchmarks/published/``.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from levelfield import registry
from levelfield.errors import unknown
from levelfield.results.record import Record
from levelfield.results.study import Study

HOLDS, NOT, OPEN = "holds", "does not hold", "no difference shown"
Seen = TypeVar("Seen")
"""What a study is read from."""


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
    def lines(self, seen: Seen) -> Iterator[str]:
        """Tables and findings in words; none where nothing of it was published."""


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
    path = registry.suites().parent / "published" / f"{name}.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def good(study: Study) -> list[Record]:
    """The trials that ended well."""
    return [record for record in study.records if record.status == "ok"]


__all__ = [
    "HOLDS",
    "NOT",
    "OPEN",
    "Reproduction",
    "good",
    "published",
    "reproduction",
    "reproductions",
]
