"""Keras 3 on JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .jax_precision import products, switch
from .keras import Keras

if TYPE_CHECKING:
    from levelfield.backend import Workload


class KerasJax(Keras):
    """Keras on JAX; tuned: several steps in one call."""

    name = "keras-jax"
    spoken = "Keras on JAX"
    over = "jax"
    packages = ("keras", "jax", "jaxlib")
    imports = ("jax", "keras")
    environments: ClassVar = {"cuda": "jax-cuda"}
    environ: ClassVar = {"KERAS_BACKEND": "jax"}
    tuning: ClassVar = {"steps_per_execution": 20}

    def prepare(self, workload: Workload, threads: int) -> None:
        """Allow float64 where it is asked for; threads follow the worker's affinity."""
        del threads
        import jax

        self.jax = jax
        switch(jax, workload.precision)

    def on_gpu(self) -> bool:
        """JAX's own platform."""
        return bool(self.jax.default_backend() == "gpu")

    def products(self) -> str:
        """JAX's switch."""
        return products(self.jax)

    def set_rate(self, rate: Any) -> None:
        """Keras keeps the state of a running `fit` apart from its variables: fetch it first."""
        self.model.jax_state_sync()
        super().set_rate(rate)

    def wait(self) -> None:
        """Wait for every variable."""
        self.jax.block_until_ready([variable.value for variable in self.model.variables])
