"""NumPy: the float64 reference that every other backend must agree with, also timeable itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Machine, Weights, Workload
from levelfield.verify.semantics import meaning

from .numpy_layers import part
from .numpy_machine import NumpyMachine
from .numpy_optimizers import MAKERS
from .numpy_parts import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .numpy_parts import Part

CLIP = 1e-7


class Numpy(Backend):
    """Plain NumPy: forward, backward and optimizer as the formulas stand."""

    name = "numpy"
    spoken = "NumPy"
    modes = ("numpy",)
    packages = ("numpy",)
    imports = ("numpy",)
    semantics: ClassVar = {}

    @classmethod
    def machine(cls, *, device: str, precision: str, threads: int) -> Machine | None:
        """NumPy's own products and copies; its BLAS takes its threads from the environment."""
        del device, threads
        return NumpyMachine(precision)

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Copy the weights; the BLAS takes its threads from the environment."""
        del mode, device, threads
        self.workload = workload
        self.arrays = [np.array(array, dtype=workload.dtype) for array in weights.values()]
        self.named = dict(zip(weights, self.arrays, strict=True))
        seeds = np.random.SeedSequence(workload.seed, spawn_key=(2,))
        self.model = Model(
            self.named, lambda key: meaning(self.semantics, key), np.random.default_rng(seeds)
        )
        self.parts: Sequence[Part] = ()
        self.penalties = workload.penalties()
        self.loss = getattr(self, f"_{workload.loss}")
        self.update = MAKERS[workload.optimizer.kind](
            workload.optimizer, lambda key: meaning(self.semantics, key), self.arrays
        )
        self.steps = 0
        self.momenta: list[float] = []

    def stage(self, x: Array, y: Array) -> None:
        """Keep the arrays as they are: mapped files that every worker shares."""
        self.x, self.y = x, y
        self._shaped(x.shape[1:])

    def cycle(self, momenta: Array) -> None:
        """Keep them for the steps of the next piece."""
        self.momenta = momenta.tolist()

    def train(self, order: Array, rates: Array) -> float:
        """Visit the samples batch by batch."""
        batch, total = self.workload.batch, 0.0
        for number, rate in enumerate(rates):
            rows = order[number * batch : (number + 1) * batch]
            x = self.x[rows]
            y = x if self.y is self.x else self.y[rows]
            loss, gradients = self._gradients(x, y)
            self.steps += 1
            self.update(self.steps, float(rate), gradients, *self.momenta[number : number + 1])
            total += loss * len(rows)
        return total / len(order)

    def predict(self, x: Array) -> Array:
        """Outputs of the last layer."""
        self._shaped(x.shape[1:])
        return self._forward(x, train=False)

    def weights(self) -> Weights:
        """Copies, so that later steps do not change them."""
        return {name: array.copy() for name, array in self.named.items()}

    def _shaped(self, sample: tuple[int, ...]) -> None:
        """Make the layers, once the shape of a sample is known."""
        if not self.parts:
            self.parts = [part(*each, self.model) for each in self.workload.members(sample)]

    def _forward(self, x: Array, *, train: bool) -> Array:
        """Outputs of the last layer, which keeps its logits."""
        for each in self.parts:
            x = each.forward(x, train=train)
        return x

    def _gradients(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        """Mean loss of a batch with its penalties, and its gradient for every array."""
        loss, delta = self.loss(self._forward(x, train=True), y)
        found: dict[str, Array] = {}
        for number in range(len(self.parts) - 1, -1, -1):
            each = self.parts[number]
            last = number == len(self.parts) - 1  # the loss gave the slope at its logits
            back = each.backward_logits if last else each.backward
            delta = back(delta, first=number == 0)
            found |= each.gradients
        for name, factor in self.penalties.items():
            array = self.named[name]
            loss += factor * float(np.vdot(array, array))
            found[name] = found[name] + (2.0 * factor) * array
        return loss, [found[name] for name in self.named]

    def _mean_squared_error(self, a: Array, y: Array) -> tuple[float, Array]:
        """Mean over all elements; the second value is its slope at the last logits."""
        error = a - y
        loss = float(np.vdot(error, error)) / error.size
        return loss, error * (2.0 / error.size) * self.parts[-1].slope(a)

    def _binary_crossentropy(self, a: Array, y: Array) -> tuple[float, Array]:
        """Mean over all elements, from the logits or from clipped probabilities."""
        if meaning(self.semantics, "binary_crossentropy") == "logits":
            z = self.parts[-1].logits  # type: ignore[attr-defined]
            loss = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
            return float(loss.mean()), (a - y) / y.size
        p = np.clip(a, CLIP, 1.0 - CLIP)
        loss = -(y * np.log(p) + (1.0 - y) * np.log1p(-p))
        slope = np.where(p == a, (p - y) / (p * (1.0 - p)), 0.0)
        return float(loss.mean()), slope * a * (1.0 - a) / y.size

    def _categorical_crossentropy(self, a: Array, labels: Array) -> tuple[float, Array]:
        """Mean over the samples, from the logits or from clipped probabilities."""
        rows = np.arange(len(labels))
        if meaning(self.semantics, "categorical_crossentropy") == "logits":
            z = self.parts[-1].logits  # type: ignore[attr-defined]
            z = z - z.max(axis=1, keepdims=True)
            losses = np.log(np.exp(z).sum(axis=1)) - z[rows, labels]
            slope = a.copy()
            slope[rows, labels] -= 1.0
            return float(losses.mean()), slope / len(labels)
        own = a[rows, labels]
        kept = (own >= CLIP) & (own <= 1.0 - CLIP)
        losses = -np.log(np.clip(own, CLIP, 1.0 - CLIP))
        slope = a.copy()
        slope[rows, labels] -= 1.0
        return float(losses.mean()), slope * kept[:, None] / len(labels)
