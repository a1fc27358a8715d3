"""The report's tables for papers: one file each, found by being in this folder.

A module ``phases.py`` here holds ``TABLE = Kind(...)``; `levelfield table STUDY phases` prints it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from ...view import Workload  # noqa: TID252 - mypy knows no mapped name
from ..grid import Cell, Column, Grid, Row  # noqa: TID252
from ..numbers import Nothing, Numbers  # noqa: TID252


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A table."""

    order: int
    about: str
    """What it shows, in a sentence."""
    make: Callable[[Numbers], Sequence[Grid]]
    """Raises `Nothing` where there is nothing to show."""


def by_workload(make: Callable[[Numbers, Workload], Grid]) -> Callable[[Numbers], Sequence[Grid]]:
    """Make a table of every workload that has one."""

    def every(numbers: Numbers) -> Sequence[Grid]:
        grids, reasons = [], []
        for workload in numbers.view.workloads:
            try:
                grids.append(make(numbers, workload))
            except Nothing as nothing:
                reasons.append(str(nothing))
        if not grids:
            raise Nothing("; ".join(dict.fromkeys(reasons)) or "the study has no workload")
        return grids

    return every


def found() -> dict[str, Kind]:
    """Every table by its name, in the order they are listed."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    kinds = {name: import_module(f"{__name__}.{name}").TABLE for name in names}
    kinds = {name.replace("_", "-"): kind for name, kind in kinds.items()}
    return dict(sorted(kinds.items(), key=lambda pair: pair[1].order))


__all__ = [
    "Cell", "Column", "Grid", "Kind", "Nothing", "Numbers", "Row", "Workload", "by_workload",
    "found",
]  # fmt: skip
