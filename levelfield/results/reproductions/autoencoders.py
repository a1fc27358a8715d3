"""A. de los Reyes Guío, 2019: autoencoders in several libraries, their user time and their loss.

An ordering holds where the same contender comes first; where another does, and the interval of
their ratio holds 1, no difference is shown; else it does not hold.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from levelfield import naming
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
from levelfield.results.settle import steady
from levelfield.results.study import Study, load

EPOCHS = 1000
"""Of the published runs."""
STUCK = 3.0
"""Times experiment VII's loss above which an experiment counts as not having learnt."""
Key = tuple[str, str]
"""Workload and contender: a library's name, or the label of one of its several contenders."""
Good = dict[Key, list[Record]]
"""Good trials."""
Published = Mapping[tuple[str, str], float]
"""User seconds an epoch, by workload and library."""


class Autoencoders(Reproduction[Study]):
    """The 22 experiments."""

    name: ClassVar[str] = "thesis-autoencoders"

    def load(self, folder: Path) -> Study:
        """Load the study."""
        return load(folder)

    def compared(self, seen: Study) -> Comparison | None:
        """User seconds an epoch, which library uses least, which experiments learn."""
        trials = [record for record in good(seen) if record.epochs.test_loss]
        kinds = Counter(who.backend for who in set(map(naming.identity, trials)))
        found: Good = {}
        for record in trials:
            who = record.backend if kinds[record.backend] == 1 else seen.label(record)
            found.setdefault((record.workload, who), []).append(record)
        return _experiments(found)


def _experiments(good: Good) -> Comparison | None:
    rows = published("autoencoder_user_seconds")
    theirs = {
        (f"{r['experiment']}-{r['dataset']}", r["library"]): float(r["user_seconds"]) / EPOCHS
        for r in rows
        if r["user_seconds"]
    }
    shared = [(key, who) for key in theirs for who in _ran(good, *key)]
    if not shared:
        return None
    table = Table(
        about="User CPU seconds an epoch: as published (2019, 4 cores and a GPU), and here.",
        head=("experiment", "library", "published", "here", "loss here"),
        words=2,
        rows=tuple(
            _row((workload, who), theirs[workload, library], good[workload, who])
            for (workload, library), who in shared
        ),
    )
    return Comparison(tables=(table,), findings=(*_orderings(good, theirs), *_losses(good)))


def _ran(good: Good, workload: str, library: str) -> list[str]:
    """The contenders of a library on a workload."""
    return [
        who for (w, who), found in good.items() if w == workload and found[0].backend == library
    ]


def _row(key: Key, published: float, records: Sequence[Record]) -> Row:
    loss = statistics.median(r.epochs.test_loss[-1] for r in records)
    cells = (*key, f"{published:.4f}", f"{user(records):.4f}", f"{loss:.5f}")
    return Row(cells=cells, marked=unverified(records))


def _orderings(good: Good, theirs: Published) -> Iterator[Finding]:
    """Which library uses least user time, where several were published and run.

    Of a library that ran in several ways it is the one that uses least.
    """
    for workload in dict.fromkeys(workload for workload, _ in theirs):
        libraries = {
            library: min(ran, key=lambda who: user(good[workload, who]))
            for w, library in theirs
            if w == workload and (ran := _ran(good, w, library))
        }
        if len(libraries) > 1:
            first = min(libraries, key=lambda name: theirs[workload, name])
            answer, detail = _first(good, workload, libraries[first], list(libraries.values()))
            yield Finding(
                of=workload,
                claim=f"{first} uses least user time",
                answer=answer,
                detail=detail,
                kind="least user time",
                marked=unverified(r for name in libraries.values() for r in good[workload, name]),
            )


def user(records: Sequence[Record]) -> float:
    """User seconds of the typical steady epoch, all processes of a trial together."""
    return math.exp(statistics.fmean(map(estimate.location, _settled(records))))


def _settled(records: Sequence[Record]) -> list[Sequence[float]]:
    """Every trial's user seconds of its steady epochs."""
    return [steady(r.epochs.wall).of(r.epochs.user).tolist() for r in records]


def _first(good: Good, workload: str, first: str, who: Sequence[str]) -> tuple[str, str]:
    here = min(who, key=lambda name: user(good[workload, name]))
    if here == first:
        return HOLDS, ""
    sides = (_settled(good[workload, name]) for name in (here, first))
    ratio = estimate.apart(*sides)
    bounds = "(of one trial)" if ratio.single else f"[{ratio.low:.2f}, {ratio.high:.2f}]"
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
            (w.rpartition("-")[0], who): loss
            for (w, who), loss in losses.items()
            if w.rpartition("-")[2] == dataset
        }
        for who in dict.fromkeys(who for _, who in mine):
            ranked = sorted((loss, e) for (e, each), loss in mine.items() if each == who)
            if len(ranked) > 1:
                lowest = ranked[0][1]
                yield Finding(
                    of=f"{dataset}, {who}",
                    claim="VII has the lowest loss",
                    answer=HOLDS if lowest == "VII" else NOT,
                    detail="" if lowest == "VII" else f"{lowest} is lower here",
                    kind="lowest loss",
                    marked=unverified(good[f"{lowest}-{dataset}", who]),
                )
        for (experiment, who), loss in mine.items():
            if experiment in {"I", "II", "III"} and ("VII", who) in mine:
                times = loss / mine["VII", who]
                pair = (good[f"{name}-{dataset}", who] for name in (experiment, "VII"))
                yield Finding(
                    of=f"{dataset}, {who}",
                    claim=f"{experiment} does not learn",
                    answer=HOLDS if times > STUCK else NOT,
                    detail=f"its loss is {times:.1f} times VII's",
                    kind="does not learn",
                    marked=unverified(record for records in pair for record in records),
                )
