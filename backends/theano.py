"""Theano 1.0: a symbolic graph, compiled to C."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.backend import Unsupported

from .symbolic import Library, Symbolic

if TYPE_CHECKING:
    from collections.abc import Mapping


# With no library named, Theano multiplies matrices through NumPy's own BLAS.
THEANO = {"THEANO_FLAGS": "device=cpu,blas.ldflags=,base_compiledir={caches}/theano"}


class Theano(Symbolic):
    """Native Theano, in its default mode: every optimization, C code run by its C virtual machine.

    Its sigmoid is exactly 1 beyond 15 in float32 and beyond 19 in float64.
    """

    name = "theano"
    modes = ("fast_run",)
    environment = "theano"
    packages = ("theano", "scipy")
    imports = ("theano",)
    environ: ClassVar = THEANO

    def open(self) -> Library:
        """Import Theano."""
        import theano
        from theano import tensor

        require_compiler(theano)
        self.theano = theano

        def function(inputs: list[Any], outputs: Any, **how: Any) -> Any:
            made = theano.function(inputs, outputs, **how)
            made.trust_input = True
            return made

        return Library(
            tensor=tensor,
            shared=partial(theano.shared, borrow=True),
            grad=theano.grad,
            function=function,
            sigmoid=tensor.nnet.sigmoid,
            softplus=tensor.nnet.softplus,
        )

    def settings(self) -> Mapping[str, str | int | bool]:
        """What Theano compiles with."""
        return read_settings(self.theano)


def require_compiler(theano: Any) -> None:
    """Raise `Unsupported` where Theano would run graphs in Python, silently slow."""
    if not theano.config.cxx:
        raise Unsupported("Theano without a C++ compiler runs its graphs in Python: install g++")


def read_settings(theano: Any) -> dict[str, str | int | bool]:
    """What Theano compiles with, read back from it."""
    config = theano.config
    return {
        "linker": config.linker,
        "optimizer": config.optimizer,
        "compiler": config.cxx,
        "BLAS": config.blas.ldflags or "NumPy's",
        "openmp": config.openmp,
    }
