"""Does it learn alike, and how soon: losses and metrics by epoch, second and CPU second."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import learning  # noqa: TID252 - mypy knows no mapped name
from ..race import Race, race  # noqa: TID252
from . import Contender, Section, View, Workload, charts, measures

if TYPE_CHECKING:
    import plotly.graph_objects as go

FEW = 12
"""So many epochs have a tick each."""
AXES = {
    "epoch": "epoch",
    "seconds": "seconds of training",
    "cpu": "CPU seconds of training, user and system",
}
POINTS = 4800
"""Points of all lines of a chart that show the same; every contender has its share of them."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The curves of one workload."""

    workload: Workload
    contenders: tuple[Contender, ...]
    standings: Mapping[int, measures.Standing]
    """By the contender's place."""
    kinds: Mapping[str, str]
    """Columns of losses and metrics, and what they are called; the first is shown first."""
    charts: tuple[charts.Chart, ...]
    broken: tuple[Contender, ...]
    """Those with a loss that is not a finite number."""
    race: Race | None
    """Time to a loss; None where no loss is a number."""


def content(view: View) -> Mapping[str, Any]:
    """Return one panel a workload."""
    panels = [_panel(view, number, *ranking) for number, ranking in enumerate(view.ranked())]
    return {"panels": panels, "inf": math.inf, "nan": math.nan}


def _panel(
    view: View, number: int, workload: Workload, ranked: Sequence[measures.Standing]
) -> Panel:
    rows = learning.epochs(view, workload)
    kinds = learning.LOSSES | {name: f"test {name}" for name in learning.metrics(view, workload)}
    table = learning.curves(rows, kinds)
    losses = table[list(learning.LOSSES)]
    log = not bool((losses.to_numpy() <= 0).any())
    epochs = int(table.index.get_level_values("epoch").max())
    seen = [view.contenders[place] for place in table.index.unique("contender")]
    made = []
    for axis, title in AXES.items():
        figure = charts.figure(x=title, y=learning.LOSSES["test_loss"], log_y=log)
        figure.add_traces(list(_traces(table, view, axis, kinds, log=log)))
        if axis == "epoch" and epochs <= FEW:
            figure.update_xaxes(dtick=1)
        about = f"Loss of each contender by {title}, on {workload.name}"
        made.append(charts.Chart(name=f"curves-{number}-{axis}", figure=figure, about=about))
    gaps = [learning.known(table, kind)[kind].isna() for kind in learning.LOSSES]
    missing = pd.concat(gaps).groupby("contender").any()
    return Panel(
        workload=workload,
        contenders=tuple(seen),
        standings={standing.contender: standing for standing in ranked},
        kinds=kinds,
        charts=tuple(made),
        broken=tuple(view.contenders[place] for place in missing.index[missing]),
        race=race(f"race-{number}", view, workload, ranked, rows),
    )


def _traces(
    table: pd.DataFrame, view: View, axis: str, kinds: Mapping[str, str], *, log: bool
) -> Iterator[go.Scatter]:
    limit = max(40, min(charts.POINTS, POINTS // table.index.unique("contender").size))
    for place, whole in table.groupby("contender"):
        who = view.contenders[int(str(place))]
        for kind, title in kinds.items():
            rows = learning.known(whole, kind)
            rows = rows.iloc[charts.thinned(len(rows), limit)]
            x = np.asarray(rows.index.get_level_values("epoch") if axis == "epoch" else rows[axis])
            scale = "log" if log and kind in learning.LOSSES else "linear"
            meta = {"group": who.place, "kind": kind, "title": title, "scale": scale}
            options: dict[str, Any] = {"visible": kind == "test_loss", "meta": meta}
            if rows["trials"].max() > 1:
                low, high = (rows[f"{kind} {end}"].to_numpy() for end in ("low", "high"))
                area = charts.band(x.astype(float), low, high, colour=who.colour, meta=meta)
                yield area.update(visible=options["visible"])
            style = {"color": who.colour, "dash": who.dash, "width": 1.8}
            yield charts.line(x, rows[kind].to_numpy(), name=who.label, line=style, **options)


SECTION = Section(order=30, title="Learning", content=content)
