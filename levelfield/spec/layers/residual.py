"""A block whose input is added to its output."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from levelfield.spec.fields import FieldError
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Activation, Layer, Shape
from levelfield.spec.layers.convolution import Convolution

SHORTCUT = "shortcut"


@dataclass(frozen=True, kw_only=True)
class Residual(Layer):
    """``activation(layers(x) + shortcut(x))``: He et al., "Deep residual learning", 2015.

    The shortcut is x itself or, where ``shortcut`` names an initialiser, a convolution of windows
    of one place, with strides and filters that give it the shape of the block's output.
    """

    kind: ClassVar[str] = "residual"
    example: ClassVar[str] = (
        "{kind: residual, activation: relu, layers: [{kind: convolution, filters: 16, "
        "window: [3, 3], padding: same, activation: linear, kernel: he_normal, bias: zeros}]}"
    )

    layers: tuple[Layer, ...]
    activation: Activation
    shortcut: Initialiser | None = None

    def shapes(self, shape: Shape) -> list[Shape]:
        """Shape of one sample before each layer of the block and after the last."""
        shapes = [shape]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except FieldError as error:
                raise error.under(index).under("layers") from None
        return shapes

    def projection(self, shape: Shape) -> Convolution | None:
        """The shortcut's convolution, for samples of this shape; None where x is added as it is."""
        if self.shortcut is None:
            return None
        out = self.shapes(shape)[-1]
        return Convolution(
            filters=out[-1],
            window=(1,) * (len(shape) - 1),
            strides=tuple(-(-a // b) for a, b in zip(shape[:-1], out[:-1], strict=True)),
            padding="same",
            activation="linear",
            kernel=self.shortcut,
            bias="zeros",
        )

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: that of the block's last."""
        out = self.shapes(shape)[-1]
        projection = self.projection(shape)
        if out != (projection.output_shape(shape) if projection else shape):
            raise FieldError(
                f"the block makes {out} of samples of {shape}, which cannot be added",
                expected="layers that keep the shape, or a shortcut that changes it alike",
                hint="shortcut: he_normal",
            )
        return out

    def parameters(self, shape: Shape) -> Mapping[str, tuple[Shape, str]]:
        """Those of its layers, as ``1/kernel`` ..., and of the shortcut."""
        return {
            f"{place}/{name}": how
            for place, layer, before in self.members(shape)
            for name, how in layer.parameters(before).items()
        }

    def members(self, shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Place, layer and shape before it of each layer of the block, and of the shortcut."""
        for number, (layer, before) in enumerate(
            zip(self.layers, self.shapes(shape)[:-1], strict=True), start=1
        ):
            yield str(number), layer, before
        projection = self.projection(shape)
        if projection:
            yield SHORTCUT, projection, shape

    def flops(self, shape: Shape) -> int:
        """The sum over its layers and the shortcut."""
        return sum(layer.flops(before) for _, layer, before in self.members(shape))

    def penalties(self) -> Mapping[str, float]:
        """Those of its layers."""
        return {
            f"{number}/{name}": factor
            for number, layer in enumerate(self.layers, start=1)
            for name, factor in layer.penalties().items()
        }

    def certain(self) -> Residual:
        """The same block without what is random in it."""
        return dataclasses.replace(self, layers=tuple(layer.certain() for layer in self.layers))

    def parts(self) -> Iterator[Layer]:
        """The block itself, then the layers within it."""
        yield self
        for layer in self.layers:
            yield from layer.parts()
