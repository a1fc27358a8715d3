"""One cycle, then down by orders of magnitude: super-convergence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import QUIET, FieldError, Range
from levelfield.spec.optimizers import Positive
from levelfield.spec.schedules import Epochs, Momenta, Schedule, check_bounds, numbers

Warmup = Annotated[float, Range(0.0, 0.5, open_low=True, open_high=True)]
Momentum = Annotated[float, Range(0.0, 1.0, open_low=True, open_high=True)]


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """From ``low`` to ``high`` and back in ways of equal length, then down to ``final``.

    L. N. Smith & N. Topin, "Super-convergence", 2018: one cycle shorter than the training, and for
    the rest of it rates far below the lowest. After ``epochs`` the rate stays at ``final``.

    With ``momentum_low`` and ``momentum_high`` the momentum goes the other way (L. N. Smith, "A
    disciplined approach to neural network hyper-parameters: part 1", 2018, section 4.2): down while
    the rate rises, up while it falls, and at its highest from the end of the cycle on. A share s of
    the way from one knot to the next it is (1 - s) m + s m', with m and m' its values at the two;
    s as for the rate, so that both turn at the same step.
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
    momentum_low: Momentum | None = field(default=None, metadata=QUIET)
    """The momentum where the rate is highest; 0.85, or 0.8, in the paper."""
    momentum_high: Momentum | None = field(default=None, metadata=QUIET)
    """The momentum of the first step, and of the annihilation; 0.95 in the paper."""

    def __post_init__(self) -> None:
        """Check every field, the order of the three rates, and that of the momenta."""
        super().__post_init__()
        check_bounds(self.low, self.high)
        check_bounds(self.final, self.low, name="final", above="low")
        if (self.momentum_low is None) != (self.momentum_high is None):
            missing = "momentum_low" if self.momentum_low is None else "momentum_high"
            error = FieldError("one bound of the momentum alone", expected="both, or neither")
            raise error.under(missing)
        if self.momentum_low is not None and self.momentum_high is not None:
            low, high = self.momentum_low, self.momentum_high
            check_bounds(low, high, name="momentum_low", above="momentum_high", what="a momentum")

    def rates(self, first: int, count: int, *, steps_per_epoch: int) -> NDArray[np.float64]:
        """Rates of the given steps (shape: count)."""
        marks = (self.low, self.high, self.low, self.final)
        return self._walked(marks, first, count, steps_per_epoch)

    def momenta(self, first: int, count: int, *, steps_per_epoch: int) -> Momenta:
        """Momenta of the given steps (shape: count); None where they are not cycled."""
        if self.momentum_low is None or self.momentum_high is None:
            return None
        low, high = self.momentum_low, self.momentum_high
        return self._walked((high, low, high, high), first, count, steps_per_epoch)

    def _walked(
        self, marks: tuple[float, ...], first: int, count: int, steps_per_epoch: int
    ) -> NDArray[np.float64]:
        """Values of the given steps of what has these at the three ways' ends."""
        last = max(self.epochs * steps_per_epoch - 1, 1)
        knots = (0.0, self.warmup * last, 2 * self.warmup * last, float(last))
        steps = [min(float(step), knots[-1]) for step in numbers(first, count).tolist()]
        return np.array([self._between(knots, marks, step) for step in steps], dtype=np.float64)

    def _between(self, knots: tuple[float, ...], marks: tuple[float, ...], step: float) -> float:
        """Return the value of one step: the way it is on, and how far along."""
        way = sum(step > knot for knot in knots[1:-1])
        share = (step - knots[way]) / (knots[way + 1] - knots[way])
        if self.annealing == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        one, other = marks[way], marks[way + 1]
        return min(max((1 - share) * one + share * other, min(one, other)), max(one, other))


__all__ = ["OneCycle"]
