"""The sections of the page: one module and one template a section, found by being in this folder.

A module ``spread.py`` here holds ``SECTION = Section(...)``; what its ``content`` returns is what
``spread.html`` beside it writes. Other parts of the report are imported from here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import charts, formats, kept, measures, pictures  # noqa: TID252 - see view
from ..view import Contender, View, Workload, marked_out, number  # noqa: TID252 - mypy knows no mapped name

Content = Callable[[View], Mapping[str, Any] | None]


GROUPS = {
    0: "Answer", 30: "Training", 40: "Time and memory", 60: "Models", 70: "How sure", 90: "Facts",
}  # fmt: skip
"""By the order that each begins at: what the page's links to its sections are grouped under."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page under its own title."""

    order: int
    """Sections stand in this order; leave gaps."""
    title: str
    content: Content
    """What its template is given beside ``view``; None leaves the section out."""

    @property
    def group(self) -> str:
        """What its link stands under."""
        return GROUPS[max(start for start in GROUPS if start <= self.order)]


def found() -> dict[str, Section]:
    """Every section by its module's name, in the order of the page."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    sections = {name: importlib.import_module(f"{__name__}.{name}").SECTION for name in names}
    return dict(sorted(sections.items(), key=lambda pair: pair[1].order))


__all__ = [
    "Contender", "Section", "View", "Workload", "charts", "formats", "kept", "marked_out",
    "measures", "number", "pictures",
]  # fmt: skip
