"""From a low rate to a high one in equal steps: the learning-rate range test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.schedules import Between, Epochs, Schedule, ramp


@dataclass(frozen=True, kw_only=True)
class Linear(Between, Schedule):
    """From ``low`` at step 0 to ``high`` at the last step of ``epochs``, where it stays.

    L. N. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
    """

    kind: ClassVar[str] = "linear"
    example: ClassVar[str] = "{kind: linear, low: 0.0001, high: 0.1, epochs: 5}"
    epochs: Epochs

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        return self.at(ramp(first, count, steps=self.epochs * steps_per_epoch))
