"""What all sections look at: a study's contenders, workloads and tables, made once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from levelfield import naming
from levelfield.errors import unknown
from levelfield.results import against
from levelfield.results.record import PHASES, Limit, Record
from levelfield.results.settle import steady
from levelfield.results.study import Study

from .measures import Standing, families, fastest, stand
from .ratios import LEAST, LOOKED, Ratios, Side, among, side

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7a1f", "#7f7f7f",
)  # fmt: skip
"""Okabe and Ito's, which the colour-blind can tell apart; yellow and black made mid-tones."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MARKERS = (
    "circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "star",
)  # fmt: skip
"""As many as colours: with the dashes they tell as many apart where there is no colour."""
RARE = ("cluster",)
"""Phases that only some trials have."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Backend, mode, device and environment, and how they look on the page."""

    place: int
    label: str
    colour: str
    dash: str
    backend: str = ""
    mode: str = ""
    device: str = ""

    @property
    def marker(self) -> str:
        """The shape of its points."""
        return MARKERS[self.place % len(MARKERS)]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What was trained: its records and figures share nothing with another workload's."""

    fingerprint: str
    name: str
    facts: Mapping[str, Any]
    """The workload in plain values; empty where the study's head does not have it."""

    @property
    def flops(self) -> float:
        """Floating-point operations to train on one sample; NaN where unknown."""
        return number(self.facts.get("flops"))

    @property
    def intensity(self) -> float:
        """Operations for each byte that a step reads or writes, as the engine counts both."""
        traffic = number(self.facts.get("traffic"))
        work = self.flops * number(self.facts.get("batch"))
        return work / traffic if traffic > 0 else float("nan")

    @property
    def precision(self) -> str:
        """The numbers it is computed in."""
        return str(self.facts.get("precision", ""))


