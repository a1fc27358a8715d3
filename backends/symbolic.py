"""What Theano and its fork PyTensor share: one symbolic graph, compiled, called batch by batch."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Weights, Workload, beside

from .symbolic_optimizers import MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .symbolic_layers import Parts


@dataclass(frozen=True, kw_only=True)
class Library:
    """What the two call by different names."""

    tensor: Any
    """The namespace of symbolic operations."""
    shared: Callable[[Array], Any]
    """A variable that keeps its value between calls."""
    variable: Callable[[str, str, int], Any]
    """An input of a function: its name, dtype and number of axes."""
    grad: Callable[[Any, list[Any]], list[Any]]
    function: Callable[..., Any]
    """Compile ``(inputs, outputs, updates=pairs)``."""
    softplus: Callable[[Any], Any]
    parts: type[Parts]
    """What makes the graphs of layers."""


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
        del threads  # the BLAS takes its threads from the environment
        self.workload, self.mode, self.device = workload, mode, device
        self.momenta: Array | None = None
        self.library = library = self.open()
        self.arrays = {name: np.array(array) for name, array in weights.items()}
        self.variables = {name: library.shared(array) for name, array in self.arrays.items()}
        self.parts = library.parts(self.name, workload, self.variables)
        self.type = np.dtype(workload.dtype).type
        sample = workload.sample_shape(weights)
        self.x = library.shared(np.zeros((1, *sample), workload.dtype))
        samples = library.variable("samples", workload.dtype, 1 + len(sample))
        outputs, _ = self.parts.forward(samples, self.arrays, training=False)
        self.outputs = library.function([samples], outputs)
        self.step = None if workload.labelled else self._step(None)

    @abstractmethod
    def open(self) -> Library:
        """Import the framework and see that it can run the workload here, in this mode."""

    def keep(self, variable: Any, array: Array) -> None:
        """Give a shared variable its value, where the step's function will look for it."""
        variable.set_value(array, borrow=True)

    def wait(self) -> None:
        """Wait until nothing is being computed."""

    def stage(self, x: Array, y: Array) -> None:
        """Copy the training set into shared variables."""
        self.keep(self.x, np.array(x))
        if y is not x:
            labels = np.array(y)
            targets = self.library.shared(labels)
            self.keep(targets, labels)
            self.step = self._step(targets)

    def cycle(self, momenta: Array) -> None:
        """Keep them for the next piece: each goes into its step beside the rate."""
        self.momenta = momenta

    def train(self, order: Array, rates: Array) -> float:
        """Call the step for every batch; fetch the losses when the last one is done."""
        batch, losses, step = self.workload.batch, [], self.step
        assert step is not None  # noqa: S101 - staged
        rates = beside(rates, self.momenta).astype(self.workload.dtype)
        starts = range(0, len(order), batch)
        for number, start in enumerate(starts):
            rows = order[start : start + batch]
            losses.append((len(rows), step(rows, rates[number, ...])))
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
        rows = library.variable("rows", "int64", 1)
        rate = library.variable("rate", workload.dtype, int(workload.cycled))
        batch = self.x[rows]
        loss = self._loss(batch, batch if y is None else y[rows])
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

    def _loss(self, batch: Any, targets: Any) -> Any:
        """Mean loss of a batch, penalties included."""
        library, workload = self.library, self.workload
        outputs, logits = self.parts.forward(batch, self.arrays, training=True)
        if workload.labelled:
            loss = self.parts.entropies(logits, targets).mean()
        elif workload.logits:
            # as the stabilised logarithms of the sigmoid and of one minus it: exact for all logits
            ones, zeros = library.softplus(-logits), library.softplus(logits)
            loss = (targets * ones + (self.type(1) - targets) * zeros).mean()
        else:
            loss = library.tensor.sqr(outputs - targets).mean()
        for name, factor in workload.penalties().items():
            loss = loss + self.type(factor) * library.tensor.sqr(self.variables[name]).sum()
        return loss
