"""How the training of a workload is cut into pieces of equal work, short enough to take turns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from levelfield.spec.workload import Workload

AIM, LONGEST = 0.1, 0.5
"""Seconds that a piece should take in the middle of all workers, and may take in the slowest."""
WHOLE = 2
"""Epochs dealt out whole at first: one that compiles, and one that tells how long it takes."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of one epoch, or several whole ones."""

    epoch: int
    """The first it belongs to, from 0."""
    start: int = 0
    """Places in the epoch's order, from and to; for whole epochs all of it."""
    stop: int
    epochs: int = 1
    steps: int
    ends: bool = True
    """Whether the (last) epoch ends with it."""


def pieces(workload: Workload, samples: int, *, steps: int, first: int, last: int) -> list[Piece]:
    """Cut the epochs from ``first`` to ``last`` (from 0, exclusive) into pieces of so many steps.

    Pieces of an epoch are as equal as its steps allow: a framework that compiles for every number
    of steps meets few of them. Where one epoch has fewer steps, a piece is of whole epochs.
    """
    whole = workload.steps(samples)
    if steps >= whole:
        each = max(1, steps // whole)
        return [
            Piece(epoch=epoch, stop=samples, epochs=n, steps=n * whole)
            for epoch in range(first, last, each)
            for n in [min(each, last - epoch)]
        ]
    steps = math.ceil(whole / math.ceil(whole / steps))
    return [
        Piece(
            epoch=epoch,
            start=at * workload.batch,
            stop=min(samples, (at + steps) * workload.batch),
            steps=min(steps, whole - at),
            ends=at + steps >= whole,
        )
        for epoch in range(first, last)
        for at in range(0, whole, steps)
    ]


def endless(workload: Workload, samples: int, *, steps: int, first: int) -> Iterator[Piece]:
    """Pieces without end, for a comparison that stops when it has seen enough."""
    each = max(1, steps // workload.steps(samples))
    for epoch in count(first, each):
        yield from pieces(workload, samples, steps=steps, first=epoch, last=epoch + each)


def size(epochs: Sequence[float], whole: int) -> int:
    """Steps of a piece, from the seconds that each worker takes for an epoch of ``whole`` steps.

    The middle one (geometric mean) gets `AIM` seconds, unless the slowest then exceeded `LONGEST`.
    """
    middle = math.exp(math.fsum(map(math.log, epochs)) / len(epochs))
    seconds = min(AIM, LONGEST * middle / max(epochs))
    return max(1, int(whole * seconds / middle))
