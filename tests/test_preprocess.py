"""What is done to values before training, and the labels that are kept beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelfield import data
from levelfield.data import preprocessed
from levelfield.dataset import Dataset, File, Split
from levelfield.errors import UserError
from levelfield.spec.fields import FieldError
from levelfield.spec.workload import Workload

RNG = np.random.default_rng(0)
TABLE = RNG.uniform(0, 1, (7, 3)), RNG.uniform(0, 1, (4, 3))
IMAGES = RNG.uniform(0, 1, (7, 4, 2, 3)), RNG.uniform(0, 1, (4, 4, 2, 3))
CLASSES = ("cat", "dog", "owl")
TRAIN_LABELS, TEST_LABELS = np.array([0, 1, 2, 2, 1, 0, 0]), np.array([2, 0, 1, 1])
HOW = ("unit", "centred", "standardised")


@dataclass(frozen=True)
class Labelled(Dataset):
    """Seven and four samples of three classes, flat or images, or something wrong with them."""

    name: ClassVar[str] = "labelled"
    about: ClassVar[str] = "for tests"
    files: ClassVar[tuple[File, ...]] = ()
    images: bool = False
    fault: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return (4, 2, 3) if self.images else (3,)

    @property
    def sizes(self) -> tuple[int, int]:
        return (7, 4)

    @property
    def classes(self) -> tuple[str, ...]:
        return () if self.fault == "no classes" else CLASSES

    def load(self, files: Mapping[str, Path]) -> Split:
        train, test = (array.copy() for array in (IMAGES if self.images else TABLE))
        labels, others = TRAIN_LABELS.copy(), TEST_LABELS.copy()
        match self.fault:
            case "none":
                labels = None
            case "no test labels":
                others = None
            case "too few":
                labels = labels[:6]
            case "one-hot":
                labels = np.eye(3, dtype=int)[labels]
            case "floats":
                labels = labels.astype(float)
            case "booleans":
                labels = labels > 0
            case "negative":
                labels[3] = -1
            case "too large":
                others[2] = 3
            case "small integers":
                labels, others = labels.astype("uint8"), others.astype("int32")
            case "backwards":
                labels = labels[::-1].copy()[::-1]
            case "other labels":
                labels = 2 - labels
        return Split(train=train, test=test, train_labels=labels, test_labels=others)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
    return tmp_path / "cache"


def prepare(dataset=None, precision="float64", said=None, **how):
    announce = print if said is None else said.append
    where = data.data_directory(None)
    return data.prepare(
        dataset or Labelled(), precision=precision, data=where, announce=announce, **how
    )


# --- values


def by_hand(train, test, columns):
    """Each column's mean and population deviation, number by number; means are the training's."""
    train, test = train.copy(), test.copy()
    for column in columns:
        values = train[column].ravel().tolist()
        mean = sum(values) / len(values)
        deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
        train[column] = (train[column] - mean) / deviation
        test[column] = (test[column] - mean) / deviation
    return train, test


def test_unit_leaves_values_as_they_are():
    assert all(a is b for a, b in zip(preprocessed(*TABLE, "unit"), TABLE, strict=True))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("arrays", [TABLE, IMAGES])
def test_centred_takes_a_half_away(arrays, precision):
    train, test = (array.astype(precision) for array in arrays)
    seen = preprocessed(train, test, "centred")
    for before, after in zip((train, test), seen, strict=True):
        assert after.dtype == precision
        assert np.array_equal(after, (before.astype(float) - 0.5).astype(precision))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("arrays", "columns"),
    [
        (TABLE, [np.s_[:, place] for place in range(3)]),
        (IMAGES, [np.s_[..., channel] for channel in range(3)]),
    ],
    ids=["every feature", "every channel"],
)
def test_standardised_by_hand(arrays, columns, precision):
    """Of an image a channel's pixels count together."""
    train, test = (array.astype(precision) for array in arrays)
    kept = train.copy(), test.copy()
    seen = preprocessed(train, test, "standardised")
    expected = by_hand(train.astype(float), test.astype(float), columns)
    for after, right in zip(seen, expected, strict=True):
        assert after.dtype == precision
        np.testing.assert_allclose(after, right, atol=1e-12 if precision == "float64" else 3e-6)
    for column in columns:
        assert seen[0][column].mean() == pytest.approx(0, abs=1e-6)
        assert seen[0][column].std() == pytest.approx(1, abs=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip((train, test), kept, strict=True))


