"""Whether contenders that were proven equal ended alike: verification sees first steps alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from levelfield.results.record import Record

STRAY = 0.25
"""Share of the median over contenders by which a last test loss may be off. Rounding and draws of
dropout part them by a few percent over a whole training."""


def ended(records: Iterable[Record]) -> float:
    """Median of the last test losses of verified trials; NaN where there are none to compare.

    On a cluster partitions train by themselves and are averaged: another algorithm, another loss.
    """
    losses = [
        record.epochs.test_loss[-1]
        for record in records
        if record.epochs.test_loss
        and record.verification is not None
        and record.verification.status == "passed"
        and not record.device.startswith("spark")
    ]
    return median(losses) if losses else math.nan


def far(loss: float, all_losses: Iterable[float]) -> str:
    """How far a loss is from the median of a workload's contenders, in words, if it is far."""
    known = [each for each in all_losses if math.isfinite(each)]
    if len(known) < 2 or not math.isfinite(loss):  # noqa: PLR2004 - one has nobody to agree with
        return ""
    middle = median(known)
    off = abs(loss - middle) > STRAY * abs(middle)
    return f"{loss:.4g}, the median of {len(known)} contenders is {middle:.4g}" if off else ""
