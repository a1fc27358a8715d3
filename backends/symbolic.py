"""What Theano and its fork PyTensor share: the symbolic model, one compiled step, the loop."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Unsupported, Weights, Workload

from .symbolic_optimizers import updates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., "Self-normalizing neural networks", 2017."""


class Symbolic(Backend):
    """Shared variables, `grad`, and a compiled function of a batch's places with updates."""

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
        """Write the model down; the step is compiled when there are data to compile it for."""
        del device, threads
        for layer in workload.layers:
            if layer.kind != "dense":
                raise Unsupported(f"{self.name} has no layer of kind {layer.kind}")
        self.mode, self.workload = mode, workload
        self.library, self.tensor = self.load(workload.precision)
        self.variables = {
            name: self.library.shared(np.array(array), name=name, borrow=True)
            for name, array in weights.items()
        }
        x = self.tensor.matrix("x", dtype=workload.precision)
        self.outputs = self._compiled([x], self._forward(x, logits=False))

    @abstractmethod
    def load(self, precision: str) -> tuple[Any, Any]:
        """Import the library, set its precision; gives it and its module of tensors."""

    @abstractmethod
    def functions(self) -> dict[str, Callable[[Any], Any]]:
        """The library's own ``sigmoid``, ``relu`` and ``softplus``."""

    @abstractmethod
    def how(self) -> dict[str, Any]:
        """Arguments of `function` that make the mode."""

    def _compiled(self, inputs: Sequence[Any], outputs: Any, **rest: Any) -> Any:
        compiled = self.library.function(inputs, outputs, **self.how(), **rest)
        compiled.trust_input = True  # they are arrays of the right types
        return compiled

    def _forward(self, x: Any, *, logits: bool) -> Any:
        """The model as an expression; up to the last layer's logits where they are asked for."""
        t, scale, alpha = self.tensor, self._number(SELU_SCALE), self._number(SELU_ALPHA)
        functions = {
            **self.functions(),
            "linear": lambda z: z,
            "tanh": t.tanh,
            "selu": lambda z: scale * t.switch(z > 0, z, alpha * t.expm1(t.minimum(z, 0))),
        }
        activations = [functions[layer.activation] for layer in self.workload.layers]
        if logits:
            activations[-1] = functions["linear"]
        for number, activation in enumerate(activations, start=1):
            kernel, bias = (self.variables[f"layer{number}/{p}"] for p in ("kernel", "bias"))
            x = activation(t.dot(x, kernel) + bias)
        return x

    def _loss(self, x: Any, y: Any) -> Any:
        """Mean over all elements."""
        if self.workload.loss == "binary_crossentropy":
            z = self._forward(x, logits=True)
            return (self.functions()["softplus"](z) - z * y).mean()
        return ((self._forward(x, logits=False) - y) ** 2).mean()

    def stage(self, x: Array, y: Array) -> None:
        """Keep the training set in shared variables, and compile the step that gathers from it."""
        t, shared = self.tensor, self.library.shared
        self.x = shared(np.array(x), name="x", borrow=True)
        self.y = self.x if y is x else shared(np.array(y), name="y", borrow=True)
        rows, rate = t.lvector("rows"), t.scalar("rate", dtype=self.workload.precision)
        inputs = self.x[rows]
        loss = self._loss(inputs, inputs if self.y is self.x else self.y[rows])
        variables = list(self.variables.values())
        changed = updates(
            self.library,
            t,
            self.workload.optimizer,
            variables,
            self.library.grad(loss, variables),
            rate,
            self._number,
        )
        self.step = self._compiled([rows, rate], loss, updates=changed)

    def train(self, order: Array, rates: Array) -> float:
        """One call of the compiled step a batch."""
        batch, total = self.workload.batch, 0.0
        for start, rate in zip(range(0, len(order), batch), rates, strict=True):
            rows = order[start : start + batch]
            total += float(self.step(rows, np.asarray(self._number(rate)))) * len(rows)
        return total / len(order)

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        return np.asarray(self.outputs(np.array(x)))

    def weights(self) -> Weights:
        """The shared variables' values; kernels are inputs x outputs."""
        return {name: np.array(v.get_value()) for name, v in self.variables.items()}

    def _number(self, value: float) -> Any:
        """A constant in the workload's precision: a plain one would have the library's."""
        return np.dtype(self.workload.precision).type(value)
