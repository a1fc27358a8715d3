"""A. de los Reyes Guío, 2019: autoencoders in several libraries, their user time and their loss.

An ordering holds where the same contender comes first; where another does, and the interval of
their ratio holds 1, no difference is shown; else it does not hold.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from levelfield.results import estimate
from levelfield.results.record import Record
from levelfield.results.reproductions import (
    HOLDS,
    NOT,
    OPEN,
    Comparison,
    Finding,
    Reproduction,
    Row,
    Table,
    good,
    published,
    unverified,
)
from levelfield.results.study import Study, load

EPOCHS = 1000
"""Of the published runs."""
STUCK = 3.0
"""Times experiment VII's loss above which an experiment counts as not having learnt."""
Key = tuple[str, str]
"""Workload and library."""
Good = dict[Key, list[Record]]
"""Good trials."""


class Autoencoders(Reproduction[Study]):
    """The 22 experiments."""

    name: ClassVar[str] = "thesis-autoencoders"

    def load(self, folder: Path) -> Study:
        """Load the study."""
        return load(folder)

    def compared(self, seen: Study) -> Comparison | None:
        """User seconds an epoch, which library uses least, which experiments learn."""
        found: Good = {}
        for record in good(seen):
            if record.epochs.test_loss:
                found.setdefault((record.workload, record.backend), []).append(record)
        return _experiments(found)


def _experiments(good: Good) -> Comparison | None:
    rows = published("autoencoder_user_seconds")
    theirs = {
        (f"{r['experiment']}-{r['dataset']}", r["library"]): float(r["user_seconds"]) / EPOCHS
        for r in rows
        if r["user_seconds"]
    }
    shared = [key for key in theirs if key in good]
    if not shared:
        return None
    table = Table(
        about="User CPU seconds an epoch: as published (2019, 4 cores and a GPU), and here.",
        head=("experiment", "library", "published", "here", "loss here"),
        words=2,
        rows=tuple(_row(key, theirs[key], good[key]) for key in shared),
    )
    return Comparison(tables=(table,), findings=(*_orderings(good, theirs), *_losses(good)))


def _row(key: Key, published: float, records: Sequence[Record]) -> Row:
    loss = statistics.median(r.epochs.test_loss[-1] for r in records)
    cells = (*key, f"{published:.4f}", f"{user(records):.4f}", f"{loss:.5f}")
    return Row(cells=cells, marked=unverified(records))


def _orderings(good: Good, theirs: Mapping[Key, float]) -> Iterator[Finding]:
    """Which library uses least user time, where several were published and run."""
    shared = [key for key in theirs if key in good]
    for workload in dict.fromkeys(workload for workload, _ in shared):
        libraries = [library for w, library in shared if w == workload]
        if len(libraries) > 1:
            first = min(libraries, key=lambda name: theirs[workload, name])
            answer, detail = _first(good, workload, first, libraries)
            yield Finding(
                of=workload,
                claim=f"{first} uses least user time",
                answer=answer,
                detail=detail,
                kind="least user time",
                marked=unverified(r for name in libraries for r in good[workload, name]),
            )


def user(records: Sequence[Record]) -> float:
    """User seconds of the typical epoch but the first, all processes of a trial together."""
    logs = [estimate.location(record.epochs.user[1:] or record.epochs.user) for record in records]
    return math.exp(statistics.fmean(logs))


def _first(good: Good, workload: str, first: str, libraries: Sequence[str]) -> tuple[str, str]:
    here = min(libraries, key=lambda name: user(good[workload, name]))
    if here == first:
        return HOLDS, ""
    sides = ([r.epochs.user[1:] or r.epochs.user for r in good[workload, n]] for n in (here, first))
    ratio = estimate.apart(*sides)
    bounds = f"[{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.units > 1 else "(of one trial)"
    text = f"{here} does here, {first} uses {ratio.estimate:.2f}x {bounds}"
    return (OPEN if ratio.low <= 1.0 else NOT), text


def _losses(good: Good) -> Iterator[Finding]:
    """What the study says of losses: VII is best, all-sigmoid uniform weights do not learn."""
    losses = {
        key: statistics.median(r.epochs.test_loss[-1] for r in records)
        for key, records in good.items()
    }
    for dataset in ("mnist", "fashion_mnist"):
        mine = {
            (w.rpartition("-")[0], library): loss
            for (w, library), loss in losses.items()
            if w.rpartition("-")[2] == dataset
        }
        for library in dict.fromkeys(library for _, library in mine):
            ranked = sorted((loss, e) for (e, lib), loss in mine.items() if lib == library)
            if len(ranked) > 1:
                lowest = ranked[0][1]
                yield Finding(
                    of=f"{dataset}, {library}",
                    claim="VII has the lowest loss",
                    answer=HOLDS if lowest == "VII" else NOT,
                    detail="" if lowest == "VII" else f"{lowest} is lower here",
                    kind="lowest loss",
                    marked=unverified(good[f"{lowest}-{dataset}", library]),
                )
        for (experiment, library), loss in mine.items():
            if experiment in {"I", "II", "III"} and ("VII", library) in mine:
                times = loss / mine["VII", library]
                pair = (good[f"{name}-{dataset}", library] for name in (experiment, "VII"))
                yield Finding(
                    of=f"{dataset}, {library}",
                    claim=f"{experiment} does not learn",
                    answer=HOLDS if times > STUCK else NOT,
                    detail=f"its loss is {times:.1f} times VII's",
                    kind="does not learn",
                    marked=unverified(record for records in pair for record in records),
                )
