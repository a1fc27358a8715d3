"""Cyclical learning rates whose amplitude halves with every cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.schedules import Between, Schedule
from levelfield.spec.schedules.triangular import HalfCycle, waves


@dataclass(frozen=True, kw_only=True)
class Triangular2(Between, Schedule):
    """From ``low`` to a peak and back; the first peak is ``high``, each next one half as far up.

    L. N. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.1.
    """

    kind: ClassVar[str] = "triangular2"
    example: ClassVar[str] = "{kind: triangular2, low: 0.001, high: 0.01, half_cycle: 4.0}"
    half_cycle: HalfCycle
    """Epochs, Smith's stepsize over the steps of an epoch; he advises 2 to 10."""

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        height, cycle = waves(first, count, half=self.half_cycle * steps_per_epoch)
        height = np.ldexp(height, -np.minimum(cycle, 2000).astype(np.int64))
        return self.at(height)
