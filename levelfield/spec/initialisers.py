"""How the arrays of a model are filled before training.

Glorot: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010, eq. 16. He: K. He et al., "Delving deep into rectifiers", ICCV 2015, eq.
10.
The normal forms are plain (not truncated) normals with the same variance as the uniform ones.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Fill = Callable[[np.random.Generator, tuple[int, ...], int, int], NDArray[np.float64]]

Initialiser = Literal[
    "zeros",
    "uniform_0_1",
    "normal_0_1",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
]


def _symmetric(
    rng: np.random.Generator, shape: tuple[int, ...], limit: float
) -> NDArray[np.float64]:
    return rng.uniform(-limit, limit, shape)


FILLS: dict[str, Fill] = {
    "zeros": lambda rng, shape, fan_in, fan_out: np.zeros(shape),
    "uniform_0_1": lambda rng, shape, fan_in, fan_out: rng.uniform(0.0, 1.0, shape),
    "normal_0_1": lambda rng, shape, fan_in, fan_out: rng.normal(0.0, 1.0, shape),
    "glorot_uniform": lambda rng, shape, fan_in, fan_out: _symmetric(
        rng, shape, sqrt(6.0 / (fan_in + fan_out))
    ),
    "glorot_normal": lambda rng, shape, fan_in, fan_out: rng.normal(
        0.0, sqrt(2.0 / (fan_in + fan_out)), shape
    ),
    "he_uniform": lambda rng, shape, fan_in, fan_out: _symmetric(rng, shape, sqrt(6.0 / fan_in)),
    "he_normal": lambda rng, shape, fan_in, fan_out: rng.normal(0.0, sqrt(2.0 / fan_in), shape),
}


def fill(name: str, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a filled float64 array of this shape.

    A kernel's last two axes are inputs x outputs; axes before them, a convolution's window,
    multiply both fans; a bias of n units counts fan-in = fan-out = n.
    """
    window = 1
    for size in shape[:-2]:
        window *= size
    fan_in, fan_out = (window * shape[-2], window * shape[-1]) if len(shape) > 1 else shape * 2
    return FILLS[name](rng, shape, fan_in, fan_out)
