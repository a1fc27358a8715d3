"""Metrics against scikit-learn's, and by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from levelfield.metrics import measured, metrics
from levelfield.metrics.accuracy import Accuracy, TopFive
from levelfield.metrics.roc_auc import RocAuc

judges = pytest.importorskip("sklearn.metrics")


@st.composite
def predictions(draw, classes, *, ties):
    """Scores, samples x classes, and labels; ties: from few values, so that many are equal."""
    classes, samples = draw(classes), draw(st.integers(1, 30))
    shape = (samples, classes)
    labels = draw(arrays.arrays(np.int64, samples, elements=st.integers(0, classes - 1)))
    if ties:
        steps = draw(arrays.arrays(np.int64, shape, elements=st.integers(0, 4)))
        return steps / 4, labels
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return rng.permutation(samples * classes).reshape(shape) / (samples * classes), labels


def either(classes):
    return st.one_of(predictions(classes, ties=True), predictions(classes, ties=False))


@given(either(st.integers(2, 15)))
def test_accuracy_is_scikit_learns(given_):
    """Of equals the first counts."""
    outputs, labels = given_
    firsts = [row.tolist().index(max(row)) for row in outputs]
    expected = judges.accuracy_score(labels, firsts)
    assert Accuracy().value(outputs, labels) == pytest.approx(expected, rel=1e-15)


@given(predictions(st.integers(11, 30), ties=False))
def test_top_five_is_scikit_learns(given_):
    outputs, labels = given_
    every = np.arange(outputs.shape[1])
    expected = judges.top_k_accuracy_score(labels, outputs, k=5, labels=every)
    assert TopFive().value(outputs, labels) == pytest.approx(expected, rel=1e-15)


@given(predictions(st.integers(11, 30), ties=True))
def test_equals_count_by_half_in_top_five(given_):
    """The middle of the places, from 0, that the label may have among its equals is below five."""
    outputs, labels = given_
    expected = []
    for row, label in zip(outputs.tolist(), labels.tolist(), strict=True):
        ranked = sorted(row, reverse=True)
        first = ranked.index(row[label])
        last = len(row) - 1 - ranked[::-1].index(row[label])
        expected.append((first + last) / 2 < 5)
    assert TopFive().value(outputs, labels) == pytest.approx(np.mean(expected), rel=1e-15)


def test_equal_scores_everywhere_are_no_merit():
    """A model that has collapsed is right by chance in its first class, never in top five."""
    outputs, labels = np.full((40, 20), 0.05), np.repeat(np.arange(20), 2)
    assert measured(outputs, labels) == {"accuracy": 1 / 20, "top-5 accuracy": 0.0}


@given(either(st.just(2)))
@example((np.array([[0.2, 0.8], [0.2, 0.8]]), np.array([0, 1])))
def test_roc_auc_is_scikit_learns(given_):
    outputs, labels = given_
    assume(0 < labels.sum() < len(labels))
    expected = judges.roc_auc_score(labels, outputs[:, 1])
    assert RocAuc().value(outputs, labels) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(either(st.just(2)))
def test_roc_auc_counts_pairs(given_):
    outputs, labels = given_
    scores = outputs[:, 1]
    pairs = [
        1.0 if scores[up] > scores[down] else 0.5 if scores[up] == scores[down] else 0.0
        for up in np.flatnonzero(labels == 1)
        for down in np.flatnonzero(labels == 0)
    ]
    seen = RocAuc().value(outputs, labels)
    if pairs:
        assert seen == pytest.approx(math.fsum(pairs) / len(pairs), rel=1e-12, abs=1e-15)
    else:
        assert math.isnan(seen)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_has_no_roc_auc(label):
    outputs = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    labels = np.full(3, label)
    assert math.isnan(RocAuc().value(outputs, labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(judges.roc_auc_score(labels, outputs[:, 1]))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_metric_does_not_care_how_far_apart_scores_are(precision):
    """In float32 too: ranks are whole or half numbers."""
    rng = np.random.default_rng(0)
    outputs, labels = rng.uniform(size=(3000, 2)).astype(precision), rng.integers(0, 2, 3000)
    far = np.where(outputs > 0.5, 1e30, 1e-30).astype(precision) * outputs
    assert RocAuc().value(outputs, labels) == RocAuc().value(far, labels)
    expected = judges.roc_auc_score(labels, outputs[:, 1])
    assert RocAuc().value(outputs, labels) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (1, []),
        (2, ["ROC AUC", "accuracy"]),
        (10, ["accuracy"]),
        (11, ["accuracy", "top-5 accuracy"]),
    ],
)
def test_which_metrics_apply(classes, names):
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet(np.ones(classes), 50)
    found = measured(outputs, rng.integers(0, classes, 50))
    assert sorted(found) == names
    assert all(type(value) is float and 0 <= value <= 1 for value in found.values())
    assert {metric.name for metric in metrics()} == {"ROC AUC", "accuracy", "top-5 accuracy"}
