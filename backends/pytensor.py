"""PyTensor, the living fork of Theano: compiled by Numba, or by JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .symbolic import Symbolic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class PyTensor(Symbolic):
    """PyTensor in two of its modes; Numba is its own default."""

    name = "pytensor"
    modes = ("numba", "jax")
    packages = ("pytensor", "numba", "jax")
    imports = ("pytensor",)
    environ: ClassVar = {
        "PYTENSOR_FLAGS": "base_compiledir={caches}/pytensor",
        "NUMBA_CACHE_DIR": "{caches}/numba",
    }

    def load(self, precision: str) -> tuple[Any, Any]:
        """Import PyTensor."""
        import pytensor
        from pytensor import tensor

        pytensor.config.floatX = precision
        if self.mode == "jax":
            import jax

            jax.config.update("jax_enable_x64", precision == "float64")
        return pytensor, tensor

    def functions(self) -> dict[str, Callable[[Any], Any]]:
        """PyTensor keeps them in ``tensor``."""
        t = self.tensor
        return {"sigmoid": t.sigmoid, "relu": lambda z: t.maximum(z, 0), "softplus": t.softplus}

    def how(self) -> dict[str, Any]:
        """The mode by PyTensor's name."""
        return {"mode": self.mode.upper()}

    def settings(self) -> Mapping[str, str | int | bool]:
        """What PyTensor compiles with."""
        return {"mode": self.mode.upper(), "floatX": self.library.config.floatX}
