"""The small convolutional network that the field began with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from levelfield.spec.formulas import Formula
from levelfield.spec.layers import Activation, Layer, Shape
from levelfield.spec.layers.convolution import Convolution
from levelfield.spec.layers.dense import Dense
from levelfield.spec.layers.flatten import Flatten
from levelfield.spec.layers.pooling import AveragePool, MaxPool


@dataclass(frozen=True, kw_only=True)
class LeNet(Formula):
    """After Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.

    ``small``: LeNet-5's sizes (6 and 16 filters of 5x5, average pooling, dense 120 and 84, tanh),
    every filter seeing every channel. ``large``: 32 and 64 filters, max pooling, dense 1024, ReLU.
    """

    kind: ClassVar[str] = "lenet"
    example: ClassVar[str] = "{size: small}"

    size: Literal["small", "large"] = "small"

    def layers(self, shape: Shape, classes: int) -> list[Layer]:  # noqa: ARG002 - others need it
        """The layers for images of this shape and so many classes."""
        small = self.size == "small"
        activation: Activation = "tanh" if small else "relu"
        pool = AveragePool(window=(2, 2)) if small else MaxPool(window=(2, 2))
        made: list[Layer] = []
        for filters in (6, 16) if small else (32, 64):
            made += [_convolution(filters, activation), pool]
        made.append(Flatten())
        made += [_dense(units, activation) for units in ((120, 84) if small else (1024,))]
        return [*made, _dense(classes, "softmax")]


def _convolution(filters: int, activation: Activation) -> Convolution:
    return Convolution(
        filters=filters,
        window=(5, 5),
        padding="same",
        activation=activation,
        kernel="glorot_uniform",
        bias="zeros",
    )


def _dense(units: int, activation: Activation) -> Dense:
    return Dense(units=units, activation=activation, kernel="glorot_uniform", bias="zeros")
