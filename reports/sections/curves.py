"""Does it learn alike, and how soon: losses by epoch and by second of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import Contender, Section, View, Workload, charts, measures

if TYPE_CHECKING:
    import plotly.graph_objects as go

KINDS = {"test_loss": "test loss", "loss": "training loss"}
"""Columns of losses and what they are called; the first is shown first."""
FEW = 12
"""So many epochs have a tick each."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The curves of one workload."""

    workload: Workload
    contenders: tuple[Contender, ...]
    standings: Mapping[int, measures.Standing]
    """By the contender's place."""
    charts: tuple[charts.Chart, ...]
    broken: tuple[Contender, ...]
    """Those with a loss that is not a finite number."""


def content(view: View) -> Mapping[str, Any]:
    """Return one panel a workload."""
    return {
        "kinds": KINDS,
        "panels": [_panel(view, number, *ranking) for number, ranking in enumerate(view.ranked())],
    }


def curves(epochs: pd.DataFrame) -> pd.DataFrame:
    """Over trials, by contender and epoch: mean, least and greatest loss; mean seconds so far.

    epochs: rows of `View.epochs`. A loss that is no number in one trial has no mean.
    """
    by = [epochs["contender"], epochs["epoch"]]
    made = pd.DataFrame({"seconds": epochs.groupby("trial")["wall"].cumsum().groupby(by).mean()})
    for column in KINDS:
        finite = epochs[column].where(np.isfinite(epochs[column]))
        groups = finite.groupby(by)
        made[column] = groups.mean().where(groups.count() == groups.size())
        made[f"{column} low"], made[f"{column} high"] = groups.min(), groups.max()
    made["trials"] = epochs.groupby(by)["trial"].size()
    return made


def _panel(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> Panel:
    trials = view.trials.index[view.trials["fingerprint"] == workload.fingerprint]
    table = curves(view.epochs[view.epochs["trial"].isin(trials)])
    losses = table[list(KINDS)].to_numpy()
    log = not bool((losses <= 0).any())
    epochs = int(table.index.get_level_values("epoch").max())
    seen = [view.contenders[place] for place in table.index.unique("contender")]
    made = []
    for axis, title in (("epoch", "epoch"), ("seconds", "seconds of training")):
        figure = charts.figure(x=title, y=KINDS["test_loss"], log_y=log)
        figure.add_traces(list(_traces(table, view, axis)))
        if axis == "epoch" and epochs <= FEW:
            figure.update_xaxes(dtick=1)
        about = f"Loss of each contender by {title}, on {workload.name}"
        made.append(charts.Chart(name=f"curves-{number}-{axis}", figure=figure, about=about))
    missing = table[list(KINDS)].isna().any(axis=1).groupby("contender").any()
    return Panel(
        workload=workload,
        contenders=tuple(seen),
        standings={standing.contender: standing for standing in ranked},
        charts=tuple(made),
        broken=tuple(view.contenders[place] for place in missing.index[missing]),
    )


def _traces(table: pd.DataFrame, view: View, axis: str) -> Iterator[go.Scatter]:
    for place, whole in table.groupby("contender"):
        who = view.contenders[int(str(place))]
        rows = whole.iloc[charts.thinned(len(whole))]
        x = rows.index.get_level_values("epoch") if axis == "epoch" else rows["seconds"]
        for kind, title in KINDS.items():
            meta = {"group": who.place, "kind": kind, "title": title}
            options: dict[str, Any] = {"visible": kind == "test_loss", "meta": meta}
            if rows["trials"].max() > 1:
                low, high = (rows[f"{kind} {end}"].to_numpy() for end in ("low", "high"))
                area = charts.band(np.asarray(x, float), low, high, colour=who.colour, meta=meta)
                yield area.update(visible=options["visible"])
            style = {"color": who.colour, "dash": who.dash, "width": 1.8}
            yield charts.line(
                np.asarray(x), rows[kind].to_numpy(), name=who.label, line=style, **options
            )


SECTION = Section(order=30, title="Loss curves", content=content)
