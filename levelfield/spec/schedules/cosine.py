"""Half a cosine from a high rate to a low one, with warm restarts where they are wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.optimizers import Positive
from levelfield.spec.schedules import Epochs, Schedule, check_bounds, numbers


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """From ``high`` towards ``low`` in ``epochs``; from then on ``low``.

    I. Loshchilov & F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    equation 5, counted in steps. With ``cycles`` the epochs are cut into as many equal periods
    (T_mult = 1), each of which begins at ``high``.
    """

    kind: ClassVar[str] = "cosine"
    example: ClassVar[str] = "{kind: cosine, high: 0.1, low: 0.0001, epochs: 20}"
    high: Positive
    low: Positive
    epochs: Epochs
    cycles: Epochs = 1

    def __post_init__(self) -> None:
        """Check every field, and that ``low`` is the lower one."""
        super().__post_init__()
        check_bounds(self.low, self.high)

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        total = self.epochs * steps_per_epoch
        steps = numbers(first, count)
        # Whole numbers, so that a restart falls on its step exactly.
        shares = (steps * self.cycles % total / total).tolist()
        height = np.array([(1 + math.cos(math.pi * share)) / 2 for share in shares], np.float64)
        rates = np.clip((1 - height) * self.low + height * self.high, self.low, self.high)
        return np.where(steps < total, rates, self.low)
