"""Keras 2.3.1, the last release that ran on Theano."""

from __future__ import annotations

import collections
import collections.abc
import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import EXACT, Array, Unsupported, Weights, Workload

from .keras import Keras
from .keras import optimizer as keras_optimizer
from .keras_layers import Parts
from .theano import THEANO, read_settings, require_compiler

if TYPE_CHECKING:
    from collections.abc import Mapping


class KerasTheano(Keras):
    """The stock Keras of 2019: its model, optimizers and `fit`, compiled by Theano."""

    name = "keras-theano"
    spoken = "Keras on Theano"
    over = "theano"
    modes = ("default",)
    devices = frozenset({"cpu"})
    environment = "theano"
    precisions = EXACT
    packages = ("keras", "theano", "scipy")
    imports = ("theano",)  # Keras itself needs `modernise` first
    environ: ClassVar = {**THEANO, "KERAS_BACKEND": "theano"}
    semantics: ClassVar = {
        "adam.epsilon": "before correction",
        "sgd.rate": "each term",
        "binary_crossentropy": "clipped",
        "categorical_crossentropy": "clipped",
        "relu.zero": "half",
        "max_pool.ties": "each",
    }
    tuning: ClassVar = {}

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build and compile the model."""
        del mode, device
        self.prepare(workload, threads)
        import keras

        self.keras, self.workload, self.names = keras, workload, list(weights)
        keras.backend.set_floatx(workload.dtype)
        # Keras set it when it was imported; it decides in which precision plain numbers are taken
        self.theano.config.floatX = workload.dtype
        np.random.seed(workload.seed)  # noqa: NPY002 - where Keras 2 takes its random numbers from
        self.parts = Padded(keras, workload)
        self.model = self.parts.model(weights)
        stock = optimizer(keras.optimizers, workload)
        self.model.compile(optimizer=stock, loss=workload.loss)
        if workload.optimizer.kind == "adagrad":
            self._accumulate(workload.optimizer.accumulator)

    def prepare(self, workload: Workload, threads: int) -> None:
        """Let Keras find the names that Python has moved since."""
        del workload, threads  # the BLAS takes its threads from the environment
        import theano

        require_compiler(theano)
        modernise()
        self.theano = theano

    def cycle(self, momenta: Array) -> None:
        """Keep them for the next piece."""
        self.momenta = momenta.tolist()

    def paces(self, rates: Array) -> list[Any]:
        """Rates, each beside its momentum where that changes."""
        found = super().paces(rates)
        return list(zip(found, self.momenta, strict=True)) if self.workload.cycled else found

    def set_rate(self, rate: Any) -> None:
        """Here the rate is a variable of the compiled graph, and so is SGD's momentum."""
        if self.workload.cycled:
            rate, momentum = rate
            self.keras.backend.set_value(self.model.optimizer.momentum, momentum)
        self.keras.backend.set_value(self.model.optimizer.learning_rate, rate)

    def products(self) -> str:
        """Theano's flag."""
        return str(self.theano.config.floatX)

    def computing(self) -> str:
        """Keras' type of all that it makes, and Theano's."""
        kind = str(self.keras.backend.floatx())
        return kind if kind == self.products() else f"{kind} and {self.products()}"

    def settings(self) -> Mapping[str, str | int | bool]:
        """What Theano compiles with."""
        return {"engine": self.keras.backend.backend(), **read_settings(self.theano)}

    def _accumulate(self, accumulator: float) -> None:
        """Let Adagrad's sums of squares, which start at zero, start elsewhere."""
        self.model._make_train_function()  # noqa: SLF001 - makes them, as Keras' own loading does
        steps, *sums = self.model.optimizer.get_weights()
        sums = [np.full_like(array, accumulator) for array in sums]
        self.model.optimizer.set_weights([steps, *sums])


class Padded(Parts):
    """Where ``same`` padding is not the same at both ends, it is added before the layer.

    Keras 2.3 on Theano pads by half a window, whatever the stride.
    """

    same = False
    flipped = True


def optimizer(optimizers: Any, workload: Workload) -> Any:
    """The stock optimizer of Keras 2.3.1, where it has one with the workload's constants."""
    spec = workload.optimizer
    match spec.kind:
        case "adagrad":
            return optimizers.Adagrad(1.0, epsilon=spec.epsilon)
        case "rmsprop":
            if spec.momentum != 0.0:
                raise Unsupported("RMSprop of Keras 2.3 has no momentum")
            return optimizers.RMSprop(1.0, rho=spec.rho, epsilon=spec.epsilon)
    return keras_optimizer(optimizers, workload)


def modernise() -> None:
    """Give back to Python 3.11 what Keras 2.3.1 imports from it, before Keras is imported."""
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(inspect, "getargspec"):
        inspect.getargspec = _getargspec  # type: ignore[attr-defined]


def _getargspec(function: Any) -> Any:
    """The first four parts of `inspect.getfullargspec`, under their old names."""
    kind = collections.namedtuple("ArgSpec", "args varargs keywords defaults")  # noqa: PYI024
    return kind(*inspect.getfullargspec(function)[:4])
