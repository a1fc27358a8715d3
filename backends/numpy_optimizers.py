"""The optimizers of the reference, each in every meaning that libraries give it.

A maker takes the workload's optimizer, a function that tells which meaning to follow, and the
weights; it returns ``step(t, rate, gradients)``, which changes the weights in place (t from 1).
Where the optimizer has a momentum, a step takes another one as its fourth argument.
Formulas: `levelfield.spec.optimizers` names the papers, `levelfield.verify.semantics` the variants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Arrays = list[np.ndarray[Any, Any]]
    Step = Callable[..., None]
    Meaning = Callable[[str], str]


def sgd(spec: Any, meaning: Meaning, weights: Arrays) -> Step:
    """Heavy-ball and Nesterov momentum, in the form with a sum of gradients."""
    sums = _zeros(weights)
    each = meaning("sgd.rate") == "each term"

    def step(t: int, rate: float, gradients: Arrays, momentum: float = spec.momentum) -> None:  # noqa: ARG001 - one shape for all
        for w, g, m in zip(weights, gradients, sums, strict=True):
            term, scale = (rate * g, 1.0) if each else (g, rate)
            if momentum == 0.0:
                w -= scale * term
                continue
            m *= momentum
            m += term
            w -= scale * (term + momentum * m if spec.nesterov else m)

    return step


def adam(spec: Any, meaning: Meaning, weights: Arrays) -> Step:
    """Kingma & Ba, algorithm 1, with epsilon on either side of the bias correction."""
    means, squares = _zeros(weights), _zeros(weights)
    after = meaning("adam.epsilon") == "after correction"

    def step(t: int, rate: float, gradients: Arrays) -> None:
        correct1, correct2 = 1.0 - spec.beta1**t, 1.0 - spec.beta2**t
        epsilon = spec.epsilon * correct2**0.5 if after else spec.epsilon
        alpha = rate * correct2**0.5 / correct1
        for w, g, m, v in zip(weights, gradients, means, squares, strict=True):
            m += (1.0 - spec.beta1) * (g - m)
            v += (1.0 - spec.beta2) * (g * g - v)
            w -= alpha * m / (np.sqrt(v) + epsilon)

    return step


def adamax(spec: Any, meaning: Meaning, weights: Arrays) -> Step:
    """Kingma & Ba, algorithm 2."""
    means, norms = _zeros(weights), _zeros(weights)
    inside = meaning("adamax.epsilon") == "inside the maximum"

    def step(t: int, rate: float, gradients: Arrays) -> None:
        alpha = rate / (1.0 - spec.beta1**t)
        for w, g, m, u in zip(weights, gradients, means, norms, strict=True):
            m += (1.0 - spec.beta1) * (g - m)
            np.maximum(spec.beta2 * u, np.abs(g) + (spec.epsilon if inside else 0.0), out=u)
            w -= alpha * m / (u if inside else u + spec.epsilon)

    return step


def adagrad(spec: Any, meaning: Meaning, weights: Arrays) -> Step:
    """Duchi et al.; the sum of squares starts at the workload's accumulator."""
    sums = [np.full_like(w, spec.accumulator) for w in weights]
    root = _root(meaning("adagrad.epsilon"), spec.epsilon)

    def step(t: int, rate: float, gradients: Arrays) -> None:  # noqa: ARG001 - one shape for all
        for w, g, s in zip(weights, gradients, sums, strict=True):
            s += g * g
            w -= rate * g / root(s)

    return step


def adadelta(spec: Any, meaning: Meaning, weights: Arrays) -> Step:  # noqa: ARG001 - one meaning
    """Zeiler, algorithm 1, its step scaled by the rate."""
    squares, deltas = _zeros(weights), _zeros(weights)

    def step(t: int, rate: float, gradients: Arrays) -> None:  # noqa: ARG001 - one shape for all
        for w, g, s, d in zip(weights, gradients, squares, deltas, strict=True):
            s += (1.0 - spec.rho) * (g * g - s)
            delta = g * np.sqrt(d + spec.epsilon) / np.sqrt(s + spec.epsilon)
            d += (1.0 - spec.rho) * (delta * delta - d)
            w -= rate * delta

    return step


def rmsprop(spec: Any, meaning: Meaning, weights: Arrays) -> Step:
    """Tieleman & Hinton, with momentum on the scaled gradients."""
    squares, sums = _zeros(weights), _zeros(weights)
    root = _root(meaning("rmsprop.epsilon"), spec.epsilon)
    each = meaning("rmsprop.rate") == "each term"

    def step(t: int, rate: float, gradients: Arrays, momentum: float = spec.momentum) -> None:  # noqa: ARG001 - one shape for all
        for w, g, s, m in zip(weights, gradients, squares, sums, strict=True):
            s += (1.0 - spec.rho) * (g * g - s)
            term, scale = (rate * g / root(s), 1.0) if each else (g / root(s), rate)
            if momentum != 0.0:
                m *= momentum
                m += term
                term = m
            w -= scale * term

    return step


MAKERS = {
    "sgd": sgd,
    "adam": adam,
    "adamax": adamax,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
}


def _zeros(weights: Arrays) -> Arrays:
    return [np.zeros_like(w) for w in weights]


def _root(where: str, epsilon: float) -> Callable[[Any], Any]:
    if where == "inside the root":
        return lambda squares: np.sqrt(squares + epsilon)
    return lambda squares: np.sqrt(squares) + epsilon
