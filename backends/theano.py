"""Theano itself: symbolic code compiled to C++, with NumPy's BLAS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.backend import Unsupported

from .symbolic import Symbolic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FLAGS = "blas.ldflags=,floatX=float32,device=cpu,base_compiledir={caches}/theano"
"""Without ``blas.ldflags`` the import looks for parts that NumPy no longer has."""


class Theano(Symbolic):
    """Theano's default mode: all its graph optimizations, C++ where there is C++ code."""

    name = "theano"
    modes = ("fast_run",)
    environment = "theano"
    packages = ("Theano",)
    imports = ("theano",)
    environ: ClassVar = {"THEANO_FLAGS": FLAGS}

    def load(self, precision: str) -> tuple[Any, Any]:
        """Import Theano, which must have found a compiler."""
        import theano
        from theano import tensor

        check(theano)
        theano.config.floatX = precision
        return theano, tensor

    def functions(self) -> dict[str, Callable[[Any], Any]]:
        """Theano keeps them in ``tensor.nnet``."""
        nnet = self.tensor.nnet
        return {"sigmoid": nnet.sigmoid, "relu": nnet.relu, "softplus": nnet.softplus}

    def how(self) -> dict[str, Any]:
        """The default mode has no argument."""
        return {}

    def settings(self) -> Mapping[str, str | int | bool]:
        """What Theano compiles with."""
        config = self.library.config
        return {"mode": config.mode, "compiler": config.cxx, "BLAS flags": config.blas.ldflags}


def check(theano: Any) -> None:
    """Without a compiler Theano goes on in Python, without a word and very slowly."""
    if not theano.config.cxx:
        raise Unsupported("Theano found no C++ compiler (g++) and would compute in Python")
