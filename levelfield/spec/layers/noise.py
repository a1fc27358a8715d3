"""Layers that are random in training and do nothing in prediction: dropout, Gaussian noise.

Their random numbers are each framework's own, seeded by the workload: no two libraries draw alike.
Verification runs without them, and checks their statistics apart.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar

from levelfield.spec.fields import Range
from levelfield.spec.layers import Layer, Shape


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """Sets a share of the values to zero and divides the others by what is left of one.

    Srivastava et al., "Dropout", 2014, in its inverted form: expectations stay.
    """

    kind: ClassVar[str] = "dropout"
    example: ClassVar[str] = "{kind: dropout, rate: 0.5}"

    rate: Annotated[float, Range(0.0, 1.0, open_high=True)]

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: the same."""
        return shape

    def certain(self) -> Dropout:
        """The layer that drops nothing."""
        return dataclasses.replace(self, rate=0.0)


@dataclass(frozen=True, kw_only=True)
class GaussianNoise(Layer):
    """Adds normal noise of mean zero."""

    kind: ClassVar[str] = "gaussian_noise"
    example: ClassVar[str] = "{kind: gaussian_noise, deviation: 0.1}"

    deviation: Annotated[float, Range(0.0)]

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: the same."""
        return shape

    def certain(self) -> GaussianNoise:
        """The layer that adds nothing."""
        return dataclasses.replace(self, deviation=0.0)
