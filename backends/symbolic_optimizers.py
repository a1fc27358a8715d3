"""Updates of shared variables as Theano's users write them (Lasagne's formulas, lasagne.updates).

A maker takes the namespace of symbolic operations, the function that makes a shared variable, the
workload's optimizer, for every weight its (variable, initial array, gradient), and the rate, or a
vector of rate and momentum; it yields pairs of a shared variable and its next value. Constants are
cast to the weights' precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Shared = Callable[[np.ndarray[Any, Any]], Any]
    Weight = tuple[Any, np.ndarray[Any, Any], Any]
    Updates = Iterator[tuple[Any, Any]]


def sgd(tensor: Any, shared: Shared, spec: Any, weights: list[Weight], rate: Any) -> Updates:  # noqa: ARG001
    """Plain, heavy-ball or Nesterov: the velocity holds the rates of its terms."""
    rate, momentum = _paced(spec, weights, rate)
    for w, array, g in weights:
        if spec.momentum == 0.0:
            yield w, w - rate * g
            continue
        velocity = shared(np.zeros_like(array))
        moved = momentum * velocity - rate * g
        yield velocity, moved
        yield w, w + (momentum * moved - rate * g if spec.nesterov else moved)


def adam(tensor: Any, shared: Shared, spec: Any, weights: list[Weight], rate: Any) -> Updates:
    """Epsilon is added before the bias is corrected."""
    steps = shared(np.zeros((), np.float64))
    t = steps + 1.0
    yield steps, t
    correction = tensor.sqrt(1.0 - spec.beta2**t) / (1.0 - spec.beta1**t)
    for w, array, g in weights:
        number = array.dtype.type
        alpha = rate * tensor.cast(correction, array.dtype.name)
        mean, square = shared(np.zeros_like(array)), shared(np.zeros_like(array))
        m = number(spec.beta1) * mean + number(1.0 - spec.beta1) * g
        v = number(spec.beta2) * square + number(1.0 - spec.beta2) * tensor.sqr(g)
        yield mean, m
        yield square, v
        yield w, w - alpha * m / (tensor.sqrt(v) + number(spec.epsilon))


def adamax(tensor: Any, shared: Shared, spec: Any, weights: list[Weight], rate: Any) -> Updates:
    """Epsilon is added to the norm."""
    steps = shared(np.zeros((), np.float64))
    t = steps + 1.0
    yield steps, t
    correction = 1.0 / (1.0 - spec.beta1**t)
    for w, array, g in weights:
        number = array.dtype.type
        alpha = rate * tensor.cast(correction, array.dtype.name)
        mean, norm = shared(np.zeros_like(array)), shared(np.zeros_like(array))
        m = number(spec.beta1) * mean + number(1.0 - spec.beta1) * g
        u = tensor.maximum(number(spec.beta2) * norm, abs(g))
        yield mean, m
        yield norm, u
        yield w, w - alpha * m / (u + number(spec.epsilon))


def adagrad(tensor: Any, shared: Shared, spec: Any, weights: list[Weight], rate: Any) -> Updates:
    """Epsilon is added inside the root."""
    for w, array, g in weights:
        number = array.dtype.type
        total = shared(np.full_like(array, spec.accumulator))
        s = total + tensor.sqr(g)
        yield total, s
        yield w, w - rate * g / tensor.sqrt(s + number(spec.epsilon))


def adadelta(tensor: Any, shared: Shared, spec: Any, weights: list[Weight], rate: Any) -> Updates:
    """Zeiler's algorithm 1, its step scaled by the rate."""
    for w, array, g in weights:
        number = array.dtype.type
        rho, rest, epsilon = number(spec.rho), number(1.0 - spec.rho), number(spec.epsilon)
        square, change = shared(np.zeros_like(array)), shared(np.zeros_like(array))
        s = rho * square + rest * tensor.sqr(g)
        delta = g * tensor.sqrt(change + epsilon) / tensor.sqrt(s + epsilon)
        yield square, s
        yield change, rho * change + rest * tensor.sqr(delta)
        yield w, w - rate * delta


def rmsprop(tensor: Any, shared: Shared, spec: Any, weights: list[Weight], rate: Any) -> Updates:
    """Epsilon is added inside the root; the velocity holds the rates of its terms."""
    rate, momentum = _paced(spec, weights, rate)
    for w, array, g in weights:
        number = array.dtype.type
        square = shared(np.zeros_like(array))
        s = number(spec.rho) * square + number(1.0 - spec.rho) * tensor.sqr(g)
        yield square, s
        delta = rate * g / tensor.sqrt(s + number(spec.epsilon))
        if spec.momentum == 0.0:
            yield w, w - delta
            continue
        velocity = shared(np.zeros_like(array))
        moved = momentum * velocity - delta
        yield velocity, moved
        yield w, w + moved


def _paced(spec: Any, weights: list[Weight], rate: Any) -> tuple[Any, Any]:
    """Rate and momentum of a step: the optimizer's own, where none comes beside the rate."""
    if rate.ndim:
        return rate[0], rate[1]
    return rate, weights[0][1].dtype.type(spec.momentum)


MAKERS = {
    "sgd": sgd,
    "adam": adam,
    "adamax": adamax,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
}
