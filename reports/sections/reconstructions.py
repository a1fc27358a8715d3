"""What autoencoders make of the same test samples: originals and rebuilt ones, and their errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from levelfield.results import outputs
from levelfield.results.outputs import Originals, Rebuilt

from . import Contender, Section, View, Workload, kept, measures, pictures

LARGEST = 300_000
"""Characters of pictures in the page; contenders beyond are counted only."""
SCREEN = 56
"""Pixels that a picture is high on the page, or a little more."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one contender made of every sample."""

    who: Contender
    standing: measures.Standing
    error: float
    """Mean over the samples."""
    off: float
    """Greatest distance of a value from the first row's, as a share of the originals' range."""
    pictures: tuple[tuple[Markup, float], ...]
    """The address of each, and its mean squared error."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One workload."""

    workload: Workload
    heads: tuple[tuple[int, str], ...]
    """The place of each sample in the test set, and its class."""
    originals: tuple[Markup, ...]
    rows: tuple[Row, ...]
    left_out: int
    """Contenders whose pictures were too many."""
    without: tuple[Contender, ...]
    flat: bool
    """Whether a sample is no picture: a strip of values."""
    size: tuple[int, int]
    """Width and height of a picture on the page."""


def content(view: View) -> Mapping[str, Any] | None:
    """Return one panel a workload whose autoencoders' outputs were kept; None without any."""
    left = LARGEST
    panels = []
    for found in kept.kept(view, outputs.rebuilt):
        panel = _panel(found, left)
        left -= sum(len(source) for row in panel.rows for source, _ in row.pictures)
        panels.append(panel)
    return {"panels": panels} if panels else None


def _panel(found: kept.Kept[Rebuilt], left: int) -> Panel:
    given = found.given
    first = found.made[0][2]
    rows: list[Row] = []
    for who, standing, rebuilt in found.made:
        row = _row(who, standing, rebuilt, first, given)
        left -= sum(len(source) for source, _ in row.pictures)
        if left < 0 and rows:
            break
        rows.append(row)
    names = _names(given)
    return Panel(
        workload=found.workload,
        heads=tuple(zip(given.places.tolist(), names, strict=True)),
        originals=tuple(_drawn(given.samples, given)),
        rows=tuple(rows),
        left_out=len(found.made) - len(rows),
        without=found.without,
        flat=not given.picture,
        size=_size(given),
    )


def _row(
    who: Contender,
    standing: measures.Standing,
    rebuilt: Rebuilt,
    first: Rebuilt,
    given: Originals,
) -> Row:
    low, high = given.range
    off = float(np.abs(rebuilt.samples - first.samples).max()) / ((high - low) or 1.0)
    return Row(
        who=who,
        standing=standing,
        error=float(rebuilt.errors.mean()),
        off=off,
        pictures=tuple(zip(_drawn(rebuilt.samples, given), rebuilt.errors.tolist(), strict=True)),
    )


def _drawn(samples: NDArray[Any], given: Originals) -> Iterator[Markup]:
    """Each sample as a picture; one that is none as a strip, each value within its own range."""
    if given.picture:
        for sample in pictures.shaded(samples, *given.range):
            yield pictures.png(sample.reshape(given.picture))
        return
    low, high = given.samples.min(axis=0), given.samples.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    for strip in pictures.shaded((samples - low) / width, 0.0, 1.0):
        yield pictures.png(strip[None])


def _size(given: Originals) -> tuple[int, int]:
    """Width and height on the page: whole multiples of the pixels, where they are few."""
    if not given.picture:
        return 8 * SCREEN // 4, SCREEN // 3
    height, width = given.picture[:2]
    times = max(1, round(SCREEN / height)) if height <= SCREEN else SCREEN / height
    return max(1, round(width * times)), max(1, round(height * times))


def _names(given: Originals) -> list[str]:
    if given.labels is None:
        return [""] * len(given.places)
    return [given.classes[label] for label in given.labels[given.places].tolist()]


SECTION = Section(order=65, title="Reconstructions", content=content)
