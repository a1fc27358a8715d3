"""Pictures inside the page: PNG files as addresses, without any library of images."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

GREY, COLOURS = 0, 2
"""PNG's numbers for what a pixel holds."""


def shaded(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Values as brightness: black at the low end or below, white at the high end or above."""
    share = (np.nan_to_num(values.astype(np.float64)) - low) / ((high - low) or 1.0)
    return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> Markup:
    """The address of a picture (shape: height x width, or height x width x 3) that lies in it."""
    height, width = pixels.shape[:2]
    kind = GREY if pixels.ndim == 2 else COLOURS  # noqa: PLR2004 - height and width
    rows = pixels.reshape(height, -1)
    unfiltered = np.zeros((height, 1), np.uint8)
    data = np.hstack([unfiltered, rows]).tobytes()
    parts = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            *_chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)),
            *_chunk(b"IDAT", zlib.compress(data, 9)),
            *_chunk(b"IEND", b""),
        ]
    )
    text = base64.b64encode(parts).decode()
    return Markup(f"data:image/png;base64,{text}")  # noqa: S704 - letters and digits


def _chunk(name: bytes, data: bytes) -> Iterator[bytes]:
    yield struct.pack(">I", len(data)) + name + data
    yield struct.pack(">I", zlib.crc32(name + data))
