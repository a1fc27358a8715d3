"""Labels belong to their samples, tables are read as they are, splits are those documented."""

from __future__ import annotations

import csv
import gzip
import os
import struct
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from levelfield.datasets import _idx, _split, magic

from levelfield import data, registry
from levelfield.errors import UserError

BESIDE = Path(__file__).parents[2] / "shared" / "datasets"
REAL = Path(os.environ.get("LEVELFIELD_DATA") or BESIDE)


def real(name: str) -> dict[str, Path]:
    """The files of a data set, where this machine has them."""
    files = {file.path: REAL / file.path for file in registry.dataset(name).files}
    if not all(path.is_file() for path in files.values()):
        pytest.skip(f"no {name}/ in {REAL}: set LEVELFIELD_DATA to the folder that holds it")
    return files


# --- mnist, fashion_mnist


@pytest.mark.parametrize(
    ("name", "first", "test", "counts"),
    [
        ("mnist", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], [7, 2, 1, 0, 4],
         [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("fashion_mnist", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], [9, 2, 1, 1, 6], [6000] * 10),
    ],
)  # fmt: skip
def test_labels_are_those_of_the_files(name, first, test, counts):
    """Read by the format's page and nothing of ours; the counts are those of MNIST's own page."""
    files = real(name)
    split = registry.dataset(name).load(files)
    *_, train_path, test_path = files.values()
    for labels, path in ((split.train_labels, train_path), (split.test_labels, test_path)):
        content = gzip.decompress(path.read_bytes())
        assert struct.unpack(">2I", content[:8]) == (2049, len(labels))
        assert labels.tolist() == list(content[8:])
        assert labels.dtype == np.int64
    assert split.train_labels[:10].tolist() == first
    assert split.test_labels[:5].tolist() == test
    assert np.bincount(split.train_labels).tolist() == counts


def test_fashion_is_named_as_its_page_does():
    classes = registry.dataset("fashion_mnist").classes
    assert classes[9] == "Ankle boot"
    assert classes[2] == "Pullover"
    assert len(set(classes)) == 10
    assert registry.dataset("mnist").classes == tuple("0123456789")


def labelled(values: list[int], *, magic_number: int = 2049) -> bytes:
    return gzip.compress(struct.pack(">2I", magic_number, len(values)) + bytes(values))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50))
