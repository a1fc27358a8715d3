"""What the layers in NumPy share: the activations, and how a part of the model is driven.

A part is called forward, then backward with the slope of the loss at its output; it leaves the
gradients of its arrays in ``gradients`` (by their canonical names) and gives the slope at its
input. Samples come first, channels last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from levelfield.backend import Array

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., "Self-normalizing neural networks", 2017."""


def _sigmoid(z: Array) -> Array:
    with np.errstate(over="ignore"):  # exp(-z) may be inf, and 1 / inf is the right 0
        return 1.0 / (1.0 + np.exp(-z))


def _selu(z: Array) -> Array:
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _selu_slope(a: Array) -> Array:
    return np.where(a > 0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA)


def _softmax(z: Array) -> Array:
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Any]]] = {
    "linear": (lambda z: z, lambda a: 1.0),  # noqa: ARG005 - one shape for all
    "sigmoid": (_sigmoid, lambda a: a * (1.0 - a)),
    "tanh": (np.tanh, lambda a: 1.0 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "selu": (_selu, _selu_slope),
    "softmax": (_softmax, lambda a: 1.0),  # noqa: ARG005 - last alone: its loss has the slope
}
"""Name -> the function, and its slope written in terms of its output."""
KINKS: dict[str, dict[str, float]] = {
    "relu": {"half": 0.5},
    "selu": {"from above": SELU_SCALE},
}
"""Name -> its slope at zero, where that is declared to be another than the formula's."""


class Part:
    """What a layer does; by default nothing."""

    def __init__(self, name: str, layer: Any, shape: tuple[int, ...], model: Model) -> None:
        self.name, self.layer, self.shape, self.model = name, layer, shape, model
        self.gradients: dict[str, Array] = {}
        name = getattr(layer, "activation", "linear")
        self.activation, self.formula = ACTIVATIONS[name]
        self.logits: Array
        """What the activation was given."""
        self.kink = KINKS[name].get(model.meaning(f"{name}.zero")) if name in KINKS else None

    def array(self, part: str) -> Array:
        """One of the layer's arrays as it is now."""
        return self.model.arrays[f"{self.name}/{part}"]

    def keep(self, part: str, gradient: Array) -> None:
        """Leave a gradient behind."""
        self.gradients[f"{self.name}/{part}"] = gradient

    def slope(self, out: Array) -> Any:
        """Of the activation, which gave this output."""
        slope = self.formula(out)
        if self.kink is None:
            return slope
        return np.where(self.logits == 0, out.dtype.type(self.kink), slope)

    def forward(self, x: Array, *, train: bool) -> Array:
        return x

    def backward(self, delta: Array, *, first: bool = False) -> Array:
        return delta

    def backward_logits(self, delta: Array, *, first: bool = False) -> Array:
        """The same from the slope before the activation, of which most layers have none."""
        return self.backward(delta, first=first)


class Activated(Part):
    """A layer that ends in an activation."""

    def backward(self, delta: Array, *, first: bool = False) -> Array:
        return self.backward_logits(delta * self.slope(self.out), first=first)


class Weighted(Activated):
    """A layer of a kernel, a bias and an activation."""

    def forward(self, x: Array, *, train: bool) -> Array:
        self.x = x
        self.logits = self.product(x)
        self.logits += self.array("bias")
        self.out = self.activation(self.logits)
        return self.out

    def backward_logits(self, delta: Array, *, first: bool = False) -> Array:
        self.keep("kernel", self.kernel_slope(delta))
        self.keep("bias", delta.sum(axis=tuple(range(delta.ndim - 1))))
        return delta if first else self.input_slope(delta)

    def product(self, x: Array) -> Array:
        raise NotImplementedError

    def kernel_slope(self, delta: Array) -> Array:
        raise NotImplementedError

    def input_slope(self, delta: Array) -> Array:
        raise NotImplementedError


class Model:
    """What the parts share: the arrays by canonical name, the meanings, the random numbers."""

    def __init__(
        self, arrays: dict[str, Array], meaning: Callable[[str], str], rng: np.random.Generator
    ) -> None:
        self.arrays, self.meaning, self.rng = arrays, meaning, rng
