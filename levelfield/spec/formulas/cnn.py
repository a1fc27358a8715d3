"""Blocks of two convolutions and a pooling, then two wide dense layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from levelfield.spec.fields import Range
from levelfield.spec.formulas import Formula
from levelfield.spec.initialisers import Initialiser
from levelfield.spec.layers import Layer, Penalty, Shape
from levelfield.spec.layers.convolution import Convolution
from levelfield.spec.layers.dense import Dense
from levelfield.spec.layers.flatten import Flatten
from levelfield.spec.layers.noise import Dropout
from levelfield.spec.layers.pooling import MaxPool


@dataclass(frozen=True, kw_only=True)
class CNN(Formula):
    """The networks B(blocks)FL(first_filters) of N. E. Cecchi's thesis, 2022.

    A block: two 3x3 convolutions (same padding, ReLU) and a 2x2 max pooling; its filters are
    first_filters, doubled from block to block. Then the flat map of m values, two dense layers of m
    units (ReLU), and the softmax. On volumes windows are cubes.
    """

    kind: ClassVar[str] = "cnn"
    example: ClassVar[str] = "{blocks: 3, first_filters: 16}"

    blocks: Annotated[int, Range(1, 12)]
    first_filters: Annotated[int, Range(1, 65_536)]
    l2: Penalty = 0.01
    """On the kernels of the convolutions."""
    dropout: Annotated[float, Range(0.0, 1.0, open_high=True)] = 0.0
    """After each of the wide dense layers; none where it is 0."""
    kernel: Initialiser = "glorot_uniform"

    def layers(self, shape: Shape, classes: int) -> list[Layer]:
        """The layers for samples of this shape and so many classes."""
        made: list[Layer] = []
        space = max(1, len(shape) - 1)
        for block in range(self.blocks):
            convolution = Convolution(
                filters=self.first_filters * 2**block,
                window=(3,) * space,
                padding="same",
                activation="relu",
                kernel=self.kernel,
                bias="zeros",
                l2=self.l2,
            )
            made += [convolution, convolution, MaxPool(window=(2,) * space)]
        made.append(Flatten())
        for layer in made:
            shape = layer.output_shape(shape)
        for _ in range(2):
            made.append(_dense(math.prod(shape), "relu", self.kernel))
            if self.dropout:
                made.append(Dropout(rate=self.dropout))
        return [*made, _dense(classes, "softmax", self.kernel)]


def _dense(units: int, activation: str, kernel: str) -> Dense:
    return Dense(units=units, activation=activation, kernel=kernel, bias="zeros")  # type: ignore[arg-type]
