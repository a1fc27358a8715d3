"""A workload's layers as functions of samples in TensorFlow, over `tf.Variable`s by name."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from levelfield.backend import Unsupported, Workload, maker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levelfield.spec.windows import Axis

    Function = Callable[[Any, bool], Any]
    """Of the samples, and of whether this is training."""


KERNELS = {
    "max_pool.volumes": ("each", "as of images"),
    "selu.zero": ("from above", "from below"),
}
"""What TensorFlow's own gradients mean: Eigen's first, then those of oneDNN, which it takes on
processors with instructions for neural networks, or of XLA, which Keras puts on on GPUs."""


class Parts:
    """Makes the function of a layer; every method is named after its kind."""

    def __init__(self, tf: Any, workload: Workload, variables: Mapping[str, Any]) -> None:
        self.tf, self.workload, self.variables = tf, workload, variables
        self.activations: dict[str, Callable[[Any], Any]] = {
            "sigmoid": tf.sigmoid,
            "tanh": tf.tanh,
            "relu": tf.nn.relu,
            "selu": tf.nn.selu,
            "softmax": tf.nn.softmax,
        }

    def make(
        self, name: str, layer: Any, shape: tuple[int, ...], *, bare: bool = False
    ) -> Function:
        """The function of a layer; ``bare``: to the logits, where the loss takes them."""
        function: Function = maker(self, layer, "tensorflow")(name, layer, shape)
        activation = getattr(layer, "activation", "linear")
        if activation == "linear" or (bare and self.workload.logits):
            return function
        activate = self.activations[activation]
        return lambda x, training: activate(function(x, training))

    def _arrays(self, name: str, x: Any) -> tuple[Any, Any]:
        """Kernel and bias in the type of what they meet."""
        kernel, bias = self.variables[f"{name}/kernel"], self.variables[f"{name}/bias"]
        return self.tf.cast(kernel, x.dtype), self.tf.cast(bias, x.dtype)

    def _dense(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        tf = self.tf

        def function(x: Any, training: bool) -> Any:  # noqa: ARG001, FBT001
            kernel, bias = self._arrays(name, x)
            return tf.nn.bias_add(tf.matmul(x, kernel), bias)

        return function

    def _convolution(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        tf = self.tf
        strides, padding = [axis.stride for axis in layer.axes(shape)], layer.padding.upper()

        def function(x: Any, training: bool) -> Any:  # noqa: ARG001, FBT001
            kernel, bias = self._arrays(name, x)
            out = tf.nn.convolution(x, kernel, strides=strides, padding=padding)
            return tf.nn.bias_add(out, bias)

        return function

    def _max_pool(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        return self._pool(self.tf.nn.max_pool, layer.axes(shape), layer.padding)

    def _average_pool(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        return self._pool(self.tf.nn.avg_pool, layer.axes(shape), layer.padding)

    def _pool(self, pool: Any, axes: Sequence[Axis], padding: str) -> Function:
        """`tf.nn.pool` would refuse strides beyond the window."""
        if len(axes) > 2 and self.workload.precision == "float64":
            raise Unsupported("TensorFlow pools volumes in float32 alone")
        how = {
            "ksize": [axis.window for axis in axes],
            "strides": [axis.stride for axis in axes],
            "padding": padding.upper(),
        }
        return lambda x, training: pool(x, **how)  # noqa: ARG005

    def _flatten(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        size = prod(shape)
        return lambda x, training: self.tf.reshape(x, (-1, size))  # noqa: ARG005

    def _dropout(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        tf, rate = self.tf, layer.rate
        return lambda x, training: tf.nn.dropout(x, rate) if training and rate else x

    def _gaussian_noise(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        tf, deviation = self.tf, layer.deviation

        def function(x: Any, training: bool) -> Any:  # noqa: FBT001
            if not (training and deviation):
                return x
            return x + tf.random.normal(tf.shape(x), stddev=deviation, dtype=x.dtype)

        return function

    def _residual(self, name: str, layer: Any, shape: tuple[int, ...]) -> Function:
        made = {
            place: self.make(f"{name}/{place}", each, before)
            for place, each, before in layer.members(shape)
        }
        shortcut = made.pop("shortcut", None)

        def function(x: Any, training: bool) -> Any:  # noqa: FBT001
            side = x if shortcut is None else shortcut(x, training)
            for each in made.values():
                x = each(x, training)
            return x + side

        return function


def forward(tf: Any, workload: Workload, variables: Mapping[str, Any]) -> Function:
    """The model as a function of samples, to the logits where the loss takes them.

    In bfloat16 samples and weights are cast down on the way, and the outputs back.
    """
    parts, last = Parts(tf, workload, variables), f"layer{len(workload.layers)}"
    initial = {name: np.empty(variable.shape) for name, variable in variables.items()}
    made = [
        parts.make(name, layer, shape, bare=name == last)
        for name, layer, shape in workload.members(workload.sample_shape(initial))
    ]

    low = tf.bfloat16 if workload.precision == "bfloat16" else workload.dtype

    def outputs(x: Any, training: bool) -> Any:  # noqa: FBT001
        x = tf.cast(x, low)
        for function in made:
            x = function(x, training)
        return tf.cast(x, workload.dtype)

    return outputs


def loss(tf: Any, workload: Workload, variables: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """Mean loss of a batch from the model's outputs and the targets, penalties included."""
    factors = workload.penalties()

    def mean(outputs: Any, targets: Any) -> Any:
        if workload.labelled:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=outputs)
        elif workload.logits:
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=outputs)
        else:
            losses = tf.math.squared_difference(outputs, targets)
        value = tf.reduce_mean(losses)
        for name, factor in factors.items():
            value += factor * tf.reduce_sum(tf.square(variables[name]))
        return value

    return mean
