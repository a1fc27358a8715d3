"""The workload: one neutral, frozen description of a training, with a stable fingerprint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from levelfield.spec.fields import QUIET, FieldError, Range, Spec, hints
from levelfield.spec.formulas import spelt_out
from levelfield.spec.initialisers import fill
from levelfield.spec.layers import Layer, Shape
from levelfield.spec.layers.dense import Dense
from levelfield.spec.optimizers import Optimizer
from levelfield.spec.precision import Precision
from levelfield.spec.precision import dtype as dtype_of
from levelfield.spec.schedules import Schedule

Array = NDArray[Any]
Weights = Mapping[str, Array]
Loss = Literal["mean_squared_error", "binary_crossentropy", "categorical_crossentropy"]
Preprocess = Literal["unit", "centred", "standardised"]


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

    The target of an autoencoder is its input: the last layer gives back the shape of a sample. With
    ``categorical_crossentropy`` the target is the label: the last layer is a softmax over classes.
    """

    name: Identifier
    dataset: str
    samples: Annotated[int, Range(1)] | None = None
    input_shape: tuple[Annotated[int, Range(1)], ...] | None = field(default=None, metadata=QUIET)
    """How a sample is seen by the first layer, channels last; as the data set has it by default."""
    preprocess: Preprocess = field(default="unit", metadata=QUIET)
    """``unit``: as the data set gives the values, images within 0..1. ``centred``: minus 0.5.
    ``standardised``: each feature, or each channel of an image, minus its mean over the training
    set, over its standard deviation."""
    layers: tuple[Layer, ...]
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    batch: Annotated[int, Range(1)]
    epochs: Annotated[int, Range(1)]
    evaluate_every: Annotated[int, Range(1)] = field(default=1, metadata=QUIET)
    """Epochs from one evaluation on the test set to the next; the last epoch has one always."""
    seed: Annotated[int, Range(0)] = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Check every field, then what they must be to each other."""
        super().__post_init__()
        self._check_softmax()
        self._check_momenta()
        last = self.layers[-1]
        if self.loss == "binary_crossentropy" and self.preprocess != "unit":
            raise FieldError(
                f"binary_crossentropy compares with values within 0..1, but they are "
                f"{self.preprocess}",
                expected="preprocess: unit",
            ).under("loss")
        if self.loss == "binary_crossentropy" and getattr(last, "activation", "") != "sigmoid":
            raise FieldError(
                "binary_crossentropy compares probabilities, but the last layer is not a sigmoid",
                expected="activation: sigmoid on the last layer, or loss: mean_squared_error",
            ).under("loss")

    def _check_softmax(self) -> None:
        """A softmax stands last, and there alone, where the loss is the categorical one."""
        wanted = self.loss == "categorical_crossentropy"
        for index, layer in enumerate(self.layers):
            last = index == len(self.layers) - 1
            for part in layer.parts():
                found = getattr(part, "activation", "") == "softmax"
                if found and not (last and wanted and isinstance(part, Dense)):
                    raise (
                        FieldError(
                            "a softmax that is not a classifier's last dense layer",
                            expected="softmax in the last layer alone, with the loss "
                            "categorical_crossentropy",
                        )
                        .under("activation")
                        .under(index)
                        .under("layers")
                    )
        if wanted and getattr(self.layers[-1], "activation", "") != "softmax":
            raise FieldError(
                "categorical_crossentropy compares probabilities, but the last layer is not a "
                "softmax",
                expected="activation: softmax on the last layer, one unit a class",
            ).under("loss")

    def _check_momenta(self) -> None:
        """A momentum that the schedule moves is one the optimizer has, and begins as its own."""
        first = self.schedule.momenta(0, 1, steps_per_epoch=1)
        if first is None:
            return
        kind, own = self.optimizer.kind, getattr(self.optimizer, "momentum", None)
        if own is None:
            why = f"{kind} has no momentum that a schedule could move"
            if hasattr(self.optimizer, "beta1"):
                why += (
                    ": its beta1 enters a bias correction, 1 - beta1^t, that is defined for a "
                    "constant beta1, and libraries differ"
                )
            raise FieldError(why, expected="sgd or rmsprop").under("kind").under("optimizer")
        if own != first[0]:
            raise (
                FieldError(
                    f"got {own:g}",
                    expected=f"{first[0]:g}, the momentum at which the schedule begins",
                )
                .under("momentum")
                .under("optimizer")
            )

    @classmethod
    def build(cls, given: object) -> Spec:
        """Build from a mapping; a formula (``cnn: {blocks: 3}``) stands for its layers."""
        if isinstance(given, Mapping) and not given.keys() <= hints(cls).keys():
            given = spelt_out(given)
        return super().build(given)

    @property
    def labelled(self) -> bool:
        """Whether targets are the samples' labels, not the samples themselves."""
        return self.loss == "categorical_crossentropy"

    def evaluated(self, epoch: int) -> bool:
        """Whether the test set is looked at after an epoch (from 0)."""
        done = epoch + 1
        return done % self.evaluate_every == 0 or done == self.epochs

    @property
    def cycled(self) -> bool:
        """Whether the momentum changes from step to step."""
        return self.schedule.momenta(0, 1, steps_per_epoch=1) is not None

    @property
    def logits(self) -> bool:
        """Whether the loss can be taken from the last layer before its activation."""
        return self.loss != "mean_squared_error"

    @property
    def dtype(self) -> str:
        """What weights and samples are kept in: float32, or float64 where all is computed in it."""
        return dtype_of(self.precision)

    def certain(self) -> Workload:
        """The same workload without what is random in its layers: dropout at rate 0."""
        return self.replace(layers=tuple(layer.certain() for layer in self.layers))

    def parts(self) -> list[Layer]:
        """All layers, those within others too."""
        return [part for layer in self.layers for part in layer.parts()]

    def random_layers(self) -> list[Layer]:
        """The layers that are random in training, each once."""
        alone = [part for part in self.parts() if len(list(part.parts())) == 1]
        return list(dict.fromkeys(part for part in alone if part.certain() != part))

    def penalties(self) -> dict[str, float]:
        """Canonical name of each array whose squares are added to the loss -> their factor."""
        return {
            f"layer{number}/{name}": factor
            for number, layer in enumerate(self.layers, start=1)
            for name, factor in layer.penalties().items()
        }

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when, and only when, what is done does.

        Evaluations count: between epochs they fill caches with other things.
        """
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
        """Shape of one sample before each layer and after the last.

        sample: shape of the data set's samples; the first layer sees ``input_shape``, if given.
        Raise a `FieldError` where a layer cannot take what comes before it.
        """
        shapes = [self.seen(sample)]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except FieldError as error:
                raise error.under(index).under("layers") from None
        return shapes

    def seen(self, sample: Shape) -> Shape:
        """Shape in which the first layer sees the data set's samples."""
        if self.input_shape is None:
            return sample
        if math.prod(self.input_shape) != math.prod(sample):
            raise FieldError(
                f"{_times(self.input_shape)} is {math.prod(self.input_shape)} values",
                expected=f"{math.prod(sample)}, as a sample of {self.dataset} has",
            ).under("input_shape")
        return self.input_shape

    def placed(self, sample: Shape) -> Workload:
        """The workload as adapters get it: they must know what shape the samples have.

        Left as it is where the first kernel tells: a dense layer on flat samples.
        """
        if self.input_shape is None and (len(sample) > 1 or self.layers[0].kind != "dense"):
            return self.replace(input_shape=sample)
        return self

    def sample_shape(self, weights: Weights) -> Shape:
        """Shape of a sample as the first layer sees it, of a workload that is `placed`."""
        return self.input_shape or (weights["layer1/kernel"].shape[0],)

    def members(self, sample: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Canonical name (``layer1`` ...), layer and shape before it, one after the other."""
        shapes = self.shapes(sample)
        for number, (layer, shape) in enumerate(zip(self.layers, shapes, strict=False), start=1):
            yield f"layer{number}", layer, shape

    def check_shapes(self, sample: Shape, classes: int = 0) -> None:
        """Raise a `FieldError` where the model does not fit the data set's samples.

        classes: of the data set's labels; 0 where it has none.
        """
        out = self.shapes(sample)[-1]
        at: tuple[str | int, ...] = ("layers", len(self.layers) - 1)
        if self.labelled:
            self._check_classes(out, classes, at)
        elif out != self.seen(sample):
            raise FieldError(
                f"the last layer gives {_times(out)} values a sample, but "
                f"a sample of {self.dataset} has {_times(sample)}",
                where=f"layers[{at[1]}]",
                expected="an autoencoder, whose output has the shape of its input",
                hint=f"units: {_times(sample)} in the last layer",
                path=at,
            )

    def _check_classes(self, out: Shape, classes: int, at: tuple[str | int, ...]) -> None:
        if not classes:
            raise FieldError(
                f"{self.dataset} has no labels",
                expected=f"a data set with classes, for the loss {self.loss}",
            ).under("dataset")
        if out != (classes,):
            raise FieldError(
                f"the last layer gives {_times(out)} values a sample, but {self.dataset} has "
                f"{classes} classes",
                where=f"layers[{at[1]}]",
                expected="one unit a class",
                hint=f"units: {classes} in the last layer",
                path=at,
            )

    def flops(self, sample: Shape) -> int:
        """Floating-point operations to train on one sample.

        The usual count: the backward pass costs twice the forward pass.
        """
        return 3 * sum(layer.flops(shape) for _, layer, shape in self.members(sample))

    def traffic(self, sample: Shape) -> int:
        """Bytes that one full step reads and writes, if nothing is fused or stays in a cache.

        Weights are read forwards, backwards and by the optimizer, which writes them; gradients of
        weights are written and read, what the optimizer keeps is read and written. What a layer
        gives is written once and read by the next one forwards and backwards; its gradient is
        written and read. Samples are read twice. What layers hand on is of two bytes in bfloat16
        and float16.
        """
        shapes = self.shapes(sample)
        weights = sum(
            math.prod(size)
            for _, layer, shape in self.members(sample)
            for size, _ in layer.parameters(shape).values()
        )
        given = sum(map(math.prod, shapes[1:]))
        wide = np.dtype(self.dtype).itemsize
        low = 2 if self.precision in {"bfloat16", "float16"} else wide
        kept = weights * (6 + 2 * self.optimizer.memory) * wide
        return kept + self.batch * (5 * given + 2 * math.prod(shapes[0])) * low

    def initial_weights(self, sample: Shape) -> dict[str, Array]:
        """Fresh arrays named ``layer1/kernel`` ..., in this workload's `dtype`."""
        arrays: dict[str, Array] = {}
        for index, (_, layer, shape) in enumerate(self.members(sample), start=1):
            for place, (name, (size, initialiser)) in enumerate(layer.parameters(shape).items()):
                seeds = np.random.SeedSequence(self.seed, spawn_key=(0, index, place))
                filled = fill(initialiser, np.random.Generator(np.random.PCG64(seeds)), size)
                arrays[f"layer{index}/{name}"] = filled.astype(self.dtype)
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

    def momenta(self, epoch: int, samples: int) -> NDArray[np.float64] | None:
        """Momentum of each step of an epoch (from 0), where the schedule moves it."""
        steps = self.steps(samples)
        return self.schedule.momenta(epoch * steps, steps, steps_per_epoch=steps)


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))


__all__ = ["Array", "Dense", "Identifier", "Loss", "Weights", "Workload"]
