"""The workload: one neutral, frozen description of a training, with a stable fingerprint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import FieldError, Range, Spec
from levelfield.spec.initialisers import fill
from levelfield.spec.layers import Layer, Shape
from levelfield.spec.layers.dense import Dense
from levelfield.spec.optimizers import Optimizer
from levelfield.spec.schedules import Schedule

Array = NDArray[Any]
Weights = Mapping[str, Array]
Loss = Literal["mean_squared_error", "binary_crossentropy"]


class Name:
    """A rule for names: they become file names and table cells."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

    def __contains__(self, value: str) -> bool:
        """Whether the text may be a name."""
        return self.pattern.fullmatch(value) is not None

    def __str__(self) -> str:
        """Return the rule in words."""
        return "of at most 64 letters, digits, dots, dashes and underscores"


Identifier = Annotated[str, Name()]


@dataclass(frozen=True, kw_only=True)
class Workload(Spec):
    """What is trained, on what, how: everything that must be equal before times are compared.

    The target of an autoencoder is its input: the last layer gives back the shape of a sample.
    """

    name: Identifier
    dataset: str
    samples: Annotated[int, Range(1)] | None = None
    layers: tuple[Layer, ...]
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    batch: Annotated[int, Range(1)]
    epochs: Annotated[int, Range(1)]
    seed: Annotated[int, Range(0)] = 0
    precision: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        """Check every field, then what they must be to each other."""
        super().__post_init__()
        last = self.layers[-1]
        if self.loss == "binary_crossentropy" and getattr(last, "activation", "") != "sigmoid":
            raise FieldError(
                "binary_crossentropy compares probabilities, but the last layer is not a sigmoid",
                expected="activation: sigmoid on the last layer, or loss: mean_squared_error",
            ).under("loss")

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when, and only when, the computation does."""
        facts = {key: value for key, value in self.plain().items() if key != "name"}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def replace(self, **changes: Any) -> Workload:
        """Return a copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def steps(self, samples: int) -> int:
        """Steps it takes to visit so many samples; the last batch need not be full."""
        return -(-samples // self.batch)

    def shapes(self, sample: Shape) -> list[Shape]:
        """Shape of one sample before each layer and after the last."""
        shapes = [sample]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    def check_shapes(self, sample: Shape) -> None:
        """Raise a `FieldError` where the model does not fit the data set's samples."""
        out = self.shapes(sample)[-1]
        if out != sample:
            at: tuple[str | int, ...] = ("layers", len(self.layers) - 1)
            raise FieldError(
                f"the last layer gives {_times(out)} values a sample, but "
                f"a sample of {self.dataset} has {_times(sample)}",
                where=f"layers[{at[1]}]",
                expected="an autoencoder, whose output has the shape of its input",
                hint=f"units: {_times(sample)} in the last layer",
                path=at,
            )

    def flops(self, sample: Shape) -> int:
        """Floating-point operations to train on one sample.

        The usual count: the backward pass costs twice the forward pass.
        """
        before = self.shapes(sample)[:-1]
        return 3 * sum(layer.flops(shape) for layer, shape in zip(self.layers, before, strict=True))

    def initial_weights(self, sample: Shape) -> dict[str, Array]:
        """Fresh arrays named ``layer1/kernel`` ..., in this workload's precision."""
        arrays: dict[str, Array] = {}
        before = self.shapes(sample)[:-1]
        for index, (layer, shape) in enumerate(zip(self.layers, before, strict=True), start=1):
            for place, (name, (size, initialiser)) in enumerate(layer.parameters(shape).items()):
                seeds = np.random.SeedSequence(self.seed, spawn_key=(0, index, place))
                filled = fill(initialiser, np.random.Generator(np.random.PCG64(seeds)), size)
                arrays[f"layer{index}/{name}"] = filled.astype(self.precision)
        return arrays

    def order(self, epoch: int, samples: int) -> NDArray[np.int64]:
        """Order in which an epoch (from 0) visits the samples: a permutation of range(samples).

        Made of PCG64's raw bits, which every NumPy release keeps, so that workers in environments
        with other NumPy versions make the same order.
        """
        seeds = np.random.SeedSequence(self.seed, spawn_key=(1, epoch))
        raw = np.random.PCG64(seeds).random_raw(samples)
        return np.argsort(raw, kind="stable")

    def rates(self, epoch: int, samples: int) -> NDArray[np.float64]:
        """Learning rate of each step of an epoch (from 0)."""
        steps = self.steps(samples)
        return self.schedule.rates(epoch * steps, steps, steps_per_epoch=steps)


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))


__all__ = ["Array", "Dense", "Identifier", "Loss", "Weights", "Workload"]
