"""What is followed from commit to commit, as numbers of one trial's record.

Records are taken as the JSON of their lines: asv runs today's metrics on the records that an older
commit wrote.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
"""The JSON of a trial's record."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number of a trial; asv knows it as ``training.track_NAME``."""

    name: str
    unit: str
    about: str
    of: Callable[[Facts], float]
    version: str = "1"
    """To be changed with the meaning: asv draws no line through numbers of two versions."""


def steady_epoch(facts: Facts) -> float:
    """Median wall seconds of the epochs after the first, as far as there are any.

    Not the typical epoch of Levelfield's tables, which leaves out what came before a trial settled:
    whatever that rule becomes, numbers of old and new commits are to stay of one kind.
    """
    return statistics.median(_steady(facts, "wall") or [math.nan])


def first_epoch(facts: Facts) -> float:
    """Wall seconds of the first epoch, in which most backends compile."""
    return _number(next(iter(facts["epochs"]["wall"]), None))


def user_cpu(facts: Facts) -> float:
    """Mean CPU seconds in user mode of the epochs after the first.

    A mean, since the kernel's accounting is coarse beside a short epoch.
    """
    return statistics.fmean(_steady(facts, "user") or [math.nan])


def peak_memory(facts: Facts) -> float:
    """Peak resident bytes of the worker process."""
    return _number(facts["peak_memory"])


def test_loss(facts: Facts) -> float:
    """Loss of the test set after the workload's last epoch."""
    return _number(next(reversed(facts["epochs"]["test_loss"]), None))


def verification_error(facts: Facts) -> float:
    """The largest difference from the float64 reference, as a share of what is allowed there.

    Levels differ in what they allow, so that the plain errors have no common scale. The barrier is
    a time and left out.
    """
    figures = facts["verification"]["figures"]
    shares = [
        _number(figure["value"]) / figure["limit"]
        for figure in figures
        if figure["level"] != "barrier" and figure["limit"]
    ]
    return max(shares, default=math.nan)


METRICS = (
    Metric(
        name="steady_epoch",
        unit="seconds",
        about="Wall time of an epoch after the first",
        of=steady_epoch,
    ),
    Metric(
        name="first_epoch",
        unit="seconds",
        about="Wall time of the first epoch, compilation included",
        of=first_epoch,
    ),
    Metric(name="user_cpu", unit="seconds", about="User CPU time of a steady epoch", of=user_cpu),
    Metric(
        name="peak_memory",
        unit="bytes",
        about="Peak resident memory of the training process",
        of=peak_memory,
    ),
    Metric(
        name="test_loss",
        unit="loss",
        about="Test loss after the workload's last epoch",
        of=test_loss,
    ),
    Metric(
        name="verification_error",
        unit="of the tolerance",
        about="Largest difference from the float64 reference, as a share of its tolerance",
        of=verification_error,
    ),
)


def label(facts: Facts) -> str:
    """The contender, as a suite names it, and its environment where it is another's.

    Unlike `levelfield.naming`, which names an environment only where a study has several: a line of
    the history keeps its name whoever else is in a study. Written out here, since commits that know
    no such module are measured too. ``current`` is asv's own environment, which stands for main.
    """
    name = f"{facts['backend']}/{facts['mode']}"
    name = name if facts["device"] == "cpu" else f"{name}@{facts['device']}"
    return (
        name if facts["environment"] in {"main", "current"} else f"{name} [{facts['environment']}]"
    )


def value(metric: Metric, trials: Iterable[Facts]) -> float | None:
    """The median over one contender's trials of one workload.

    Trials count that ended well and were verified. Without one it is NaN where they were skipped
    (or not verified), and None where they failed: asv calls the one n/a and the other failed.
    """
    trials = list(trials)
    counted = [facts for facts in trials if _counts(facts)]
    if counted:
        return statistics.median(map(metric.of, counted))
    failed = any(facts["status"] in {"failed", "timeout"} for facts in trials)
    return None if failed else math.nan


def reason(trials: Iterable[Facts]) -> str:
    """Why there is no value; empty where there is one."""
    trials = list(trials)
    if any(map(_counts, trials)):
        return ""
    for facts in trials:
        return f"{facts['status']}: {facts['reason']}" if facts["reason"] else "not verified"
    return "no trial"


def _counts(facts: Facts) -> bool:
    checked = facts.get("verification") or {}
    return facts["status"] == "ok" and checked.get("status") == "passed"


def _steady(facts: Facts, column: str) -> list[float]:
    seconds = facts["epochs"][column]
    return [_number(second) for second in seconds[1:] or seconds]


def _number(given: float | None) -> float:
    """A number, as JSON keeps it: what is not finite is null there."""
    return math.nan if given is None else float(given)
