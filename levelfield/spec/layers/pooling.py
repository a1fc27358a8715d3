"""Pooling: the largest or the mean value of every window, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from levelfield.spec.layers import Layer, Shape
from levelfield.spec.windows import Axis, Padding, Sizes, axes


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What both share; windows do not overlap unless strides say so."""

    window: Sizes
    strides: Sizes | None = None
    padding: Padding = "valid"

    def axes(self, shape: Shape) -> list[Axis]:
        """How the windows lie on a sample of this shape."""
        return axes(shape, self.window, self.strides or self.window, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: windows on each axis, then the channels."""
        return (*(axis.out for axis in self.axes(shape)), shape[-1])


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool, Layer):
    """The largest value of each window."""

    kind: ClassVar[str] = "max_pool"
    example: ClassVar[str] = "{kind: max_pool, window: [2, 2]}"


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool, Layer):
    """The mean of each window over those of its places that are not padding."""

    kind: ClassVar[str] = "average_pool"
    example: ClassVar[str] = "{kind: average_pool, window: [2, 2]}"
