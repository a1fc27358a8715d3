"""How a workload's contenders learn: losses and metrics by epoch, over trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .view import View, Workload

LOSSES = {"test_loss": "test loss", "loss": "training loss"}
"""Columns of losses and what they are called; the first is shown first."""


def metrics(view: View, workload: Workload) -> tuple[str, ...]:
    """Names of the metrics that a trial of the workload has, such as accuracy; higher is better."""
    names = {
        name
        for record in view.study.records
        if record.fingerprint == workload.fingerprint and record.status == "ok"
        for name in record.metrics
    }
    return tuple(sorted(names - {*LOSSES, "trial", "contender", "epoch", "wall", "seconds", "cpu"}))


def epochs(view: View, workload: Workload) -> pd.DataFrame:
    """Rows of `View.epochs` of a workload, with seconds so far and a column a metric.

    ``seconds``: of training, on the wall; ``cpu``: user and system. A metric that a trial lacks is
    NaN.
    """
    mine = view.trials.index[view.trials["fingerprint"] == workload.fingerprint]
    table = view.epochs[view.epochs["trial"].isin(mine)].copy()
    trials = table.groupby("trial", sort=False)
    table["seconds"] = trials["wall"].cumsum()
    table["cpu"] = trials["user"].cumsum() + trials["system"].cumsum()
    for name in metrics(view, workload):
        columns = [
            _fitted(view.study.records[int(trial)].metrics.get(name, ()), int(count))
            for trial, count in zip(
                *np.unique(table["trial"].to_numpy(), return_counts=True), strict=True
            )
        ]
        table[name] = np.concatenate(columns) if columns else np.empty(0)
    return table


def curves(table: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Over trials, by contender and epoch: mean, least and greatest of each kind; mean seconds.

    table: of `epochs`. A value that is no finite number in one trial has no mean.
    """
    by = [table["contender"], table["epoch"]]
    made = table[["seconds", "cpu"]].groupby(by).mean()
    for column in kinds:
        finite = table[column].where(np.isfinite(table[column]))
        groups = finite.groupby(by)
        made[column] = groups.mean().where(groups.count() == groups.size())
        made[f"{column} low"], made[f"{column} high"] = groups.min(), groups.max()
    made["trials"] = table.groupby(by)["trial"].size()
    return made


def _fitted(values: tuple[float, ...], count: int) -> NDArray[np.float64]:
    """As many values as there are epochs."""
    column = np.full(count, np.nan)
    column[: len(values)] = values[:count]
    return column
