"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from levelfield.spec.fields import Range
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Layer, Shape

Activation = Literal["linear", "sigmoid", "tanh", "relu", "selu"]


@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """``activation(x @ kernel + bias)``; kernel: inputs x units, bias: units."""

    kind: ClassVar[str] = "dense"
    example: ClassVar[str] = (
        "{kind: dense, units: 32, activation: relu, kernel: glorot_uniform, bias: zeros}"
    )

    units: Annotated[int, Range(1, 1_000_000)]
    activation: Activation
    kernel: Initialiser
    bias: Initialiser

    def output_shape(self, shape: Shape) -> Shape:  # noqa: ARG002 - other kinds need it
        """Shape of one sample after this layer: (units,)."""
        return (self.units,)

    def parameters(self, shape: Shape) -> Mapping[str, tuple[Shape, str]]:
        """The kernel (inputs x units) and the bias (units)."""
        return {"kernel": ((*shape, self.units), self.kernel), "bias": ((self.units,), self.bias)}

    def flops(self, shape: Shape) -> int:
        """Two operations a kernel element."""
        return 2 * shape[0] * self.units
