"""What Theano and its fork PyTensor share: one symbolic graph, compiled, called batch by batch."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Unsupported, Weights, Workload

from .symbolic_optimizers import MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., "Self-normalizing neural networks", 2017."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """What the two call by different names."""

    tensor: Any
    """The namespace of symbolic operations."""
    shared: Callable[[Array], Any]
    """A variable that keeps its value between calls."""
    grad: Callable[[Any, list[Any]], list[Any]]
    function: Callable[..., Any]
    """Compile ``(inputs, outputs, updates=pairs)``."""
    sigmoid: Callable[[Any], Any]
    softplus: Callable[[Any], Any]


class Symbolic(Backend):
    """Weights and training set in shared variables, the step one compiled function.

    Every constant is cast to the workload's precision: the flag floatX decides nothing.
    """

    semantics: ClassVar = {
        "adam.epsilon": "before correction",
        "adagrad.epsilon": "inside the root",
        "rmsprop.epsilon": "inside the root",
        "rmsprop.rate": "each term",
        "sgd.rate": "each term",
    }

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build the graph and compile the step of an autoencoder, and the outputs."""
        del device, threads  # the BLAS takes its threads from the environment
        for layer in workload.layers:
            if layer.kind != "dense":
                raise Unsupported(f"{self.name} has no layer of kind {layer.kind}")
        self.workload, self.mode = workload, mode
        self.library = library = self.open()
        self.type = np.dtype(workload.precision).type
        self.arrays = {name: np.array(array) for name, array in weights.items()}
        self.variables = {name: library.shared(array) for name, array in self.arrays.items()}
        inputs = self.arrays["layer1/kernel"].shape[0]
        self.x = library.shared(np.zeros((1, inputs), workload.precision))
        self.step = self._step(None)
        samples = library.tensor.matrix("samples", dtype=workload.precision)
        self.outputs = library.function([samples], self._forward(samples)[0])

    @abstractmethod
    def open(self) -> Library:
        """Import the framework and see that it can run the workload here, in this mode."""

    def put(self, array: Array) -> Any:
        """What a shared variable is to hold of this array."""
        return array

    def wait(self) -> None:
        """Wait until nothing is being computed."""

    def stage(self, x: Array, y: Array) -> None:
        """Copy the training set into shared variables."""
        self.x.set_value(self.put(np.array(x)), borrow=True)
        if y is not x:
            self.step = self._step(self.library.shared(np.array(y)))

    def train(self, order: Array, rates: Array) -> float:
        """Call the step for every batch; fetch the losses when the last one is done."""
        batch, losses = self.workload.batch, []
        rates = rates.astype(self.workload.precision)
        starts = range(0, len(order), batch)
        for number, start in enumerate(starts):
            rows = order[start : start + batch]
            losses.append((len(rows), self.step(rows, rates[number, ...])))
        self.wait()
        return float(sum(size * float(loss) for size, loss in losses) / len(order))

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        return np.asarray(self.outputs(np.array(x)))

    def weights(self) -> Weights:
        """The shared variables' values, copied."""
        return {n: np.array(v.get_value(borrow=True)) for n, v in self.variables.items()}

    def _step(self, y: Any) -> Any:
        """One step: loss before it, updates of the weights and of the optimizer's memory."""
        library, workload = self.library, self.workload
        rows = library.tensor.lvector("rows")
        rate = library.tensor.scalar("rate", dtype=workload.precision)
        batch = self.x[rows]
        targets = batch if y is None else y[rows]
        outputs, logits = self._forward(batch)
        if workload.loss == "binary_crossentropy":
            # as the stabilised logarithms of the sigmoid and of one minus it: exact for all logits
            ones, zeros = library.softplus(-logits), library.softplus(logits)
            loss = (targets * ones + (self.type(1) - targets) * zeros).mean()
        else:
            loss = library.tensor.sqr(outputs - targets).mean()
        variables = list(self.variables.values())
        update = MAKERS[workload.optimizer.kind]
        updates = update(
            library.tensor,
            library.shared,
            workload.optimizer,
            list(zip(variables, self.arrays.values(), library.grad(loss, variables), strict=True)),
            rate,
        )
        return library.function([rows, rate], loss, updates=list(updates))

    def _forward(self, samples: Any) -> tuple[Any, Any]:
        """The model's outputs, and the last layer before its activation."""
        outputs = logits = samples
        for number, layer in enumerate(self.workload.layers, start=1):
            kernel, bias = (self.variables[f"layer{number}/{part}"] for part in ("kernel", "bias"))
            logits = self.library.tensor.dot(outputs, kernel) + bias
            outputs = self._activated(layer.activation, logits)
        return outputs, logits

    def _activated(self, activation: str, z: Any) -> Any:
        """An activation, whose slope at zero is that of the other backends."""
        tensor, number = self.library.tensor, self.type
        match activation:
            case "linear":
                return z
            case "sigmoid":
                return self.library.sigmoid(z)
            case "tanh":
                return tensor.tanh(z)
            case "relu":
                return tensor.switch(z > 0, z, number(0))
            case "selu":
                # exp of a large z would be inf, and inf times the mask's 0 not a number
                negative = number(SELU_ALPHA) * tensor.expm1(tensor.minimum(z, number(0)))
                return number(SELU_SCALE) * tensor.switch(z > 0, z, negative)
        raise Unsupported(f"{self.name} has no activation {activation}")
