"""CIFAR is read alike from all four published forms; broken and hostile files are one message."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from levelfield.datasets import _cifar, _pickles

from levelfield import registry
from levelfield.errors import UserError

BESIDE = Path(__file__).parents[2] / "shared" / "datasets"
REAL = Path(os.environ.get("LEVELFIELD_DATA") or BESIDE)
FORMS = ("bin", "py", "bin.tar.gz", "py.tar.gz")


class Made:
    """Random batches of the published layout, with 5 images each, and what they hold."""

    def __init__(self, name: str, seed: int = 0):
        self.name = name
        self.ten = name == "cifar10"
        source = registry.dataset(name)  # resolves its annotations with the real numbers
        self.names = (*source.batches[0], source.batches[1])
        self.sizes = (5 * len(source.batches[0]), 5)
        random = np.random.default_rng(seed)
        self.batches = {
            batch: (
                [random.bytes(3072) for _ in range(5)],
                random.integers(20, size=5).tolist(),
                random.integers(10 if self.ten else 100, size=5).tolist(),
            )
            for batch in self.names
        }

    def binary(self, batch: str) -> bytes:
        records = zip(*self.batches[batch], strict=True)
        return b"".join(
            bytes([label] if self.ten else [coarse, label]) + image
            for image, coarse, label in records
        )

    def pickled(self, batch: str) -> bytes:
        images, coarse, fine = self.batches[batch]
        labels = {b"labels": fine} if self.ten else {b"fine_labels": fine, b"coarse_labels": coarse}
        return python2({b"batch_label": b"one", b"data": images, **labels})

    def write(self, folder: Path, form: str) -> dict[str, Path]:
        """The files of a form, as `load` is given them."""
        inside = folder / f"cifar-batches-{form[:3].rstrip('.')}"
        suffix, content = (".bin", self.binary) if form[:3] == "bin" else ("", self.pickled)
        inside.mkdir(parents=True)
        paths = [inside / f"{batch}{suffix}" for batch in self.names]
        for batch, path in zip(self.names, paths, strict=True):
            path.write_bytes(content(batch))
        (inside / "batches.meta.txt").write_text("cat\ndog\n")
        if "." in form:
            paths = [folder / f"cifar-{form}"]
            with tarfile.open(paths[0], "w:gz") as archive:
                archive.add(inside, inside.name)
        return {path.name: path for path in paths}

    def source(self):
        return registry.dataset(f"{self.name}:train={self.sizes[0]},test=5")

    def check(self, split) -> None:
        """Compare value by value, through another route than reshaping."""
        wanted = [
            sample for batch in self.names for sample in zip(*self.batches[batch], strict=True)
        ]
        images = [*split.train, *split.test]
        labels = [*split.train_labels, *split.test_labels]
        assert labels == [label for _, _, label in wanted]
        for image, (content, _, _) in zip(images, wanted, strict=True):
            red, green, blue = content[:1024], content[1024:2048], content[2048:]
            pixels = [[r, g, b] for r, g, b in zip(red, green, blue, strict=True)]
            np.testing.assert_array_equal(
                image.reshape(-1, 3), (np.array(pixels) / 255).astype("float32")
            )


def python2(value) -> bytes:
    """What Python 2 and its NumPy pickled: texts without encoding, protocol 2."""

    def written(item) -> bytes:
        match item:
            case dict():
                pairs = b"".join(written(key) + written(value) for key, value in item.items())
                return b"}(" + pairs + b"u"
            case bytes():
                return b"T" + struct.pack("<I", len(item)) + item
            case int():
                return b"J" + struct.pack("<i", item)
            case [bytes(), *_]:  # images
                array = (
                    b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
                )
                order = b"(K\x03U\x01|NNN" + written(-1) + written(-1) + b"K\x00tb"
                kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R" + order
                shape = written(len(item)) + b"M\x00\x0c\x86"
                return array + b"(K\x01" + shape + kind + b"\x89" + written(b"".join(item)) + b"tb"
            case list():
                return b"](" + b"".join(map(written, item)) + b"e"
        raise AssertionError(item)

    return b"\x80\x02" + written(value) + b"."


@pytest.fixture(params=["cifar10", "cifar100"])
def made(request, monkeypatch):
    """Batches of five images each, where the published ones have thousands."""
    batches = Made(request.param)
    monkeypatch.setattr(_cifar, "TRAINING", batches.sizes[0])
    monkeypatch.setattr(_cifar, "TESTING", batches.sizes[1])
    return batches


def refused(made: Made, files: dict[str, Path]) -> UserError:
    with pytest.raises(UserError) as caught:
        made.source().load(files)
    return caught.value


# --- what is published


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_images_and_their_labels(made, form, tmp_path):
    split = made.source().load(made.write(tmp_path, form))
    assert split.train.shape == (made.sizes[0], 32, 32, 3)
    assert split.test.shape == (5, 32, 32, 3)
    assert split.train.dtype == split.test.dtype == np.float32
    assert split.train_labels.dtype == split.test_labels.dtype == np.int64
    made.check(split)


def test_the_pickles_of_these_tests_are_those_that_numpy_reads(made):
    for batch, (images, coarse, fine) in made.batches.items():
        content = pickle.loads(made.pickled(batch), encoding="bytes")  # noqa: S301 - ours
        assert content[b"data"].tobytes() == b"".join(images)
        assert content[b"data"].shape == (5, 3072)
        assert content[b"labels" if made.ten else b"fine_labels"] == fine
        assert made.ten or content[b"coarse_labels"] == coarse


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pickles_that_numpy_writes_today_are_read(protocol, order):
    array = np.array(np.arange(60, dtype=np.uint8).reshape(3, 20), order=order)
    content = pickle.dumps({b"data": array, "n": [1, 2]}, protocol=protocol)
    read = _pickles.load(content, where="x")
    np.testing.assert_array_equal(read[b"data"].array(), array)
    assert read["n"] == [1, 2]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("train", "test"), [(1, 1), (4, 5), (5, 2)])
def test_the_first_images_need_the_first_batches_only(made, form, train, test, tmp_path):
    whole = made.source().load(made.write(tmp_path, form))
    files = made.write(tmp_path / "few", form[:3].rstrip("."))
    for batch in made.names[1:-1]:
        files.pop(batch, None), files.pop(f"{batch}.bin", None)
    few = registry.dataset(f"{made.name}:train={train},test={test}").load(files)
    for name, count in (("train", train), ("test", test)):
        np.testing.assert_array_equal(getattr(few, name), getattr(whole, name)[:count])
        labels = f"{name}_labels"
        np.testing.assert_array_equal(getattr(few, labels), getattr(whole, labels)[:count])


def test_images_of_two_batches_are_in_order(made, tmp_path):
    files = made.write(tmp_path, "bin")
    if made.ten:
        seven = registry.dataset("cifar10:train=7,test=5").load(files)
        whole = made.source().load(files)
        np.testing.assert_array_equal(seven.train, whole.train[:7])


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_what_is_declared_is_what_is_published(name):
    source = registry.dataset(name)
    assert (source.shape, source.sizes) == ((32, 32, 3), (50_000, 10_000))
    assert list(source.classes) == sorted(source.classes)
    assert len(set(source.classes)) == {"cifar10": 10, "cifar100": 100}[name]
    (archive,) = source.files
    assert archive.urls == (f"https://www.cs.toronto.edu/~kriz/{Path(archive.path).name}",)
    files = [archive, *(file for form in source.forms for file in form)]
    assert len({file.sha256 for file in files}) == len(files)
    for file in files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.path.startswith(f"{name}/")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar10:train=0", "train: got 0"),
        ("cifar10:train=50001", "train: got 50001"),
        ("cifar100:test=10001", "test: got 10001"),
        ("cifar100:coarse=1", "unknown key 'coarse'"),
    ],
)
def test_wrong_options_are_one_message(name, message):
    with pytest.raises(UserError, match=message):
        registry.dataset(name)


# --- the short copy


def short() -> tuple[dict[str, Path], np.ndarray, np.ndarray]:
    """The files of the short copy and their records, where this machine has them."""
    files = registry.datasets()["cifar10"].forms[-1]
    if not all((REAL / file.path).is_file() for file in files):
        pytest.skip(f"no cifar10/ in {REAL}: set LEVELFIELD_DATA to the folder that holds it")
    paths = {file.path: REAL / file.path for file in files}
    if [path.stat().st_size for path in paths.values()] != [6_146_000, 1_536_500]:
        pytest.skip(f"the whole of CIFAR-10 is in {REAL}, not the short copy")
    train, test = (np.fromfile(path, np.uint8).reshape(-1, 3073) for path in paths.values())
    return paths, train, test


def test_the_short_copy_is_the_one_that_is_declared():
    paths, *_ = short()
    for file in registry.datasets()["cifar10"].forms[-1]:
        assert hashlib.sha256(paths[file.path].read_bytes()).hexdigest() == file.sha256


def test_the_short_copy_holds_photographs_and_their_labels():
    paths, train, test = short()
    source = registry.dataset("cifar10:train=2000,test=500")
    split = source.load(paths)
    for images, labels, records in (
        (split.train, split.train_labels, train),
        (split.test, split.test_labels, test),
    ):
        np.testing.assert_array_equal(labels, records[:, 0])
        planes = np.moveaxis(images, 3, 1).reshape(-1, 3072)
        np.testing.assert_array_equal(np.rint(planes * 255), records[:, 1:])
    seen = [source.classes[label] for label in split.train_labels[:5]]
    assert seen == ["frog", "truck", "truck", "deer", "automobile"]
    assert np.rint(split.train[0, 0, 0] * 255).tolist() == [59, 62, 63]
    assert [source.classes[label] for label in split.test_labels[:3]] == ["cat", "ship", "ship"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "data_batch_1.bin: holds 2,000 images; expected 10,000"),
        (":train=2001,test=500", "data_batch_1.bin: holds 2,000 images; expected 2,001 to 10,000"),
        (":train=20,test=501", "test_batch.bin: holds 500 images; expected 501 to 10,000"),
        (":train=10001,test=500", "data_batch_1.bin: holds 2,000 images; expected 10,000"),
    ],
)
def test_more_than_the_short_copy_holds_is_one_message(options, message):
    paths, *_ = short()
    with pytest.raises(UserError) as caught:
        registry.dataset(f"cifar10{options}").load(paths)
    assert message in str(caught.value)
    assert "ask for fewer with the options of cifar10, train and test" in caught.value.hint


def test_the_short_copy_is_found_in_the_data_directory(tmp_path, monkeypatch):
    from levelfield import data

    _, train, test = short()
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path))
    source = registry.dataset("cifar10:train=2000,test=500")
    prepared = data.prepare(source, precision="float32", data=REAL, announce=str)
    arrays = data.open_arrays(prepared.paths, None)
    labels = data.open_arrays(prepared.labels, None)
    assert [array.shape for array in arrays] == [(2000, 32, 32, 3), (500, 32, 32, 3)]
    for found, records in zip(labels, (train, test), strict=True):
        np.testing.assert_array_equal(found, records[:, 0])


# --- what is broken


def test_a_batch_of_another_length_is_named(made, tmp_path):
    files = made.write(tmp_path, "bin")
    path = files[f"{made.names[0]}.bin"]
    content, length = path.read_bytes(), 3073 if made.ten else 3074
    expected = f"expected {5 * length:,}, which are 5 records of {length:,}"
    for broken in (content[:-1], content + b"!", content[: length // 2], content + content):
        path.write_bytes(broken)
        assert str(refused(made, files)).startswith(f"{path}: {len(broken):,} bytes; {expected}")
    for records in (0, 4):
        path.write_bytes(content[: records * length])
        assert f"{path}: holds {records} images; expected 5" in str(refused(made, files))


@pytest.mark.parametrize("form", ["bin.tar.gz", "py.tar.gz"])
def test_an_archive_that_was_cut_short_is_named(made, form, tmp_path):
    (path,) = made.write(tmp_path, form).values()
    content = path.read_bytes()
    for length in (0, 9, 100, len(content) // 2, len(content) - 1000):
        path.write_bytes(content[:length])
        error = refused(made, {path.name: path})
        assert error.where == str(path)
        assert error.seen.startswith("cannot be read as an archive (")


def test_a_batch_that_is_missing_is_named(made, tmp_path):
    (path,) = made.write(tmp_path, "bin.tar.gz").values()
    with tarfile.open(path, "w:gz") as archive:
        for name in made.names[:-1]:
            archive.add(tmp_path / "cifar-batches-bin" / f"{name}.bin")
    assert str(refused(made, {path.name: path})).startswith(f"{path}: no {made.names[-1]} in it")


@pytest.mark.parametrize("form", ["bin", "py"])
def test_a_label_without_a_class_is_named(made, form, tmp_path):
    made.batches[made.names[0]][2][3] = 10 if made.ten else 100
    files = made.write(tmp_path, form)
    error = refused(made, files)
    assert error.where == str(next(iter(files.values())))
    assert error.seen == f"image 4 has the label {10 if made.ten else 100}"
    assert error.expected == f"0 to {9 if made.ten else 99}"


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    """A tar archive, packed, with one more member."""
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return into.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (member("../data_batch_1.bin"), "which leads out of it"),
        (member("a/../../data_batch_1.bin"), "which leads out of it"),
        (member("/tmp/data_batch_1.bin"), "which leads out of it"),
        (member("a\\..\\..\\data_batch_1.bin"), "which leads out of it"),
        (member("data_batch_1.bin", tarfile.SYMTYPE, "/etc/passwd"), "which is a link or a device"),
        (member("data_batch_1.bin", tarfile.LNKTYPE, "../x"), "which is a link or a device"),
        (member("data_batch_1.bin", tarfile.FIFOTYPE), "which is a link or a device"),
        (member("data_batch_1.bin", tarfile.CHRTYPE), "which is a link or a device"),
    ],
)
def test_an_archive_that_leads_out_of_itself_is_refused(made, content, what, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(content)
    error = refused(made, {path.name: path})
    assert error.where == str(path)
    assert what in error.seen


# --- pickles


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    ("function", "asked"),
    [(os.system, "system"), (eval, "eval"), (exec, "exec"), (np.memmap, "memmap"), (open, "open")],
)
def test_a_pickle_that_names_anything_else_is_refused_unrun(
    made, function, asked, protocol, tmp_path
):
    files, spoilt = made.write(tmp_path, "py"), tmp_path / "spoilt"
    code = f"touch {spoilt}" if function is os.system else f"open({str(spoilt)!r}, 'w')"
    arguments = (str(spoilt), "w") if function in {open, np.memmap} else (code,)
    path = files[made.names[0]]
    path.write_bytes(pickle.dumps({b"data": Evil(function, *arguments)}, protocol=protocol))
    error = refused(made, files)
    assert error.where == str(path)
    assert f".{asked}, which is not run" in error.seen
    assert not spoilt.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a pickle"),
        (b"some text", "cannot be read as a pickle"),
        (pickle.dumps([1]), "holds [1]"),
        (pickle.dumps({}), "no array 'data' or no list"),
        (pickle.dumps({b"data": b"bytes", b"labels": [1]}), "no array 'data' or no list"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "asks for numpy.ndarray.tofile"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "asks for the encoding 'rot13'"),
        (b"cnumpy\nndarray\n)R.", "holds <"),
        (b"}(U\x04datacnumpy\nndarray\n)RU\x06labels](K\x01eU\x0bfine_labels](K\x01eu.",
         "an array without values"),
    ],
)  # fmt: skip
def test_a_pickle_of_something_else_is_named(made, content, message, tmp_path):
    files = made.write(tmp_path, "py")
    path = files[made.names[0]]
    path.write_bytes(content)
    error = refused(made, files)
    assert error.where == str(path)
    assert message in error.seen
    assert error.expected


@pytest.mark.parametrize(
    ("array", "labels", "message"),
    [
        (np.zeros((2, 3072)), [1, 2], "an array of 'f8' instead of bytes (u1)"),
        (np.zeros((2, 3072), object), [1, 2], "an array of 'O8' instead of bytes (u1)"),
        (np.zeros((2, 3071), np.uint8), [1, 2], "2 labels of values of shape (2, 3071)"),
        (np.zeros((2, 3072), np.uint8), [1], "1 labels of values of shape (2, 3072)"),
        (np.zeros((1, 3072), np.uint8), ["cat"], "labels that are no whole numbers"),
        (np.zeros((1, 3072), np.uint8), [2**70], "labels that are no whole numbers"),
        (np.zeros((1, 3072), np.uint8), [-1], "labels that are no whole numbers"),
    ],
)
def test_arrays_that_are_not_images_are_named(made, array, labels, message, tmp_path):
    files = made.write(tmp_path, "py")
    content = {b"data": array, b"labels": labels, b"fine_labels": labels}
    files[made.names[0]].write_bytes(pickle.dumps(content, protocol=2))
    error = refused(made, files)
    assert error.where == str(files[made.names[0]])
    assert message in error.seen


SOUND = python2({b"data": [bytes(range(256)) * 12] * 2, b"labels": [3, 4]})


def load(content: bytes) -> str:
    """What the reader says of a file: nothing, where it holds a dictionary."""
    try:
        assert isinstance(_pickles.load(content, where="file"), dict)
    except UserError as error:
        return str(error)
    return ""


@settings(max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(0, 249), st.integers(0, 255)), max_size=4),
       cut=st.integers(0, len(SOUND)))  # fmt: skip
def test_a_damaged_pickle_is_a_dictionary_or_one_message(changes, cut):
    content = bytearray(SOUND)
    for place, value in changes:
        content[place if place < 200 else place - 250] = value
    said = load(bytes(content[:cut]))
    assert not said or said.startswith("file: ")
    assert said or cut == len(SOUND)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_dictionary_or_one_message(content):
    said = load(content)
    assert not said or said.startswith("file: ")
