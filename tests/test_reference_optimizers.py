"""The reference's optimizers against the papers: one weight at a time, in scalar loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from levelfield.backends.numpy_optimizers import MAKERS

from levelfield.spec.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, RMSprop
from levelfield.verify.semantics import CHOICES, meaning


def sgd(spec, g, rates, w, says):
    """Sutskever et al. 2013 have the velocity; here m is the sum, or carries its rates within."""
    m = 0.0
    for gradient, rate in zip(g, rates, strict=True):
        if says("sgd.rate") == "the sum":
            m = spec.momentum * m + gradient
            w -= rate * (gradient + spec.momentum * m) if spec.nesterov else rate * m
        else:
            m = spec.momentum * m - rate * gradient
            w += spec.momentum * m - rate * gradient if spec.nesterov else m
    return w


def adam(spec, g, rates, w, says):
    m = v = 0.0
    for t, (gradient, rate) in enumerate(zip(g, rates, strict=True), start=1):
        m = spec.beta1 * m + (1 - spec.beta1) * gradient
        v = spec.beta2 * v + (1 - spec.beta2) * gradient**2
        if says("adam.epsilon") == "after correction":
            hats = m / (1 - spec.beta1**t), v / (1 - spec.beta2**t)
            w -= rate * hats[0] / (math.sqrt(hats[1]) + spec.epsilon)
        else:
            alpha = rate * math.sqrt(1 - spec.beta2**t) / (1 - spec.beta1**t)
            w -= alpha * m / (math.sqrt(v) + spec.epsilon)
    return w


def adamax(spec, g, rates, w, says):
    m = u = 0.0
    for t, (gradient, rate) in enumerate(zip(g, rates, strict=True), start=1):
        m = spec.beta1 * m + (1 - spec.beta1) * gradient
        if says("adamax.epsilon") == "to the norm":
            u = max(spec.beta2 * u, abs(gradient))
            w -= rate / (1 - spec.beta1**t) * m / (u + spec.epsilon)
        else:
            u = max(spec.beta2 * u, abs(gradient) + spec.epsilon)
            w -= rate / (1 - spec.beta1**t) * m / u
    return w


def adagrad(spec, g, rates, w, says):
    total = spec.accumulator
    for gradient, rate in zip(g, rates, strict=True):
        total += gradient**2
        w -= rate * gradient / rooted(total, spec.epsilon, says("adagrad.epsilon"))
    return w


def adadelta(spec, g, rates, w, says):
    squares = deltas = 0.0
    for gradient, rate in zip(g, rates, strict=True):
        squares = spec.rho * squares + (1 - spec.rho) * gradient**2
        delta = -math.sqrt(deltas + spec.epsilon) / math.sqrt(squares + spec.epsilon) * gradient
        deltas = spec.rho * deltas + (1 - spec.rho) * delta**2
        w += rate * delta
    return w


def rmsprop(spec, g, rates, w, says):
    squares = m = 0.0
    for gradient, rate in zip(g, rates, strict=True):
        squares = spec.rho * squares + (1 - spec.rho) * gradient**2
        d = gradient / rooted(squares, spec.epsilon, says("rmsprop.epsilon"))
        if says("rmsprop.rate") == "the sum":
            m = spec.momentum * m + d
            w -= rate * m
        else:
            m = spec.momentum * m + rate * d
            w -= m
    return w


def rooted(square: float, epsilon: float, where: str) -> float:
    return (
        math.sqrt(square + epsilon) if where == "inside the root" else math.sqrt(square) + epsilon
    )


PUBLISHED = {f.__name__: f for f in (sgd, adam, adamax, adagrad, adadelta, rmsprop)}
OPTIMIZERS = {
    "sgd": SGD(momentum=0.0, nesterov=False),
    "sgd-momentum": SGD(momentum=0.9, nesterov=False),
    "sgd-nesterov": SGD(momentum=0.8, nesterov=True),
    "adam": Adam(beta1=0.9, beta2=0.99, epsilon=1e-2),
    "adamax": Adamax(beta1=0.9, beta2=0.99, epsilon=1e-2),
    "adagrad": Adagrad(accumulator=0.0, epsilon=1e-2),
    "adagrad-0.1": Adagrad(accumulator=0.1, epsilon=1e-2),
    "adadelta": Adadelta(rho=0.9, epsilon=1e-2),
    "rmsprop": RMSprop(rho=0.9, momentum=0.0, epsilon=1e-2),
    "rmsprop-momentum": RMSprop(rho=0.9, momentum=0.7, epsilon=1e-2),
}


def variants(kind: str):
    """Every combination of meanings that an optimizer can be given."""
    keys = [key for key in CHOICES if key.startswith(f"{kind}.")]
    for names in itertools.product(*(CHOICES[key].meanings for key in keys)):
        yield dict(zip(keys, names, strict=True))


CASES = [
    pytest.param(name, declared, id=" ".join([name, *declared.values()]))
    for name, spec in OPTIMIZERS.items()
    for declared in variants(spec.kind)
]


def both(name, declared, steps=7):
    """The reference's weights and the paper's, after the same gradients at changing rates."""
    rng = np.random.default_rng(3)
    start = [rng.normal(size=(3, 2)), rng.normal(size=2)]
    gradients = [[rng.normal(0, 0.3, a.shape) for a in start] for _ in range(steps)]
    rates = [0.1, 0.05, 0.3, 0.01, 0.2, 0.2, 0.7][:steps]
    spec, says = OPTIMIZERS[name], lambda key: meaning(declared, key)
    weights = [array.copy() for array in start]
    step = MAKERS[spec.kind](spec, says, weights)
    for t, (rate, each) in enumerate(zip(rates, gradients, strict=True), start=1):
        step(t, rate, [array.copy() for array in each])
    expected = [array.copy() for array in start]
    for number, array in enumerate(expected):
        for place in np.ndindex(array.shape):
            g = [float(each[number][place]) for each in gradients]
            array[place] = PUBLISHED[spec.kind](spec, g, rates, float(array[place]), says)
    return np.concatenate([a.ravel() for a in weights]), np.concatenate(
        [a.ravel() for a in expected]
    )


@pytest.mark.parametrize(("name", "declared"), CASES)
def test_optimizers_are_the_published_formulas(name, declared):
    for steps in (1, 2, 7):
        seen, expected = both(name, declared, steps)
        assert seen == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(
    "name", [n for n, spec in OPTIMIZERS.items() if len(list(variants(spec.kind))) > 1]
)
def test_meanings_differ(name):
    """Every meaning leads elsewhere, but where there is no momentum for a rate to be kept in."""
    ends = [both(name, declared)[0] for declared in variants(OPTIMIZERS[name].kind)]
    gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(ends, 2)]
    if name == "sgd":
        assert max(gaps) == 0.0
    elif name == "rmsprop":
        assert sum(gap > 1e-4 for gap in gaps) == 4  # of 6: epsilon counts, the rate's place not
    else:
        assert min(gaps) > 1e-4


def test_every_optimizer_and_choice_is_covered():
    assert {spec.kind for spec in OPTIMIZERS.values()} == set(MAKERS) == set(PUBLISHED)
    tested = {key for spec in OPTIMIZERS.values() for d in variants(spec.kind) for key in d}
    elsewhere = {"binary_crossentropy", "categorical_crossentropy"}
    layers = {"relu.zero", "selu.zero", "max_pool.ties", "max_pool.volumes"}
    assert tested | elsewhere | layers == set(CHOICES)
