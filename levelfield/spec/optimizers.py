"""The optimizers a workload may name. Every constant is explicit: libraries disagree on defaults.

Where libraries disagree on the *formula* (Adam's epsilon, RMSprop's root ...) an adapter declares
which one is its own: see `levelfield.verify.semantics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from levelfield.spec.fields import Range, Tagged

Decay = Annotated[float, Range(0.0, 1.0, open_high=True)]
Positive = Annotated[float, Range(0.0, open_low=True)]
NotNegative = Annotated[float, Range(0.0)]


class Optimizer(Tagged):
    """How a gradient changes the weights; the rate of each step comes from the schedule."""

    @property
    def memory(self) -> int:
        """How many numbers it keeps for each weight, from one step to the next."""
        return 1


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with heavy-ball or Nesterov momentum where it is not zero."""

    kind: ClassVar[str] = "sgd"
    example: ClassVar[str] = "{kind: sgd, momentum: 0.0, nesterov: false}"
    momentum: Decay
    nesterov: bool

    @property
    def memory(self) -> int:
        """The velocity, where there is momentum."""
        return int(self.momentum > 0)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma & Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1."""

    kind: ClassVar[str] = "adam"
    example: ClassVar[str] = "{kind: adam, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}"
    beta1: Decay
    beta2: Decay
    epsilon: Positive

    @property
    def memory(self) -> int:
        """Two moments."""
        return 2


@dataclass(frozen=True, kw_only=True)
class Adamax(Optimizer):
    """Kingma & Ba, 2015, algorithm 2: Adam in the infinity norm."""

    kind: ClassVar[str] = "adamax"
    example: ClassVar[str] = "{kind: adamax, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}"
    beta1: Decay
    beta2: Decay
    epsilon: Positive

    @property
    def memory(self) -> int:
        """Two moments."""
        return 2


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """Duchi, Hazan & Singer, 2011; ``accumulator`` is the sum of squares before the first step."""

    kind: ClassVar[str] = "adagrad"
    example: ClassVar[str] = "{kind: adagrad, accumulator: 0.1, epsilon: 1.0e-7}"
    accumulator: NotNegative
    epsilon: Positive


@dataclass(frozen=True, kw_only=True)
class Adadelta(Optimizer):
    """Zeiler, "ADADELTA: an adaptive learning rate method", 2012."""

    kind: ClassVar[str] = "adadelta"
    example: ClassVar[str] = "{kind: adadelta, rho: 0.95, epsilon: 1.0e-7}"
    rho: Decay
    epsilon: Positive

    @property
    def memory(self) -> int:
        """Mean squares of gradients and of steps."""
        return 2


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """Tieleman & Hinton, 2012, not centred, with momentum where it is not zero."""

    kind: ClassVar[str] = "rmsprop"
    example: ClassVar[str] = "{kind: rmsprop, rho: 0.9, momentum: 0.0, epsilon: 1.0e-7}"
    rho: Decay
    momentum: Decay
    epsilon: Positive

    @property
    def memory(self) -> int:
        """Mean squares and, where there is momentum, the velocity."""
        return 1 + int(self.momentum > 0)
