"""A sweep: one learning-rate range test of one contender with one seed, as one line of JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from levelfield import naming
from levelfield.errors import UserError
from levelfield.results.lines import lined, parsed
from levelfield.results.lr_range import Bounds, Curve, bounds
from levelfield.results.record import Status, Verification
from levelfield.results.store import lines

FILE = "sweeps.jsonl"
Group = tuple[str, str]
"""Workload and contender's label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """What a range test saw, batch by batch; one place a step in ``rates``, ``loss``, ``accuracy``.

    Losses and accuracies are those of the batch before the step it led to. Accuracies that were not
    taken are NaN. ``test_loss`` and ``test_accuracy`` have one place an epoch.
    """

    workload: str
    fingerprint: str
    optimizer: str
    backend: str
    mode: str
    device: str
    environment: str
    seed: int
    status: Status = "failed"
    reason: str = ""
    classes: int = 0
    batch: int = 0
    rates: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    test_loss: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    """On the wall: ``train``, ``accuracy`` (predictions for it), ``evaluate``, ``sweep`` (all that
    passed between the first step and the end of the last epoch)."""
    peak_memory: int | None = None
    device_memory: int | None = None
    verification: Verification | None = None

    @property
    def curve(self) -> Curve:
        """Its arrays, for the rule that finds bounds."""
        return Curve(
            rates=np.array(self.rates), loss=np.array(self.loss), accuracy=np.array(self.accuracy)
        )

    def line(self) -> str:
        """Return the sweep as one line of JSON."""
        return lined("sweep", self)

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Sweep:
        """Build from the JSON of its line; raise `UserError` where that is impossible."""
        sweep: Sweep = parsed("sweep", facts, cls)
        if len({len(sweep.rates), len(sweep.loss), len(sweep.accuracy)}) > 1:
            raise UserError("not a sweep's record: columns of several lengths")
        return sweep


def read_sweeps(folder: Path) -> list[Sweep]:
    """The sweeps of a folder, in the order they were made; a half-written last line is passed over.

    Raise `UserError` where there is no such file, or a line of it is not a sweep.
    """
    path = folder / FILE
    found = []
    try:
        for where, facts in lines(path):
            try:
                found.append(Sweep.parse(facts))
            except UserError as error:
                raise UserError(error.seen, where=where) from None
    except FileNotFoundError as error:
        raise UserError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            expected="a folder that `levelfield lr-range` wrote",
        ) from None
    return found


def labelled(sweeps: Sequence[Sweep]) -> list[tuple[str, Sweep]]:
    """Every sweep with its contender's label."""
    labels = naming.labels(sweeps)
    return [(labels[naming.identity(sweep)], sweep) for sweep in sweeps]


def found_bounds(sweeps: Sequence[Sweep]) -> dict[Group, Bounds]:
    """The bounds of every workload and contender that has a good sweep, over its seeds."""
    groups: dict[Group, list[Sweep]] = {}
    for who, sweep in labelled(sweeps):
        if sweep.status == "ok":
            groups.setdefault((sweep.workload, who), []).append(sweep)
    return {
        group: bounds(
            [sweep.curve for sweep in found],
            chance=1.0 / found[0].classes if found[0].classes else None,
            samples=found[0].batch if found[0].classes else None,
        )
        for group, found in groups.items()
    }


def beside(sweeps: Sequence[Sweep]) -> float:
    """Share of the sweeps' time that was not training."""
    whole = math.fsum(s.seconds.get("sweep", 0.0) for s in sweeps)
    train = math.fsum(s.seconds.get("train", 0.0) for s in sweeps)
    return 1.0 - train / whole if whole else math.nan
