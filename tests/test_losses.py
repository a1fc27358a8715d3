"""The losses that every contender is judged by, against scikit-learn and sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from levelfield.spec import losses

RNG = np.random.default_rng(0)
SHAPES = [(1, 1), (7, 5), (300, 784), (3, 70_000), (50, 8, 9, 3)]
"""The middle ones are more than one block: by many rows, and by a row that is longer than one."""


def pair(shape):
    return RNG.random(shape, dtype=np.float32), RNG.random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mean_squared_error(shape):
    outputs, targets = pair(shape)
    wide = [a.astype(np.float64).reshape(len(a), -1) for a in (targets, outputs)]
    expected = metrics.mean_squared_error(*wide)
    assert losses.mean("mean_squared_error", outputs, targets) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_binary_crossentropy(shape):
    outputs, targets = pair(shape)
    outputs.flat[0], targets.flat[0] = 1.0, 0.0  # kept away from 1, or it would be infinite
    p = np.clip(outputs.astype(np.float64), 1e-7, 1 - 1e-7).ravel()
    terms = (
        -(y * math.log(q) + (1 - y) * math.log1p(-q))
        for q, y in zip(p.tolist(), targets.ravel().tolist(), strict=True)
    )
    expected = math.fsum(terms) / p.size
    found = losses.mean("binary_crossentropy", outputs, targets)
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_categorical_crossentropy():
    outputs = RNG.dirichlet(np.ones(5), size=200)
    labels = RNG.integers(0, 5, 200)
    expected = metrics.log_loss(labels, outputs, labels=range(5))
    found = losses.mean("categorical_crossentropy", outputs, labels)
    assert found == pytest.approx(expected, rel=1e-6)  # outputs are kept away from 0


@pytest.mark.parametrize("loss", ["mean_squared_error", "binary_crossentropy"])
def test_what_is_no_number_makes_the_loss_none(loss):
    outputs, targets = pair((300, 784))
    outputs[299, 783] = np.nan
    assert math.isnan(losses.mean(loss, outputs, targets))


def test_what_an_adapter_must_not_give():
    targets = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"predict gave shape \(4, 2\), expected \(4, 3\)"):
        losses.mean("mean_squared_error", np.zeros((4, 2)), targets)
    with pytest.raises(ValueError, match=r"expected \(4, classes\)"):
        losses.mean("categorical_crossentropy", np.zeros((3, 2)), np.zeros(4, int))
    with pytest.raises(TypeError, match="predict gave complex128 values"):
        losses.mean("mean_squared_error", np.zeros((4, 3), complex), targets)
