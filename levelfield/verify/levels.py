"""The levels of verification: what is asked of a contender, and what is computed from its answers.

Every level is asked of a `Subject`: the contender's worker, the float64 reference, or NumPy in the
workload's precision (the yardstick). All see the same weights, samples, orders, rates and momenta.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from levelfield.results.record import Figure
from levelfield.spec.optimizers import SGD
from levelfield.spec.precision import EPS, EXACT
from levelfield.spec.schedules.constant import Constant
from levelfield.spec.workload import Weights, Workload
from levelfield.verify.tolerances import MARGIN, TOLERANCES, Level

STEPS, EPOCHS, BATCHES = 5, 2, 4
"""Steps at the optimizer level; epochs, and full batches an epoch, at the epoch level."""
SHAKES = (8.0, 8.0, 8.0, 64.0, 64.0, 64.0, 64.0)
"""Disturbance of each yardstick's initial weights, in roundings of the precision."""
LARGE, SPARE = 4096, (0, 3)
"""Samples in a batch over which kinks average out, so that one yardstick of each shake will do;
which. The reference and its yardsticks are three runs then, not eight."""
COARSE = 1 / 8
"""Share of it for a precision whose one rounding already crosses kinks."""
FACTORS = (1.0, 0.5, 2.0, 0.25, 1.0)
"""Rates of the optimizer level, as powers of two: exact in every precision."""

PLAIN: Mapping[str, Any] = {
    "optimizer": SGD(momentum=0.0, nesterov=False),
    "schedule": Constant(rate=1.0),
}
"""What the gradient level puts in a workload's place; its rates are given step by step."""
OUTPUTS = "change of outputs"
"""Part of the optimizer level: predictions must follow the weights that training has changed."""


class Subject(Protocol):
    """Something that trains: built afresh for a workload, then asked."""

    def build(self, workload: Workload) -> None:
        """Begin again, from the initial weights."""

    def predict(self, start: int, stop: int) -> NDArray[Any]:
        """Predictions for these training samples."""

    def train(
        self,
        order: NDArray[np.int64],
        rates: NDArray[np.float64],
        momenta: NDArray[np.float64] | None = None,
    ) -> float:
        """Train on these samples, at these momenta where the workload moves them; mean loss."""

    def weights(self) -> Weights:
        """The weights now."""


@dataclass(frozen=True, kw_only=True)
class Subset:
    """The part of the real training set on which the levels are asked."""

    samples: int
    """Samples at hand: some full batches, and a smaller last one where the data allow."""
    full: int
    """Samples in a full batch."""
    rest: int
    """Samples in the smaller last batch."""