@given(
    value=st.floats(-100, 100, width=32),
    samples=st.integers(1, 300),
    precision=st.sampled_from(["float32", "float64"]),
    image=st.booleans(),
)
def test_a_feature_that_never_changes_is_only_centred(value, samples, precision, image):
    """Whatever rounding makes of the mean of its values: 0.1 three times is not 0.3."""
    value = value / 3
    shape = (samples, 2, 2, 2) if image else (samples, 2)
    train = np.full(shape, value, precision)
    train[..., 1] = np.arange(train[..., 1].size).reshape(shape[:-1]) / train.size
    test = train + np.array([2.0, 0.0], precision)
    seen, there = preprocessed(train, test, "standardised")
    np.testing.assert_allclose(seen[..., 0], 0, atol=1e-5)
    np.testing.assert_allclose(there[..., 0], 2, atol=1e-4)
    if train[..., 1].size > 1:
        assert seen[..., 1].std() == pytest.approx(1, abs=1e-4)


def test_means_are_taken_in_float64():
    """In float32 a sum of 2e7 numbers near 1 stands still."""
    train = np.full((20_000_000, 1), 0.75, "float32")
    train[::2] = 0.25
    seen, _ = preprocessed(train, train[:2], "standardised")
    assert seen[:2].ravel().tolist() == [-1.0, 1.0]


# --- prepared


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("how", HOW)
def test_prepared_values_are_the_preprocessed_ones(how, images, precision):
    ready = prepare(Labelled(images=images), precision, preprocess=how)
    columns = [np.s_[..., place] for place in range(3)]
    train, test = IMAGES if images else TABLE
    expected = {
        "unit": (train, test),
        "centred": (train - 0.5, test - 0.5),
        "standardised": by_hand(train, test, columns),
    }[how]
    for path, right in zip(ready.paths, expected, strict=True):
        seen = np.load(path)
        assert seen.dtype == precision
        assert seen.flags.c_contiguous
        np.testing.assert_allclose(seen, right, atol=1e-12 if precision == "float64" else 3e-7)
    assert ready.shape == ((4, 2, 3) if images else (3,))


def test_every_way_has_a_folder_of_its_own(cache):
    said = []
    ready = {how: prepare(preprocess=how, said=said) for how in HOW}
    assert len({each.folder for each in ready.values()}) == 3
    assert len({each.digest for each in ready.values()}) == 3
    assert prepare(said=said) == ready["unit"]
    assert {how: prepare(preprocess=how, said=said) for how in HOW} == ready
    assert len(said) == 3  # each was made once
    for how, each in ready.items():
        meta = json.loads((each.folder / "meta.json").read_text())
        assert meta.get("preprocess", "unit") == how
        assert meta["classes"] == 3


def test_without_labels_nothing_is_written_of_what_is_new():
    """So that what was prepared before is found again."""
    meta = json.loads((prepare(Labelled(fault="no classes")).folder / "meta.json").read_text())
    assert not {"classes", "preprocess"} & set(meta)
    assert sorted(meta["stored"]) == ["test.npy", "train.npy"]


# --- labels


@pytest.mark.parametrize("fault", ["", "small integers", "backwards"])
def test_labels_are_stored_as_int64(fault):
    ready = prepare(Labelled(fault=fault))
    assert ready.classes == 3
    train, test = (np.load(path) for path in ready.labels)
    assert train.tolist() == TRAIN_LABELS.tolist()
    assert test.tolist() == TEST_LABELS.tolist()
    assert train.dtype == test.dtype == np.int64
    mapped = data.open_arrays(ready.labels, 2)
    assert [array.tolist() for array in mapped] == [[0, 1], TEST_LABELS.tolist()]
    assert not mapped[0].flags.writeable
    files = [*ready.paths, *ready.labels]
    digest = hashlib.sha256(b"".join(np.load(path).tobytes() for path in files))
    assert ready.digest == digest.hexdigest()[:16]


def test_other_labels_are_another_digest():
    assert prepare().digest != prepare(Labelled(fault="other labels")).digest


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("none", "got none; expected 7 whole numbers"),
        ("no test labels", "got none; expected 4 whole numbers"),
        ("too few", "got int64 of shape (6,); expected 7 whole numbers"),
        ("one-hot", "got int64 of shape (7, 3); expected 7 whole numbers"),
        ("floats", "got float64 of shape (7,); expected 7 whole numbers"),
        ("booleans", "got bool of shape (7,); expected 7 whole numbers"),
        ("negative", "got labels from -1 to 2; expected 0 to 2, for 3 classes"),
        ("too large", "got labels from 0 to 3; expected 0 to 2, for 3 classes"),
    ],
)
def test_wrong_labels_are_refused(fault, message, cache):
    with pytest.raises(UserError) as caught:
        prepare(Labelled(fault=fault))
    assert message in str(caught.value)
    assert f"data set labelled:images=False,fault={fault}, labels" in caught.value.where
    assert not [path for path in cache.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("name", ["train-labels.npy", "test-labels.npy"])
@pytest.mark.parametrize("fault", ["gone", "changed"])
def test_broken_labels_are_prepared_anew(name, fault):
    first, said = prepare(), []
    path = first.folder / name
    if fault == "gone":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-8] ^= 1
        path.write_bytes(content)
    assert prepare(said=said) == first
    assert said[0] == f"{first.folder} is not whole: preparing it anew"
    assert np.load(first.labels[0]).tolist() == TRAIN_LABELS.tolist()
    assert np.load(first.labels[1]).tolist() == TEST_LABELS.tolist()


