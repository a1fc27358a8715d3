"""Which classes are taken for which: a matrix a classifier, and how far classifiers agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from levelfield.results import outputs

from . import Contender, Section, View, Workload, kept, measures, pictures

DRAWN = 20
"""Of more classes the matrix is a picture without numbers."""
MOST = 24
"""Contenders whose matrices are in the page."""
PAIRS, HARDEST = 5, 5
"""Most confused pairs, and classes that are missed most, in words."""
SCREEN = 360
"""Pixels of a matrix that is a picture."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Samples of one class that were taken for another."""

    truth: str
    taken: str
    count: int
    share: float
    """Of the class."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A class: its samples by the class they were taken for."""

    name: str
    cells: tuple[tuple[int, float], ...]
    """Counts, and shares of the class; none where the matrix is a picture."""
    recall: float
    """NaN where the test set has no sample of it."""
    samples: int


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """How one contender answered."""

    who: Contender
    standing: measures.Standing
    accuracy: float
    low: float
    high: float
    """Of its 95 % interval, as other test samples might have been drawn (Wilson's)."""
    agrees: float
    """Share of samples that the first contender gave the same answer."""
    lines: tuple[Line, ...]
    pairs: tuple[Pair, ...]
    picture: Markup | None

    @property
    def hardest(self) -> list[Line]:
        """The classes that are missed most."""
        known = [line for line in self.lines if line.samples and line.recall < 1]
        return sorted(known, key=lambda line: line.recall)[:HARDEST]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One workload."""

    workload: Workload
    classes: tuple[str, ...]
    matrices: tuple[Matrix, ...]
    samples: int
    left_out: int
    without: tuple[Contender, ...]


def content(view: View) -> Mapping[str, Any] | None:
    """Return one panel a workload whose classifiers' answers were kept; None without any."""
    panels = [_panel(found) for found in kept.kept(view, outputs.answers)]
    return {"panels": panels, "screen": SCREEN} if panels else None


def counted(labels: NDArray[Any], answers: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """How many samples of each class (rows) were taken for each class (columns)."""
    places = labels.astype(np.int64) * classes + answers
    return np.bincount(places, minlength=classes**2).reshape(classes, classes)


def _panel(found: kept.Kept[NDArray[Any]]) -> Panel:
    given, first = found.given, found.made[0][2]
    labels = given.labels if given.labels is not None else np.zeros(0, int)
    return Panel(
        workload=found.workload,
        classes=given.classes,
        matrices=tuple(
            _matrix(who, standing, labels, answers, float(np.mean(answers == first)), given.classes)
            for who, standing, answers in found.made[:MOST]
        ),
        samples=len(labels),
        left_out=max(0, len(found.made) - MOST),
        without=found.without,
    )


def _matrix(
    who: Contender,
    standing: measures.Standing,
    labels: NDArray[Any],
    answers: NDArray[Any],
    agrees: float,
    classes: tuple[str, ...],
) -> Matrix:
    from scipy import stats

    counts = counted(labels, answers, len(classes))
    sizes = counts.sum(axis=1)
    shares = counts / np.maximum(sizes, 1)[:, None]
    right = int(counts.trace())
    interval = stats.binomtest(right, len(labels)).proportion_ci(0.95, method="wilson")
    small = len(classes) <= DRAWN
    return Matrix(
        who=who,
        standing=standing,
        accuracy=right / len(labels),
        low=float(interval.low),
        high=float(interval.high),
        agrees=agrees,
        lines=tuple(_lines(counts, shares, classes, cells=small)),
        pairs=tuple(_pairs(counts, shares, classes)),
        picture=None if small else pictures.png(pictures.shaded(1 - shares, 0.0, 1.0)),
    )


def _lines(
    counts: NDArray[Any], shares: NDArray[Any], classes: tuple[str, ...], *, cells: bool
) -> Iterator[Line]:
    for place, name in enumerate(classes):
        samples = int(counts[place].sum())
        row = zip(counts[place].tolist(), shares[place].tolist(), strict=True)
        yield Line(
            name=name,
            cells=tuple(row) if cells else (),
            recall=float(shares[place, place]) if samples else float("nan"),
            samples=samples,
        )


def _pairs(counts: NDArray[Any], shares: NDArray[Any], classes: tuple[str, ...]) -> Iterator[Pair]:
    """The pairs with most samples, the most first."""
    wrong = counts - np.diag(np.diag(counts))
    for place in np.argsort(-wrong, axis=None, kind="stable")[:PAIRS].tolist():
        truth, taken = divmod(place, len(classes))
        if wrong[truth, taken]:
            yield Pair(
                truth=classes[truth],
                taken=classes[taken],
                count=int(counts[truth, taken]),
                share=float(shares[truth, taken]),
            )


SECTION = Section(order=67, title="Confusion", content=content)
