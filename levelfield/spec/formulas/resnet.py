"""Residual networks for small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from levelfield.spec.fields import FieldError, Range
from levelfield.spec.formulas import Formula
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Layer, Penalty, Shape
from levelfield.spec.layers.convolution import Convolution
from levelfield.spec.layers.dense import Dense
from levelfield.spec.layers.flatten import Flatten
from levelfield.spec.layers.pooling import AveragePool
from levelfield.spec.layers.residual import Residual


@dataclass(frozen=True, kw_only=True)
class ResNet(Formula):
    """He et al., "Deep residual learning", 2015, section 4.2: depth 6n + 2 for CIFAR.

    Without batch normalisation: the second convolution of each block begins at zero, so that every
    block begins as its shortcut (Zhang, Dauphin & Ma, "Fixup initialization", 2019).
    """

    kind: ClassVar[str] = "resnet"
    example: ClassVar[str] = "{depth: 20}"

    depth: Annotated[int, Range(8, 1202)]
    first_filters: Annotated[int, Range(1, 65_536)] = 16
    l2: Penalty = 0.0

    def __post_init__(self) -> None:
        """Check every field, and that the depth is one that blocks can make."""
        super().__post_init__()
        if (self.depth - 2) % 6:
            raise FieldError(
                f"got {self.depth}", expected="6 n + 2, for three groups of n blocks: 8, 14, 20 ..."
            ).under("depth")

    def layers(self, shape: Shape, classes: int) -> list[Layer]:
        """The layers for images of this shape and so many classes."""
        made: list[Layer] = [self._convolution(self.first_filters, "relu")]
        blocks = (self.depth - 2) // 6
        made += [
            self._block(group, first=number == 0) for group in range(3) for number in range(blocks)
        ]
        for layer in made:
            shape = layer.output_shape(shape)
        made += [AveragePool(window=shape[:-1]), Flatten()]
        last = Dense(units=classes, activation="softmax", kernel="glorot_uniform", bias="zeros")
        return [*made, last]

    def _block(self, group: int, *, first: bool) -> Residual:
        filters, narrower = self.first_filters * 2**group, first and group > 0
        return Residual(
            layers=(
                self._convolution(filters, "relu", stride=2 if narrower else 1),
                self._convolution(filters, "linear", kernel="zeros"),
            ),
            activation="relu",
            shortcut="he_normal" if narrower else None,
        )

    def _convolution(
        self, filters: int, activation: str, *, stride: int = 1, kernel: Initialiser = "he_normal"
    ) -> Convolution:
        return Convolution(
            filters=filters,
            window=(3, 3),
            strides=(stride, stride),
            padding="same",
            activation=activation,  # type: ignore[arg-type]
            kernel=kernel,
            bias="zeros",
            l2=self.l2,
        )
