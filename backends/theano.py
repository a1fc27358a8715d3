"""Theano 1.0: a symbolic graph, compiled to C."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Unsupported
from levelfield.spec.windows import Axis

from .symbolic import Library, Symbolic
from .symbolic_layers import Parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# With no library named, Theano multiplies matrices through NumPy's own BLAS.
THEANO = {"THEANO_FLAGS": "device=cpu,blas.ldflags=,base_compiledir={caches}/theano"}


class Theano(Symbolic):
    """Native Theano, in its default mode: every optimization, C code run by its C virtual machine.

    Its sigmoid is exactly 1 beyond 15 in float32 and beyond 19 in float64.
    """

    name = "theano"
    spoken = "Theano"
    modes = ("fast_run",)
    environment = "theano"
    packages = ("theano", "scipy")
    imports = ("theano",)
    environ: ClassVar = THEANO
    semantics: ClassVar = {**Symbolic.semantics, "max_pool.ties": "each"}

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
            variable=lambda name, dtype, axes: tensor.TensorType(dtype, (False,) * axes)(name),
            grad=theano.grad,
            function=function,
            softplus=tensor.nnet.softplus,
            parts=TheanoParts,
        )

    def settings(self) -> Mapping[str, str | int | bool]:
        """What Theano compiles with."""
        return read_settings(self.theano)


class TheanoParts(Parts):
    """Theano's own operations; its convolutions and poolings have the channels first."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        from theano import tensor
        from theano.sandbox.rng_mrg import MRG_RandomStreams
        from theano.tensor.signal import pool

        self.tensor, self.pool = tensor, pool
        self.random = MRG_RandomStreams(self.workload.seed + 1)  # 0 is no seed to it

    def sigmoid(self, z: Any) -> Any:
        return self.tensor.nnet.sigmoid(z)

    def softmax(self, z: Any) -> Any:
        return self.tensor.nnet.softmax(z)

    def entropies(self, logits: Any, labels: Any) -> Any:
        """Written plainly; Theano's optimizer puts one stable operation in its place."""
        return self.tensor.nnet.categorical_crossentropy(self.softmax(logits), labels)

    def bernoulli(self, shape: Any, probability: float) -> Any:
        return self.random.binomial(shape, p=probability, dtype=self.workload.dtype)

    def normal(self, shape: Any, deviation: float) -> Any:
        return self.random.normal(shape, std=deviation, dtype=self.workload.dtype)

    def convolve(self, x: Any, kernel: Any, axes: Sequence[Axis]) -> Any:
        """Theano's convolution, told not to flip the kernel."""
        if len(axes) == 1:
            kernel = kernel.dimshuffle(0, "x", 1, 2)
            return self.convolve(_planar(x), kernel, [*axes, FLAT])[:, :, 0]
        convolve = self.tensor.nnet.conv2d if len(axes) == 2 else self.tensor.nnet.conv3d
        border = tuple(axis.before for axis in axes)
        if any(axis.before != axis.after for axis in axes):
            x, border = self.pad(x, axes, 0.0), (0,) * len(axes)
        out = convolve(
            _first(x),
            kernel.dimshuffle(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2)),
            border_mode=border,
            subsample=tuple(axis.stride for axis in axes),
            filter_flip=False,
        )
        return _last(out)

    def largest(self, x: Any, axes: Sequence[Axis]) -> Any:
        return self._pooled(x, axes, "max", float(np.finfo(self.type).min))

    def total(self, x: Any, axes: Sequence[Axis]) -> Any:
        return self._pooled(x, axes, "sum", 0.0)

    def _pooled(self, x: Any, axes: Sequence[Axis], mode: str, value: float) -> Any:
        if len(axes) == 1:
            return self._pooled(_planar(x), [*axes, FLAT], mode, value)[:, :, 0]
        pool = self.pool.pool_2d if len(axes) == 2 else self.pool.pool_3d
        how = {"ws": tuple(a.window for a in axes), "stride": tuple(a.stride for a in axes)}
        padded = _first(self.pad(x, axes, value))
        return _last(pool(padded, ignore_border=True, mode=mode, **how))


FLAT = Axis(size=1, window=1, stride=1, out=1, before=0, after=0)


def _planar(x: Any) -> Any:
    """Samples of one axis in space with a second one of one place."""
    return x.dimshuffle(0, 1, "x", 2)


def _first(x: Any) -> Any:
    """Channels behind the samples."""
    return x.dimshuffle(0, x.ndim - 1, *range(1, x.ndim - 1))


def _last(x: Any) -> Any:
    """Channels last again."""
    return x.dimshuffle(0, *range(2, x.ndim), 1)


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
