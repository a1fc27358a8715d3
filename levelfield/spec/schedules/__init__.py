"""Learning-rate schedules: one module a kind, found by being in this folder.

A schedule is an array of rates, one a step, made by the engine; adapters never see anything else.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from levelfield.spec.fields import Tagged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Schedule(Tagged):
    """The learning rate of every step of a training."""

    family_package: ClassVar[str] = "levelfield.spec.schedules"

    @abstractmethod
    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the steps first, first + 1 ... of the whole training (shape: count)."""


__all__ = ["Schedule"]