def test_every_label_comes_back(values):
    parsed = _idx.parse(gzip.decompress(labelled(values)), shape=(len(values),), where="x")
    assert parsed.tolist() == values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (labelled([0, 9, 10, 3]), "label 10 at place 2; expected 0 to 9"),
        (labelled([0, 255, 10, 3]), "label 255 at place 1; expected 0 to 9"),
        (labelled([1, 2, 3]), "holds 3 values; expected 4 values"),
        (labelled([1, 2, 3, 4], magic_number=2051), "begins with the bytes 00 00 08 03"),
        (labelled([1, 2, 3, 4])[:-9], "a gzip file that was cut short"),
    ],
)
def test_a_file_of_other_labels_is_named(content, message, tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        _idx.labels(path, size=4, classes=10)
    assert str(caught.value).startswith(f"{path}: {message}")


# --- digits


def test_digits_keep_their_labels():
    from sklearn.datasets import load_digits

    split = registry.dataset("digits").load({})
    images, targets = load_digits(return_X_y=True)
    known = {image.tobytes(): label for image, label in zip(images, targets, strict=True)}
    for images, labels in ((split.train, split.train_labels), (split.test, split.test_labels)):
        assert [known[(image * 16).tobytes()] for image in images] == labels.tolist()
        assert labels.dtype == np.int64
    assert registry.dataset("digits").classes == tuple("0123456789")


# --- synthetic


def test_labels_leave_the_samples_as_they_are():
    plain = registry.dataset("synthetic:features=9,train=50,test=20,seed=3")
    with_labels = registry.dataset("synthetic:features=9,train=50,test=20,seed=3,labels=4")
    split, other = plain.load({}), with_labels.load({})
    np.testing.assert_array_equal(split.train, other.train)
    np.testing.assert_array_equal(split.test, other.test)
    assert split.train_labels is split.test_labels is None
    assert plain.classes == ()
    assert with_labels.classes == ("0", "1", "2", "3")


def test_synthetic_labels_are_the_documented_ones():
    """Recomputed in exact fractions: squares of cosines, with their signs."""
    split = registry.dataset("synthetic:features=3,train=60,test=40,seed=7,labels=5").load({})

    def uniform(stream, rows):
        seeds = np.random.SeedSequence(7, spawn_key=(stream,))
        raw = np.random.PCG64(seeds).random_raw(rows * 8).tolist()
        values = [Fraction(2 * (bits >> 41) + 1, 2**24) - Fraction(1, 2) for bits in raw]
        return [values[start : start + 8] for start in range(0, rows * 8, 8)]

    directions = uniform(5, 5)
    for labels, stream in ((split.train_labels, 2), (split.test_labels, 4)):
        for label, weights in zip(labels, uniform(stream, len(labels)), strict=True):
            products = [sum(a * b for a, b in zip(weights, d, strict=True)) for d in directions]
            cosines = [
                product * abs(product) / sum(a * a for a in direction)
                for product, direction in zip(products, directions, strict=True)
            ]
            assert cosines.index(max(cosines)) == label


@settings(max_examples=30)
@given(labels=st.integers(1, 20), train=st.integers(1, 40), seed=st.integers(0, 2**70))
def test_more_samples_leave_the_first_labels_as_they_are(labels, train, seed):
    name = f"synthetic:features=2,train={train},test=9,seed={seed},labels={labels}"
    split = registry.dataset(name).load({})
    more = registry.dataset(name.replace(f"train={train}", f"train={train + 5}")).load({})
    np.testing.assert_array_equal(more.train_labels[:train], split.train_labels)
    np.testing.assert_array_equal(more.test_labels, split.test_labels)
    assert split.train_labels.dtype == np.int64
    assert 0 <= split.train_labels.min() <= split.train_labels.max() < labels


@pytest.mark.parametrize(("labels", "least"), [(2, 0.88), (10, 0.55)])
def test_synthetic_labels_can_be_learnt(labels, least):
    """Plain least squares on the samples finds most labels of the test set."""
    split = registry.dataset(f"synthetic:features=200,labels={labels}").load({})
    train, test = (np.c_[part, np.ones(len(part))] for part in (split.train, split.test))
    solved = np.linalg.solve(train.T @ train, train.T @ np.eye(labels)[split.train_labels])
    assert (np.argmax(test @ solved, axis=1) == split.test_labels).mean() > least
    shares = np.bincount(split.train_labels, minlength=labels) / 10_000
    assert 0.3 / labels < shares.min()
    assert shares.max() < 2 / labels


# --- splits


@settings(max_examples=200)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=80),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**70),
)
def test_a_split_is_the_documented_one(labels, share, seed):
    """Recomputed with sorted lists."""
    train, test = _split.stratified(np.array(labels), share=share, seed=seed)
    raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(2 * len(labels)).tolist()
    chosen = set()
    for label in set(labels):
        members = sorted((raw[i], i) for i in range(len(labels)) if labels[i] == label)
        count = int(len(members) * share + 0.5)
        count = min(max(count, 1), len(members) - 1)
        chosen |= {index for _, index in members[:count]}
    order = sorted(range(len(labels)), key=lambda index: raw[len(labels) + index])
    assert test.tolist() == [index for index in order if index in chosen]
    assert train.tolist() == [index for index in order if index not in chosen]


def test_both_sets_of_a_split_are_mixed_from_their_beginning():
    """Every tenth of either set has the classes of the whole, within five deviations."""
    labels = np.repeat([0, 1], [7000, 3000])
    for part in _split.stratified(labels, share=0.2, seed=0):
        for tenth in np.split(labels[part], 10):
            assert abs(tenth.mean() - 0.3) < 5 * (0.21 / len(tenth)) ** 0.5


