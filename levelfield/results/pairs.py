"""From the records of a duet to its pairs: pieces of the same round, by session."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from levelfield.results.record import Pieces, Record

Session = NDArray[np.float64]
"""Shape (rounds, 2): wall seconds of the base's and of the head's piece of a round."""


def sessions(base: Iterable[Record], head: Iterable[Record]) -> list[Session]:
    """One array for every session in which both were alive; rounds that one missed are left out."""
    known = {record.session: record for record in base if record.session}
    found = []
    for record in head:
        if record.session in known:
            pairs = session(known[record.session].pieces, record.pieces)
            if len(pairs):
                found.append(pairs)
    return found


def session(base: Pieces, head: Pieces) -> Session:
    """The rounds that both trained, once pieces are cut and every shape of them has been compiled.

    Rounds before that are kept in the records, and are no pairs.
    """
    seconds = dict(zip(head.round, head.wall, strict=True))
    since = settled(base)
    rows = [
        (wall, seconds[number])
        for number, epoch, wall in zip(base.round, base.epoch, base.wall, strict=True)
        if number in seconds and epoch >= since
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def settled(pieces: Pieces) -> int:
    """The first epoch (from 1) whose pieces are of sizes that an earlier epoch has had already."""
    shapes: dict[int, tuple[int, ...]] = {}
    for epoch, steps in zip(pieces.epoch, pieces.steps, strict=True):
        shapes[epoch] = (*shapes.get(epoch, ()), steps)
    if not shapes:
        return 1
    first = _first_like(shapes, max(shapes))
    later = [epoch for epoch in shapes if epoch > first]
    return min(later, default=first)


def _first_like(shapes: dict[int, tuple[int, ...]], last: int) -> int:
    """The first epoch from which on every piece has a size that the last whole pattern knows."""
    complete = [epoch for epoch in shapes if epoch < last] or [last]
    known = set(shapes[complete[-1]]) | set(shapes[last])
    first = last
    for epoch in sorted(shapes, reverse=True):
        if not set(shapes[epoch]) <= known:
            break
        first = epoch
    return first
