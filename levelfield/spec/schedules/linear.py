"""From a low rate to a high one in equal steps: the learning-rate range test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.optimizers import Positive
from levelfield.spec.schedules import Epochs, Schedule, check_bounds, ramp


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """From ``low`` at step 0 to ``high`` at the last step of ``epochs``, where it stays.

    L. N. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
    """

    kind: ClassVar[str] = "linear"
    example: ClassVar[str] = "{kind: linear, low: 0.0001, high: 0.1, epochs: 5}"
    low: Positive
    high: Positive
    epochs: Epochs

    def __post_init__(self) -> None:
        """Check every field, and that the rate does not fall."""
        super().__post_init__()
        check_bounds(self.low, self.high)

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        share = ramp(first, count, steps=self.epochs * steps_per_epoch)
        return np.clip((1 - share) * self.low + share * self.high, self.low, self.high)
