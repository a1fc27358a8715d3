"""A rate that drops by a factor every few epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import Range
from levelfield.spec.optimizers import Positive
from levelfield.spec.schedules import Epochs, Schedule, numbers


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """``rate``, multiplied by ``factor`` whenever ``every`` epochs have passed."""

    kind: ClassVar[str] = "step"
    example: ClassVar[str] = "{kind: step, rate: 0.1, factor: 0.1, every: 30}"
    rate: Positive
    factor: Annotated[float, Range(0.0, 1.0, open_low=True)]
    every: Epochs

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        drops = numbers(first, count) // (self.every * steps_per_epoch)
        return np.array([self.rate * self.factor**drop for drop in drops.tolist()], np.float64)
