"""The figures of a contender on a workload: medians over its trials, with their spread."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

Verdict = Literal["passed", "failed", "unverified"]
DEVICES = {"cpu": "on the CPU", "cuda": "on the GPU", "spark": "on a Spark cluster"}
"""Kinds of device in words; others go by their own names."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The lowest and the highest of the trials, and what stands for all of them."""

    middle: float
    """The median; of steady epochs what `against.typical` is."""
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one contender did on one workload: of trials that ended well, seconds and bytes."""

    contender: int
    """Its place in `View.contenders`."""
    device: str
    threads: int
    trials: int
    """Trials that the figures are taken from."""
    tried: int
    """All its trials, however they ended."""
    single: bool
    """Whether the only epoch, the first, had to stand in for the steady ones."""
    verified: Verdict
    epoch: Spread
    """Wall seconds of the typical steady epoch, as `against.typical` has them."""
    first: float
    user: float
    """Processor seconds of a steady epoch: the median within a trial, then over trials."""
    system: float
    busy: float
    """Cores kept busy in steady epochs: processor seconds over wall seconds, median over trials."""
    speed: float
    """Samples a second in a steady epoch."""
    share: float
    """Of the device's own rate of a matrix product; NaN where that was not measured."""
    work: float
    """Operations a second in a steady epoch, as the engine counts them."""
    total: float
    """Wall seconds of the whole trial."""
    test_loss: Spread
    peak_memory: float
    device_memory: float

    @property
    def marked(self) -> bool:
        """Whether its numbers may be of another computation."""
        return self.verified != "passed"


def stand(
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    *,
    flops: float,
    peak: Callable[[str, int], float],
) -> tuple[Standing, ...]:
    """Rank the contenders of one workload, fastest first.

    trials: this workload's rows of `View.trials`. epochs: `View.epochs`, of any workload.
    flops: operations to train on one sample. peak: the rate of a device with so many threads.
    """
    ended = trials[trials["status"] == "ok"].join(_per_trial(epochs), how="inner")
    tried = trials["contender"].value_counts()
    made = [
        _standing(group, tried=int(tried[group["contender"].iloc[0]]), flops=flops, peak=peak)
        for _, group in ended.groupby("contender", sort=True)
    ]
    return tuple(sorted(made, key=lambda s: (pd.isna(s.epoch.middle), s.epoch.middle)))


def fastest(standings: Sequence[Standing]) -> Standing:
    """The fastest verified contender; the fastest of all where none is verified."""
    return next((s for s in standings if not s.marked), standings[0])


def families(standings: Sequence[Standing]) -> dict[str, list[Standing]]:
    """By kind of device (``cpu``, ``cuda``, ``spark``): who ran there, fastest first."""
    found: dict[str, list[Standing]] = {}
    for standing in standings:
        found.setdefault(standing.device.partition(":")[0], []).append(standing)
    return found


def _per_trial(epochs: pd.DataFrame) -> pd.DataFrame:
    """By trial: its first epoch, and medians of its steady epochs (or those of the only one)."""
    first = epochs[epochs["epoch"] == 1].set_index("trial")
    later = epochs[epochs["steady"]].groupby("trial")[["wall", "user", "system"]]
    made, sums = later.median().add_prefix("epoch_"), later.sum(min_count=1)
    busy = (sums["user"] + sums["system"]) / sums["wall"].where(sums["wall"] > 0)
    made = made.assign(busy=busy).reindex(first.index)
    return made.assign(first=first["wall"], single=epochs.groupby("trial").size() == 1)


def _standing(
    group: pd.DataFrame, *, tried: int, flops: float, peak: Callable[[str, int], float]
) -> Standing:
    settled = group[~group["single"]]
    used = settled if len(settled) else group
    device, threads = str(used["device"].iloc[0]), int(used["threads"].iloc[0])
    epoch = _over_trials(used["typical"])
    user, system = float(used["epoch_user"].median()), float(used["epoch_system"].median())
    speed = _over(float(used["samples"].median()), epoch.middle)
    return Standing(
        contender=int(used["contender"].iloc[0]),
        device=device,
        threads=threads,
        trials=len(used),
        tried=tried,
        single=not len(settled),
        verified=_verdict(set(used["verified"])),
        epoch=epoch,
        first=float(used["first"].median()),
        user=user,
        system=system,
        busy=float(used["busy"].median()),
        speed=speed,
        share=speed * flops / peak(device, threads),
        work=speed * flops,
        total=float(used["wall"].median()),
        test_loss=spread(used["test_loss"]),
        peak_memory=float(used["peak_memory"].median()),
        device_memory=float(used["device_memory"].median()),
    )


def spread(values: pd.Series[float]) -> Spread:
    """Over trials; no number as soon as one of the values is none: nothing is quietly left out."""
    middle, low, high = (values.agg(how, skipna=False) for how in ("median", "min", "max"))
    return Spread(middle=float(middle), low=float(low), high=float(high))


def _over_trials(typical: pd.Series[float]) -> Spread:
    """Of typical epochs: the mean of their logarithms; no number as soon as one is none."""
    with np.errstate(divide="ignore"):  # of what the clock took for nothing
        logs = np.log(typical.to_numpy(dtype=np.float64))
    return replace(spread(typical), middle=math.exp(float(logs.mean())))


def _over(value: float, seconds: float) -> float:
    """A rate; NaN where no time went by."""
    return value / seconds if seconds > 0 else float("nan")


def _verdict(seen: set[str]) -> Verdict:
    """The worst of what verification said over the trials."""
    if "failed" in seen:
        return "failed"
    return "passed" if seen == {"passed"} else "unverified"
