"""A workload's layers as functions of weights and samples in JAX."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from levelfield.backend import Weights, Workload, maker
from levelfield.spec.windows import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levelfield.spec.windows import Axis

    Function = Callable[[Any, Any, Any], Any]
    """Of the weights by name, the samples, and a random key (None in prediction)."""

LETTERS = {1: "H", 2: "HW", 3: "DHW"}


class Parts:
    """Makes the function of a layer; every method is named after its kind."""

    def __init__(self, jax: Any, workload: Workload) -> None:
        self.jax, self.jnp, self.workload = jax, jax.numpy, workload
        self.activations: dict[str, Callable[[Any], Any]] = {
            "linear": lambda z: z,
            "sigmoid": jax.nn.sigmoid,
            "tanh": jax.numpy.tanh,
            "relu": jax.nn.relu,
            "selu": jax.nn.selu,
            "softmax": jax.nn.softmax,
        }

    def make(self, name: str, layer: Any, shape: tuple[int, ...], *, bare: bool = False) -> Any:
        """The function of a layer; ``bare``: to the logits, where the loss takes them."""
        function: Function = maker(self, layer, "jax")(name, layer, shape)
        activation = getattr(layer, "activation", "linear")
        if activation == "linear" or (bare and self.workload.logits):
            return function
        activate = self.activations[activation]
        return lambda weights, x, key: activate(function(weights, x, key))

    def _dense(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        kernel, bias = f"{name}/kernel", f"{name}/bias"
        return lambda weights, x, key: x @ weights[kernel] + weights[bias]  # noqa: ARG005

    def _convolution(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        axes = layer.axes(shape)
        space = LETTERS[len(axes)]
        numbers = (f"N{space}C", f"{space}IO", f"N{space}C")
        strides = [axis.stride for axis in axes]
        padding = [(axis.before, axis.after) for axis in axes]
        convolve, kernel, bias = self.jax.lax.conv_general_dilated, f"{name}/kernel", f"{name}/bias"

        def function(weights: Any, x: Any, key: Any) -> Any:  # noqa: ARG001
            out = convolve(x, weights[kernel], strides, padding, dimension_numbers=numbers)
            return out + weights[bias]

        return function

    def _max_pool(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        reduce = self._reduce(layer.axes(shape))
        lax, lowest = self.jax.lax, -self.jnp.inf
        return lambda weights, x, key: reduce(x, lowest, lax.max)  # noqa: ARG005

    def _average_pool(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        axes = layer.axes(shape)
        reduce, lax = self._reduce(axes), self.jax.lax
        share = (1.0 / counts(axes)).astype(self.workload.dtype)
        return lambda weights, x, key: reduce(x, 0.0, lax.add) * share  # noqa: ARG005

    def _reduce(self, axes: Sequence[Axis]) -> Callable[..., Any]:
        window = (1, *(axis.window for axis in axes), 1)
        strides = (1, *(axis.stride for axis in axes), 1)
        padding = ((0, 0), *((axis.before, axis.after) for axis in axes), (0, 0))
        lax = self.jax.lax
        return lambda x, start, how: lax.reduce_window(x, start, how, window, strides, padding)

    def _flatten(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        size = prod(shape)
        return lambda weights, x, key: x.reshape(-1, size)  # noqa: ARG005

    def _dropout(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        number, rate, random, jnp = _number(name), layer.rate, self.jax.random, self.jnp

        def function(weights: Any, x: Any, key: Any) -> Any:  # noqa: ARG001
            if key is None or not rate:
                return x
            kept = random.bernoulli(random.fold_in(key, number), 1.0 - rate, x.shape)
            return jnp.where(kept, x / (1.0 - rate), 0.0)

        return function

    def _gaussian_noise(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        number, deviation, random = _number(name), layer.deviation, self.jax.random

        def function(weights: Any, x: Any, key: Any) -> Any:  # noqa: ARG001
            if key is None or not deviation:
                return x
            return x + deviation * random.normal(random.fold_in(key, number), x.shape, x.dtype)

        return function

    def _residual(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        made = {
            place: self.make(f"{name}/{place}", each, before)
            for place, each, before in layer.members(shape)
        }
        shortcut = made.pop("shortcut", None)

        def function(weights: Any, x: Any, key: Any) -> Any:
            side = x if shortcut is None else shortcut(weights, x, key)
            for each in made.values():
                x = each(weights, x, key)
            return x + side

        return function


def _number(name: str) -> int:
    """A number for a layer's random stream, from its place: ``layer3/1`` -> 3001."""
    number = 0
    for part in name.removeprefix("layer").split("/"):
        number = 1000 * number + int(part)
    return number


def forward(jax: Any, workload: Workload, weights: Weights) -> Function:
    """The model as a function of weights, samples and key, to the logits where the loss wants them.

    weights: the initial ones, whose shapes tell that of a sample.
    """
    parts, last = Parts(jax, workload), f"layer{len(workload.layers)}"
    made = [
        parts.make(name, layer, shape, bare=name == last)
        for name, layer, shape in workload.members(workload.sample_shape(weights))
    ]

    def outputs(weights: Any, x: Any, key: Any = None) -> Any:
        for function in made:
            x = function(weights, x, key)
        return x

    return outputs
