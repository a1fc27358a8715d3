"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from levelfield.spec.fields import QUIET, FieldError, Range
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Activation, Layer, Penalty, Shape


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
    l2: Penalty = field(default=0.0, metadata=QUIET)
    """Factor of the sum of the kernel's squares, which is added to the loss."""

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: (units,)."""
        if len(shape) != 1:
            raise FieldError(
                f"a dense layer after samples of {len(shape)} axes ({'x'.join(map(str, shape))})",
                expected="flat samples",
                hint="put {kind: flatten} before it",
            )
        return (self.units,)

    def parameters(self, shape: Shape) -> Mapping[str, tuple[Shape, str]]:
        """The kernel (inputs x units) and the bias (units)."""
        return {"kernel": ((*shape, self.units), self.kernel), "bias": ((self.units,), self.bias)}

    def flops(self, shape: Shape) -> int:
        """Two operations a kernel element."""
        return 2 * shape[0] * self.units

    def penalties(self) -> Mapping[str, float]:
        """The kernel's, where there is one."""
        return {"kernel": self.l2} if self.l2 else {}
