"""Pickles of plain values and of arrays of bytes, read without running what they name.

A pickle may name any function of any module and have it called. This reader knows the names by
which NumPy rebuilds an array, puts stand-ins for them that only keep what they are given, and
refuses every other name.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from levelfield.errors import UserError, shown


class Stored:
    """An array as it lies in a pickle."""

    state: Any = ()

    def __setstate__(self, state: object) -> None:
        """Keep what NumPy would rebuild the array of."""
        self.state = state

    def array(self) -> NDArray[np.uint8]:
        """The array, of bytes; `ValueError` where it is of anything else, or has lost some."""
        try:
            _, shape, kind, by_columns, raw = self.state
            code, size = kind.code, math.prod(shape)
        except (AttributeError, TypeError, ValueError):
            raise ValueError("an array without values") from None
        if code != "u1" or not isinstance(raw, bytes):
            raise ValueError(f"an array of {shown(code)} instead of bytes (u1)")
        if len(raw) != size:
            raise ValueError(f"an array of {size} bytes with {len(raw)} values")
        return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if by_columns else "C")


class _Kind:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None:
        """Pass over its byte order: a byte has none."""


def _stored(*_: object) -> Stored:
    return Stored()


def _latin1(text: str, encoding: str) -> bytes:
    """Stands for `codecs.encode`: in this way Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {shown(encoding)}")
    return text.encode("latin1")


_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _stored,
    ("numpy._core.multiarray", "_reconstruct"): _stored,
    ("numpy", "ndarray"): Stored,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _latin1,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Give the stand-in for a name, which is not imported."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not run")
        return _KNOWN[module, name]


def load(content: bytes, *, where: str) -> dict[Any, Any]:
    """The dictionary that a pickle holds; its arrays are `Stored`, texts of Python 2 are bytes.

    Raise `UserError`, naming ``where``, on any other pickle, and on what is none.
    """
    try:
        value = _Reader(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # noqa: BLE001 - a broken pickle fails in every way there is
        seen = f"cannot be read as a pickle ({str(error) or type(error).__name__})"
    else:
        if isinstance(value, dict):
            return value
        seen = f"holds {shown(value)}"
    raise UserError(
        seen,
        where=where,
        expected="a pickled dictionary of plain values and NumPy arrays",
        hint="delete it, so that another is looked for, or put the original in its place",
    )
