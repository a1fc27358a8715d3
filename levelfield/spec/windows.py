"""Windows that slide over the axes of an image: sizes of what comes out, and the padding.

The definition is TensorFlow's. With ``valid`` padding only whole windows count. With ``same``
padding ceil(n / stride) windows cover an axis of n places, and what is missing is added around it,
where it cannot be halved one more after it than before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import FieldError, Range

Sizes = tuple[Annotated[int, Range(1, 10_000)], ...]
Padding = Literal["same", "valid"]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How windows lie on one axis."""

    size: int
    """Places of the axis."""
    window: int
    stride: int
    out: int
    """Windows that fit."""
    before: int
    after: int
    """Places added at either end."""

    @property
    def reach(self) -> int:
        """Places of the padded axis that windows cover."""
        return (self.out - 1) * self.stride + self.window

    def counts(self) -> list[int]:
        """How many places of each window are not padding."""
        starts = [at * self.stride - self.before for at in range(self.out)]
        return [min(at + self.window, self.size) - max(at, 0) for at in starts]


def axes(
    shape: tuple[int, ...], window: Sizes, strides: Sizes | None, padding: Padding
) -> list[Axis]:
    """How windows lie on every axis in space of a sample of this shape (channels last).

    Raise a `FieldError` where the window has other axes than the sample, or fits nowhere.
    """
    space = shape[:-1]
    strides = strides or (1,) * len(window)
    if not len(window) == len(space) == len(strides):
        raise FieldError(
            f"a window of {len(window)} axes, strides of {len(strides)} and samples of "
            f"{_times(shape)}",
            expected="one size for every axis of a sample but the last, its channels",
            hint="input_shape: [28, 28, 1] tells how flat samples are to be seen",
        )
    found = [
        _axis(size, width, stride, padding)
        for size, width, stride in zip(space, window, strides, strict=True)
    ]
    if any(axis.out < 1 for axis in found):
        raise FieldError(
            f"a window of {_times(window)} on samples of {_times(shape)}",
            expected="a window that is no larger than a sample",
            hint="padding: same, or fewer layers that make samples smaller",
        )
    return found


def counts(axes: Sequence[Axis]) -> NDArray[np.float64]:
    """How many places of each window are not padding (shape: windows on each axis, then 1)."""
    made = np.ones(())
    for axis in axes:
        made = made[..., None] * np.array(axis.counts(), np.float64)
    return made[..., None]


def _axis(size: int, window: int, stride: int, padding: Padding) -> Axis:
    if padding == "valid":
        out = (size - window) // stride + 1
        return Axis(size=size, window=window, stride=stride, out=out, before=0, after=0)
    out = -(-size // stride)
    missing = max(0, (out - 1) * stride + window - size)
    before = missing // 2
    return Axis(
        size=size, window=window, stride=stride, out=out, before=before, after=missing - before
    )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
