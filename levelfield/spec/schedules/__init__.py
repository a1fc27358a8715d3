"""Learning-rate schedules: one module a kind, found by being in this folder.

A schedule is an array of rates, one a step, made by the engine, and of momenta where it moves them;
adapters never see anything else. Either depends on its step's number alone: however a training is
cut into pieces, its rates are the same, to the last bit. Hence sines and powers come from `math`, a
step at a time: NumPy's may differ with a number's place in the array, and between releases.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

import numpy as np

from levelfield.spec.fields import FieldError, Range, Tagged
from levelfield.spec.optimizers import Positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

Epochs = Annotated[int, Range(1, 1_000_000)]
Momenta: TypeAlias = "NDArray[np.float64] | None"


class Schedule(Tagged):
    """The learning rate of every step of a training."""

    family_package: ClassVar[str] = "levelfield.spec.schedules"

    @abstractmethod
    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the steps first, first + 1 ... of the whole training (shape: count)."""

    def momenta(self, first: int, count: int, *, steps_per_epoch: int) -> Momenta:  # noqa: ARG002 - few schedules have any
        """Momenta of the same steps (shape: count); None: the optimizer's own at all of them."""
        return None


@dataclass(frozen=True, kw_only=True)
class Between:
    """What schedules between two rates share."""

    low: Positive
    high: Positive

    def __post_init__(self) -> None:
        """Check every field, and that ``low`` is the lower one."""
        super().__post_init__()  # type: ignore[misc]
        check_bounds(self.low, self.high)

    def at(self, height: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rates so far up (0 to 1) from the lower to the higher one."""
        return np.clip((1 - height) * self.low + height * self.high, self.low, self.high)


def numbers(first: int, count: int) -> NDArray[np.int64]:
    """Numbers of the steps first, first + 1 ... (shape: count)."""
    return np.arange(first, first + count, dtype=np.int64)


def ramp(first: int, count: int, *, steps: int) -> NDArray[np.float64]:
    """How far the given steps are from the first of ``steps`` (0) to their last (1), and 1 after.

    Of a single step, it is the first.
    """
    return np.minimum(numbers(first, count) / max(steps - 1, 1), 1.0)


def check_bounds(
    low: float, high: float, *, name: str = "low", above: str = "high", what: str = "a rate"
) -> None:
    """Raise a `FieldError` where the lower of two rates is not the lower one."""
    if low > high:
        error = FieldError(f"got {low:g}", expected=f"{what} of at most '{above}', {high:g}")
        raise error.under(name)


__all__ = ["Between", "Epochs", "Momenta", "Schedule", "check_bounds", "numbers", "ramp"]
