"""Training in partitions, as the reference simulates it, and the levels at which it is compared.

Two ways of working together (``Backend.distributed``), beside that of a single process:

- **averaged**: local SGD with averaging. In a round every partition trains a copy of the model on
  those of the round's samples that it holds, in their order, with a fresh optimizer; then the
  copies' weights are averaged, unweighted. For one partition and an optimizer without memory that
  is plain SGD.
- **asynchronous**: every partition adds its changes to common weights when it is done with a round
  or a batch. What comes out depends on who was first; with one partition it is the same as
  *averaged*, and that is what is verified.

A round is a run of steps at one rate, as a rule an epoch. The loss is that of the model after it.
A momentum that changes from step to step is not simulated: every round has a fresh optimizer.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from levelfield.spec import losses
from levelfield.spec.device import parse
from levelfield.verify.levels import OUTPUTS, PLAIN, Answers, Subject, Subset, changed

if TYPE_CHECKING:
    from levelfield.backend import Backend
    from levelfield.spec.workload import Weights, Workload

GENTLE = 2.0**-6
"""Of the rate at which one step changes the weights by themselves: several must not explode."""


def partitions(adapter: type[Backend], *, mode: str, device: str, threads: int) -> tuple[int, str]:
    """Partitions that the reference is to simulate (0: none), and the device to verify on."""
    how = adapter.distributed.get(mode)
    if how is None:
        return 0, device
    if how == "averaged":
        return parse(device).fitted(threads).partitions, device
    found = parse(device)
    start = f"{found.master}/" if found.master else "spark:"
    return 1, start + "x".join(["1", "1", *([found.memory] if found.memory else [])])


class Averaged:
    """Local SGD with averaging, made of one process' reference; asked like a backend.

    keep: whether copies keep their optimizer's memory from round to round (Elephas' do not).
    """

    def __init__(
        self,
        kind: type[Backend],
        workload: Workload,
        weights: Weights,
        *,
        partitions: int,
        keep: bool = False,
    ) -> None:
        """Begin with these weights."""
        self.kind, self.workload, self.count, self.keep = kind, workload, partitions, keep
        self.now = {name: np.array(array) for name, array in weights.items()}
        self.copies: list[Backend] = []

    def stage(self, x: NDArray[Any], y: NDArray[Any]) -> None:
        """Take the training set; every partition has a contiguous part of it."""
        self.x, self.y = x, y
        self.bounds = np.linspace(0, len(x), self.count + 1).astype(np.int64)

    def train(self, order: NDArray[np.int64], rates: NDArray[np.float64]) -> float:
        """Train rounds; mean loss of the model after them over the same samples."""
        batch, start = self.workload.batch, 0
        for rate, run in groupby(rates.tolist()):
            rows = order[start : start + batch * len(list(run))]
            start += len(rows)
            self._round(rows, rate)
        outputs, targets = self.predict(self.x[order]), self.y[order]

        return losses.mean(self.workload.loss, outputs, targets)

    def _round(self, rows: NDArray[np.int64], rate: float) -> None:
        if not (self.keep and self.copies):
            self.copies = [self._copy() for _ in range(self.count)]
        found = []
        for copy, first, last in zip(self.copies, self.bounds, self.bounds[1:], strict=False):
            _set(copy, self.now)
            mine = rows[(rows >= first) & (rows < last)]
            copy.train(mine, np.full(self.workload.steps(len(mine)), rate))
            found.append(copy.weights())
        self.now = {name: np.mean([each[name] for each in found], axis=0) for name in self.now}

    def _copy(self) -> Backend:
        copy = self.kind(self.workload, self.now, mode="numpy", device="cpu", threads=1)
        copy.stage(self.x, self.y)
        return copy

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Outputs of the averaged model."""
        return self._copy().predict(x)

    def weights(self) -> Weights:
        """The averaged weights."""
        return dict(self.now)


def _set(copy: Backend, weights: Weights) -> None:
    """Give a copy other weights, and leave its optimizer as it is."""
    for array, wanted in zip(copy.arrays, weights.values(), strict=True):  # type: ignore[attr-defined]
        array[...] = wanted


def subset(workload: Workload, samples: int, partitions: int) -> Subset:
    """Two batches and a half for every partition, as far as the training set goes."""
    full = min(workload.batch, samples)
    size = min(samples, partitions * (2 * full + max(1, full // 2)))
    return Subset(samples=size, full=full, rest=size % full)


def ask(subject: Subject, workload: Workload, part: Subset, *, rate: float) -> Answers:
    """Put a subject through the levels of training in partitions; two builds.

    distributed: the change of weights in two rounds of the workload's optimizer. gradient: in a
    round of plain SGD, over its rate.
    """
    answers: Answers = {}
    exact = 2.0 ** np.round(np.log2(workload.rates(0, part.samples)[0]))
    steps = workload.steps(part.samples)
    subject.build(workload)
    outputs = answers["forward", "full batch"] = subject.predict(0, part.full)
    if part.rest:
        answers["forward", "last batch"] = subject.predict(part.samples - part.rest, part.samples)
    before = dict(subject.weights())
    for number in range(2):
        subject.train(workload.order(number, part.samples), np.full(steps, exact))
    for name, array in subject.weights().items():
        answers["distributed", name] = changed(array, before[name])
    answers["distributed", OUTPUTS] = changed(subject.predict(0, part.full), outputs)
    losses = [
        subject.train(workload.order(epoch, part.samples), workload.rates(epoch, part.samples))
        for epoch in (2, 3)
    ]
    answers["epoch", "loss"] = np.array(losses, dtype=np.float64)

    subject.build(workload.replace(**PLAIN))
    before = dict(subject.weights())
    gentle = GENTLE * rate
    loss = subject.train(workload.order(0, part.samples), np.full(steps, gentle))
    for name, array in subject.weights().items():
        answers["gradient", name] = changed(before[name], array) / gentle
    answers["gradient", "loss"] = np.array([loss], dtype=np.float64)
    return answers
