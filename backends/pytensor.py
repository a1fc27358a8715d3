"""PyTensor, Theano's living fork: the same graphs, compiled by Numba or by JAX."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.backend import Backend, Unsupported

from .jax_precision import products, switch
from .symbolic import Library, Symbolic
from .symbolic_layers import Parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levelfield.backend import Array
    from levelfield.spec.windows import Axis


WINDOWS = "PyTensor has no convolution or pooling for batches of images"
"""Theano's went with Theano. As sums of shifted views, Numba took minutes to compile two layers of
them, and JAX refused their gradients, whose shapes it must know before it runs.
"""


class PyTensor(Symbolic):
    """Native PyTensor; Numba is its default, JAX compiles through XLA."""

    name = "pytensor"
    spoken = "PyTensor"
    modes = ("numba", "jax")
    devices = frozenset({"cpu", "cuda"})
    only: ClassVar = {"numba": frozenset({"cpu"})}
    environments: ClassVar = {"cuda": "jax-cuda"}
    precisions: ClassVar = {**Backend.precisions, "tf32": frozenset({"cuda"})}
    packages = ("pytensor", "numba", "jax", "jaxlib")
    imports = ("pytensor",)
    environ: ClassVar = {
        "PYTENSOR_FLAGS": "base_compiledir={caches}/pytensor",
        "NUMBA_CACHE_DIR": "{caches}/numba",
    }

    def open(self) -> Library:
        """Import PyTensor, and JAX where it compiles."""
        import pytensor
        from pytensor import tensor

        if self.mode == "jax":
            import jax

            # Sums of float32 on JAX come back as their accumulator's float64 where JAX has that.
            pytensor.config.floatX = self.workload.dtype
            switch(jax, self.workload.precision)
            if {"gpu": "cuda"}.get(jax.default_backend(), "cpu") != self.device:
                raise Unsupported(f"jax sees no {self.device} device")
        self.pytensor = pytensor
        return Library(
            tensor=tensor,
            shared=partial(pytensor.shared, borrow=True),
            variable=lambda name, dtype, axes: tensor.tensor(
                name, dtype=dtype, shape=(None,) * axes
            ),
            grad=pytensor.grad,
            function=partial(pytensor.function, mode=self.mode.upper(), trust_input=True),
            softplus=tensor.softplus,
            parts=PyTensorParts,
        )

    def keep(self, variable: Any, array: Array) -> None:
        """JAX would copy an array of NumPy's at every call: it gets its own, once.

        `set_value` would turn that back into NumPy's. What a step updates is JAX's by itself.
        """
        if self.mode != "jax":
            super().keep(variable, array)
            return
        import jax

        variable.container.storage[0] = jax.device_put(array)

    def wait(self) -> None:
        """JAX computes behind the caller's back: wait for every weight."""
        if self.mode == "jax":
            import jax

            jax.block_until_ready(
                [variable.get_value(borrow=True) for variable in self.variables.values()]
            )

    def computing(self) -> str:
        """The type of the graphs and, where JAX compiles, its switch."""
        if self.mode != "jax" or self.workload.dtype != "float32":
            return self.workload.dtype
        import jax

        return products(jax)

    def settings(self) -> Mapping[str, str | int | bool]:
        """How PyTensor compiles."""
        return {
            "mode": self.mode.upper(),
            "fastmath": bool(self.pytensor.config.numba__fastmath),
        }


class PyTensorParts(Parts):
    """PyTensor's own operations."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        from pytensor import tensor
        from pytensor.tensor import special
        from pytensor.tensor.random.utils import RandomStream

        self.tensor, self.special = tensor, special
        self.random = RandomStream(self.workload.seed)

    def convolve(self, x: Any, kernel: Any, axes: Sequence[Axis]) -> Any:
        raise Unsupported(WINDOWS)

    def largest(self, x: Any, axes: Sequence[Axis]) -> Any:
        raise Unsupported(WINDOWS)

    def total(self, x: Any, axes: Sequence[Axis]) -> Any:
        raise Unsupported(WINDOWS)

    def sigmoid(self, z: Any) -> Any:
        return self.tensor.sigmoid(z)

    def softmax(self, z: Any) -> Any:
        return self.special.softmax(z, axis=1)

    def entropies(self, logits: Any, labels: Any) -> Any:
        logs = self.special.log_softmax(logits, axis=1)
        return -logs[self.tensor.arange(labels.shape[0]), labels]

    def bernoulli(self, shape: Any, probability: float) -> Any:
        drawn = self.random.bernoulli(probability, size=tuple(shape))
        return self.tensor.cast(drawn, self.workload.dtype)

    def normal(self, shape: Any, deviation: float) -> Any:
        drawn = self.random.normal(0.0, deviation, size=tuple(shape))
        return self.tensor.cast(drawn, self.workload.dtype)
