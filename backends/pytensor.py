"""PyTensor, Theano's living fork: the same graphs, compiled by Numba or by JAX."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from .symbolic import Library, Symbolic

if TYPE_CHECKING:
    from collections.abc import Mapping


class PyTensor(Symbolic):
    """Native PyTensor; Numba is its default, JAX compiles through XLA."""

    name = "pytensor"
    modes = ("numba", "jax")
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
            pytensor.config.floatX = self.workload.precision
            jax.config.update("jax_enable_x64", self.workload.precision == "float64")
        self.pytensor = pytensor
        return Library(
            tensor=tensor,
            shared=partial(pytensor.shared, borrow=True),
            grad=pytensor.grad,
            function=partial(pytensor.function, mode=self.mode.upper(), trust_input=True),
            sigmoid=tensor.sigmoid,
            softplus=tensor.softplus,
        )

    def wait(self) -> None:
        """JAX computes behind the caller's back: wait for every weight."""
        if self.mode == "jax":
            import jax

            jax.block_until_ready(
                [variable.get_value(borrow=True) for variable in self.variables.values()]
            )

    def settings(self) -> Mapping[str, str | int | bool]:
        """How PyTensor compiles."""
        return {
            "mode": self.mode.upper(),
            "fastmath": bool(self.pytensor.config.numba__fastmath),
        }
