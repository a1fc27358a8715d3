"""One page of several studies: what they share side by side, over machines, and over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from levelfield.results.gather import gather
from levelfield.results.study import Study

from .. import page  # noqa: TID252 - mypy knows no mapped name
from . import beside, facts, history, machines, raw
from .view import Many

PARTS: tuple[tuple[str, str, Callable[[Many], Mapping[str, Any] | None]], ...] = (
    ("studies", "Studies", facts.content),
    ("beside", "Side by side", beside.content),
    ("machines", "From machine to machine", machines.content),
    ("history", "Over time", history.content),
    ("raw", "Raw data", raw.content),
)
"""Name of the template, title, and what its template is given; None leaves the part out."""


def write(studies: Sequence[Study], target: Path, *, baseline: str | None = None) -> Path:
    """Write the page of several studies; gives back where it stands.

    baseline: label of the contender that ratios refer to at first; if None, the verified one that
    most studies timed, and of those the one that is fastest most.
    """
    return page.save(render(studies, baseline=baseline), target)


def render(studies: Sequence[Study], *, baseline: str | None = None) -> str:
    """Return the page of several studies as one document that needs nothing else."""
    many = Many(gathered=gather(studies), chosen=baseline)
    environment = page.templates()
    parts = []
    for name, title, content in PARTS:
        found = content(many)
        if found is not None:
            html = environment.get_template(f"many/{name}.html").render(many=many, **found)
            parts.append((name, title, Markup(html)))  # noqa: S704 - its template escaped
    return page.document(_title(studies), parts, known=page.known(many.contenders, many.workloads))


def _title(studies: Sequence[Study]) -> str:
    suites = {str(study.head.suite) for study in studies}
    return f"{len(studies)} studies" + (f" of {suites.pop()}" if len(suites) == 1 else "")
