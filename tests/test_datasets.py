"""The data sets give the values that independent readers of their sources give."""

from __future__ import annotations

import array
import dataclasses
import gzip
import hashlib
import inspect
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelfield import registry
from levelfield.errors import UserError

BESIDE = Path(__file__).parents[2] / "shared" / "datasets"
REAL = Path(os.environ.get("LEVELFIELD_DATA") or BESIDE)
IDX = ("mnist", "fashion_mnist")


def real(name: str) -> dict[str, Path]:
    """The files of a data set, where this machine has them."""
    if not (REAL / name).is_dir():
        pytest.skip(f"no {name}/ in {REAL}: set LEVELFIELD_DATA to the folder that holds it")
    return {file.path: REAL / file.path for file in registry.dataset(name).files}


def independent(path: Path) -> np.ndarray:
    """Pixels of an IDX file, read by the format's page and nothing of ours."""
    content = gzip.decompress(path.read_bytes())
    magic, *shape = struct.unpack(">4I", content[:16])
    assert magic == 2051
    return np.array(array.array("B", content[16:])).reshape(shape)


def digest(split, precision: str) -> str:
    parts = (split.train.astype(precision), split.test.astype(precision))
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


# --- what holds for all


@pytest.mark.parametrize("name", ["digits", "fashion_mnist", "mnist", "synthetic"])
def test_every_data_set_keeps_the_contract(name):
    cls = registry.datasets()[name]
    assert Path(inspect.getfile(cls)).stem == cls.name == name
    assert cls.__dataclass_params__.frozen
    assert 0 < len(cls.about) <= 90
    source = registry.dataset(name)
    split = source.load(real(name) if source.files else {})
    assert split.train.shape == (source.sizes[0], *source.shape)
    assert split.test.shape == (source.sizes[1], *source.shape)
    assert split.train.dtype == split.test.dtype == np.float64
    for samples in (split.train, split.test):
        assert samples.min() >= 0
        assert samples.max() <= 1


@pytest.mark.parametrize(
    ("name", "precision", "expected"),
    [
        ("digits", "float32", "2ff11e6e537a6a79"),
        ("digits", "float64", "4cc301990a40fc64"),
        ("mnist", "float32", "d27fb91380ff036e"),
        ("fashion_mnist", "float32", "992edc8d4846acab"),
        ("synthetic", "float32", "0eadfa33fdbfcc46"),
        ("synthetic", "float64", "39c873cf9b7a8536"),
        ("synthetic:features=100,train=5000", "float32", "b8bd4fe03fbaefcb"),
    ],
)
def test_arrays_are_the_same_bits_everywhere(name, precision, expected):
    """Raise the data set's ``version`` when one of these has to change."""
    source = registry.dataset(name)
    split = source.load(real(name) if source.files else {})
    assert digest(split, precision) == expected


# --- mnist, fashion_mnist


@pytest.mark.parametrize("name", IDX)
def test_declared_checksums_are_those_of_the_originals(name):
    for file in registry.dataset(name).files:
        content = real(name)[file.path].read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(file.urls) == 2
        for url in file.urls:
            assert url.startswith("http")
            assert url.endswith(f"/{Path(file.path).name}")


@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [("mnist", 0.1307, 0.3081), ("fashion_mnist", 0.2860, 0.3530)],
)
def test_pixels_are_those_of_the_files(name, mean, deviation):
    """Mean and deviation of the training pixels are the constants that everybody normalises by."""
    source, files = registry.dataset(name), real(name)
    split = source.load(files)
    images = list(files.values())[:2]
    for samples, path in zip((split.train, split.test), images, strict=True):
        pixels = independent(path)
        assert pixels.shape == (len(samples), 28, 28)
        np.testing.assert_array_equal(samples, pixels.reshape(-1, 784) / 255)
    assert split.train.mean() == pytest.approx(mean, abs=5e-5)
    assert split.train.std() == pytest.approx(deviation, abs=5e-5)


def test_the_first_mnist_digit_is_the_well_known_five():
    image = registry.dataset("mnist").load(real("mnist")).train[0].reshape(28, 28)
    row = [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127]
    assert np.rint(image[5] * 255).astype(int).tolist() == [0] * 12 + row + [0] * 4
    assert not image[:5].any()


# --- digits


