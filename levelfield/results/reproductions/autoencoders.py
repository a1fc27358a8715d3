"""A. de los Reyes Guío, 2019: autoencoders in several libraries, their user time and their loss.

An ordering holds where the same contender comes first; where another does, and the interval of
their ratio holds 1, no difference is shown; else it does not hold.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from levelfield.results import estimate
from levelfield.results.record import Record
from levelfield.results.reproductions import HOLDS, NOT, OPEN, Reproduction, good, published
from levelfield.results.study import Study, load

EPOCHS = 1000
"""Of the published runs."""
STUCK = 3.0
"""Times experiment VII's loss above which an experiment counts as not having learnt."""
Good = dict[tuple[str, str], list[Record]]
"""Good trials by workload and library."""


class Autoencoders(Reproduction[Study]):
    """The 22 experiments."""

    name: ClassVar[str] = "thesis-autoencoders"

    def load(self, folder: Path) -> Study:
        """Load the study."""
        return load(folder)

    def lines(self, seen: Study) -> Iterator[str]:
        """User seconds an epoch, which library uses least, which experiments learn."""
        found: Good = {}
        for record in good(seen):
            found.setdefault((record.workload, record.backend), []).append(record)
        return _experiments(found)


def _experiments(good: Good) -> Iterator[str]:
    rows = published("autoencoder_user_seconds")
    theirs = {
        (f"{r['experiment']}-{r['dataset']}", r["library"]): float(r["user_seconds"]) / EPOCHS
        for r in rows
        if r["user_seconds"]
    }
    shared = [key for key in theirs if key in good]
    if not shared:
        return
    yield "User CPU seconds an epoch: as published (2019, 4 cores and a GPU), and here."
    yield f"{'experiment':22} {'library':18} {'published':>10} {'here':>10}  loss here"
    for workload, library in shared:
        records = good[workload, library]
        loss = statistics.median(r.epochs.test_loss[-1] for r in records)
        one, other = theirs[workload, library], user(records)
        yield f"{workload:22} {library:18} {one:10.4f} {other:10.4f}  {loss:.5f}"
    yield ""
    found: Counter[str] = Counter()
    for workload in dict.fromkeys(workload for workload, _ in shared):
        libraries = [library for w, library in shared if w == workload]
        if len(libraries) > 1:
            first = min(libraries, key=lambda name: theirs[workload, name])
            answer = _first(good, workload, first, libraries)
            found[answer] += 1
            yield f"{workload}: {first} uses least user time: {answer}"
    if found:
        yield "in all: " + ", ".join(f"{count} x {answer}" for answer, count in found.items())
    yield from _losses(good)


def user(records: Sequence[Record]) -> float:
    """User seconds of the typical epoch but the first, all processes of a trial together."""
    logs = [estimate.location(record.epochs.user[1:] or record.epochs.user) for record in records]
    return math.exp(statistics.fmean(logs))


def _first(good: Good, workload: str, first: str, libraries: Sequence[str]) -> str:
    here = min(libraries, key=lambda name: user(good[workload, name]))
    if here == first:
        return HOLDS
    sides = ([r.epochs.user[1:] or r.epochs.user for r in good[workload, n]] for n in (here, first))
    ratio = estimate.apart(*sides)
    text = (
        f"{here} does here, {first} uses {ratio.estimate:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]"
    )
    return f"{OPEN} ({text})" if ratio.low <= 1.0 else f"{NOT} ({text})"


def _losses(good: Good) -> Iterator[str]:
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
                answer = HOLDS if ranked[0][1] == "VII" else f"{NOT} ({ranked[0][1]} is lower here)"
                yield f"{dataset}, {library}: VII has the lowest loss: {answer}"
        for (experiment, library), loss in mine.items():
            if experiment in {"I", "II", "III"} and ("VII", library) in mine:
                times = loss / mine["VII", library]
                answer = HOLDS if times > STUCK else NOT
                yield (
                    f"{dataset}, {library}: {experiment} does not learn: {answer} "
                    f"(its loss is {times:.1f} times VII's)"
                )
