"""Optimizers as updates of shared variables, in the forms that Theano's users write.

The formulas are those of Lasagne's ``updates`` module, the usual source of them; where they differ
from the published ones is declared in ``Symbolic.semantics``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Updates = list[tuple[Any, Any]]


def updates(
    library: Any,
    t: Any,
    spec: Any,
    variables: list[Any],
    gradients: list[Any],
    rate: Any,
    number: Callable[[float], Any],
) -> Updates:
    """New value of every variable and of the optimizer's memory after one step."""
    step = library.shared(number(0.0), name="step")
    now = step + number(1.0)
    made: Updates = [(step, now)]

    def memory(variable: Any, value: float = 0.0) -> Any:
        start = variable.get_value(borrow=True)
        return library.shared(np.full_like(start, value), borrow=True)

    rules = {
        "sgd": _sgd, "adam": _adam, "adamax": _adamax, "adagrad": _adagrad,
        "adadelta": _adadelta, "rmsprop": _rmsprop,
    }  # fmt: skip
    for variable, gradient in zip(variables, gradients, strict=True):
        made += rules[spec.kind](t, spec, variable, gradient, rate, now, memory, number)
    return made


def _sgd(t: Any, s: Any, w: Any, g: Any, rate: Any, now: Any, memory: Any, n: Any) -> Updates:
    del t, now
    return _moved(s, w, rate * g, memory, n)


def _moved(s: Any, w: Any, change: Any, memory: Any, n: Any) -> Updates:
    """``w - change``, with momentum where there is any."""
    if not s.momentum:
        return [(w, w - change)]
    velocity = memory(w)
    new = n(s.momentum) * velocity - change
    if getattr(s, "nesterov", False):
        return [(velocity, new), (w, w + n(s.momentum) * new - change)]
    return [(velocity, new), (w, w + new)]


def _adam(t: Any, s: Any, w: Any, g: Any, rate: Any, now: Any, memory: Any, n: Any) -> Updates:
    m, v, one = memory(w), memory(w), n(1.0)
    new_m = n(s.beta1) * m + n(1 - s.beta1) * g
    new_v = n(s.beta2) * v + n(1 - s.beta2) * g * g
    scaled = rate * t.sqrt(one - n(s.beta2) ** now) / (one - n(s.beta1) ** now)
    new = w - scaled * new_m / (t.sqrt(new_v) + n(s.epsilon))
    return [(m, new_m), (v, new_v), (w, new)]


def _adamax(t: Any, s: Any, w: Any, g: Any, rate: Any, now: Any, memory: Any, n: Any) -> Updates:
    m, u = memory(w), memory(w)
    new_m = n(s.beta1) * m + n(1 - s.beta1) * g
    new_u = t.maximum(n(s.beta2) * u, abs(g))
    scaled = rate / (n(1.0) - n(s.beta1) ** now)
    return [(m, new_m), (u, new_u), (w, w - scaled * new_m / (new_u + n(s.epsilon)))]


def _adagrad(t: Any, s: Any, w: Any, g: Any, rate: Any, now: Any, memory: Any, n: Any) -> Updates:
    del now
    a = memory(w, s.accumulator)
    new = a + g * g
    return [(a, new), (w, w - rate * g / t.sqrt(new + n(s.epsilon)))]


def _adadelta(t: Any, s: Any, w: Any, g: Any, rate: Any, now: Any, memory: Any, n: Any) -> Updates:
    del now
    a, d = memory(w), memory(w)
    new_a = n(s.rho) * a + n(1 - s.rho) * g * g
    change = g * t.sqrt(d + n(s.epsilon)) / t.sqrt(new_a + n(s.epsilon))
    new_d = n(s.rho) * d + n(1 - s.rho) * change * change
    return [(a, new_a), (d, new_d), (w, w - rate * change)]


def _rmsprop(t: Any, s: Any, w: Any, g: Any, rate: Any, now: Any, memory: Any, n: Any) -> Updates:
    del now
    a = memory(w)
    new = n(s.rho) * a + n(1 - s.rho) * g * g
    change = rate * g / t.sqrt(new + n(s.epsilon))
    return [(a, new), *_moved(s, w, change, memory, n)]
