"""What is prepared of data sets, what is refused, and what workers map."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from levelfield import data, prepared, registry
from levelfield.dataset import Dataset, File, Split
from levelfield.errors import UserError

TRAIN = np.linspace(0, 1, 18).reshape(6, 3)
TEST = 1 - TRAIN[:4]
LOADS = []


@dataclass(frozen=True)
class Tiny(Dataset):
    """Six training and four test samples of three values, or something wrong with them."""

    name: ClassVar[str] = "tiny"
    about: ClassVar[str] = "for tests"
    files: ClassVar[tuple[File, ...]] = ()
    fault: str = ""

    @property
    def shape(self) -> tuple[int]:
        return (3,)

    @property
    def sizes(self) -> tuple[int, int]:
        return (6, 4)

    def load(self, files: Mapping[str, Path]) -> Split:
        LOADS.append(self)
        train = np.asfortranarray(TRAIN)
        match self.fault:
            case "nan" | "inf" | "-0.25" | "1.5":
                train[2, 1] = float(self.fault)
            case "integers":
                train = train.astype(int)
            case "shape":
                train = train[:5]
            case "disk":
                raise OSError(5, "Input/output error")
            case "memory":
                raise MemoryError
            case "interrupt":
                raise KeyboardInterrupt
        return Split(train=train, test=TEST.astype("float32"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
    LOADS.clear()
    return tmp_path / "cache"


def prepare(dataset=None, precision="float32", said=None):
    announce = print if said is None else said.append
    where = data.data_directory(None)
    return data.prepare(dataset or Tiny(), precision=precision, data=where, announce=announce)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- preparing


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_prepared_arrays_are_those_of_the_data_set(precision, cache):
    ready = prepare(precision=precision)
    train, test = (np.load(path) for path in ready.paths)
    np.testing.assert_array_equal(train, TRAIN.astype(precision))
    np.testing.assert_array_equal(test, TEST.astype("float32").astype(precision))
    assert train.dtype == test.dtype == precision
    assert train.flags.c_contiguous
    assert (ready.shape, ready.sizes) == ((3,), (6, 4))
    digest = hashlib.sha256(train.tobytes() + test.tobytes()).hexdigest()
    assert ready.digest == digest[:16]
    meta = json.loads((ready.folder / "meta.json").read_text())
    assert meta["sha256"] == digest
    assert meta["shapes"] == {"train": [6, 3], "test": [4, 3]}
    assert (meta["dataset"], meta["version"], meta["precision"]) == ("tiny:fault=", 1, precision)
    assert names(ready.folder) == ["meta.json", "test.npy", "train.npy"]
    assert names(cache) == [ready.folder.name]


def test_prepared_arrays_are_taken_again_without_loading(cache):
    first, said = prepare(), []
    assert prepare(said=said) == first
    for path in first.paths:
        os.utime(path, (1, 1))  # as a copy of the cache would have it: the checksum decides
    assert prepare(said=said) == first
    assert (len(LOADS), said) == (1, [])


def test_whatever_decides_the_bytes_has_a_folder_of_its_own(cache, monkeypatch):
    folders = {prepare().folder, prepare(precision="float64").folder}
    folders.add(prepare(registry.dataset("synthetic:features=2,train=3,test=4")).folder)
    folders.add(prepare(registry.dataset("synthetic:features=2,train=3,test=4,seed=1")).folder)
    monkeypatch.setattr(Tiny, "version", 2)
    folders.add(prepare().folder)
    assert len(folders) == len(names(cache)) == 5


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_keeping_time(path: Path) -> None:
    """As a machine that lost its power may leave it."""
    before = path.stat()
    os.truncate(path, 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


BREAK = {
    "train cut short": lambda folder: os.truncate(folder / "train.npy", 100),
    "train cut short, its time kept": lambda folder: cut_keeping_time(folder / "train.npy"),
    "train emptied": lambda folder: os.truncate(folder / "train.npy", 0),
    "train changed": lambda folder: flip(folder / "train.npy"),
    "test changed": lambda folder: flip(folder / "test.npy"),
    "test gone": lambda folder: (folder / "test.npy").unlink(),
    "meta changed": lambda folder: flip(folder / "meta.json"),
    "meta emptied": lambda folder: (folder / "meta.json").write_text(""),
    "meta a list": lambda folder: (folder / "meta.json").write_text("[]"),
    "meta not text": lambda folder: (folder / "meta.json").write_bytes(b"\xff"),
    "meta gone": lambda folder: (folder / "meta.json").unlink(),
    "folder emptied": lambda folder: [path.unlink() for path in folder.iterdir()],
    "folder a file": lambda folder: (folder.rename(f"{folder}-away"), folder.touch()),
}


@pytest.mark.parametrize("fault", BREAK)
def test_broken_arrays_are_prepared_anew(fault, cache):
    first = prepare()
    BREAK[fault](first.folder)
    said = []
    assert prepare(said=said) == first
    np.testing.assert_array_equal(np.load(first.paths[0]), TRAIN.astype("float32"))
    np.testing.assert_array_equal(np.load(first.paths[1]), TEST.astype("float32"))
    assert said[0] == f"{first.folder} is not whole: preparing it anew"
    assert [name for name in names(cache) if "away" not in name] == [first.folder.name]
    assert len(LOADS) == 2


def test_any_changed_byte_of_the_meta_file_is_noticed():
    first = prepare()
    meta = first.folder / "meta.json"
    sound = meta.read_bytes()
    for place in range(len(sound)):
        broken = bytearray(sound)
        broken[place] ^= 0x01
        meta.write_bytes(broken)
        assert prepare(said=[]) == first


# --- what a data set may not give


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nan", "got values from nan to nan; expected values within 0 to 1"),
        ("inf", "got values from 0 to inf"),
        ("-0.25", "got values from -0.25 to 1"),
        ("1.5", "got values from 0 to 1.5"),
        ("integers", "got int64 of shape (6, 3); expected float32 or float64 of shape (6, 3)"),
        ("shape", "got float64 of shape (5, 3)"),
        ("disk", "cannot be read ([Errno 5] Input/output error)"),
        ("memory", "not enough memory"),
    ],
)
def test_what_a_data_set_gives_is_checked(fault, message, cache):
    with pytest.raises(UserError) as caught:
        prepare(Tiny(fault=fault))
    assert message in str(caught.value)
    assert f"data set tiny:fault={fault}" in caught.value.where
    assert names(cache) == []


def test_an_interrupt_leaves_nothing(cache, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        prepare(Tiny(fault="interrupt"))
    assert names(cache) == []
    write = prepared._write

    def interrupted(path, array):
        write(path, array)
        raise KeyboardInterrupt

    monkeypatch.setattr(prepared, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare()
    assert names(cache) == []


def test_a_missing_package_is_named(monkeypatch, cache):
    monkeypatch.setattr(Tiny, "packages", ("numpy", "no-such-package"))
    with pytest.raises(UserError, match="needs no-such-package") as caught:
        prepare()
    assert caught.value.hint == "pip install no-such-package"
    assert LOADS == []


def test_data_larger_than_memory_are_refused_before_they_are_made(cache):
    with pytest.raises(UserError, match=r"fill 7,450,588\.0 GiB"):
        prepare(registry.dataset("synthetic:features=1000000,train=1000000000"))
    with pytest.raises(UserError, match="fewer samples"):
        prepare(registry.dataset(f"synthetic:features={10**30},train={10**30}"))


# --- samples, workers


def test_samples_beyond_the_training_set_are_refused():
    assert data.check_samples(Tiny(), None) == data.check_samples(Tiny(), 6) == 6
    assert data.check_samples(Tiny(), 1) == 1
    with pytest.raises(UserError) as caught:
        data.check_samples(Tiny(), 7)
    assert str(caught.value).startswith(
        "data set tiny:fault=: 7 samples asked for; expected at most 6,"
    )


def test_opened_arrays_are_mapped_and_read_only():
    ready = prepare()
    train, test = data.open_arrays([str(path) for path in ready.paths], 2)
    np.testing.assert_array_equal(train, TRAIN[:2].astype("float32"))
    np.testing.assert_array_equal(test, TEST.astype("float32"))
    assert len(data.open_arrays(ready.paths, None)[0]) == 6
    assert type(train) is np.ndarray
    assert not train.flags.writeable
    assert str(ready.paths[0]) in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY", b"no array at all"])
def test_arrays_that_cannot_be_opened_are_named(content):
    ready = prepare()
    ready.paths[0].unlink()
    if content is not None:
        ready.paths[0].write_bytes(content)
    with pytest.raises(UserError, match="cannot be opened") as caught:
        data.open_arrays(ready.paths, None)
    assert caught.value.where == str(ready.paths[0])


def test_the_worker_half_imports_numpy_and_little_else():
    code = """if True:
        import sys
        import numpy, numpy.typing, pathlib
        before = set(sys.modules)
        import levelfield.data
        print(*sorted(set(sys.modules) - before))"""
    done = subprocess.run([sys.executable, "-Pc", code], capture_output=True, text=True, check=True)
    few = "copy dataclasses difflib heapq _heapq json json.decoder json.encoder json.scanner _json"
    ours = "levelfield levelfield.data levelfield.errors levelfield.fetch levelfield.prepared"
    assert set(done.stdout.split()) <= {*few.split(), *ours.split()}
