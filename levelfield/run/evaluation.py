"""What a worker makes of an adapter's predictions: losses in float64, metrics, a file of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from levelfield.spec import losses

if TYPE_CHECKING:
    from levelfield.backend import Array, Backend

CHUNK = 10_000
"""Samples in one call of `predict`."""


def whole(backend: Backend, loss: str, x: Array, y: Array) -> tuple[float, list[Array]]:
    """Mean loss over all samples, and what was predicted for them, a chunk a place."""
    total, found = 0.0, []
    for rows in _chunks(len(x)):
        found.append(backend.predict(x[rows]))
        total += losses.mean(loss, found[-1], y[rows]) * len(x[rows])
    return total / len(x), found


def mean(backend: Backend, loss: str, x: Array, y: Array, *, rows: Array) -> float:
    """Mean loss over some samples."""
    total = 0.0
    for chunk in _chunks(len(rows)):
        places = rows[chunk]
        total += losses.mean(loss, backend.predict(x[places]), y[places]) * len(places)
    return total / len(rows)


def measured(outputs: Sequence[Array], labels: Array) -> dict[str, float]:
    """The metrics of a classifier's test set."""
    from levelfield import metrics

    return metrics.measured(np.concatenate(outputs), np.asarray(labels))


def write(path: str, outputs: Sequence[Array], places: Sequence[int] | None) -> None:
    """Write the outputs at some places, or the most probable class of every sample."""
    if places is None:
        answers = [np.asarray(part).argmax(axis=1) for part in outputs]
        np.savez(path, answers=np.concatenate(answers))
        return
    rows = [np.asarray(outputs[place // CHUNK])[place % CHUNK] for place in places]
    np.savez(path, rebuilt=np.stack(rows))


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))
