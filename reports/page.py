"""The page: every section, style, script and table in one file, written whole or not at all."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined
from markupsafe import Markup

from levelfield.errors import UserError
from levelfield.results.aside import aside
from levelfield.results.study import Study

from . import charts, formats, sections
from .view import Contender, View

HERE = Path(__file__).parent
FIRST = ("errors.js", "state.js", "theme.js", "packed.js", "numbers.js")
"""Scripts that the others build on; they run before there is anything to see."""
LIBRARY = HERE / "vendor" / "plotly-basic.min.js"
"""Draws charts: a quarter of the whole plotly.js, whose reading takes browsers a second."""
LEVEL = 6
"""Of the library's compression: higher ones save less than a hundredth."""


def write(study: Study, target: Path, *, baseline: str | None = None) -> Path:
    """Write a study's page; gives back where it stands.

    baseline: label of the contender that ratios refer to at first; each workload's fastest if None.
    """
    return save(render(study, baseline=baseline), target)


def save(text: str | bytes, target: Path) -> Path:
    """Write a page or another file, whole or not at all; gives back where it stands."""
    try:
        with aside(target) as path:
            path.write_bytes(text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror})",
            where=str(target),
            hint="name another file with --out",
        ) from None
    return target


def render(study: Study, *, baseline: str | None = None) -> str:
    """Return the page of a study as one document that needs nothing else."""
    view = View(study=study, baseline=baseline)
    workloads = [(each.fingerprint, each.name) for each in view.workloads]
    environment = templates()
    parts = []
    menu: dict[str, list[tuple[str, str]]] = {}
    for name, section in sections.found().items():
        facts = section.content(view)
        if facts is not None:
            html = environment.get_template(f"sections/{name}.html").render(view=view, **facts)
            parts.append((name, section.title, Markup(html)))  # noqa: S704 - its template escaped
            menu.setdefault(section.group, []).append((name, section.title))
    return document(study.head.suite, parts, known=known(view.contenders, workloads), menu=menu)


def known(contenders: Sequence[Contender], workloads: Iterable[tuple[str, str]]) -> Markup:
    """What the page's filters know, as JSON.

    contenders: by their places. workloads: fingerprint and name of each.
    """
    facts = {
        "contenders": [
            {name: formats.short(getattr(who, name)) for name in ("backend", "mode", "device")}
            for who in contenders
        ],
        "workloads": [
            {"fingerprint": formats.short(fingerprint), "name": formats.short(name)}
            for fingerprint, name in workloads
        ],
    }
    return charts.embed(json.dumps(facts))


def document(
    title: str,
    parts: Sequence[tuple[str, str, Markup]],
    *,
    known: Markup | None = None,
    menu: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> str:
    """Return a page that needs nothing else.

    parts: name, title and HTML of each section. known: what filters choose from, if there are any.
    menu: names and titles by what they are grouped under; None: one row without a title.
    """
    drawn = any("data-figure=" in html for _, _, html in parts)
    library = LIBRARY.read_text(encoding="utf-8") if drawn else ""
    first = [_read(name) for name in FIRST]
    later = [_read(path.name) for path in sorted(HERE.glob("*.js")) if path.name not in FIRST]
    ran = [*first, *([library] if drawn else []), *later]
    return (
        templates()
        .get_template("page.html")
        .render(
            title=title,
            sections=parts,
            menu=menu or {"": [(name, title) for name, title, _ in parts]},
            known=known,
            style=Markup(_read("style.css")),  # noqa: S704 - our own
            first=[Markup(text) for text in first],  # noqa: S704 - our own
            scripts=[Markup(text) for text in later],  # noqa: S704 - our own
            library=_packed(library) if drawn else None,
            allowed=" ".join(map(_fingerprint, ran)),
        )
    )


@cache
def templates() -> Environment:
    """The templates, whose values are escaped and formatted or refused."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= formats.FILTERS
    return environment


def _shown(value: object) -> object:
    """Let through what a template may print: whole numbers, and text once it is cleaned.

    A number with a fraction must go through a format first. What is undefined speaks for itself:
    an ``if`` without ``else`` prints nothing, a misspelt name raises.
    """
    if isinstance(value, (Markup, Undefined)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return formats.clean(value)
    raise TypeError(f"a template prints {value!r} without a format")


@cache
def _packed(script: str) -> Markup:
    """A script that the page unpacks when it needs it: gzip, in base64."""
    packed = gzip.compress(script.encode(), compresslevel=LEVEL, mtime=0)
    return Markup(base64.b64encode(packed).decode())  # noqa: S704 - letters and digits


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _fingerprint(script: str) -> str:
    """Let the browser run this script and no other, whatever a record may hold."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