def test_other_seeds_are_other_splits():
    labels = np.repeat([0, 1], 50)
    splits = {_split.stratified(labels, share=0.2, seed=seed)[1].tobytes() for seed in range(9)}
    assert len(splits) == 9


# --- magic


def rows() -> list[list[str]]:
    (path,) = real("magic").values()
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_magic_is_the_table_split_once():
    table = rows()
    source = registry.dataset("magic")
    split = source.load(real("magic"))
    assert split.train.shape == (15_216, 10)
    assert split.test.shape == (3_804, 10)
    assert split.train.dtype == np.float64
    given = Counter((*map(float, row[:10]), row[10]) for row in table)
    letters = {"gamma": "g", "hadron": "h"}
    found = Counter(
        (*map(float, values), letters[source.classes[label]])
        for part, labels in ((split.train, split.train_labels), (split.test, split.test_labels))
        for values, label in zip(part, labels, strict=True)
    )
    assert found == given
    assert Counter(row[10] for row in table) == {"g": 12_332, "h": 6_688}
    assert np.bincount(split.test_labels).tolist() == [2466, 1338]
    labels = np.array([row[10] == "h" for row in table])
    for part, indices in zip(
        (split.train, split.test), _split.stratified(labels, share=0.2, seed=0), strict=True
    ):
        assert part.tolist() == [list(map(float, table[index][:10])) for index in indices]


def test_magic_is_prepared_without_bounds(tmp_path, monkeypatch):
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
    source = registry.dataset("magic:seed=4")
    files = real("magic")
    prepared = data.prepare(source, precision="float32", data=REAL, announce=str)
    train, test = data.open_arrays(prepared.paths, None)
    split = source.load(files)
    np.testing.assert_array_equal(train, split.train.astype("float32"))
    np.testing.assert_array_equal(test, split.test.astype("float32"))
    assert train.min() < -100
    assert train.max() > 100
    for found, labels in zip(
        data.open_arrays(prepared.labels, None),
        (split.train_labels, split.test_labels),
        strict=True,
    ):
        np.testing.assert_array_equal(found, labels)


LINE = "28.7967,16.0021,2.6449,0.3918,0.1982,27.7004,22.011,-8.2027,40.092,81.8828,g"


@given(st.lists(st.tuples(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=10,
       max_size=10), st.sampled_from("gh")), min_size=1, max_size=20))  # fmt: skip
def test_every_table_comes_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("magic") / "x.data"
    path.write_text("".join(",".join([*map(repr, row), letter]) + "\n" for row, letter in table))
    values, labels = magic.read(path)
    assert values.tolist() == [row for row, _ in table]
    assert "".join("gh"[label] for label in labels) == "".join(letter for _, letter in table)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (LINE.replace("g", "x"), 2),
        (LINE.replace("2.6449", "two"), 2),
        (LINE.replace("2.6449,", ""), 2),
        (LINE.replace("2.6449,", "2.6449,1,"), 2),
        ("", 2),
        (LINE[:40], 2),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin1"), 2),
    ],
)
def test_a_line_that_is_no_shower_is_named(line, place, tmp_path):
    path = tmp_path / "magic04.data"
    path.write_text(f"{LINE}\n{line}\n{LINE}\n", encoding="latin1")
    with pytest.raises(UserError) as caught:
        magic.read(path)
    assert caught.value.where == f"{path}, line {place}"
    assert caught.value.seen.startswith("got '")
    assert caught.value.expected == "10 numbers and g or h, with commas"


def test_an_empty_table_is_named(tmp_path):
    path = tmp_path / "magic04.data"
    path.touch()
    with pytest.raises(UserError, match=f"{path}: an empty file"):
        magic.read(path)


# --- all that have labels


@pytest.mark.parametrize(
    "name", ["digits", "fashion_mnist", "magic", "mnist", "synthetic:labels=7"]
)
def test_every_class_is_in_both_sets(name):
    source = registry.dataset(name)
    split = source.load(real(name) if source.files else {})
    for labels, size in zip((split.train_labels, split.test_labels), source.sizes, strict=True):
        assert labels.shape == (size,)
        assert set(labels.tolist()) == set(range(len(source.classes)))
