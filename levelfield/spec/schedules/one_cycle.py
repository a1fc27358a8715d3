"""One cycle, then down by orders of magnitude: super-convergence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import Range
from levelfield.spec.optimizers import Positive
from levelfield.spec.schedules import Epochs, Schedule, check_bounds, numbers

Warmup = Annotated[float, Range(0.0, 0.5, open_low=True, open_high=True)]
Momenta = NDArray[np.float64] | None


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """From ``low`` to ``high`` and back in ways of equal length, then down to ``final``.

    L. N. Smith & N. Topin, "Super-convergence", 2018: one cycle shorter than the training, and for
    the rest of it rates far below the lowest. After ``epochs`` the rate stays at ``final``.
    """

    kind: ClassVar[str] = "one_cycle"
    example: ClassVar[str] = (
        "{kind: one_cycle, low: 0.01, high: 0.1, final: 0.0001, epochs: 20, warmup: 0.45}"
    )
    low: Positive
    high: Positive
    final: Positive
    """The rate of the last step, after which it stays; at most ``low``."""
    epochs: Epochs
    warmup: Warmup = 0.45
    """Share of the way from the first step to the last at which the rate is highest. The paper asks
    for a cycle that is shorter than the training and gives no share: this leaves a tenth of it for
    the annihilation."""
    annealing: Literal["linear", "cosine"] = "linear"
    """Shape of all three ways; linear is the paper's."""

    def __post_init__(self) -> None:
        """Check every field, and the order of the three rates."""
        super().__post_init__()
        check_bounds(self.low, self.high)
        check_bounds(self.final, self.low, name="final", above="low")

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        last = max(self.epochs * steps_per_epoch - 1, 1)
        knots = (0.0, self.warmup * last, 2 * self.warmup * last, float(last))
        marks = (self.low, self.high, self.low, self.final)
        steps = [min(float(step), knots[-1]) for step in numbers(first, count).tolist()]
        return np.array([self._between(knots, marks, step) for step in steps], dtype=np.float64)

    def momenta(self, first: int, count: int, *, steps_per_epoch: int) -> Momenta:  # noqa: ARG002 - the place to add them
        """Momenta of the given steps (shape: count); none: the optimizer's own at all of them.

        The paper lets momentum fall while the rate rises, and rise while it falls; adapters take
        rates alone as yet.
        """
        return None

    def _between(self, knots: tuple[float, ...], marks: tuple[float, ...], step: float) -> float:
        """Return the rate of one step: the way it is on, and how far along."""
        way = sum(step > knot for knot in knots[1:-1])
        share = (step - knots[way]) / (knots[way + 1] - knots[way])
        if self.annealing == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        one, other = marks[way], marks[way + 1]
        return min(max((1 - share) * one + share * other, min(one, other)), max(one, other))


__all__ = ["OneCycle"]
