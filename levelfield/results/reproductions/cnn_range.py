"""N. E. Cecchi, 2022, tables 4.1 to 4.4: learning-rate range tests of 8 epochs.

Its finding, architecture by architecture: Adam learns in 0.0001-0.01 and stalls in 0.01-0.1, and
SGD does better in 0.01-0.1 than in 0.0001-0.01. What a range gives is its best epoch's accuracy. It
learns where that lies above chance by more than a fiftieth (as docs/learning-rates.md has it), it
stalls where it does not; no difference is shown where the interval leaves that open.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from levelfield.results.lr_rule import LEAST, Array, smoothed
from levelfield.results.reproductions import (
    HOLDS,
    NOT,
    OPEN,
    Comparison,
    Finding,
    Reproduction,
    Row,
    Table,
    published,
    sizes,
    unverified,
)
from levelfield.results.reproductions._shares import Shares, above, answer, known
from levelfield.results.sweep import FILE, Sweep, labelled, read_sweeps

EPOCHS = 8
"""Of the published sweeps."""
LOW, HIGH = "0.0001-0.01", "0.01-0.1"
CHANCE = {"cifar10": 1 / 10, "eurosat": 1 / 9}
"""The share of the largest class: 3,000 of EuroSAT's 27,000 images. A net of NaNs has it too."""
HEAD = (
    "network", "data", "optimizer", "rates", "contender", "batch", "here", "epoch", "here",
    "validation", "here", "seeds x epochs x samples",
)  # fmt: skip
NAME = re.compile(r"B(\d+)FL(\d+)-[a-z]+-(?:low|high)-(\w+)")


class Net(NamedTuple):
    """An architecture on a data set."""

    dataset: str
    blocks: int
    filters: int

    @property
    def short(self) -> str:
        """Its name in the thesis."""
        return f"B{self.blocks}FL{self.filters}"


class Cell(NamedTuple):
    """A row of the tables."""

    net: Net
    optimizer: str
    swept: str


@dataclass(frozen=True)
class Sweeps:
    """A folder of sweeps, or of such folders: one for each range."""

    folder: Path
    sweeps: Sequence[Sweep]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the seeds of one contender showed in a range; one place a seed."""

    batches: tuple[float, ...]
    """Highest moving average of the batches' accuracy."""
    epochs: Shares
    """Highest mean over the batches of an epoch."""
    validation: tuple[float, ...]
    """After the last epoch."""
    length: int
    """Epochs."""
    samples: int
    """Of an epoch, to the next full batch."""
    diverged: int
    """Seeds."""
    verified: bool

    def shorter(self, dataset: str) -> bool:
        """Whether the published sweeps saw more."""
        return self.length < EPOCHS or self.samples < sizes(dataset)[0]


Tables = Mapping[Cell, tuple[float, float, float]]
"""Best batch, best epoch and validation accuracy, as printed."""
Here = Mapping[tuple[Cell, str], Seen]
"""By row and contender."""


class CnnRange(Reproduction[Sweeps]):
    """Three depths, four widths, two optimizers, two data sets, two ranges of rates."""

    name: ClassVar[str] = "thesis-cnn-range"
    verb: ClassVar[str] = "lr-range"

    def load(self, folder: Path) -> Sweeps:
        """Read the sweeps of a folder, or of the folders in it."""
        inner = sorted(path.parent for path in folder.glob(f"*/{FILE}"))
        chosen = [folder] if (folder / FILE).exists() or not inner else []
        return Sweeps(folder, [sweep for one in chosen + inner for sweep in read_sweeps(one)])

    def compared(self, seen: Sweeps) -> Comparison | None:
        """Accuracies side by side, and whether the finding holds."""
        theirs = _tables()
        here = _here(seen.sweeps)
        if not here:
            return None
        shorter = any(found.shorter(cell.net.dataset) for (cell, _), found in here.items())
        table = Table(
            about="Accuracy, percent, median over seeds, as published and here: best batch (the "
            "highest\nmoving average; here over a twentieth of the sweep, the thesis does not "
            "say), best\nepoch (mean over its batches), validation after the last epoch.",
            head=HEAD,
            words=5,
            rows=tuple(_row(cell, who, theirs, found) for (cell, who), found in here.items()),
            note=f"Some sweeps are shorter than those published: {EPOCHS} epochs of all images."
            if shorter
            else "",
        )
        findings = tuple(_findings(theirs, here))
        remark = f"No network was swept in both {LOW} and {HIGH}: nothing to say of the finding."
        return Comparison(tables=(table,), findings=findings, remark="" if findings else remark)


def _row(cell: Cell, who: str, theirs: Tables, found: Seen) -> Row:
    ours = (
        statistics.median(found.batches),
        found.epochs.middle,
        statistics.median(found.validation),
    )
    pairs = zip(theirs.get(cell, (math.nan,) * 3), ours, strict=True)
    lost = f", {found.diverged} diverged" if found.diverged else ""
    cells = (
        cell.net.short,
        cell.net.dataset,
        cell.optimizer,
        cell.swept,
        who,
        *(_percent(share) for pair in pairs for share in pair),
        f"{len(found.batches)} x {found.length} x {found.samples}{lost}",
    )
    return Row(cells=cells, marked=not found.verified)


