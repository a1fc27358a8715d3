"""JAX with optax: one jitted step at a time, and a whole piece in one `lax.scan`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Machine, Unsupported, Weights, Workload, beside

from .jax_layers import forward
from .jax_machine import JaxMachine
from .jax_model import loss, optimizer
from .jax_precision import LOW, mixed, read, switch

if TYPE_CHECKING:
    from collections.abc import Mapping


class Jax(Backend):
    """A functional training step, compiled by XLA, its state donated to the next one."""

    name = "jax"
    spoken = "JAX"
    modes = ("jit", "scan")
    devices = frozenset({"cpu", "cuda"})
    environments: ClassVar = {"cuda": "jax-cuda"}
    precisions: ClassVar = {**Backend.precisions, **LOW}
    packages = ("jax", "jaxlib", "optax")
    imports = ("jax", "optax")
    semantics: ClassVar = {
        "adamax.epsilon": "inside the maximum",
        "adagrad.epsilon": "inside the root",
        "rmsprop.epsilon": "inside the root",
        "rmsprop.rate": "each term",
    }

    @classmethod
    def machine(cls, *, device: str, precision: str, threads: int) -> Machine | None:
        """JAX's own products and copies; its threads follow the worker's affinity."""
        del threads
        import jax

        return JaxMachine(jax, device, precision)

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Put the weights on the device and build the step."""
        del threads  # on the CPU, XLA follows the affinity that the worker has set
        import jax
        import optax

        switch(jax, workload.precision)
        try:
            self.device = jax.devices(device)[0]
        except RuntimeError as error:
            raise Unsupported(f"jax sees no {device} device ({error})") from None
        self.jax, self.workload, self.mode = jax, workload, mode
        self.forward = mixed(jax, workload, forward(jax, workload, weights))
        self.sample = workload.sample_shape(weights)
        self.random = workload.certain() != workload
        self.momenta: Array | None = None
        given = {"rate": 1.0}
        if workload.cycled:
            given["momentum"] = workload.optimizer.momentum  # type: ignore[attr-defined]
        update = optax.inject_hyperparams(partial(optimizer, optax, workload))(**given)
        put = partial(jax.device_put, device=self.device)
        weights = {name: put(np.array(array)) for name, array in weights.items()}
        key = put(jax.random.key(workload.seed)) if self.random else None
        self.state = (weights, put(update.init(weights)), key)
        step = self._step(optax, update)
        self.step = jax.jit(step, donate_argnums=0)

        def steps(state: Any, batches: Any, rates: Any, x: Any, y: Any) -> Any:
            return jax.lax.scan(lambda s, br: step(s, *br, x, y), state, (batches, rates))

        self.steps = jax.jit(steps, donate_argnums=0)
        self.traced = jax.jit(partial(step, tell=True), donate_argnums=0)
        self.outputs = jax.jit(lambda weights, x: self._activated(self.forward(weights, x)))

    def _step(self, optax: Any, update: Any) -> Any:
        jax, dtype = self.jax, self.workload.dtype
        mean = loss(jax, optax, self.workload)

        def value(weights: Any, x: Any, y: Any, key: Any) -> Any:
            outputs = self.forward(weights, x, key)
            return mean(weights, outputs, y), outputs

        def step(state: Any, rows: Any, rate: Any, x: Any, y: Any, *, tell: bool = False) -> Any:
            weights, memory, key = state
            now = None
            if self.random:
                key, now = jax.random.split(key)
            x_batch = x[rows]
            y_batch = x_batch if y is None else y[rows]
            slope = jax.value_and_grad(value, has_aux=True)
            (lost, outputs), gradients = slope(weights, x_batch, y_batch, now)
            if self.workload.cycled:
                rate, momentum = rate
                memory.hyperparams["momentum"] = momentum.astype(dtype)
            memory.hyperparams["rate"] = rate.astype(dtype)
            updates, memory = update.update(gradients, memory, weights)
            state = (optax.apply_updates(weights, updates), memory, key)
            return state, (lost, (outputs.argmax(axis=1) == y_batch).sum()) if tell else lost

        return step

    def _activated(self, outputs: Any) -> Any:
        """Outputs of the model; where the loss takes logits, the last activation is put back."""
        if not self.workload.logits:
            return outputs
        return (self.jax.nn.softmax if self.workload.labelled else self.jax.nn.sigmoid)(outputs)

    def stage(self, x: Array, y: Array) -> None:
        """Copy the training set to the device."""
        self.x = self.jax.device_put(np.array(x), self.device)
        self.y = None if y is x else self.jax.device_put(np.array(y), self.device)
        self.jax.block_until_ready((self.x, self.y))

    def cycle(self, momenta: Array) -> None:
        """Keep them for the next piece: each goes into its step beside the rate."""
        self.momenta = momenta

    def train(self, order: Array, rates: Array) -> float:
        """Visit the samples batch by batch; wait for the last step and every loss."""
        batch, jax = self.workload.batch, self.jax
        full = len(order) // batch
        rates = beside(rates, self.momenta).astype(self.workload.dtype)
        batches = order[: full * batch].reshape(full, batch).astype(np.int32)
        losses: list[Any] = []
        state, data = self.state, (self.x, self.y)
        if self.mode == "scan" and full:
            state, scanned = self.steps(state, batches, rates[:full], *data)
            losses = [scanned]
        else:
            for rows, rate in zip(batches, rates, strict=False):
                state, loss = self.step(state, rows, rate, *data)
                losses.append(loss)
        rest = order[full * batch :].astype(np.int32)
        if len(rest):
            state, last = self.step(state, rest, rates[full], *data)
        self.state = jax.block_until_ready(state)
        losses = jax.device_get(losses)  # all at once
        total = batch * sum(float(np.asarray(loss).sum(dtype=np.float64)) for loss in losses)
        return (total + (len(rest) * float(last) if len(rest) else 0.0)) / len(order)

    def trace(self, order: Array, rates: Array) -> tuple[Array, Array] | None:
        """A step at a time, in either mode; everything is fetched at the end."""
        if self.y is None:
            return None
        told, state = [], self.state
        rates = beside(rates, self.momenta).astype(self.workload.dtype)
        for number, start in enumerate(range(0, len(order), self.workload.batch)):
            rows = order[start : start + self.workload.batch].astype(np.int32)
            state, seen = self.traced(state, rows, rates[number], self.x, self.y)
            told.append(seen)
        self.state = self.jax.block_until_ready(state)
        losses, right = np.array(self.jax.device_get(told), dtype=np.float64).T
        return losses, right

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        return np.asarray(self.outputs(self.state[0], self.jax.device_put(x, self.device)))

    def weights(self) -> Weights:
        """The weights, copied to the host."""
        return {name: np.array(array) for name, array in self.state[0].items()}

    def device_memory(self) -> int | None:
        """Peak bytes in use on the device, where XLA counts them."""
        return (self.device.memory_stats() or {}).get("peak_bytes_in_use")

    def computing(self) -> str:
        """By the types inside the forward function, and the switch of the products."""
        return read(self.jax, self.forward, self.state[0], self.sample)

    def settings(self) -> Mapping[str, str | int | bool]:
        """What JAX reads back; its threads on the CPU follow the worker's affinity."""
        return {
            "threads": "follows affinity",
            "matmul precision": str(self.jax.config.jax_default_matmul_precision),
            "platform": self.device.platform,
        }
