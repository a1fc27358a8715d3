"""From a low rate to a high one by equal factors: a range test over orders of magnitude."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.schedules import Between, Epochs, Schedule, ramp


@dataclass(frozen=True, kw_only=True)
class Exponential(Between, Schedule):
    """From ``low`` by equal factors to ``high`` at the last step of ``epochs``, where it stays."""

    kind: ClassVar[str] = "exponential"
    example: ClassVar[str] = "{kind: exponential, low: 0.00001, high: 1.0, epochs: 5}"
    epochs: Epochs

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        share = ramp(first, count, steps=self.epochs * steps_per_epoch)
        low, high = math.log(self.low), math.log(self.high)
        made = [math.exp((1 - s) * low + s * high) for s in share.tolist()]
        inside = np.clip(np.array(made, dtype=np.float64), self.low, self.high)
        ends = np.where(share == 0, self.low, self.high)
        return np.where((share == 0) | (share == 1), ends, inside)