def _tables() -> Tables:
    """What was printed; a row printed twice has the same figures twice."""
    return {
        Cell(
            Net(row["dataset"], int(row["blocks"]), int(row["first_filters"])),
            row["optimizer"].lower(),
            row["learning_rate_range"],
        ): (
            float(row["best_batch_accuracy"]),
            float(row["best_epoch_accuracy"]),
            float(row["validation_accuracy"]),
        )
        for row in published("cnn_range_test_accuracy")
    }


def _here(sweeps: Sequence[Sweep]) -> Here:
    """What the good sweeps of the published ranges showed, in the tables' order.

    The range is the one that was swept, whatever the workload is called; a seed that was swept
    twice counts once.
    """
    groups: dict[tuple[Cell, str], dict[int, Sweep]] = {}
    for who, sweep in labelled(sweeps):
        named, swept = NAME.fullmatch(sweep.workload), _range(sweep.rates)
        taken = sweep.status == "ok" and np.isfinite(sweep.accuracy).any()
        if named and swept and taken and named[3] in CHANCE:
            net = Net(named[3], int(named[1]), int(named[2]))
            groups.setdefault((Cell(net, sweep.optimizer, swept), who), {})[sweep.seed] = sweep
    return {
        key: _seen([seeds[seed] for seed in sorted(seeds)], CHANCE[key[0].net.dataset])
        for key, seeds in sorted(groups.items(), key=lambda item: item[0])
    }


def _range(rates: Sequence[float]) -> str:
    """The published range through which these rates rise in equal steps, if any."""
    for swept in (LOW, HIGH):
        low, high = map(float, swept.split("-"))
        if rates and np.allclose(rates, np.linspace(low, high, len(rates)), rtol=0.01, atol=0):
            return swept
    return ""


def _seen(seeds: Sequence[Sweep], chance: float) -> Seen:
    steps = min(len(sweep.rates) for sweep in seeds)
    ends = [_end(sweep) for sweep in seeds]
    whole = [len(s.test_accuracy) for s, end in zip(seeds, ends, strict=True) if end == steps]
    length = max(whole, default=0) or (1 if steps % EPOCHS else EPOCHS)
    rows = [_accuracy(sweep, end, chance) for sweep, end in zip(seeds, ends, strict=True)]
    window = max(steps // 20, 1) | 1
    epochs = [np.array_split(row, length) for row in rows]
    answers = [int(np.isfinite(part).sum()) for parts in epochs for part in parts]
    return Seen(
        batches=tuple(float(np.nanmax(smoothed(row, window))) for row in rows),
        epochs=Shares(
            values=tuple(
                max(float(np.nanmean(part)) for part in parts if np.isfinite(part).any())
                for parts in epochs
            ),
            answers=seeds[0].batch * max(1, min(n for n in answers if n)),
        ),
        validation=tuple(
            s.test_accuracy[-1]
            if end == steps and s.test_accuracy and math.isfinite(s.test_accuracy[-1])
            else chance
            for s, end in zip(seeds, ends, strict=True)
        ),
        length=length,
        samples=seeds[0].batch * (steps // length),
        diverged=sum(end < steps for end in ends),
        verified=not unverified(seeds),
    )


def _end(sweep: Sweep) -> int:
    """Steps before its loss is no number; all, where it took none at all."""
    wrong = np.flatnonzero(~np.isfinite(sweep.loss))
    return int(wrong[0]) if 0 < len(wrong) < len(sweep.loss) else len(sweep.loss)


def _accuracy(sweep: Sweep, end: int, chance: float) -> Array:
    """Accuracy of every batch; chance from where it diverged, as a net of NaNs has."""
    return np.where(np.arange(len(sweep.accuracy)) < end, np.array(sweep.accuracy), chance)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if math.isfinite(share) else "-"


def _findings(theirs: Tables, here: Here) -> Iterator[Finding]:
    for net, who in dict.fromkeys((cell.net, who) for cell, who in here):
        for optimizer, words, judge in (
            ("adam", f"Adam learns in {LOW} and stalls in {HIGH}", _adam),
            ("sgd", f"SGD does better in {HIGH} than in {LOW}", _sgd),
        ):
            cells = [Cell(net, optimizer, swept) for swept in (LOW, HIGH)]
            if all((cell, who) in here for cell in cells):
                low, high = (here[cell, who].epochs for cell in cells)
                ours = " and ".join(_percent(shares.middle) for shares in (low, high))
                printed = " and ".join(
                    _percent(theirs[cell][1]) if cell in theirs else "-" for cell in cells
                )
                yield Finding(
                    of=f"{net.dataset}, {net.short}, {who}",
                    claim=words,
                    answer=judge(low, high, CHANCE[net.dataset]),
                    detail=f"best epoch {ours} %; published {printed} %",
                    kind=optimizer,
                    marked=not all(here[cell, who].verified for cell in cells),
                )


def _adam(low: Shares, high: Shares, chance: float) -> str:
    learns, stalls = (_learns(low, chance), _learns(high, chance))
    answers = {learns, {HOLDS: NOT, NOT: HOLDS, OPEN: OPEN}[stalls]}
    return NOT if NOT in answers else OPEN if OPEN in answers else HOLDS


def _sgd(low: Shares, high: Shares, chance: float) -> str:  # noqa: ARG001 - as the other one
    return answer(above(high, low))


def _learns(shares: Shares, chance: float) -> str:
    return answer(above(shares, known(chance + LEAST)))
