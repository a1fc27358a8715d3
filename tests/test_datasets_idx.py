"""The IDX reader: whole files come back, anything else is one message."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from levelfield.datasets import _idx

from levelfield.errors import UserError

ARRAYS = arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=9))
SMALL = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


@given(ARRAYS)
def test_every_array_comes_back(array):
    parsed = _idx.parse(idx(array), shape=array.shape, where="x")
    assert (parsed.dtype, parsed.shape) == (np.uint8, array.shape)
    np.testing.assert_array_equal(parsed, array)


@given(ARRAYS, st.data())
def test_every_cut_and_every_surplus_is_noticed(array, draw):
    content = idx(array)
    cut = draw.draw(st.integers(0, len(content) - 1))
    for broken in (content[:cut], content + bytes(cut + 1)):
        with pytest.raises(UserError, match=r"^file: .*; expected ") as caught:
            _idx.parse(broken, shape=array.shape, where="file")
        assert caught.value.hint


@given(ARRAYS, st.data())
def test_every_change_of_the_header_is_noticed(array, draw):
    content = bytearray(idx(array))
    place = draw.draw(st.integers(0, 4 + 4 * array.ndim - 1))
    content[place] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(UserError, match=r"^file: .*; expected "):
        _idx.parse(bytes(content), shape=array.shape, where="file")


@given(st.binary(max_size=200), array_shapes(min_dims=1, max_dims=3, max_side=5))
def test_any_bytes_are_an_array_or_one_message(content, shape):
    try:
        parsed = _idx.parse(content, shape=shape, where="file")
    except UserError:
        return
    assert idx(parsed) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file: begins with the bytes (none); expected 00 00 08 03 (IDX, unsigned bytes, 3"),
        (b"\x1f\x8b\x08\x08rest", "file: begins with the bytes 1f 8b 08 08; expected 00 00 08 03"),
        (idx(SMALL)[:9], "file: its header ends after 9 bytes; expected 16 bytes"),
        (idx(SMALL[:, :, :3]), "file: holds 2x3x3 values; expected 2x3x4 values"),
        (idx(SMALL)[:-1], "file: 23 values after its header; expected 2x3x4 = 24 values"),
        (idx(SMALL) + b"!", "file: more values after its header; expected 2x3x4 = 24 values"),
        (idx(SMALL[0]), "file: begins with the bytes 00 00 08 02; expected 00 00 08 03"),
    ],
)
def test_messages_say_what_was_seen_and_expected(content, message):
    with pytest.raises(UserError) as caught:
        _idx.parse(content, shape=(2, 3, 4), where="file")
    assert str(caught.value).startswith(message)


def read(path: Path, content: bytes) -> np.ndarray:
    path.write_bytes(content)
    return _idx.read(path, shape=SMALL.shape)


def test_a_gzip_file_is_unpacked(tmp_path):
    np.testing.assert_array_equal(read(tmp_path / "x.gz", gzip.compress(idx(SMALL))), SMALL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with the bytes (none)"),
        (idx(SMALL), "not a sound gzip file (Not a gzipped file"),
        (gzip.compress(idx(SMALL))[:-9], "a gzip file that was cut short"),
        (gzip.compress(idx(SMALL))[:12], "a gzip file that was cut short"),
        (gzip.compress(idx(SMALL))[:-8] + bytes(8), "not a sound gzip file (CRC check failed"),
        (gzip.compress(idx(SMALL)) + b"rest", "not a sound gzip file"),
        (gzip.compress(idx(SMALL))[:10] + b"\xff" * 40, "a corrupt gzip file (Error -3"),
        (gzip.compress(b"some text"), "begins with the bytes 73 6f 6d 65"),
        (gzip.compress(idx(SMALL) + bytes(10**7)), "more values after its header"),
    ],
)
def test_a_file_that_is_not_sound_is_named(content, message, tmp_path):
    with pytest.raises(UserError) as caught:
        read(tmp_path / "x.gz", content)
    assert str(caught.value).startswith(f"{tmp_path / 'x.gz'}: {message}")
    assert "put the original in its place" in caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "no", "No such file")):
        with pytest.raises(UserError, match=f"{path}: cannot be read .{reason}"):
            _idx.read(path, shape=(1,))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), bits=st.integers(1, 255), cut=st.integers(0, 10_000))
def test_a_damaged_gzip_file_is_the_same_array_or_one_message(place, bits, cut, tmp_path):
    sound = gzip.compress(idx(SMALL), mtime=0)
    damaged = bytearray(sound[: cut % len(sound) + 1])
    damaged[place % len(damaged)] ^= bits
    assume(damaged != sound)
    try:
        array = read(tmp_path / "x.gz", bytes(damaged))
    except UserError:
        return
    # a byte of the gzip header that means nothing to the content: its time, its system
    np.testing.assert_array_equal(array, SMALL)
