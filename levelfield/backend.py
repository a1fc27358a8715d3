"""The contract an adapter fulfils: one framework training one workload in this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np

from levelfield.spec.device import parse as parse_device
from levelfield.spec.layers import Layer
from levelfield.spec.workload import Array, Weights, Workload

Declared = Mapping[str, str | tuple[str, ...]]
"""By key of `levelfield.verify.semantics.CHOICES`: a meaning, or all that a framework has, by the
machine."""
NOTHING: Mapping[str, str] = MappingProxyType({})
EVERYWHERE = frozenset({"cpu", "cuda", "spark"})
EXACT: Mapping[str, frozenset[str]] = MappingProxyType(
    {"float32": EVERYWHERE, "float64": EVERYWHERE}
)
"""The precisions that every framework has."""


class Unsupported(Exception):  # noqa: N818 - reads as a word: raise Unsupported("reason")
    """This backend cannot do what is asked; the message becomes the skipped trial's reason."""


def maker(parts: object, layer: Layer, backend: str) -> Any:
    """The method of a framework's parts that is named after a layer's kind: ``_dense`` ...

    Raise `Unsupported` where there is none.
    """
    found = getattr(parts, f"_{layer.kind}", None)
    if found is None:
        raise Unsupported(f"{backend} has no layer of kind {layer.kind}")
    return found


def beside(rates: Array, momenta: Array | None) -> Array:
    """What each step is told: its rate, or its rate and its momentum (shape: batches x 2)."""
    return rates if momenta is None else np.column_stack((rates, momenta))


class Machine(Protocol):
    """The machine's own limit on a device, as a framework reaches it.

    Each method makes arrays of this size ready, and returns what works so many times on them and
    waits for the last.
    """

    def product(self, size: int) -> Callable[[int], None]:
        """Products of two square matrices of random numbers, of so many rows."""

    def copy(self, size: int) -> Callable[[int], None]:
        """Copies of so many bytes within the device's memory."""


class Backend(ABC):
    """One framework training one workload in this process.

    The engine owns seed, initial weights, sample order, learning rates, clock and readings; an
    adapter only trains. Frameworks are imported inside ``__init__`` and nowhere else, so that the
    engine may look at every adapter without importing one.
    """

    name: ClassVar[str]
    """What the command line takes and tables show."""
    spoken: ClassVar[str] = ""
    """What people call it, in sentences; by default its name, with the mode."""
    over: ClassVar[str] = ""
    """The backend that it is a layer over, whose cost a report sets it against."""
    modes: ClassVar[tuple[str, ...]]
    """How the framework can be driven; the first is what a newcomer gets by default."""
    devices: ClassVar[frozenset[str]] = frozenset({"cpu"})
    """What it can run on."""
    only: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType({})
    """By mode: the kinds of device that have it, where that is not all of them."""
    environment: ClassVar[str] = "main"
    """The Python environment it lives in: a lock file in ``environments/``."""
    environments: ClassVar[Mapping[str, str]] = NOTHING
    """By kind of device: the one that it lives in there, where that is another."""
    packages: ClassVar[tuple[str, ...]]
    """Distributions whose versions are recorded; all must be installed.

    ``tensorflow-cpu|tensorflow``: one of them is enough.
    """
    precisions: ClassVar[Mapping[str, frozenset[str]]] = EXACT
    """By precision of a workload: the kinds of device on which it can compute in it."""
    imports: ClassVar[tuple[str, ...]] = ()
    """Modules the worker imports first, so that importing has a phase of its own."""
    environ: ClassVar[Mapping[str, str]] = NOTHING
    """Environment variables that must be set before the framework is imported."""
    semantics: ClassVar[Declared] = NOTHING
    """Where its stock parts differ by definition: see `levelfield.verify.semantics`. Several
    meanings of one key where its framework leaves the choice to the machine."""
    semantics_in: ClassVar[Mapping[str, Declared]] = MappingProxyType({})
    """What is declared besides in a mode, by the mode."""

    steady: ClassVar[str] = "its adapter takes one momentum for the whole training"
    """Why the momentum cannot change from step to step, where `cycle` is not overridden."""

    distributed: ClassVar[Mapping[str, str]] = NOTHING
    """How several partitions train together, by mode; see `levelfield.verify.distributed`.

    A mode that is not named computes what one process computes.
    """

    @classmethod
    def meanings(cls, mode: str) -> Declared:
        """All that is declared in a mode."""
        return {**cls.semantics, **cls.semantics_in.get(mode, {})}

    @classmethod
    def machine(cls, *, device: str, precision: str, threads: int) -> Machine | None:  # noqa: ARG003
        """What measures a device's limit in a precision; None: this framework is not asked."""
        return None

    @abstractmethod
    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build the model with these initial weights, in the workload's precision.

        weights: canonical arrays, ``layer1/kernel`` (inputs x outputs), ``layer1/bias`` ...
        Raise `Unsupported` with a reason where this backend cannot run the workload.
        """

    @abstractmethod
    def stage(self, x: Array, y: Array) -> None:
        """Take the training set (samples first), once; ``y is x`` for an autoencoder."""

    @abstractmethod
    def train(self, order: Array, rates: Array) -> float | None:
        """Visit the staged samples in this order, one rate a step; return the mean loss a sample.

        order: indices (int64) cut into batches of the workload's size, the last perhaps smaller.
        rates: one float64 a batch. The loss of each batch is taken before its step. On return the
        device is idle: nothing that belongs to this piece is still being computed. None, where
        the framework does not tell: the engine then evaluates the training set, off the clock.
        """

    def cycle(self, momenta: Array) -> None:  # noqa: ARG002
        """Take the momenta of the batches of the next `train` or `trace`: one float64 a batch.

        Called before each of them where the workload's schedule moves the momentum
        (``workload.cycled``), and never else. A backend that does not override this is skipped
        there, before it is built.
        """
        raise Unsupported(self.steady)

    def trace(self, order: Array, rates: Array) -> tuple[Array, Array] | None:  # noqa: ARG002
        """Train as `train` does, and tell of each batch what it was like before its step.

        Gives the losses, and the numbers of right answers: one float64 each a batch. None, without
        having trained, where the framework has no fast way: the engine then takes the batches one
        by one. A learning-rate range test asks for this; no benchmark does.
        """
        return None

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """Outputs of the model for these samples (samples first), as a NumPy array."""

    @abstractmethod
    def weights(self) -> Weights:
        """The weights as they are now, canonical, as NumPy arrays."""

    def device_memory(self) -> int | None:
        """Peak bytes on the device, where it has memory of its own and the framework tells."""
        return None

    def device_reserved(self) -> int | None:
        """Peak bytes that the framework had taken from the device, used or not, where it tells."""
        return None

    def computing(self) -> str:
        """The precision it computes in, read back from the framework; empty: it has no switch.

        A trial whose workload asks for another one is refused.
        """
        return ""

    def usage(self) -> Mapping[str, Mapping[str, float]]:
        """CPU seconds (``user``, ``system``, ``wall``) by role, on a cluster that is not ours."""
        return {}

    def traffic(self) -> Mapping[str, int]:
        """Bytes moved between the processes of a cluster so far, where the framework tells."""
        return {}

    def settings(self) -> Mapping[str, str | int | bool]:
        """What the framework really runs with, read back from it: threads, precision switches."""
        return {}

    def close(self) -> None:  # noqa: B027 - most adapters hold nothing
        """Let go of whatever outlives the object; may be called twice."""


__all__ = [
    "EXACT", "Array", "Backend", "Machine", "Unsupported", "Weights", "Workload", "beside", "maker",
    "parse_device",
]  # fmt: skip
