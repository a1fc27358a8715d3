"""NumPy: the float64 reference that every other backend must agree with, also timeable itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Unsupported, Weights, Workload
from levelfield.verify.semantics import meaning

from .numpy_optimizers import MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., "Self-normalizing neural networks", 2017."""
CLIP = 1e-7


def _sigmoid(z: Array) -> Array:
    with np.errstate(over="ignore"):  # exp(-z) may be inf, and 1 / inf is the right 0
        return 1.0 / (1.0 + np.exp(-z))


def _selu(z: Array) -> Array:
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _selu_slope(a: Array) -> Array:
    return np.where(a > 0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Any]]] = {
    "linear": (lambda z: z, lambda a: 1.0),  # noqa: ARG005 - one shape for all
    "sigmoid": (_sigmoid, lambda a: a * (1.0 - a)),
    "tanh": (np.tanh, lambda a: 1.0 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "selu": (_selu, _selu_slope),
}
"""Name -> the function, and its slope written in terms of its output."""


class Numpy(Backend):
    """Plain NumPy: forward, backward and optimizer as the formulas stand."""

    name = "numpy"
    modes = ("numpy",)
    packages = ("numpy",)
    imports = ("numpy",)
    semantics: ClassVar = {}

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Copy the weights; the BLAS takes its threads from the environment."""
        del mode, device, threads
        for layer in workload.layers:
            if layer.kind != "dense":
                raise Unsupported(f"numpy has no layer of kind {layer.kind}")
        self.workload = workload
        self.names = list(weights)
        self.arrays = [np.array(array, dtype=workload.precision) for array in weights.values()]
        self.activations = [ACTIVATIONS[layer.activation] for layer in workload.layers]
        self.loss = getattr(self, f"_{workload.loss}")
        self.update = MAKERS[workload.optimizer.kind](
            workload.optimizer, lambda key: meaning(self.semantics, key), self.arrays
        )
        self.steps = 0

    def stage(self, x: Array, y: Array) -> None:
        """Keep the arrays as they are: mapped files that every worker shares."""
        self.x, self.y = x, y

    def train(self, order: Array, rates: Array) -> float:
        """Visit the samples batch by batch."""
        batch, total = self.workload.batch, 0.0
        for number, rate in enumerate(rates):
            rows = order[number * batch : (number + 1) * batch]
            x = self.x[rows]
            y = x if self.y is self.x else self.y[rows]
            loss, gradients = self._gradients(x, y)
            self.steps += 1
            self.update(self.steps, float(rate), gradients)
            total += loss * len(rows)
        return total / len(order)

    def predict(self, x: Array) -> Array:
        """Outputs of the last layer."""
        return self._forward(x)[-1]

    def weights(self) -> Weights:
        """Copies, so that later steps do not change them."""
        return {name: array.copy() for name, array in zip(self.names, self.arrays, strict=True)}

    def _forward(self, x: Array) -> list[Array]:
        """Outputs of every layer, the samples themselves first; leaves the last logits behind."""
        outputs = [x]
        for index, (function, _) in enumerate(self.activations):
            kernel, bias = self.arrays[2 * index : 2 * index + 2]
            self.logits = outputs[-1] @ kernel
            self.logits += bias
            outputs.append(function(self.logits))
        return outputs

    def _gradients(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        """Mean loss of a batch, and its gradient for every array."""
        outputs = self._forward(x)
        loss, delta = self.loss(outputs[-1], y)
        gradients: list[Array] = []
        for index in range(len(self.activations) - 1, -1, -1):
            gradients[:0] = [outputs[index].T @ delta, delta.sum(axis=0)]
            if index:
                delta = delta @ self.arrays[2 * index].T
                delta *= self.activations[index - 1][1](outputs[index])
        return loss, gradients

    def _mean_squared_error(self, a: Array, y: Array) -> tuple[float, Array]:
        """Mean over all elements; the second value is its slope at the last logits."""
        error = a - y
        loss = float(np.vdot(error, error)) / error.size
        return loss, error * (2.0 / error.size) * self.activations[-1][1](a)

    def _binary_crossentropy(self, a: Array, y: Array) -> tuple[float, Array]:
        """Mean over all elements, from the logits or from clipped probabilities."""
        if meaning(self.semantics, "binary_crossentropy") == "logits":
            z = self.logits
            loss = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
            return float(loss.mean()), (a - y) / y.size
        p = np.clip(a, CLIP, 1.0 - CLIP)
        loss = -(y * np.log(p) + (1.0 - y) * np.log1p(-p))
        slope = np.where(p == a, (p - y) / (p * (1.0 - p)), 0.0)
        return float(loss.mean()), slope * a * (1.0 - a) / y.size
