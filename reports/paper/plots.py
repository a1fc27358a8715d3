"""Figures written to files, and figures in a notebook: ``study.plot``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from levelfield.errors import UserError, unknown
from levelfield.results.study import Study

from ..page import save  # noqa: TID252 - mypy knows no mapped name
from ..view import View, Workload  # noqa: TID252
from . import figures
from .numbers import Nothing, Numbers

if TYPE_CHECKING:
    from .sheet import Sheet, Width

FORMATS = ("svg", "pdf", "png")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written, and what a study cannot show, one line each."""

    paths: tuple[Path, ...]
    left_out: tuple[str, ...]


def write(
    study: Study,
    folder: Path,
    *,
    only: Sequence[str] = (),
    formats: Sequence[str] = ("svg", "pdf"),
    baseline: str | None = None,
    width: Width = "single",
) -> Written:
    """Write every figure of a study, a file for each workload and format.

    only: names of figures, or how they begin. baseline: what ratios refer to, by its label.
    Raises `UserError` where there is nothing to draw.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS, where="--format")
    numbers = Numbers(View(study=study, baseline=baseline))
    names = file_names(numbers.view.workloads)
    paths: list[Path] = []
    gaps: list[str] = []
    for name, figure in figures.chosen(list(only)).items():
        shown, reasons = _drawn(figure, numbers, width)
        for workload, drawn in shown:
            stem = f"{name.replace('_', '-')}-{names[workload.fingerprint]}"
            paths += [save(drawn.written(kind), folder / f"{stem}.{kind}") for kind in formats]
        gaps += _gaps(name.replace("_", "-"), reasons, all_of_them=not shown)
    if not paths:
        raise UserError(
            "nothing in this study can be drawn: " + ("; ".join(gaps) or "it has no workload"),
            where=str(study.folder),
        )
    return Written(paths=tuple(paths), left_out=tuple(gaps))


def file_names(workloads: Iterable[Workload]) -> dict[str, str]:
    """By fingerprint, a part of a file's name: letters, digits, dashes, each only once."""
    made: dict[str, str] = {}
    for number, workload in enumerate(workloads, start=1):
        plain = re.sub(r"[^A-Za-z0-9]+", "-", workload.name)[:48].strip("-").lower()
        plain = plain or f"workload-{number}"
        made[workload.fingerprint] = f"{plain}-{number}" if plain in made.values() else plain
    return made


class Plots:
    """Figures of a study, for a notebook: ``study.plot.ratios()``; ``dir()`` lists them.

    Each takes ``workload`` (a name, needed where several can be shown), ``baseline`` (a
    contender's label) and ``width`` ("single" or "double" column), and gives a matplotlib figure.
    The beginning of a name will do: ``study.plot.loss`` is ``study.plot.loss_by_epoch``.
    """

    def __init__(self, study: Study) -> None:
        """Draw nothing yet."""
        self._study = study

    @cached_property
    def _numbers(self) -> Numbers:
        return Numbers(View(study=self._study))

    def __dir__(self) -> list[str]:
        return figures.names()

    def __repr__(self) -> str:
        return f"figures: {', '.join(figures.names())}"

    def __getattr__(self, name: str) -> Callable[..., Sheet]:
        fits = [each for each in figures.names() if each == name or each.startswith(f"{name}_")]
        if name.startswith("_") or not fits:
            raise AttributeError(f"no figure {name!r}; there are {', '.join(figures.names())}")
        kinds = figures.found()
        first = min(fits, key=lambda each: kinds[each].order)

        def plot(
            workload: str | None = None, *, baseline: str | None = None, width: Width = "single"
        ) -> Sheet:
            numbers = self._numbers
            if baseline is not None:
                numbers = Numbers(View(study=self._study, baseline=baseline))
            return _one(first, kinds[first], numbers, workload, width)

        plot.__name__ = plot.__qualname__ = first
        plot.__doc__ = kinds[first].about
        return plot


def _one(
    name: str, kind: figures.Kind, numbers: Numbers, workload: str | None, width: Width
) -> Sheet:
    """The figure of a workload, or of the only one that can be shown."""
    known = [each.name for each in numbers.view.workloads]
    if workload is not None and workload not in known:
        raise unknown("workload", workload, known, where=name)
    shown, reasons = _drawn(kind, numbers, width, only=workload)
    if not shown:
        raise UserError("; ".join(_gaps(name, reasons, all_of_them=True)) or "no workload")
    if len(shown) > 1:
        raise UserError(
            f"{len(shown)} workloads can be shown",
            where=name,
            expected="the name of one: " + ", ".join(each.name for each, _ in shown),
        )
    return shown[0][1]


def _drawn(
    kind: figures.Kind, numbers: Numbers, width: Width, *, only: str | None = None
) -> tuple[list[tuple[Workload, Sheet]], dict[str, str]]:
    """The workloads that can be shown, and why the others cannot, by name."""
    from .sheet import style

    shown, reasons = [], {}
    for workload in numbers.view.workloads:
        if only is None or workload.name == only:
            try:
                with style():
                    shown.append((workload, kind.draw(numbers, workload, width)))
            except Nothing as nothing:
                reasons[workload.name] = str(nothing)
    return shown, reasons


def _gaps(name: str, reasons: dict[str, str], *, all_of_them: bool) -> Iterator[str]:
    """A line for each reason; the workloads are named where they are not all."""
    for reason in dict.fromkeys(reasons.values()):
        where = [workload for workload, why in reasons.items() if why == reason]
        named = "" if all_of_them and len(where) == len(reasons) else f" ({', '.join(where)})"
        yield f"{name}{named}: {reason}"
