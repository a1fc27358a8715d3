"""Where names stand beside their points, so that none lies upon another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

WIDE, HIGH = 480, 300
"""Pixels of a plot on which names must not meet: a page that is not wide."""
LETTER, LINE, GAP = 6.5, 14.0, 9.0
"""Pixels of a letter, of a line of text, and from a point to its name."""
PLACES = {
    f"{above} {beside}": (dx, dy)
    for (above, dy), (beside, dx) in product(
        (("top", 1), ("bottom", -1), ("middle", 0)), (("center", 0), ("right", 1), ("left", -1))
    )
    if (dx, dy) != (0, 0)
}
"""Plotly's words for where a text stands, best first, and the way to it."""

Box = tuple[float, float, float, float]
"""Left, right, lower and upper end, in pixels."""


def places(
    points: Sequence[tuple[float, float]], names: Sequence[str], *, log: tuple[bool, bool]
) -> list[str]:
    """Where each point's name stands; empty where there is no room for it, or it has none.

    points: x and y, all positive where their axis is logarithmic (``log``).
    """
    columns = zip(*points, strict=True)
    sizes = zip(columns, (WIDE, HIGH), log, strict=True)
    spots = list(zip(*(_pixels(*each) for each in sizes), strict=True))
    taken: list[Box] = [(x - GAP / 2, x + GAP / 2, y - GAP / 2, y + GAP / 2) for x, y in spots]
    chosen = []
    for number, (spot, name) in enumerate(zip(spots, names, strict=True)):
        others = taken[:number] + taken[number + 1 :]
        word, box = _free(spot, name, others) if name else ("", None)
        chosen.append(word)
        if box is not None:
            taken.append(box)
    return chosen


def _free(spot: tuple[float, float], name: str, others: Sequence[Box]) -> tuple[str, Box | None]:
    """The best place that meets nothing, and what a name covers there."""
    for word, way in PLACES.items():
        box = _box(spot, name, way)
        if not any(_meet(box, other) for other in others):
            return word, box
    return "", None


def _pixels(values: Sequence[float], size: float, log: bool) -> list[float]:  # noqa: FBT001
    known = [math.log10(value) if log else value for value in values]
    low, high = min(known), max(known)
    return [size * (value - low) / (high - low) if high > low else size / 2 for value in known]


def _box(spot: tuple[float, float], name: str, way: tuple[int, int]) -> Box:
    """What a name covers that stands in this way of its point."""
    half, (x, y), (dx, dy) = LETTER * len(name) / 2, spot, way
    middle = x + dx * (half + (0 if dy else GAP))
    height = y + dy * (LINE / 2 + GAP)
    return middle - half, middle + half, height - LINE / 2, height + LINE / 2


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
