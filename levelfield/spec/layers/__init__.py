"""The kinds of layer a model may have: one module a kind, found by being in this folder."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from levelfield.spec.fields import Tagged

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape = tuple[int, ...]


class Layer(Tagged):
    """One layer of a model: its output shape, and the arrays it learns."""

    family_package: ClassVar[str] = "levelfield.spec.layers"

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer, given its shape before."""

    @abstractmethod
    def parameters(self, shape: Shape) -> Mapping[str, tuple[Shape, str]]:
        """Name of each learned array -> (its canonical shape, its initialiser's name)."""

    @abstractmethod
    def flops(self, shape: Shape) -> int:
        """Floating-point operations of the forward pass of one sample (a multiply-add is two)."""


__all__ = ["Layer", "Shape"]
