"""A sweep: one learning-rate range test of one contender with one seed, as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from levelfield.errors import UserError
from levelfield.results.lr_range import Curve
from levelfield.results.record import SCHEMA, Status, Verification, made, plain

FILE = "sweeps.jsonl"


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
    def contender(self) -> str:
        """Backend and mode."""
        return f"{self.backend}/{self.mode}"

    @property
    def curve(self) -> Curve:
        """Its arrays, for the rule that finds bounds."""
        return Curve(
            rates=np.array(self.rates), loss=np.array(self.loss), accuracy=np.array(self.accuracy)
        )

    def line(self) -> str:
        """Return the sweep as one line of JSON."""
        facts = {"schema": SCHEMA, "type": "sweep", **plain(self)}
        return json.dumps(facts, separators=(",", ":"), allow_nan=False)

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Sweep:
        """Build from the JSON of its line; raise `UserError` where that is impossible."""
        try:
            sweep: Sweep = made(facts, cls)
        except (TypeError, OverflowError) as error:
            raise UserError(f"not a sweep's record: {error}") from None
        if len({len(sweep.rates), len(sweep.loss), len(sweep.accuracy)}) > 1:
            raise UserError("not a sweep's record: columns of several lengths")
        return sweep


def read_sweeps(folder: Path) -> list[Sweep]:
    """The sweeps of a folder, in the order they were made; a half-written last line is passed over.

    Raise `UserError` where there is no such file, or a line of it is not a sweep.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            expected="a folder that `levelfield lr-range` wrote",
        ) from None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            facts = json.loads(line)
        except ValueError:
            if number == text.count("\n") + 1:
                break  # was being written
            raise UserError("not JSON", where=f"{path}:{number}") from None
        try:
            found.append(Sweep.parse(facts))
        except UserError as error:
            raise UserError(error.seen, where=f"{path}:{number}") from None
    return found
