"""The page of a learning-rate range test alone: the section that studies have of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from levelfield.results.lr_range import Bounds
from levelfield.results.sweep import Group, Sweep

from . import page
from .sections import ranges


def write(title: str, sweeps: Sequence[Sweep], found: Mapping[Group, Bounds], target: Path) -> Path:
    """Write the page of these sweeps and their bounds; gives back where it stands."""
    template = page.templates().get_template("sections/ranges.html")
    html = template.render(**ranges.facts(sweeps, found, {}))
    part = ("ranges", ranges.SECTION.title, Markup(html))  # noqa: S704 - its template escaped
    return page.save(page.document(title, [part]), target)
