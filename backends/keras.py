"""What Keras 3 does alike on every engine: the model, the stock optimizers, `fit`."""

from __future__ import annotations

from abc import abstractmethod
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Unsupported, Weights, Workload

from .keras_layers import Parts, one_hot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


POLICIES = {"bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
"""What Keras calls the precisions whose weights stay float32; of float16 it scales the loss."""


class Keras(Backend):
    """What the three engines share: the model, the stock optimizer, the loop of `fit`."""

    modes = ("default", "tuned")
    devices = frozenset({"cpu", "cuda"})
    precisions: ClassVar = {
        **Backend.precisions,
        **dict.fromkeys(POLICIES, frozenset({"cpu", "cuda"})),
        "tf32": frozenset({"cuda"}),
    }
    semantics: ClassVar = {
        "adam.epsilon": "before correction",
        "adagrad.epsilon": "inside the root",
        "rmsprop.epsilon": "inside the root",
        "rmsprop.rate": "each term",
        "sgd.rate": "each term",
        "binary_crossentropy": "clipped",
        "categorical_crossentropy": "clipped",
    }
    kind: ClassVar[type[Parts]] = Parts
    """What calls the layers."""
    tells = False
    """Whether the model is compiled to tell its accuracy."""
    compiled: Mapping[str, Any] = MappingProxyType({})
    steady = "Keras 3 writes the momentum into the compiled step as a number"
    tuning: ClassVar[Mapping[str, Any]]
    """Arguments of `Model.compile` in the tuned mode: the engine's fastest documented settings."""

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build and compile the model."""
        self.prepare(workload, threads)
        if device == "cuda" and not self.on_gpu():
            raise Unsupported(f"{self.name} sees no GPU")
        import keras

        keras.config.set_floatx(workload.dtype)
        keras.config.set_dtype_policy(POLICIES.get(workload.precision, workload.dtype))
        keras.utils.set_random_seed(workload.seed)
        self.keras, self.workload, self.names = keras, workload, list(weights)
        self.parts = self.kind(keras, workload)
        self.model = self.parts.model(weights)
        self.compiled = dict(self.tuning) if mode == "tuned" else {}
        self.model.compile(
            optimizer=optimizer(keras.optimizers, workload), loss=workload.loss, **self.compiled
        )

    @abstractmethod
    def prepare(self, workload: Workload, threads: int) -> None:
        """Set what the engine must know before Keras is imported."""

    def on_gpu(self) -> bool:
        """Whether the engine computes on a GPU, which it does by itself where it sees one."""
        return False

    @abstractmethod
    def products(self) -> str:
        """What products of float32 are computed in, by the engine's switch."""

    def wait(self) -> None:
        """Wait until the engine is idle."""

    def stage(self, x: Array, y: Array) -> None:
        """Keep the arrays: `fit` takes NumPy and feeds the engine itself."""
        self.x = np.array(x)
        self.y = self.x if y is x else one_hot(y, self.workload)

    def train(self, order: Array, rates: Array) -> float:
        """Call `fit` once; a callback follows rates that change.

        Where Keras takes several steps in one call, once for every run of steps at one rate.
        """
        batch, start, total = self.workload.batch, 0, 0.0
        together = self.compiled.get("steps_per_execution", 1) == 1
        paces = self.paces(rates)
        runs = [paces] if together else [list(run) for _, run in groupby(paces)]
        for run in runs:
            rows = order[start : start + batch * len(run)]
            start += len(rows)
            x = self.x[rows]
            y = x if self.y is self.x else self.y[rows]
            self.set_rate(run[0])
            how = {"callbacks": [self._following(run)]} if len(set(run)) > 1 else {}
            fitted = self.model.fit(
                x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0, **how
            )
            total += fitted.history["loss"][0] * len(rows)
        self.wait()
        return float(total / len(order))

    def paces(self, rates: Array) -> list[Any]:
        """What `set_rate` is told, step by step."""
        return rates.tolist()  # type: ignore[no-any-return]

    def _following(self, rates: Sequence[Any]) -> Any:
        """A callback that sets the rate of every step, as Keras' users schedule them."""
        adapter = self

        class Following(self.keras.callbacks.Callback):  # type: ignore[misc]
            def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
                del logs
                adapter.set_rate(rates[batch])

        return Following()

    def trace(self, order: Array, rates: Array) -> tuple[Array, Array] | None:
        """`train_on_batch`, with Keras' own accuracy: compiled in when first asked for."""
        if self.y is self.x:
            return None
        if not self.tells:
            how = {"loss": self.workload.loss, "metrics": ["accuracy"], **self.compiled}
            self.model.compile(optimizer=self.model.optimizer, **how)
            self.tells = True
        batch, told = self.workload.batch, []
        for number, rate in enumerate(self.paces(rates)):
            rows = order[number * batch : (number + 1) * batch]
            self.set_rate(rate)
            self.model.reset_metrics()
            loss, share = self.model.train_on_batch(self.x[rows], self.y[rows])
            told.append((float(loss), float(share) * len(rows)))
        self.wait()
        losses, right = np.array(told).T
        return losses, right

    def set_rate(self, rate: Any) -> None:
        """Set the learning rate of the steps to come."""
        self.model.optimizer.learning_rate = rate

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        outputs = self.model.predict_on_batch(np.array(x))
        return np.asarray(outputs, dtype=self.workload.dtype)

    def weights(self) -> Weights:
        """What the layers hold, in the order of the initial weights."""
        found = self.parts.weights()
        return {name: found[name] for name in self.names}

    def computing(self) -> str:
        """The policy of the layers, and the engine's switch."""
        found = {layer.compute_dtype for layer in self.model.layers}
        kind = found.pop() if len(found) == 1 else " and ".join(sorted(found))
        return self.products() if kind == "float32" else kind

    def settings(self) -> Mapping[str, str | int | bool]:
        """What the model was compiled with, as Keras reads it back."""
        return {
            "jit_compile": bool(self.model.jit_compile),
            "steps_per_execution": self.model.steps_per_execution,
            "engine": self.keras.backend.backend(),
        }


def optimizer(optimizers: Any, workload: Workload) -> Any:
    """The stock optimizer with the workload's constants; the rate of each step is set later."""
    spec = workload.optimizer
    match spec.kind:
        case "sgd":
            return optimizers.SGD(1.0, momentum=spec.momentum, nesterov=spec.nesterov)
        case "adam" | "adamax":
            make = optimizers.Adam if spec.kind == "adam" else optimizers.Adamax
            return make(1.0, beta_1=spec.beta1, beta_2=spec.beta2, epsilon=spec.epsilon)
        case "adagrad":
            start = {"initial_accumulator_value": spec.accumulator}
            return optimizers.Adagrad(1.0, epsilon=spec.epsilon, **start)
        case "adadelta":
            return optimizers.Adadelta(1.0, rho=spec.rho, epsilon=spec.epsilon)
        case "rmsprop":
            rest = {"momentum": spec.momentum, "epsilon": spec.epsilon}
            return optimizers.RMSprop(1.0, rho=spec.rho, **rest)
    raise Unsupported(f"keras has no optimizer {spec.kind}")
