"""Precisions: what a workload's arrays are kept in, and how coarsely its products are rounded.

Weights, the optimizer's memory and the samples are float32 but in float64 (*mixed* precision with
*master weights*): ``tf32`` rounds what enters a product to ten bits (NVIDIA's TensorFloat-32),
``bfloat16`` and ``float16`` also round what layers hand on; ``float16`` scales its loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Precision = Literal["float32", "float64", "tf32", "bfloat16", "float16"]

EPS: Mapping[str, float] = MappingProxyType(
    {
        "float64": 2.0**-52,
        "float32": 2.0**-23,
        "tf32": 2.0**-10,
        "float16": 2.0**-10,
        "bfloat16": 2.0**-7,
    }
)
"""From one to the next number above it."""
EXACT = frozenset({"float32", "float64"})
"""Precisions that compute in what they keep their arrays in."""


def dtype(precision: str) -> str:
    """The type of weights and samples, as NumPy calls it."""
    return precision if precision in EXACT else "float32"
