"""A workload's layers as symbolic graphs, for Theano and for PyTensor.

Samples come first, channels last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from levelfield.backend import Unsupported, maker
from levelfield.spec.windows import counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levelfield.backend import Weights, Workload
    from levelfield.spec.windows import Axis

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., "Self-normalizing neural networks", 2017."""


class Parts(ABC):
    """Makes the graph of a layer; every method is named after its kind."""

    tensor: Any
    """The namespace of symbolic operations."""

    def __init__(self, name: str, workload: Workload, variables: Mapping[str, Any]) -> None:
        """Take the shared variables by canonical name; ``name``: of the backend."""
        self.backend, self.workload, self.variables = name, workload, variables
        self.type = np.dtype(workload.dtype).type

    @abstractmethod
    def sigmoid(self, z: Any) -> Any:
        """The logistic function."""

    @abstractmethod
    def softmax(self, z: Any) -> Any:
        """The softmax over the second axis."""

    @abstractmethod
    def entropies(self, logits: Any, labels: Any) -> Any:
        """Categorical cross-entropy of each sample, exact for all logits."""

    @abstractmethod
    def bernoulli(self, shape: Any, probability: float) -> Any:
        """Random zeros and ones of this shape, in the workload's precision."""

    @abstractmethod
    def normal(self, shape: Any, deviation: float) -> Any:
        """Random normal numbers of this shape, in the workload's precision."""

    def forward(self, samples: Any, weights: Weights, *, training: bool) -> tuple[Any, Any]:
        """The model's outputs, and the last layer before its activation."""
        self.training, x = training, samples
        self.logits = samples
        for name, layer, shape in self.workload.members(self.workload.sample_shape(weights)):
            x = self.make(name, layer, shape, x)
        return x, self.logits

    def make(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        """The graph of a layer's outputs."""
        self.logits = maker(self, layer, self.backend)(name, layer, shape, x)
        return self.activated(getattr(layer, "activation", "linear"), self.logits)

    def activated(self, activation: str, z: Any) -> Any:
        """An activation, whose slope at zero is that of the other backends."""
        tensor, number = self.tensor, self.type
        match activation:
            case "linear":
                return z
            case "sigmoid":
                return self.sigmoid(z)
            case "softmax":
                return self.softmax(z)
            case "tanh":
                return tensor.tanh(z)
            case "relu":
                return tensor.switch(z > 0, z, number(0))
            case "selu":
                # exp of a large z would be inf, and inf times the mask's 0 not a number
                negative = number(SELU_ALPHA) * tensor.expm1(tensor.minimum(z, number(0)))
                return number(SELU_SCALE) * tensor.switch(z > 0, z, negative)
        raise Unsupported(f"{self.backend} has no activation {activation}")

    @abstractmethod
    def convolve(self, x: Any, kernel: Any, axes: Sequence[Axis]) -> Any:
        """Cross-correlation; kernel: its (window x channels x filters) variable."""

    @abstractmethod
    def largest(self, x: Any, axes: Sequence[Axis]) -> Any:
        """The largest value of each window."""

    @abstractmethod
    def total(self, x: Any, axes: Sequence[Axis]) -> Any:
        """The sum of each window."""

    def pad(self, x: Any, axes: Sequence[Axis], value: float) -> Any:
        """Samples with what ``same`` padding adds around them."""
        if not any(axis.before or axis.after for axis in axes):
            return x
        sizes = [axis.before + axis.size + axis.after for axis in axes]
        empty = self.tensor.alloc(self.type(value), x.shape[0], *sizes, x.shape[x.ndim - 1])
        inner = [slice(axis.before, axis.before + axis.size) for axis in axes]
        return self.tensor.set_subtensor(empty[(slice(None), *inner)], x)

    def _dense(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        kernel, bias = (self.variables[f"{name}/{part}"] for part in ("kernel", "bias"))
        return self.tensor.dot(x, kernel) + bias

    def _convolution(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        kernel, bias = (self.variables[f"{name}/{part}"] for part in ("kernel", "bias"))
        return self.convolve(x, kernel, layer.axes(shape)) + bias

    def _max_pool(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return self.largest(x, layer.axes(shape))

    def _average_pool(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        axes = layer.axes(shape)
        return self.total(x, axes) * (1.0 / counts(axes)[None]).astype(self.type)

    def _flatten(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return x.reshape((-1, prod(shape)))

    def _dropout(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        if not (self.training and layer.rate):
            return x
        kept = self.bernoulli(x.shape, 1.0 - layer.rate)
        return x * kept * self.type(1.0 / (1.0 - layer.rate))

    def _gaussian_noise(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        if not (self.training and layer.deviation):
            return x
        return x + self.normal(x.shape, layer.deviation)

    def _residual(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        side = out = x
        for place, each, before in layer.members(shape):
            if place == "shortcut":
                side = self.make(f"{name}/{place}", each, before, x)
            else:
                out = self.make(f"{name}/{place}", each, before, out)
        return out + side
