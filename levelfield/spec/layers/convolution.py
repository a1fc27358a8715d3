"""Convolution over the axes of a sample but the last, its channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from levelfield.spec.fields import QUIET, Range
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Activation, Layer, Penalty, Shape
from levelfield.spec.windows import Axis, Padding, Sizes, axes


@dataclass(frozen=True, kw_only=True)
class Convolution(Layer):
    """``activation(x * kernel + bias)``; kernel: window x channels x filters, bias: filters.

    ``*`` is the cross-correlation: out[p, f] = sum of x[p stride + q, c] kernel[q, c, f] over the
    places q of the window and the channels c; the kernel is not flipped. One axis, two or three.
    """

    kind: ClassVar[str] = "convolution"
    example: ClassVar[str] = (
        "{kind: convolution, filters: 16, window: [3, 3], padding: same, activation: relu, "
        "kernel: glorot_uniform, bias: zeros}"
    )

    filters: Annotated[int, Range(1, 1_000_000)]
    window: Sizes
    strides: Sizes | None = None
    padding: Padding
    activation: Activation
    kernel: Initialiser
    bias: Initialiser
    l2: Penalty = field(default=0.0, metadata=QUIET)
    """Factor of the sum of the kernel's squares, which is added to the loss."""

    def axes(self, shape: Shape) -> list[Axis]:
        """How the windows lie on a sample of this shape."""
        return axes(shape, self.window, self.strides, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: windows on each axis, then the filters."""
        return (*(axis.out for axis in self.axes(shape)), self.filters)

    def parameters(self, shape: Shape) -> Mapping[str, tuple[Shape, str]]:
        """The kernel (window x channels x filters) and the bias (filters)."""
        kernel = (*self.window, shape[-1], self.filters)
        return {"kernel": (kernel, self.kernel), "bias": ((self.filters,), self.bias)}

    def flops(self, shape: Shape) -> int:
        """Two operations a kernel element at every place of the output, padding included."""
        return 2 * math.prod(self.window) * shape[-1] * math.prod(self.output_shape(shape))

    def penalties(self) -> Mapping[str, float]:
        """The kernel's, where there is one."""
        return {"kernel": self.l2} if self.l2 else {}
