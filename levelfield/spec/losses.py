"""The losses of a workload, in float64 from what an adapter predicts: the same sums for all.

They are taken after every epoch of every trial: a few rows at a time, in arrays that are used
again and stay in a core's own cache, which takes less than half the time of whole arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

BLOCK = 2**15
"""Numbers that are summed at once."""
CLIP = 1e-7
"""How far probabilities are kept from 0 and 1."""


def mean(loss: str, outputs: object, targets: Array) -> float:
    """Loss over all elements; of the categorical cross-entropy, over the samples.

    targets: arrays like the outputs, or for the categorical cross-entropy labels. Raises
    `TypeError` or `ValueError` where the outputs are no real numbers, or not of the targets' shape.
    """
    p, y = numbers(outputs, "predict"), np.asarray(targets)
    if loss == "categorical_crossentropy":
        if p.shape[:-1] != (len(y),):
            raise ValueError(f"predict gave shape {p.shape}, expected ({len(y)}, classes)")
        own = np.take_along_axis(p, y[:, None], axis=1).astype(np.float64)
        return float(-np.mean(np.log(np.clip(own, CLIP, 1 - CLIP))))
    if p.shape != y.shape:
        raise ValueError(f"predict gave shape {p.shape}, expected {y.shape}")
    summed = _squares if loss == "mean_squared_error" else _crossentropies
    rows = max(1, BLOCK // max(1, p[:1].size))
    space = np.empty((2, rows, *p.shape[1:]))
    places = range(0, len(p), rows)
    parts = (summed(p[n : n + rows], y[n : n + rows], space) for n in places)
    return sum(parts) / p.size


def numbers(given: object, what: str) -> Array:
    """Return the array an adapter gave; raise `TypeError` where it does not hold real numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} gave {array.dtype} values, expected an array of real numbers")
    return array


def _squares(p: Array, y: Array, space: Array) -> float:
    error = space[0, : len(p)]
    np.subtract(p, y, out=error, dtype=np.float64)
    np.multiply(error, error, out=error)
    return float(error.sum())


def _crossentropies(p: Array, y: Array, space: Array) -> float:
    """Of -(y log p + (1 - y) log(1 - p)), as y (log(1 - p) - log p) - log(1 - p)."""
    yes, no = space[:, : len(p)]
    np.clip(p, CLIP, 1 - CLIP, out=no, dtype=np.float64)
    np.log(no, out=yes)
    np.negative(no, out=no)
    np.log1p(no, out=no)
    np.subtract(no, yes, out=yes)
    np.multiply(yes, y, out=yes)
    np.subtract(yes, no, out=yes)
    return float(yes.sum())
