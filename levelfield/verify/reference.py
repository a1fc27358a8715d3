"""The float64 reference's answers about a workload, and its yardsticks': what all are held to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from levelfield import registry
from levelfield.backend import Backend
from levelfield.run.trial import told_arrays
from levelfield.spec.layers import Layer
from levelfield.spec.precision import dtype
from levelfield.spec.workload import Weights, Workload
from levelfield.verify import distributed, levels, semantics


@dataclass(frozen=True, kw_only=True)
class Material:
    """What verification of one workload works with."""

    workload: Workload
    train: NDArray[Any]
    """The prepared training set, in the workload's precision."""
    paths: tuple[str, str]
    """Files of the prepared training and test set."""
    weights: Weights
    weights_path: str
    targets: NDArray[Any] | None = None
    """The prepared labels, where they are what is trained for."""
    random: tuple[Layer, ...] = ()
    """Layers that the workload leaves out here, since their draws have no reference."""
    labels: tuple[str, str] | None = None
    """Files of the labels of the training and test set."""

    @property
    def arrays(self) -> dict[str, Any]:
        """What a worker is told of its arrays."""
        return told_arrays(self.paths, self.labels, self.workload.input_shape)


@dataclass
class Reference:
    """The float64 reference's answers and its yardsticks', computed once for each semantics."""

    material: Material
    _known: dict[tuple[object, ...], Standard] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def standard(self, declared: Mapping[str, str], partitions: int = 0) -> Standard:
        """What the reference, following these declared semantics, says of the workload.

        partitions: that train together; 0 for a single process.
        """
        key = (partitions, semantics.differences(declared, self.material.workload))
        with self._lock:
            if key not in self._known:
                self._known[key] = _standard(self.material, declared, partitions)
            return self._known[key]


@dataclass(frozen=True, kw_only=True)
class Standard:
    """The reference's answers, and what they allow."""

    part: levels.Subset
    rate: float
    answers: levels.Answers
    yardsticks: Mapping[int, levels.Answers]
    """By the yardstick's number."""
    floors: levels.Answers


def _standard(material: Material, declared: Mapping[str, str], partitions: int) -> Standard:
    workload, weights = material.workload, material.weights
    part, ask = levels.subset(workload, len(material.train)), levels.ask
    exact = Local(material, declared, precision="float64", samples=part.samples)
    answers = ask(exact, workload, part, rate=1.0)
    rate = levels.gradient_rate(answers, weights)
    if partitions:
        part = distributed.subset(workload, len(material.train), partitions)
        ask = distributed.ask
        exact = Local(
            material, declared, precision="float64", samples=part.samples, partitions=partitions
        )
        answers = ask(exact, workload, part, rate=rate)
    yardsticks = {}
    for number in levels.yardsticks(part):
        rough = Local(
            material,
            declared,
            precision=workload.precision,
            samples=part.samples,
            partitions=partitions,
            shaken=number,
        )
        yardsticks[number] = ask(rough, workload, part, rate=rate)
    floors = levels.floors(answers, weights, precision=workload.precision, rate=rate)
    return Standard(part=part, rate=rate, answers=answers, yardsticks=yardsticks, floors=floors)


class Local:
    """The numpy adapter in this process, asked as `levels.ask` asks whoever is verified."""

    def __init__(
        self,
        material: Material,
        declared: Mapping[str, str],
        *,
        precision: str,
        samples: int,
        partitions: int = 0,
        shaken: int | None = None,
    ) -> None:
        """Make it ready, in a precision and in declared semantics.

        samples: that it is given. partitions: how many train together; 0 for a single process.
        shaken: number of the yardstick whose disturbance the initial weights get.
        """
        numpy = registry.adapter("numpy")
        self.kind = type("Reference", (numpy,), {"semantics": declared})
        self.material, self.precision = material, precision
        self.data = material.train[:samples].astype(dtype(precision), copy=False)
        labels = material.targets
        self.targets = self.data if labels is None else np.array(labels[:samples])
        self.partitions = partitions
        self.initial = material.weights
        if shaken is not None:
            self.initial = levels.shaken(material.weights, precision=precision, number=shaken)
        self.backend: Backend | distributed.Averaged

    def build(self, workload: Workload) -> None:
        """Begin from the initial weights."""
        workload = workload.replace(precision=self.precision)
        how: dict[str, Any] = {"mode": "numpy", "device": "cpu", "threads": 1}
        if self.partitions:
            initial = {k: np.asarray(a, dtype(self.precision)) for k, a in self.initial.items()}
            self.backend = distributed.Averaged(
                self.kind, workload, initial, partitions=self.partitions
            )
        else:
            self.backend = self.kind(workload, self.initial, **how)
        self.backend.stage(self.data, self.targets)

    def predict(self, start: int, stop: int) -> NDArray[Any]:
        """Outputs for the training samples at these places."""
        return self.backend.predict(self.data[start:stop])

    def train(
        self,
        order: NDArray[np.int64],
        rates: NDArray[np.float64],
        momenta: NDArray[np.float64] | None = None,
    ) -> float:
        """Train on samples in an order, a rate a step; gives their mean loss."""
        if momenta is not None:
            self.backend.cycle(momenta)  # type: ignore[union-attr]  # partitions have none
        with np.errstate(all="ignore"):  # a workload may explode: the figures will say so
            return float(self.backend.train(order, rates) or 0.0)

    def weights(self) -> Weights:
        """The weights now, by canonical name."""
        return self.backend.weights()
