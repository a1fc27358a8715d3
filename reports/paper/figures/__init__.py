"""The figures for papers: one file each, found by being in this folder.

A module ``ratios.py`` here holds ``FIGURE = Kind(...)``; `levelfield figures` writes it to
``ratios-<workload>.svg``, and it is ``study.plot.ratios()`` in a notebook.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, util
from typing import TYPE_CHECKING

from levelfield.errors import UserError, unknown

from ...view import Workload  # noqa: TID252 - mypy knows no mapped name
from ..numbers import Nothing, Numbers  # noqa: TID252

if TYPE_CHECKING:
    from ..sheet import Sheet, Width  # noqa: TID252

Draw = Callable[["Numbers", "Workload", "Width"], "Sheet"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A figure of one workload."""

    order: int
    about: str
    """What it shows, in a sentence."""
    draw: Draw
    """Raises `Nothing` where there is nothing to show; runs within `sheet.style`."""


def names() -> list[str]:
    """Every figure's name, without drawing or importing anything."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def found() -> dict[str, Kind]:
    """Every figure by its name, in the order they are listed; needs matplotlib."""
    if util.find_spec("matplotlib") is None:
        raise UserError(
            "matplotlib is not installed",
            where="figures",
            hint="pip install 'levelfield[figures]', or pip install matplotlib",
        )
    kinds = {name: import_module(f"{__name__}.{name}").FIGURE for name in names()}
    return dict(sorted(kinds.items(), key=lambda pair: pair[1].order))


def chosen(words: list[str]) -> dict[str, Kind]:
    """The figures of these names, or that begin so: ``loss`` takes loss-by-epoch too; all if none.

    Dashes and underscores are the same in a name.
    """
    kinds = found()
    made: dict[str, Kind] = {}
    for word in words or kinds:
        wanted = word.replace("-", "_")
        fits = [name for name in kinds if name == wanted or name.startswith(f"{wanted}_")]
        if not fits:
            known = [name.replace("_", "-") for name in kinds]
            raise unknown("figure", word, known, where="--only")
        made |= {name: kinds[name] for name in fits}
    return made


__all__ = ["Kind", "Nothing", "Numbers", "Workload", "chosen", "found", "names"]
