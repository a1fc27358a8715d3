"""The kinds of layer a model may have: one module a kind, found by being in this folder.

A sample's shape is (features,), or its axes in space with the channels last: (height, width,
channels), (depth, height, width, channels).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from levelfield.spec.fields import Range, Tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

Shape = tuple[int, ...]
Activation = Literal["linear", "sigmoid", "tanh", "relu", "selu", "softmax"]
Penalty = Annotated[float, Range(0.0)]


class Layer(Tagged):
    """One layer of a model: its output shape, and the arrays it learns."""

    family_package: ClassVar[str] = "levelfield.spec.layers"

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer, given its shape before.

        Raise a `FieldError` where it cannot take such samples.
        """

    def parameters(self, shape: Shape) -> Mapping[str, tuple[Shape, str]]:  # noqa: ARG002
        """Name of each learned array -> (its canonical shape, its initialiser's name)."""
        return {}

    def flops(self, shape: Shape) -> int:  # noqa: ARG002 - other kinds need it
        """Floating-point operations of the forward pass of one sample (a multiply-add is two).

        Of matrix products and convolutions alone, as profilers count them.
        """
        return 0

    def penalties(self) -> Mapping[str, float]:
        """Name of each array whose squares are added to the loss -> the factor of their sum."""
        return {}

    def certain(self) -> Layer:
        """The same layer with whatever is random in it left out."""
        return self

    def parts(self) -> Iterator[Layer]:
        """The layer itself, then those within it."""
        yield self


__all__ = ["Activation", "Layer", "Penalty", "Shape"]
