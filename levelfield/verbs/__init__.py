"""The verbs of the command line: one file a verb, found by being in this folder.

A module ``lr_range.py`` here holds ``VERB = Verb(...)``, which is `levelfield lr-range`. Nothing of
the engine is imported before a verb is at work, so that help comes at once.
"""

from __future__ import annotations

import importlib
import pkgutil
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One thing that the command line does."""

    order: int
    """Verbs stand in this order in the help; leave gaps."""
    about: str
    """A line of the help."""
    words: Callable[[ArgumentParser], None]
    """Adds its own words."""
    act: Callable[[Namespace], int]
    """Does it; gives the exit status."""
    suited: bool = False
    """Whether it takes the words that say what of a suite is run, and how."""


def found() -> dict[str, Verb]:
    """Every verb by its name, in the order of the help."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    verbs = {
        name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}").VERB for name in names
    }
    return dict(sorted(verbs.items(), key=lambda pair: pair[1].order))
