"""Puts a contender beside the reference: same weights, samples and steps, then compares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from levelfield.backend import Backend
from levelfield.results.record import Figure, Verification
from levelfield.run.process import Process, WorkerError
from levelfield.run.trial import ready
from levelfield.spec.device import clustered
from levelfield.spec.precision import dtype
from levelfield.spec.workload import Weights, Workload
from levelfield.verify import distributed, levels, randomness, semantics
from levelfield.verify.reference import Local, Material, Reference, Standard

BARRIERS = 3
"""Tries at the barrier: a stranger on the machine spoils one, who does not wait fails them all."""
Start = Callable[[], AbstractContextManager[Process]]


def verify(
    reference: Reference,
    adapter: type[Backend],
    start: Start,
    scratch: Path,
    **how: Any,
) -> Verification:
    """Put one contender through every level; raise `WorkerError` where it does not get to the end.

    how: ``backend``, ``module``, ``source``, ``mode``, ``device`` and ``threads`` of the contender.
    """
    said = adapter.meanings(how["mode"])
    semantics.check(said, where=f"semantics of {adapter.name}")
    material = reference.material
    facts = {key: how[key] for key in ("mode", "device", "threads")}
    partitions, how["device"] = distributed.partitions(adapter, **facts)
    if partitions and material.workload.cycled:
        raise WorkerError(
            "skipped", "the reference has no partitions that train with a changing momentum"
        )
    ways = list(semantics.ways(said, material.workload))
    precision = material.workload.precision
    with start() as process:
        first = reference.standard(ways[0], partitions)
        subject = _Remote(process, material, scratch, first.part, how)
        tried = []
        for way in ways:
            standard = reference.standard(way, partitions)
            seen = _asked(subject, standard, partitions)
            tried.append((way, _held(seen, standard, precision), seen))
            if all(figure.passed for figure in tried[-1][1]):
                break
        declared, figures, seen = min(tried, key=lambda each: sum(not f.passed for f in each[1]))
        passed = all(figure.passed for figure in figures)
        for _ in range(BARRIERS):
            barrier = levels.barrier(subject.barrier(partitions), precision=precision)
            if barrier.passed:
                break
        figures.append(barrier)
        if not clustered(subject.mode["device"]):
            for layer in material.random:
                figures += randomness.figures(
                    layer, process, scratch, subject.mode, precision=dtype(precision)
                )
    wrong = [_told(figure) for figure in figures if not figure.passed]
    meant = "" if passed or partitions else _meant(reference, declared, seen)
    return Verification(
        status="failed" if wrong else "passed",
        figures=tuple(figures),
        semantics=semantics.differences(declared, material.workload),
        reason="not the same computation: " + "; ".join(wrong[:3]) + meant if wrong else "",
    )


def _asked(subject: _Remote, standard: Standard, partitions: int) -> levels.Answers:
    ask = distributed.ask if partitions else levels.ask
    return ask(subject, subject.material.workload, standard.part, rate=standard.rate)


def _held(seen: levels.Answers, standard: Standard, precision: str) -> list[Figure]:
    """A contender's answers, held against the reference's in one understanding of its semantics."""
    return levels.figures(
        seen,
        standard.answers,
        standard.yardsticks,
        precision=precision,
        floors=standard.floors,
    )


def _meant(reference: Reference, declared: Mapping[str, str], seen: levels.Answers) -> str:
    """What a contender could have declared to be right, in words: one other meaning, if any."""
    material, standard = reference.material, reference.standard(declared)
    for key, other in semantics.others(declared, material.workload):
        exact = Local(
            material, {**declared, key: other}, precision="float64", samples=standard.part.samples
        )
        answers = levels.ask(exact, material.workload, standard.part, rate=standard.rate)
        held = _held(seen, replace(standard, answers=answers), material.workload.precision)
        if all(figure.passed for figure in held):
            return f"; it is the computation that semantics = {{{key!r}: {other!r}}} declares"
    return ""


def _told(figure: Figure) -> str:
    """What is wrong with a figure, in words."""
    if math.isnan(figure.value):
        return f"{figure.level} ({figure.part}): not a number, or not the shape expected"
    return f"{figure.level} ({figure.part}): {figure.value:.2g} > {figure.limit:.2g}"


class _Remote:
    """A contender in its worker; arrays travel through files."""

    def __init__(
        self,
        process: Process,
        material: Material,
        scratch: Path,
        part: levels.Subset,
        how: Mapping[str, Any],
    ) -> None:
        self.process, self.material, self.part = process, material, part
        process.ask("load", **{key: how[key] for key in ("backend", "module", "source")})
        self.mode = {key: how[key] for key in ("mode", "device", "threads")}
        self.mode["device"] = ready(how["device"], process)
        self.arrays = str(scratch / "arrays.npz"), str(scratch / "outputs.npy")

    def build(self, workload: Workload) -> None:
        weights = self.material.weights_path
        self.process.ask("build", workload=workload.plain(), weights=weights, **self.mode)
        self.process.ask("stage", **self.material.arrays, samples=self.part.samples)

    def predict(self, start: int, stop: int) -> NDArray[Any]:
        self.process.ask("predict", start=start, stop=stop, path=self.arrays[1])
        return np.asarray(np.load(self.arrays[1]))

    def train(
        self,
        order: NDArray[np.int64],
        rates: NDArray[np.float64],
        momenta: NDArray[np.float64] | None = None,
    ) -> float:
        steps = {"order": order.tolist(), "rates": rates.tolist()}
        if momenta is not None:
            steps["momenta"] = momenta.tolist()
        reply = self.process.ask("steps", **steps)
        return float(reply["loss"])

    def weights(self) -> Weights:
        self.process.ask("weights", path=self.arrays[0])
        with np.load(self.arrays[0]) as file:
            found = {name: file[name] for name in file.files}
        for name, initial in self.material.weights.items():
            shape = found[name].shape if name in found else "nothing"
            if shape != initial.shape:
                raise WorkerError(
                    "failed", f"weights() gave {shape} for {name}, expected {initial.shape}"
                )
        return {name: found[name] for name in self.material.weights}

    def barrier(self, partitions: int) -> list[list[float]]:
        workload, size = self.material.workload, self.part.samples
        batches = 3 * max(levels.BATCHES, partitions)
        if "spark" in self.mode["device"]:
            batches *= 4  # fetching the weights takes messages, whose time wanders: train longer
        order = np.resize(workload.order(0, size), workload.batch * batches)
        rates = np.resize(workload.rates(0, size), batches)
        reply = self.process.ask("barrier", order=order.tolist(), rates=rates.tolist(), repeats=5)
        readings: list[list[float]] = reply["readings"]
        return readings
