"""N. E. Cecchi, 2022, table 4.5: classifiers trained for 50 epochs at cyclical rates.

Of two published accuracies the higher one is to be the higher one here: that holds, or does not,
where the interval of their difference lies on one side of 0; else no difference is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import ClassVar, NamedTuple

from levelfield.results.record import Record
from levelfield.results.reproductions import (
    Comparison,
    Finding,
    Reproduction,
    Row,
    Table,
    good,
    published,
    sizes,
    unverified,
)
from levelfield.results.reproductions._shares import Shares, above, answer
from levelfield.results.study import Study, load

METRIC = "accuracy"
EPOCHS = 50
"""Of the published runs."""


class Net(NamedTuple):
    """A row of the table."""

    dataset: str
    blocks: int
    filters: int
    optimizer: str

    @property
    def workload(self) -> str:
        """Its name in the suite."""
        return f"B{self.blocks}FL{self.filters}-{self.optimizer}-{self.dataset}"


Here = Mapping[Net, Shares]
"""What one contender reached."""
Groups = Mapping[tuple[Net, str], list[Record]]
"""Good trials by row and contender."""


class Cnn(Reproduction[Study]):
    """Ten networks, two data sets, two optimizers."""

    name: ClassVar[str] = "thesis-cnn"

    def load(self, folder: Path) -> Study:
        """Load the study."""
        return load(folder)

    def compared(self, seen: Study) -> Comparison | None:
        """Accuracies side by side, and which orderings hold."""
        theirs = {
            Net(row["dataset"], int(row["blocks"]), int(row["first_filters"]), row["optimizer"]):
            float(row["categorical_accuracy_percent"]) / 100
            for row in published("cnn_extended_accuracy")
        }  # fmt: skip
        groups = _grouped(seen, theirs)
        if not groups:
            return None
        shorter = any(
            _epochs(records) < EPOCHS or _source(seen, records[0]) != net.dataset
            for (net, _), records in groups.items()
        )
        table = Table(
            about="Test accuracy after the last epoch, percent: as published (median of five "
            "seeds,\n50 epochs), and here (median over repeats, which share one seed).",
            head=("workload", "contender", "published", "here", "repeats", "epochs", "test images"),
            words=2,
            rows=tuple(
                _row(net, who, theirs[net], _shares(seen, records), records)
                for (net, who), records in groups.items()
            ),
            note=f"Some trainings are not the published ones of {EPOCHS} epochs of all images."
            if shorter
            else "",
        )
        findings = tuple(_orderings(theirs, groups, seen))
        remark = (
            "Each interval is one of 95 %, of the test images and, from two repeats on, of these."
        )
        return Comparison(tables=(table,), findings=findings, remark=remark if findings else "")


def _row(net: Net, who: str, published: float, shares: Shares, records: list[Record]) -> Row:
    cells = (
        net.workload,
        who,
        f"{100 * published:.2f}",
        f"{100 * shares.middle:.2f}",
        str(len(records)),
        str(_epochs(records)),
        f"{shares.answers:.0f}",
    )
    return Row(cells=cells, marked=unverified(records))


def _epochs(records: list[Record]) -> int:
    return min(len(record.epochs.wall) for record in records)


def _grouped(study: Study, theirs: Mapping[Net, float]) -> Groups:
    """Good trials that took an accuracy, by row of the table and contender."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in good(study):
        if record.metrics.get(METRIC) and math.isfinite(record.metrics[METRIC][-1]):
            found.setdefault((record.workload, study.label(record)), []).append(record)
    who = dict.fromkeys(name for _, name in found)
    keys = [(net, name) for net in theirs for name in who]
    return {
        (net, name): found[net.workload, name]
        for net, name in keys
        if (net.workload, name) in found
    }


def _shares(study: Study, records: list[Record]) -> Shares:
    return Shares(
        values=tuple(record.metrics[METRIC][-1] for record in records),
        answers=sizes(_source(study, records[0]))[1],
    )


def _source(study: Study, record: Record) -> str:
    """The data set that was really trained on; the one it is called after if nothing tells."""
    ran = study.head.workloads.get(record.fingerprint, {})
    return str(ran.get("dataset", record.workload.rpartition("-")[2]))


def _orderings(theirs: Mapping[Net, float], groups: Groups, study: Study) -> Iterator[Finding]:
    for who in dict.fromkeys(name for _, name in groups):
        mine = {net: records for (net, name), records in groups.items() if name == who}
        here = {net: _shares(study, records) for net, records in mine.items()}
        for one, other, what in _findings(theirs, here):
            gap = above(here[one], here[other])
            yield Finding(
                of=f"{one.dataset}, {who}",
                claim=what,
                answer=answer(gap),
                detail=f"{100 * gap.estimate:+.2f} points [{100 * gap.low:+.2f}, "
                f"{100 * gap.high:+.2f}]; published {100 * (theirs[one] - theirs[other]):+.2f}",
                marked=unverified([*mine[one], *mine[other]]),
            )


def _findings(theirs: Mapping[Net, float], here: Here) -> Iterator[tuple[Net, Net, str]]:
    """The better net, the worse one, and the finding in words."""
    nets = [net for net in theirs if net in here]
    for one, other in combinations(nets, 2):
        if one[:2] == other[:2]:
            better, worse = _ranked(theirs, one, other)
            yield better, worse, f"{_short(better)} above {_short(worse)}"
    for dataset, optimizer in dict.fromkeys((net.dataset, net.optimizer) for net in nets):
        row = sorted(net for net in nets if (net.dataset, net.optimizer) == (dataset, optimizer))
        for one, other in pairwise(row):
            better, worse = _ranked(theirs, one, other)
            words = "more blocks are better" if better == other else "more blocks are worse"
            yield better, worse, f"{words}, {_short(other)} beside {_short(one)}"
    for dataset in dict.fromkeys(net.dataset for net in nets):
        row = sorted((n for n in nets if n.dataset == dataset), key=lambda net: -theirs[net])
        if len(row) > 2 and row[0] == max(  # noqa: PLR2004 - of two it has been said
            (net for net in theirs if net.dataset == dataset), key=lambda net: theirs[net]
        ):
            second = max(row[1:], key=lambda net: here[net].middle)
            yield row[0], second, f"{_short(row[0])} is best of all, {_short(second)} next"


def _ranked(theirs: Mapping[Net, float], one: Net, other: Net) -> tuple[Net, Net]:
    return (one, other) if theirs[one] >= theirs[other] else (other, one)


def _short(net: Net) -> str:
    return net.workload.rpartition("-")[0]
