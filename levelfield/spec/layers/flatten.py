"""Samples made flat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from levelfield.spec.layers import Layer, Shape


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """All values of a sample in one row, the last axis (the channels) running fastest."""

    kind: ClassVar[str] = "flatten"
    example: ClassVar[str] = "{kind: flatten}"

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one sample after this layer: (values,)."""
        return (math.prod(shape),)
