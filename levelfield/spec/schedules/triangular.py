"""Up and down between two rates, again and again: cyclical learning rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import Range
from levelfield.spec.schedules import Between, Schedule, numbers

HalfCycle = Annotated[float, Range(1e-6, 1e6)]


@dataclass(frozen=True, kw_only=True)
class Triangular(Between, Schedule):
    """From ``low`` up to ``high`` in ``half_cycle`` epochs, down in as many, and again.

    L. N. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.1.
    """

    kind: ClassVar[str] = "triangular"
    example: ClassVar[str] = "{kind: triangular, low: 0.001, high: 0.01, half_cycle: 4.0}"
    half_cycle: HalfCycle
    """Epochs, Smith's stepsize over the steps of an epoch; he advises 2 to 10."""

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        height, _ = waves(first, count, half=self.half_cycle * steps_per_epoch)
        return self.at(height)


def waves(
    first: int, count: int, *, half: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Height of the triangle wave, 0 to 1, and number of the cycle, from 0, at the given steps.

    half: steps of half a cycle. Both arrays have the shape: count.
    """
    halves = numbers(first, count) / half
    cycle = np.floor(halves / 2)
    return 1 - np.abs(halves - 2 * cycle - 1), cycle
