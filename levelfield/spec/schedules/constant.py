"""The same rate at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.optimizers import Positive
from levelfield.spec.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same rate at every step."""

    kind: ClassVar[str] = "constant"
    example: ClassVar[str] = "{kind: constant, rate: 0.001}"
    rate: Positive

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:  # noqa: ARG002 - other schedules need them
        """Rates of the given steps (shape: count)."""
        return np.full(count, self.rate)