def test_samples_may_be_seen_in_another_shape():
    ready = prepare(Labelled(images=True))
    train, test = data.open_arrays(ready.paths, 5, (3, 8))
    assert train.shape == (5, 3, 8)
    assert test.shape == (4, 3, 8)
    assert np.array_equal(train.reshape(5, 4, 2, 3), IMAGES[0][:5])


# --- whether a model fits


def classifier(units, **rest) -> Workload:
    dense = {"kind": "dense", "units": units, "activation": "softmax"}
    facts = {
        "name": "w",
        "dataset": "labelled",
        "layers": [{**dense, "kernel": "zeros", "bias": "zeros"}],
        "loss": "categorical_crossentropy",
        "optimizer": {"kind": "sgd", "momentum": 0.0, "nesterov": False},
        "schedule": {"kind": "constant", "rate": 1.0},
        "batch": 2,
        "epochs": 1,
    }
    return Workload.build({**facts, **rest})


def test_a_classifier_has_one_unit_a_class():
    classifier(3).check_shapes((3,), 3)
    for units in (1, 2, 4):
        with pytest.raises(FieldError) as caught:
            classifier(units).check_shapes((3,), 3)
        assert caught.value.path == ("layers", 0)
        assert str(caught.value) == (
            f"layers[0]: the last layer gives {units} values a sample, but labelled has 3 classes; "
            "expected one unit a class\n  try: units: 3 in the last layer"
        )


def test_a_classifier_needs_labels():
    with pytest.raises(FieldError) as caught:
        classifier(3).check_shapes((3,))
    assert str(caught.value) == (
        "dataset: labelled has no labels; expected a data set with classes, for the loss "
        "categorical_crossentropy"
    )


def test_images_are_flattened_before_a_dense_layer():
    with pytest.raises(FieldError, match="a dense layer after samples of 3 axes") as caught:
        classifier(3).check_shapes((4, 2, 3), 3)
    assert caught.value.path == ("layers", 0)
    assert caught.value.hint == "put {kind: flatten} before it"
    classifier(3, input_shape=[24]).check_shapes((4, 2, 3), 3)


def test_an_autoencoder_gives_back_the_shape_that_it_sees():
    dense = {"kind": "dense", "units": 24, "activation": "linear"}
    layers = [{**dense, "kernel": "zeros", "bias": "zeros"}]
    spec = classifier(3, layers=layers, loss="mean_squared_error")
    spec.replace(input_shape=(24,)).check_shapes((4, 2, 3))
    spec.check_shapes((24,), 3)  # labels are there, and not asked for
    with pytest.raises(FieldError, match="24 values a sample, but a sample of labelled has 23"):
        spec.check_shapes((23,))


def test_a_softmax_stands_last_and_its_loss_beside_it():
    dense = {"kind": "dense", "units": 3, "activation": "softmax", "kernel": "zeros"}
    dense |= {"bias": "zeros"}
    with pytest.raises(FieldError, match="a softmax that is not a classifier's") as caught:
        classifier(3, layers=[dense, dense])
    assert caught.value.where == "layers[0].activation"
    with pytest.raises(FieldError, match="the last layer is not a softmax") as caught:
        classifier(3, layers=[{**dense, "activation": "sigmoid"}])
    assert caught.value.where == "loss"


@pytest.mark.parametrize("how", ["centred", "standardised"])
def test_probabilities_are_compared_with_values_as_they_are(how):
    dense = {"kind": "dense", "units": 3, "activation": "sigmoid", "kernel": "zeros"}
    changes = {"layers": [{**dense, "bias": "zeros"}], "loss": "binary_crossentropy"}
    assert classifier(3, **changes).preprocess == "unit"
    with pytest.raises(FieldError, match=f"within 0..1, but they are {how}") as caught:
        classifier(3, **changes, preprocess=how)
    assert caught.value.where == "loss"
    with pytest.raises(FieldError, match="unknown value 'whitened'"):
        classifier(3, preprocess="whitened")