def subset(workload: Workload, samples: int) -> Subset:
    """Some full batches and half a batch, as far as the training set goes."""
    full = min(workload.batch, samples)
    size = min(samples, BATCHES * full + max(1, full // 2))
    return Subset(samples=size, full=full, rest=size % full)


def yardsticks(part: Subset) -> Sequence[int]:
    """Numbers of the yardsticks that are run."""
    return SPARE if part.full >= LARGE else range(len(SHAKES))


Answers = dict[tuple[Level, str], NDArray[Any]]
"""By level and part: an array to be compared with the reference's."""


def ask(subject: Subject, workload: Workload, part: Subset, *, rate: float) -> Answers:
    """Put a subject through every level but the barrier's; two builds.

    rate: of the one step at the gradient level, see `gradient_rate`.
    """
    answers: Answers = {}
    exact = 2.0 ** np.round(np.log2(workload.rates(0, part.samples)[0]))
    subject.build(workload)
    outputs = answers["forward", "full batch"] = subject.predict(0, part.full)
    if part.rest:
        answers["forward", "last batch"] = subject.predict(part.samples - part.rest, part.samples)
    before = _copied(subject.weights())
    steps = workload.order(0, part.samples)
    steps = np.resize(steps, workload.batch * (STEPS - 1) + max(1, part.full // 2))
    subject.train(steps, exact * np.array(FACTORS), spread(workload, part.samples))
    for name, array in _copied(subject.weights()).items():
        answers["optimizer", name] = array - before[name]
    answers["optimizer", OUTPUTS] = changed(subject.predict(0, part.full), outputs)
    losses = [
        subject.train(
            workload.order(epoch, part.samples),
            workload.rates(epoch, part.samples),
            workload.momenta(epoch, part.samples),
        )
        for epoch in range(1, 1 + EPOCHS)
    ]
    answers["epoch", "loss"] = np.array(losses, dtype=np.float64)

    subject.build(workload.replace(**PLAIN))
    before = _copied(subject.weights())
    loss = subject.train(workload.order(0, part.samples)[: part.full], np.array([rate]))
    for name, array in _copied(subject.weights()).items():
        answers["gradient", name] = (before[name] - array) / rate
    answers["gradient", "loss"] = np.array([loss], dtype=np.float64)
    return answers


def spread(workload: Workload, samples: int) -> NDArray[np.float64] | None:
    """Momenta of the optimizer level's steps: of steps spread evenly over the whole training."""
    steps = workload.steps(samples)
    places = np.linspace(0, workload.epochs * steps - 1, STEPS).round().astype(int)
    found = [workload.schedule.momenta(int(n), 1, steps_per_epoch=steps) for n in places]
    given = [each for each in found if each is not None]
    return np.concatenate(given) if given else None


def changed(now: NDArray[Any], before: NDArray[Any]) -> NDArray[np.float64]:
    """What was added to an array, in float64; nothing at all where the shapes differ."""
    if now.shape != before.shape:
        return np.empty(0)
    return np.asarray(now, np.float64) - np.asarray(before, np.float64)


def figures(
    seen: Answers,
    reference: Answers,
    yardsticks: Mapping[int, Answers],
    *,
    precision: str,
    floors: Answers,
) -> list[Figure]:
    """Compare a contender's answers with the reference's, array by array."""
    made = []
    for place, expected in reference.items():
        level, part = place
        floor = float(floors.get(place, np.zeros(())))
        value = error(seen[place], expected, floor=floor)
        lost = [
            error(each[place], expected, floor=floor) * MARGIN * min(SHAKES) / SHAKES[number]
            for number, each in yardsticks.items()
        ]
        limit = max(TOLERANCES[precision][level], *lost)
        made.append(Figure(level=level, part=part, value=value, limit=limit))
    return made


def floors(reference: Answers, weights: Weights, *, precision: str, rate: float) -> Answers:
    """By level and part, the L2 norm of the rounding of the weights and of the outputs themselves.

    A change below it cannot be told from none.
    """
    eps = EPS[precision]
    norms = {
        name: eps * np.linalg.norm(array.astype(np.float64)) for name, array in weights.items()
    }
    norms[OUTPUTS] = eps * np.linalg.norm(reference["forward", "full batch"])
    trained: tuple[Level, ...] = ("optimizer", "distributed")
    found: Answers = {(lv, name): np.asarray(n) for name, n in norms.items() for lv in trained}
    del norms[OUTPUTS]
    return {**found, **{("gradient", name): np.asarray(n / rate) for name, n in norms.items()}}


def gradient_rate(reference: Answers, weights: Weights) -> float:
    """A rate, a power of two, at which one step of SGD changes the weights by about themselves.

    At rate 1 a small gradient drowns in the rounding of the weights it is added to; the gradient
    is the change over the rate, whatever the rate.
    """
    size = np.sqrt(sum(float(np.sum(np.square(a, dtype=np.float64))) for a in weights.values()))
    slope = np.sqrt(sum(float(np.sum(reference["gradient", name] ** 2)) for name in weights))
    if not (slope > 0 and np.isfinite(slope) and size > 0):
        return 1.0
    return float(2.0 ** np.clip(np.round(np.log2(size / slope)), -30, 60))


def barrier(readings: list[list[float]], *, precision: str) -> Figure:
    """Share of a piece that passes after `train`: a fetch of weights right then minus an idle one.

    The median over several readings, so that a stranger on the machine does not decide.
    """
    shares = [max(0.0, late - idle) / (train + late) for train, late, idle in readings]
    limit = TOLERANCES[precision]["barrier"]
    return Figure(level="barrier", part="share", value=float(np.median(shares)), limit=limit)


def error(seen: NDArray[Any], expected: NDArray[Any], *, floor: float) -> float:
    """Relative L2 error; below ``floor`` nothing can be told from zero. NaN where shapes differ."""
    if seen.shape != expected.shape:
        return float("nan")
    difference = float(np.linalg.norm(np.asarray(seen, np.float64) - expected))
    return difference / max(float(np.linalg.norm(expected)), floor, sys.float_info.min)


def shaken(weights: Weights, *, precision: str, number: int) -> Weights:
    """Weights off by so many roundings of the precision as yardstick ``number`` asks, at random.

    One run in the precision may by luck cross no kink (a ReLU at zero) that another library's run
    crosses; runs from shaken weights cross more of them than any library's rounding does. The
    smooth part of their error grows with the shake, and so their margin is smaller by as much.
    """
    rng = np.random.default_rng(number)
    scale = SHAKES[number] * EPS[precision] * (1.0 if precision in EXACT else COARSE)
    return {
        name: (array * (1.0 + scale * rng.standard_normal(array.shape))).astype(array.dtype)
        for name, array in weights.items()
    }


def _copied(weights: Weights) -> Mapping[str, NDArray[np.float64]]:
    return {name: np.array(array, dtype=np.float64) for name, array in weights.items()}
