"""TensorFlow without Keras: a training loop in a graph, plain or compiled by XLA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Unsupported, Weights, Workload, beside

from .tensorflow_layers import KERNELS, forward, loss
from .tensorflow_optimizers import optimizer
from .tensorflow_precision import LOW, devices, read, switch
from .tensorflow_threads import read_threads, set_threads

if TYPE_CHECKING:
    from collections.abc import Mapping


class TensorFlow(Backend):
    """`tf.Variable`, `tf.GradientTape` and TensorFlow's own fused optimizer kernels."""

    name = "tensorflow"
    spoken = "TensorFlow"
    modes = ("graph", "xla")
    devices = frozenset({"cpu", "cuda"})
    environments: ClassVar = {"cuda": "tensorflow-cuda"}
    packages = ("tensorflow-cpu|tensorflow",)
    precisions: ClassVar = {**Backend.precisions, **LOW}
    imports = ("tensorflow",)
    semantics: ClassVar = {
        "adam.epsilon": "before correction",
        "rmsprop.epsilon": "inside the root",
        "rmsprop.rate": "each term",
    }
    semantics_in: ClassVar = {"graph": KERNELS}

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Make the variables and trace-ready functions."""
        import tensorflow as tf

        set_threads(tf, threads)
        if device not in devices(tf):
            raise Unsupported(f"tensorflow sees no {device} device")
        switch(tf, workload.precision)
        self.tf, self.workload = tf, workload
        self.variables = {name: tf.Variable(np.array(array)) for name, array in weights.items()}
        tf.random.set_seed(workload.seed)
        self.forward = forward(tf, workload, self.variables)
        self.sample = workload.sample_shape(weights)
        self.loss = loss(tf, workload, self.variables)
        self.update = optimizer(tf, workload, list(self.variables.values()))
        self.momenta: Array | None = None
        self.count = tf.Variable(0, dtype=tf.int64)
        self.steps = tf.function(self._steps, jit_compile=mode == "xla")
        self.outputs = tf.function(self._outputs, reduce_retracing=True)

    def _step(self, rows: Any, rate: Any, x: Any, y: Any) -> Any:
        """One step of the optimizer; gives the loss before it."""
        tf = self.tf
        x_batch = tf.gather(x, rows)
        y_batch = x_batch if y is x else tf.gather(y, rows)
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(x_batch, training=True), y_batch)
        variables = list(self.variables.values())
        step = tf.cast(self.count.assign_add(1), self.workload.dtype)
        self.update(step, rate, tape.gradient(loss, variables))
        return loss

    def _steps(self, batches: Any, rates: Any, x: Any, y: Any) -> Any:
        """Sum of the losses of full batches, one row of ``batches`` each, in a graph's own loop."""
        tf = self.tf
        total = tf.zeros((), tf.float64)
        for number in tf.range(len(batches)):
            loss = self._step(batches[number], rates[number], x, y)
            total += tf.cast(loss, tf.float64)
        return total

    def _outputs(self, x: Any) -> Any:
        outputs = self.forward(x, training=False)
        if not self.workload.logits:
            return outputs
        return (self.tf.nn.softmax if self.workload.labelled else self.tf.sigmoid)(outputs)

    def stage(self, x: Array, y: Array) -> None:
        """Copy the training set into a tensor."""
        self.x = self.tf.constant(np.array(x))
        self.y = self.x if y is x else self.tf.constant(np.array(y))

    def cycle(self, momenta: Array) -> None:
        """Keep them for the next piece: each goes into its step beside the rate."""
        self.momenta = momenta

    def train(self, order: Array, rates: Array) -> float:
        """Visit the samples in one call a piece, and one for a smaller last batch."""
        batch, tf = self.workload.batch, self.tf
        full = len(order) // batch
        rates = beside(rates, self.momenta).astype(self.workload.dtype)
        total = 0.0
        if full:
            batches = tf.constant(order[: full * batch].reshape(full, batch), tf.int32)
            rates_full = tf.constant(rates[:full])
            total = batch * float(self.steps(batches, rates_full, self.x, self.y))
        rest = order[full * batch :]
        if len(rest):
            rows, rate = tf.constant(rest[None], tf.int32), tf.constant(rates[full:])
            total += len(rest) * float(self.steps(rows, rate, self.x, self.y))
        return total / len(order)

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        return np.asarray(self.outputs(self.tf.constant(np.array(x))))

    def weights(self) -> Weights:
        """The variables' values."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def device_memory(self) -> int | None:
        """Peak bytes that TensorFlow's allocator held on the GPU."""
        if "cuda" not in devices(self.tf):
            return None
        return int(self.tf.config.experimental.get_memory_info("GPU:0")["peak"])

    def computing(self) -> str:
        """By the types inside the forward function, and the switch of the products."""
        return read(self.tf, self.forward, self.sample, self.workload.dtype)

    def settings(self) -> Mapping[str, str | int | bool]:
        """Threads as TensorFlow reads them back."""
        return read_threads(self.tf)
