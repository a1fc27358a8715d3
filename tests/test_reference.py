"""The reference against what it stands for: finite differences, and figures by hand.

Nothing here is computed by the reference's own means: losses are sums of scalars.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from levelfield.backends.numpy import Numpy

from levelfield.spec.workload import Workload

CLIPPED = {"binary_crossentropy": "clipped"}
SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
SCALAR = {
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)) if z > -700 else 0.0,
    "tanh": math.tanh,
    "relu": lambda z: max(z, 0.0),
    "selu": lambda z: SELU[0] * (z if z > 0 else SELU[1] * (math.exp(z) - 1)),
}


def workload(
    activations, loss="mean_squared_error", *, batch=100, precision="float64", **optimizer
):
    kinds = [
        {"kind": "dense", "units": 1, "activation": a, "kernel": "zeros", "bias": "zeros"}
        for a in activations
    ]
    return Workload.build(
        {
            "name": "w",
            "dataset": "digits",
            "layers": kinds,
            "loss": loss,
            "optimizer": optimizer or {"kind": "sgd", "momentum": 0.0, "nesterov": False},
            "schedule": {"kind": "constant", "rate": 1.0},
            "batch": batch,
            "epochs": 1,
            "precision": precision,
        }
    )


def reference(spec, weights, x, y, declared=None) -> Numpy:
    kind = type("Declared", (Numpy,), {"semantics": declared or {}})
    made = kind(spec, weights, mode="numpy", device="cpu", threads=1)
    made.stage(x, y)
    return made


def loss_by_hand(activations, loss, weights, x, y) -> float:
    """Mean over every element of every sample, one number at a time."""
    total = 0.0
    for row, target in zip(x.tolist(), y.tolist(), strict=True):
        values = row
        for number, activation in enumerate(activations, start=1):
            kernel = weights[f"layer{number}/kernel"].T.tolist()
            bias = weights[f"layer{number}/bias"].tolist()
            values = [
                SCALAR[activation](math.fsum(map(float.__mul__, values, column)) + b)
                for column, b in zip(kernel, bias, strict=True)
            ]
        for p, t in zip(values, target, strict=True):
            square = (p - t) ** 2
            total += square if loss != "binary_crossentropy" else entropy(p, t)
    return total / y.size


def entropy(p: float, y: float) -> float:
    return -(y * math.log(p) + (1 - y) * math.log1p(-p))


def network(seed, sizes, samples):
    rng = np.random.default_rng(seed)
    weights = {}
    for number, (inputs, units) in enumerate(itertools.pairwise(sizes), start=1):
        weights[f"layer{number}/kernel"] = rng.normal(0, 0.8, (inputs, units))
        weights[f"layer{number}/bias"] = rng.normal(0, 0.5, units)
    return weights, rng.uniform(-1, 1, (samples, sizes[0])), rng.uniform(0, 1, (samples, sizes[-1]))


LAST = [(a, "mean_squared_error") for a in SCALAR] + [("sigmoid", "binary_crossentropy")]


@pytest.mark.parametrize(("last", "loss"), LAST)
@pytest.mark.parametrize("hidden", SCALAR)
@settings(max_examples=8, deadline=None, derandomize=True)
@example(sizes=[3, 4, 2], samples=3, seed=0)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=4),
    samples=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_gradients_are_finite_differences(hidden, last, loss, sizes, samples, seed):
    activations = [hidden] * (len(sizes) - 2) + [last]
    weights, x, y = network(seed, sizes, samples)
    subject = reference(workload(activations, loss), weights, x, y)
    subject.train(np.arange(samples), np.ones(1))
    after = subject.weights()
    h = 1e-6
    for name, array in weights.items():
        for place in np.ndindex(array.shape):
            sides = []
            for sign in (1, -1):
                moved = {**weights, name: array.copy()}
                moved[name][place] += sign * h
                sides.append(loss_by_hand(activations, loss, moved, x, y))
            slope = (sides[0] - sides[1]) / (2 * h)
            assert array[place] - after[name][place] == pytest.approx(slope, rel=1e-5, abs=2e-8)


@pytest.mark.parametrize(("last", "loss"), LAST)
def test_loss_and_outputs_by_hand(last, loss):
    activations = ["tanh", last]
    weights, x, y = network(5, [4, 3, 2], 7)
    subject = reference(workload(activations, loss), weights, x, y)
    expected = loss_by_hand(activations, loss, weights, x, y)
    assert subject.train(np.arange(7), np.zeros(1)) == pytest.approx(expected, rel=1e-13)
    one = loss_by_hand(activations, "mean_squared_error", weights, x[:1], np.zeros((1, 2)))
    assert np.mean(subject.predict(x[:1]) ** 2) == pytest.approx(one, rel=1e-13)


def test_loss_of_figures_in_the_head():
    weights = {"layer1/kernel": np.array([[2.0]]), "layer1/bias": np.array([1.0])}
    x, y = np.array([[1.0], [0.0]]), np.array([[0.0], [0.5]])
    subject = reference(workload(["linear"]), weights, x, y)
    # Outputs 3 and 1; errors 3 and 0.5; loss (9 + 0.25) / 2; slopes 2 (3 x 1 + 0) / 2, 2 (3.5) / 2.
    assert subject.train(np.arange(2), np.array([0.5])) == 4.625
    assert subject.weights()["layer1/kernel"] == 2.0 - 0.5 * 3.0
    assert subject.weights()["layer1/bias"] == 1.0 - 0.5 * 3.5


def test_the_mean_loss_weighs_samples_not_batches():
    weights, x, y = network(1, [3, 2], 10)
    spec = workload(["sigmoid"], batch=4)
    losses = [loss_by_hand(["sigmoid"], spec.loss, weights, x[[i]], y[[i]]) for i in range(10)]
    order = np.array([9, 3, 3, 0, 1, 2, 9, 5, 8, 7])
    subject = reference(spec, weights, x, y)
    expected = math.fsum(losses[i] for i in order) / 10
    assert subject.train(order, np.zeros(3)) == pytest.approx(expected, rel=1e-13)


def test_a_smaller_last_batch_is_a_step_of_its_own_mean():
    weights, x, y = network(2, [3, 2], 10)
    whole = reference(workload(["tanh"], batch=4), weights, x, y)
    whole.train(np.arange(10), np.array([0.5, 0.25, 2.0]))
    parts = reference(workload(["tanh"], batch=100), weights, x, y)
    for rows, rate in (((0, 4), 0.5), ((4, 8), 0.25), ((8, 10), 2.0)):
        parts.train(np.arange(*rows), np.array([rate]))
    for name in weights:
        assert np.array_equal(whole.weights()[name], parts.weights()[name])


EXTREME = [-1e4, -1000.0, -40.0, 40.0, 1000.0, 1e4]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("z", EXTREME)
def test_extreme_logits(z, y, precision):
    """No overflow (warnings are errors), and the limits: loss |z| (1 - y or y), slope p - y."""
    x, target = np.ones((1, 1), precision), np.full((1, 1), y, precision)
    weights = {
        "layer1/kernel": np.zeros((1, 1), precision),
        "layer1/bias": np.array([z], precision),
    }
    subject = reference(
        workload(["sigmoid"], "binary_crossentropy", precision=precision), weights, x, target
    )
    p = 1.0 if z > 0 else 0.0
    assert subject.predict(x)[0, 0] == pytest.approx(p, abs=1e-17)
    seen = subject.train(np.arange(1), np.ones(1))
    assert seen == pytest.approx(z * (p - y), rel=1e-6, abs=1e-15)
    kernel = float(subject.weights()["layer1/kernel"][0, 0])
    assert -kernel == pytest.approx(p - y, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("z", [*EXTREME, -16.2, 16.2])
def test_clipped_entropy_has_no_gradient_outside(z, y):
    x, target = np.ones((1, 1)), np.full((1, 1), y)
    weights = {"layer1/kernel": np.zeros((1, 1)), "layer1/bias": np.array([z])}
    spec = workload(["sigmoid"], "binary_crossentropy")
    subject = reference(spec, weights, x, target, CLIPPED)
    p = 1 - 1e-7 if z > 0 else 1e-7
    assert subject.train(np.arange(1), np.ones(1)) == pytest.approx(entropy(p, y), rel=1e-6)
    assert subject.weights()["layer1/kernel"][0, 0] == 0.0


@pytest.mark.parametrize("z", [-16.0, -3.0, 0.0, 16.0])
def test_clipped_entropy_is_the_exact_one_inside(z):
    x, target = np.ones((1, 1)), np.full((1, 1), 0.25)
    weights = {"layer1/kernel": np.zeros((1, 1)), "layer1/bias": np.array([z])}
    spec = workload(["sigmoid"], "binary_crossentropy")
    seen = []
    for declared in ({}, CLIPPED):
        subject = reference(spec, weights, x, target, declared)
        loss = subject.train(np.arange(1), np.ones(1))
        seen.append((loss, float(subject.weights()["layer1/kernel"][0, 0])))
    assert seen[0] == pytest.approx(seen[1], rel=1e-8)


def test_weights_are_copies_and_inputs_are_kept():
    weights, x, y = network(4, [2, 2], 3)
    kept = {name: array.copy() for name, array in weights.items()}
    subject = reference(workload(["tanh"]), weights, x, y)
    before = subject.weights()
    subject.train(np.arange(3), np.ones(1))
    for name, array in kept.items():
        assert np.array_equal(weights[name], array)
        assert np.array_equal(before[name], array)
        assert not np.array_equal(subject.weights()[name], array)
