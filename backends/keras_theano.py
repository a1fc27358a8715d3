"""Keras 2.3.1, the last that ran on Theano."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Unsupported, Weights, Workload

from .keras import Keras
from .theano import FLAGS, check

if TYPE_CHECKING:
    from collections.abc import Mapping


class KerasTheano(Keras):
    """Keras on Theano as its users had it: a `Sequential`, a stock optimizer, `fit`."""

    name = "keras-theano"
    modes = ("default",)
    environment = "theano"
    packages = ("Keras", "Theano")
    imports = ("theano",)
    environ: ClassVar = {"KERAS_BACKEND": "theano", "THEANO_FLAGS": FLAGS}
    semantics: ClassVar = {
        "adam.epsilon": "before correction",
        "rmsprop.rate": "each term",
        "sgd.rate": "each term",
        "binary_crossentropy": "clipped",
    }
    tuning: ClassVar = {}

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build and compile the model."""
        del mode, device
        self.prepare(workload, threads)
        import keras

        keras.backend.set_floatx(workload.precision)
        self.keras, self.workload, self.names = keras, workload, list(weights)
        self.model = _build(keras, workload, weights)
        self.model.compile(optimizer=_optimizer(keras.optimizers, workload), loss=workload.loss)
        self.model._make_train_function()  # noqa: SLF001 - makes the optimizer's memory
        if workload.optimizer.kind == "adagrad":
            _, *accumulators = self.model.optimizer.weights
            for each in accumulators:
                start = np.full_like(each.get_value(), workload.optimizer.accumulator)
                keras.backend.set_value(each, start)

    def prepare(self, workload: Workload, threads: int) -> None:
        """Give Python back what Keras 2.3.1 imports; set Theano's precision."""
        del threads
        import collections
        import collections.abc
        import inspect

        for name in ("Iterable", "Mapping", "MutableMapping", "Sequence", "Callable", "Hashable"):
            if not hasattr(collections, name):
                setattr(collections, name, getattr(collections.abc, name))
        if not hasattr(inspect, "getargspec"):
            inspect.getargspec = lambda call: inspect.getfullargspec(call)[:4]  # type: ignore[attr-defined]
        import theano

        check(theano)
        theano.config.floatX = workload.precision

    def rate(self, rate: float) -> None:
        """The rate is a shared variable."""
        self.keras.backend.set_value(self.model.optimizer.learning_rate, rate)

    def settings(self) -> Mapping[str, str | int | bool]:
        """What Keras runs on."""
        return {"engine": self.keras.backend.backend(), "floatX": self.keras.backend.floatx()}


def _build(keras: Any, workload: Workload, weights: Weights) -> Any:
    layers = [keras.layers.InputLayer(input_shape=(weights["layer1/kernel"].shape[0],))]
    for layer in workload.layers:
        if layer.kind != "dense":
            raise Unsupported(f"keras-theano has no layer of kind {layer.kind}")
        layers.append(keras.layers.Dense(layer.units, activation=layer.activation))
    model = keras.Sequential(layers)
    model.set_weights([np.array(array) for array in weights.values()])
    return model


def _optimizer(optimizers: Any, workload: Workload) -> Any:
    """The stock optimizer with the workload's constants; the rate of each step is set later."""
    spec = workload.optimizer
    match spec.kind:
        case "sgd":
            return optimizers.SGD(1.0, momentum=spec.momentum, nesterov=spec.nesterov)
        case "adam" | "adamax":
            make = optimizers.Adam if spec.kind == "adam" else optimizers.Adamax
            made = make(1.0, beta_1=spec.beta1, beta_2=spec.beta2)
        case "adagrad":
            made = optimizers.Adagrad(1.0)
        case "adadelta":
            made = optimizers.Adadelta(1.0, rho=spec.rho)
        case "rmsprop":
            if spec.momentum:
                raise Unsupported("Keras 2.3.1's RMSprop has no momentum")
            made = optimizers.RMSprop(1.0, rho=spec.rho)
        case _:
            raise Unsupported(f"keras-theano has no optimizer {spec.kind}")
    made.epsilon = spec.epsilon
    return made