def test_digits_are_those_of_scikit_learn_split_once():
    from sklearn.datasets import load_digits

    split = registry.dataset("digits").load({})
    originals = load_digits().images.reshape(1797, 64) / 16
    order = np.argsort(np.random.PCG64(0).random_raw(1797), kind="stable")
    np.testing.assert_array_equal(np.concatenate([split.train, split.test]), originals[order])
    assert sorted(order) == list(range(1797))
    assert (len(split.train), len(split.test)) == (1500, 297)
    assert split.train.max() == 1.0


# --- synthetic


def raw_bits(seed: int, stream: int, count: int) -> list[int]:
    """PCG64 (XSL-RR 128/64, M. O'Neill) in whole numbers, from NumPy's seeded state."""
    seeds = np.random.SeedSequence(seed, spawn_key=(stream,))
    state, step = np.random.PCG64(seeds).state["state"].values()
    bits = []
    for _ in range(count):
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + step) % 2**128
        word, turn = (state >> 64) ^ (state % 2**64), state >> 122
        bits.append((word >> turn | word << (64 - turn)) % 2**64)
    return bits


def test_synthetic_values_are_the_documented_mixture():
    """Recomputed one by one, in exact fractions."""
    from fractions import Fraction

    source = registry.dataset("synthetic:features=5,train=7,test=3,seed=11")
    split = source.load({})

    def uniform(stream, count):
        return [Fraction(2 * (bits >> 41) + 1, 2**24) for bits in raw_bits(11, stream, count)]

    patterns = uniform(0, 8 * 5)
    for samples, stream in ((split.train, 1), (split.test, 3)):
        noise, weights = uniform(stream, samples.size), uniform(stream + 1, len(samples) * 8)
        for (row, column), value in np.ndenumerate(samples):
            mixed = sum(weights[row * 8 + k] * patterns[k * 5 + column] for k in range(8))
            exact = noise[row * 5 + column] / 8 + mixed * Fraction(7, 64)
            assert float(value) == pytest.approx(float(exact), rel=1e-14)


@settings(max_examples=40)
@given(
    features=st.integers(1, 30),
    train=st.integers(1, 40),
    test=st.integers(1, 40),
    seed=st.integers(0, 2**70),
)
def test_synthetic_data_are_never_zero_or_one_and_grow_at_the_end(features, train, test, seed):
    name = f"synthetic:features={features},train={train},test={test},seed={seed}"
    split = registry.dataset(name).load({})
    for samples in (split.train.astype("float32"), split.test.astype("float32")):
        assert samples.min() > 0
        assert samples.max() < 1
    more = registry.dataset(name.replace(f"train={train}", f"train={train + 5}")).load({})
    np.testing.assert_array_equal(more.train[:train], split.train)
    np.testing.assert_array_equal(more.test, split.test)


def test_synthetic_data_can_be_learnt():
    """A projection to 8 values, fitted to the training set, explains most of the test set."""
    split = registry.dataset("synthetic").load({})
    mean = split.train.mean(axis=0)
    _, spread, axes = np.linalg.svd(split.train[:2000] - mean, full_matrices=False)
    centred = split.test - mean
    left = centred - centred @ axes[:8].T @ axes[:8]
    assert 0.6 < 1 - (left**2).sum() / (centred**2).sum() < 0.95
    assert spread[7] > 2 * spread[8]
    assert len(np.unique(split.train[:, 0])) > 9_900


def test_seeds_give_other_data():
    first, other = (registry.dataset(f"synthetic:seed={seed}").load({}) for seed in (0, 1))
    assert abs(np.corrcoef(first.train[0], other.train[0])[0, 1]) < 0.3
    assert not np.array_equal(first.train[:1000], first.test)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("synthetic:features=0", "features: got 0; expected a whole number of at least 1"),
        ("synthetic:train=many", "train: got 'many'; expected a whole number"),
        ("synthetic:seed=-1", "seed: got -1"),
        ("synthetic:test=1.5", "test: got 1.5"),
        ("synthetic:feature=10", "unknown key 'feature'"),
        ("digits:train=3", "unknown key 'train'"),
    ],
)
def test_wrong_options_are_one_message(name, message):
    with pytest.raises(UserError) as caught:
        registry.dataset(name)
    assert message in str(caught.value)
    assert f"data set '{name}'" in str(caught.value)


def test_options_are_read_from_the_workloads_text():
    source = registry.dataset("synthetic:features=100,train=5000")
    assert (source.shape, source.sizes) == ((100,), (5000, 1000))
    expected = {"features": 100, "train": 5000, "test": 1000, "seed": 0, "labels": 0}
    assert dataclasses.asdict(source) == expected