@dataclass(frozen=True, kw_only=True)
class View:
    """A study as the sections see it."""

    study: Study
    baseline: str | None = None
    """Label of the contender that the others are compared with; None: each workload's fastest."""

    def __post_init__(self) -> None:
        """Refuse a baseline that is not a contender."""
        labels = [contender.label for contender in self.contenders]
        if self.baseline is not None and self.baseline not in labels:
            raise unknown("contender", self.baseline, labels, where="baseline")

    @cached_property
    def _identities(self) -> dict[naming.Identity, Contender]:
        labels = self.study.labels
        planned = {label: place for place, label in enumerate(self.study.head.contenders)}
        order = sorted(labels, key=lambda who: planned.get(naming.plain(who), len(planned)))
        return {who: marked_out(place, labels[who], who) for place, who in enumerate(order)}

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """Everyone with a record, in the order of the plan; a contender's place is its index."""
        return tuple(self._identities.values())

    @cached_property
    def modes(self) -> dict[int, tuple[str, str]]:
        """By contender's place: its backend and mode."""
        return {each.place: (who[0], who[1]) for who, each in self._identities.items()}

    def spoken(self, label: str, device: str = "") -> str:
        """A contender as one says it: "JAX (scan)", "Keras on PyTorch as it comes".

        device: one that is spoken of already.
        """
        backend, slash, rest = label.partition("/")
        name, parts = self.told(backend, "spoken"), re.fullmatch(r"([\w-]+)(.*)", rest)
        if not (slash and name and parts):
            return label
        mode, where = parts.groups()
        how = " as it comes" if mode == "default" else "" if mode == backend else f" ({mode})"
        return f"{name}{how}{where.removeprefix(f'@{device}')}"

    def told(self, backend: str, what: str) -> str:
        """What the study's head says of a backend: what it is ``over``; empty where nothing."""
        facts = self.study.head.backends
        mine = facts.get(backend) if isinstance(facts, Mapping) else None
        return str(mine.get(what, "")) if isinstance(mine, Mapping) else ""

    @cached_property
    def unseen(self) -> tuple[str, ...]:
        """Labels of contenders that were planned and have no record."""
        seen = {naming.plain(who) for who in self._identities}
        return tuple(label for label in self.study.head.contenders if label not in seen)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Every workload of the plan, then any other that has records."""
        planned = self.study.head.workloads
        names = {r.fingerprint: r.workload for r in reversed(self.study.records)}
        made = []
        for fingerprint in dict.fromkeys([*planned, *reversed(names)]):
            facts = planned.get(fingerprint)
            facts = facts if isinstance(facts, Mapping) else {}
            name = names.get(fingerprint) or str(facts.get("name", fingerprint))
            made.append(Workload(fingerprint=fingerprint, name=name, facts=facts))
        return tuple(made)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """`Study.trials` with the contender's place and the typical epoch of what ended well.

        The index is the record's.
        """
        frame = self.study.trials()
        places = [self._identities[naming.identity(each)].place for each in self.study.records]
        frame["contender"] = np.array(places, dtype=np.int64)
        frame["typical"] = [
            math.nan if r.status != "ok" else against.typical([r]) if any(r.epochs.wall) else 0.0
            for r in self.study.records
        ]
        return frame

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row an epoch of a trial that ended well: trial, contender, epoch, numbers.

        ``steady``: whether it counts for the typical one.
        """
        frame = self.study.epochs()[["epoch", "wall", "user", "system", "loss", "test_loss"]]
        counts = self.trials["epochs"].to_numpy(dtype=np.int64)
        frame.insert(0, "trial", np.repeat(np.arange(len(counts)), counts))
        frame.insert(1, "contender", np.repeat(self.trials["contender"].to_numpy(), counts))
        ok = (self.trials["status"] == "ok").to_numpy(dtype=bool)
        walls = [r.epochs.wall if r.status == "ok" else () for r in self.study.records]
        before = [len(wall) - len(steady(wall).of(wall)) for wall in walls]
        frame["steady"] = frame["epoch"].to_numpy() > np.repeat(before, counts)
        return frame[np.repeat(ok, counts)]

    @cached_property
    def phases(self) -> pd.DataFrame:
        """One row a trial that ended well, one column a phase: wall seconds."""
        seen = dict.fromkeys(name for record in self.study.records for name in record.phases)
        usual = [name for name in PHASES if name in seen or name not in RARE]
        names = dict.fromkeys([*usual, *seen])
        rows = [
            [number(r.phases[n].wall) if n in r.phases else 0.0 for n in names]
            for r in self.study.records
        ]
        frame = pd.DataFrame(rows, columns=list(names), dtype=float)
        return frame[(self.trials["status"] == "ok").to_numpy(dtype=bool)]

    @cached_property
    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """By fingerprint: every contender with a time, fastest first."""
        return {
            workload.fingerprint: stand(
                self.trials[self.trials["fingerprint"] == workload.fingerprint],
                self.epochs,
                flops=workload.flops,
                peak=partial(self.peak_rate, workload.precision),
            )
            for workload in self.workloads
        }

    def ranked(self) -> Iterator[tuple[Workload, tuple[Standing, ...]]]:
        """Workloads that someone finished, each with its standings."""
        for workload in self.workloads:
            if standings := self.standings[workload.fingerprint]:
                yield workload, standings

    @cached_property
    def sides(self) -> dict[str, dict[int, Side]]:
        """By fingerprint and contender's place: the good trials, made ready to be compared."""
        good: dict[str, dict[int, list[Record]]] = {w.fingerprint: {} for w in self.workloads}
        for place, record in zip(
            self.trials["contender"].tolist(), self.study.records, strict=True
        ):
            if record.status == "ok" and record.epochs.wall:
                good[record.fingerprint].setdefault(place, []).append(record)
        limit = max(LEAST, LOOKED // max(1, sum(map(len, good.values()))))
        return {
            fingerprint: {place: side(records, limit) for place, records in found.items()}
            for fingerprint, found in good.items()
        }

    @cached_property
    def ratios(self) -> dict[str, Ratios]:
        """By fingerprint of the workloads that are ranked: contenders over one another."""
        return {
            workload.fingerprint: among(
                self.sides[workload.fingerprint],
                ranked,
                bases=[
                    *(fastest(group).contender for group in families(ranked).values()),
                    *(each.place for each in self.contenders if each.label == self.baseline),
                ],
            )
            for workload, ranked in self.ranked()
        }

    def peak_rate(self, precision: str, device: str, threads: int) -> float:
        """The best rate of a matrix product seen on a device in this precision; NaN: none was."""
        rates = [limit.rate for limit in self.limits(device, threads, precision)]
        rates += [
            2 * sentinel.size**3 / second
            for sentinel in self.study.sentinels
            if device == "cpu" and (sentinel.precision, sentinel.threads) == (precision, threads)
            for second in sentinel.seconds
            if second > 0
        ]
        return max((rate for rate in rates if rate > 0), default=float("nan"))

    def bandwidth(self, device: str, threads: int) -> float:
        """The best rate of a copy seen on a device, in bytes read and written a second; or NaN."""
        rates = [limit.bandwidth for limit in self.limits(device, threads)]
        return max((rate for rate in rates if rate > 0), default=float("nan"))

    def limits(self, device: str, threads: int, precision: str = "") -> list[Limit]:
        """What was measured of a device with so many threads, in this precision or in any."""
        return [
            limit
            for limit in self.study.limits
            if (limit.device, limit.threads) == (device, threads)
            and precision in {"", limit.precision}
        ]


def marked_out(place: int, label: str, who: Sequence[str]) -> Contender:
    """A contender with the looks of its place; who: backend, mode, device and perhaps more."""
    backend, mode, device, *_ = who
    return Contender(
        backend=backend,
        mode=mode,
        device=device,
        place=place,
        label=label,
        colour=COLOURS[place % len(COLOURS)],
        dash=DASHES[place // len(COLOURS) % len(DASHES)],
    )


def number(value: object) -> float:
    """A float, or NaN for whatever is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return float("nan")
    return float(value)
