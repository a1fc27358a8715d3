"""The layers in NumPy: the definition that every other backend must agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from levelfield.backend import Unsupported

from .numpy_parts import Activated, Model, Part, Weighted
from .numpy_windows import AveragePool, Convolution, MaxPool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levelfield.backend import Array


class Dense(Weighted):
    """A matrix product."""

    def product(self, x: Array) -> Array:
        return x @ self.array("kernel")

    def kernel_slope(self, delta: Array) -> Array:
        return self.x.T @ delta

    def input_slope(self, delta: Array) -> Array:
        return delta @ self.array("kernel").T


class Flatten(Part):
    """One row a sample."""

    def forward(self, x: Array, *, train: bool) -> Array:
        return x.reshape(len(x), -1)

    def backward(self, delta: Array, *, first: bool = False) -> Array:
        return delta.reshape(-1, *self.shape)


class Dropout(Part):
    """Values dropped, those kept made larger."""

    def forward(self, x: Array, *, train: bool) -> Array:
        rate = self.layer.rate
        self.mask: Any = 1.0
        if train and rate:
            kept = self.model.rng.random(x.shape, np.float32) >= rate
            self.mask = kept.astype(x.dtype) / x.dtype.type(1.0 - rate)
        return x * self.mask

    def backward(self, delta: Array, *, first: bool = False) -> Array:
        return delta * self.mask


class GaussianNoise(Part):
    """Normal noise added."""

    def forward(self, x: Array, *, train: bool) -> Array:
        deviation = self.layer.deviation
        if not (train and deviation):
            return x
        noise = self.model.rng.standard_normal(x.shape)
        return x + (deviation * noise).astype(x.dtype)


class Residual(Activated):
    """Its layers, then its input (or the shortcut's output) added."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        made = {
            place: part(f"{self.name}/{place}", layer, shape, self.model)
            for place, layer, shape in self.layer.members(self.shape)
        }
        self.shortcut = made.pop("shortcut", None)
        self.chain = list(made.values())

    def forward(self, x: Array, *, train: bool) -> Array:
        side = x if self.shortcut is None else self.shortcut.forward(x, train=train)
        for each in self.chain:
            x = each.forward(x, train=train)
        self.logits = x + side
        self.out = self.activation(self.logits)
        return self.out

    def backward_logits(self, delta: Array, *, first: bool = False) -> Array:
        side = delta if self.shortcut is None else self.shortcut.backward(delta)
        for each in reversed(self.chain):
            delta = each.backward(delta)
        for each in [*self.chain, *([self.shortcut] if self.shortcut else [])]:
            self.gradients |= each.gradients
        return delta + side


PARTS: Mapping[str, type[Part]] = {
    "dense": Dense,
    "convolution": Convolution,
    "max_pool": MaxPool,
    "average_pool": AveragePool,
    "flatten": Flatten,
    "dropout": Dropout,
    "gaussian_noise": GaussianNoise,
    "residual": Residual,
}


def part(name: str, layer: Any, shape: tuple[int, ...], model: Model) -> Part:
    """The part that a layer of the workload is."""
    if layer.kind not in PARTS:
        raise Unsupported(f"numpy has no layer of kind {layer.kind}")
    return PARTS[layer.kind](name, layer, shape, model)
