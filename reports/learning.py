"""How a workload's contenders learn: losses and metrics by epoch, over trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from levelfield.results.record import Record

from .view import View, Workload

LOSSES = {"test_loss": "test loss", "loss": "training loss"}
"""Columns of losses and what they are called; the first is shown first."""
OWN = frozenset({"trial", "trials", "contender", "epoch", "wall", "seconds", "cpu", "tested"})
"""Other columns of the tables here: no metric may have such a name."""


def metrics(view: View, workload: Workload) -> tuple[str, ...]:
    """Names of the metrics that a trial of the workload has, such as accuracy; higher is better."""
    names = {
        name
        for record in view.study.records
        if record.fingerprint == workload.fingerprint and record.status == "ok"
        for name in record.metrics
    }
    return tuple(sorted(names - {*LOSSES, *OWN}))


def epochs(view: View, workload: Workload) -> pd.DataFrame:
    """Rows of `View.epochs` of a workload, with seconds so far and a column a metric.

    ``seconds``: of training, on the wall; ``cpu``: user and system. ``tested``: whether the test
    set was looked at. A metric that a trial lacks is NaN.
    """
    mine = view.trials.index[view.trials["fingerprint"] == workload.fingerprint]
    table = view.epochs[view.epochs["trial"].isin(mine)].copy()
    trials = table.groupby("trial", sort=False)
    table["seconds"] = trials["wall"].cumsum()
    table["cpu"] = trials["user"].cumsum() + trials["system"].cumsum()
    records = [view.study.records[int(trial)] for trial in np.unique(table["trial"].to_numpy())]
    every = [_tested(record) for record in records]
    table["tested"] = np.concatenate(every) if every else np.empty(0, dtype=bool)
    for name in metrics(view, workload):
        columns = [record.epochs.spread(record.metrics.get(name, ())) for record in records]
        table[name] = np.concatenate(columns) if columns else np.empty(0)
    return table


def known(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of `epochs` or `curves` that have a place for this kind: of tests not each has."""
    return table if kind == "loss" else table[table["tested"]]


def curves(table: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Over trials, by contender and epoch: mean, least and greatest of each kind; mean seconds.

    table: of `epochs`. A value that is no finite number in one trial has no mean; where the test
    set was not looked at, see `known`, there is NaN.
    """
    by = [table["contender"], table["epoch"]]
    made = table[["seconds", "cpu"]].groupby(by).mean()
    for column in kinds:
        rows = known(table, column)
        finite = rows[column].where(np.isfinite(rows[column]))
        groups = finite.groupby([rows["contender"], rows["epoch"]])
        made[column] = groups.mean().where(groups.count() == groups.size())
        made[f"{column} low"], made[f"{column} high"] = groups.min(), groups.max()
    made["trials"] = table.groupby(by)["trial"].size()
    made["tested"] = table.groupby(by)["tested"].any()
    return made


def _tested(record: Record) -> NDArray[np.bool_]:
    """A place an epoch: whether the test set was looked at after it."""
    found = np.full(len(record.epochs.wall), not record.epochs.tested)
    found[np.array(record.epochs.tested, dtype=np.int64) - 1] = True
    return found
