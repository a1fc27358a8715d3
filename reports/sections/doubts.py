"""What should make a reader doubt, gathered in one place, each with where it is shown."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from levelfield.results import doubt
from levelfield.results.record import Record
from levelfield.results.settle import steady

from .. import agreement  # noqa: TID252 - mypy knows no mapped name
from ..energy import REASONS, WRONG  # noqa: TID252 - mypy knows no mapped name
from . import Contender, Section, View, Workload, formats, found

NOISY = 0.05
"""A share from which on noise and drift are doubts: many differences are smaller."""
FEW = 3
"""Trials below which an interval says next to nothing."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """One kind of doubt: where it was found, and where the page shows it."""

    title: str
    why: str
    section: str
    """Name of the section that shows it."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One contender, or the study itself where there is none; and how much."""

    text: str
    who: Contender | None = None
    workload: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    """A contender's trials of one workload."""

    who: Contender
    workload: Workload
    records: tuple[Record, ...]
    """All of them, however they ended."""
    good: tuple[Record, ...]
    noise: doubt.Noise | None
    """None where no trial ended well."""


def content(view: View) -> Mapping[str, Any]:
    """Return the doubts that were found, what was looked for in vain, and every noise."""
    groups = list(_groups(view))
    kinds = [
        *_of_noise(groups),
        _drift(view),
        *_of_trials(groups),
        *_of_verification(groups),
        _of_losses(groups),
        *_of_facts(view, groups),
        *_of_gpus(groups),
        *_of_absence(view, groups),
    ]
    return {
        "doubts": [kind for kind in kinds if kind.cases],
        "in_vain": [kind.title for kind in kinds if not kind.cases],
        "groups": [group for group in groups if group.noise],
        "titles": {name: section.title for name, section in found().items()},
        "several": len(view.workloads) > 1,
        "far": doubt.FAR,
        "fewest": doubt.FEWEST,
    }


def _groups(view: View) -> Iterator[Group]:
    trials: dict[tuple[str, int], list[Record]] = {}
    for record, place in zip(view.study.records, view.trials["contender"].tolist(), strict=True):
        trials.setdefault((record.fingerprint, place), []).append(record)
    for workload in view.workloads:
        for who in view.contenders:
            records = trials.get((workload.fingerprint, who.place), ())
            good = tuple(r for r in records if r.status == "ok" and r.epochs.wall)
            if records:
                yield Group(
                    who=who,
                    workload=workload,
                    records=tuple(records),
                    good=good,
                    noise=doubt.noise(good) if good else None,
                )


def _cases(texts: Iterable[tuple[Group, str]]) -> tuple[Case, ...]:
    return tuple(
        Case(text=text, who=group.who, workload=group.workload.name)
        for group, text in texts
        if text
    )


def _of_noise(groups: Sequence[Group]) -> Iterator[Doubt]:
    noises = [(group, group.noise) for group in groups if group.noise]
    yield Doubt(
        title="epochs of one trial that vary",
        why="robust coefficient of variation of steady epochs, the median over trials",
        section="ranking",
        cases=_cases((g, formats.percent(n.within)) for g, n in noises if n.within > NOISY),
    )
    yield Doubt(
        title="trials that differ from each other",
        why="the slowest trial's typical epoch beyond the fastest one's",
        section="ranking",
        cases=_cases((g, formats.percent(n.between)) for g, n in noises if n.between > NOISY),
    )
    yield Doubt(
        title="trials far out",
        why=f"{doubt.FAR} robust z-scores and {doubt.LEAST:.0%} off, of {doubt.FEWEST} or more; "
        "they count like all others",
        section="ranking",
        cases=_cases(
            (g, f"{n.far} of {formats.plural(len(g.good), 'trial')}") for g, n in noises if n.far
        ),
    )


def _drift(view: View) -> Doubt:
    cases: list[Case] = []
    kinds: dict[tuple[str, int, int], list[float]] = {}
    for each in view.study.sentinels:
        if each.seconds and min(each.seconds) > 0:
            kind = (each.precision, each.threads, each.size)
            kinds.setdefault(kind, []).append(median(each.seconds))
    for (precision, threads, _), times in kinds.items():
        moved = max(times) / min(times) - 1
        if moved > NOISY:
            what = f"{formats.short(precision)}, {formats.plural(threads, 'thread')}"
            cases.append(Case(text=f"{formats.percent(moved)} ({what})"))
    if not kinds:
        cases.append(Case(text="no sentinel was run: unknown"))
    return Doubt(
        title="a machine that changed its speed",
        why="the sentinel's slowest reading beyond its fastest",
        section="drift",
        cases=tuple(cases),
    )


def _of_trials(groups: Sequence[Group]) -> Iterator[Doubt]:
    good = [group for group in groups if group.good]
    kinds = {id(g): [steady(r.epochs.wall).kind for r in g.good] for g in good}
    single = {id(g) for g in good if all(len(r.epochs.wall) == 1 for r in g.good)}
    never = ((g, kinds[id(g)].count("never settled")) for g in good)
    yield Doubt(
        title="trials that never settled",
        why="their epochs were still changing; the time is that of all but the first",
        section="ranking",
        cases=_cases((g, f"{n} of {formats.plural(len(g.good), 'trial')}") for g, n in never if n),
    )
    yield Doubt(
        title="times of the first epoch only",
        why="there was no second: they hold compilation too",
        section="ranking",
        cases=_cases((g, "one epoch") for g in good if id(g) in single),
    )
    short = (g for g in good if id(g) not in single and "too few" in kinds[id(g)])
    yield Doubt(
        title="too few epochs to tell a steady state",
        why="whether the times had settled is not known",
        section="ranking",
        cases=_cases(
            (g, formats.plural(max(len(r.epochs.wall) for r in g.good), "epoch")) for g in short
        ),
    )
    yield Doubt(
        title="few repeats",
        why=f"fewer than {FEW} trials: how one process differs from the next is hardly known",
        section="ranking",
        cases=_cases((g, formats.plural(len(g.good), "trial")) for g in good if len(g.good) < FEW),
    )
    broken = (
        (g, sum(not all(map(math.isfinite, (*r.epochs.loss, *r.epochs.test_loss))) for r in g.good))
        for g in good
    )
    yield Doubt(
        title="losses that are no numbers",
        why="the training came apart, and its epochs may have been quicker or slower for it",
        section="curves",
        cases=_cases((g, formats.plural(n, "trial")) for g, n in broken if n),
    )


def _of_verification(groups: Sequence[Group]) -> Iterator[Doubt]:
    checks = [(g, [r.verification for r in g.records]) for g in groups]
    yield Doubt(
        title="verification that failed",
        why="it is not the same computation",
        section="verification",
        cases=_cases(
            (g, next(c.reason or "failed" for c in seen if c and c.status == "failed"))
            for g, seen in checks
            if any(c and c.status == "failed" for c in seen)
        ),
    )
    unsure = (
        (g, [c for r in g.good if (c := r.verification) is None or c.status == "unverified"])
        for g in groups
    )
    yield Doubt(
        title="times without verification",
        why="it may not be the same computation (--unverified, or it could not be told)",
        section="verification",
        cases=_cases(
            (g, next((c.reason for c in seen if c and c.reason), "not verified"))
            for g, seen in unsure
            if seen
        ),
    )


def _of_losses(groups: Sequence[Group]) -> Doubt:
    ends: dict[tuple[str, int], list[tuple[Group, float]]] = {}
    for group in groups:
        length = max((len(r.epochs.wall) for r in group.good), default=0)
        same = ends.setdefault((group.workload.fingerprint, length), [])
        same.append((group, agreement.ended(group.good)))
    return Doubt(
        title="verified, and yet another loss",
        why=f"more than {agreement.STRAY:.0%} off after the same steps from the same weights: "
        "verification saw the first ones alone",
        section="curves",
        cases=_cases(
            (group, agreement.far(loss, [each for _, each in same]))
            for same in ends.values()
            for group, loss in same
        ),
    )


def _of_facts(view: View, groups: Sequence[Group]) -> Iterator[Doubt]:
    changed = ((g, ", ".join(_changed(g.good))) for g in groups)
    yield Doubt(
        title="versions or settings that changed between trials",
        why="a contender's trials were not all of the same thing",
        section="versions",
        cases=_cases(changed),
    )
    cpus = {g.who.place: {r.cpus for r in g.good if r.cpus} for g in groups}
    known = set().union(*cpus.values())
    texts = sorted(", ".join(map(str, each)) for each in known)
    yield Doubt(
        title="different processors",
        why="not every trial was bound to the same ones",
        section="versions",
        cases=(Case(text=formats.cut("; ".join(texts), 200)),) if len(texts) > 1 else (),
    )
    warm = view.study.head.options.get("compile_cache", "fresh") != "fresh"
    yield Doubt(
        title="warm compile caches",
        why="a first epoch may have found what another trial compiled",
        section="versions",
        cases=(Case(text="the suite asked for them"),) if warm else (),
    )


def _of_gpus(groups: Sequence[Group]) -> Iterator[Doubt]:
    others = ((g, sum(bool(r.foreign) for r in g.records)) for g in groups)
    yield Doubt(
        title="others on the GPU",
        why="processes that are not the trial's were seen there",
        section="energy",
        cases=_cases((g, formats.plural(n, "trial")) for g, n in others if n),
    )
    held = (
        (g, {int(bit) for r in g.good for bit in r.readings.throttled if not math.isnan(bit)})
        for g in groups
    )
    yield Doubt(
        title="a GPU held back",
        why="by heat or by its power limit: the times are not only the contender's",
        section="energy",
        cases=_cases(
            (g, ", ".join(text for bit, text in REASONS.items() if bit & WRONG & _all(bits)))
            for g, bits in held
        ),
    )


def _all(bits: Iterable[int]) -> int:
    """Every bit that is set in one of them."""
    return functools.reduce(operator.or_, bits, 0)


def _changed(records: Sequence[Record]) -> Iterator[str]:
    for what in ("versions", "settings"):
        names = dict.fromkeys(name for r in records for name in getattr(r, what))
        for name in names:
            if len({str(getattr(r, what).get(name)) for r in records}) > 1:
                yield formats.short(name)


def _of_absence(view: View, groups: Sequence[Group]) -> Iterator[Doubt]:
    for status, title in (
        ("failed", "trials that failed"),
        ("timeout", "trials out of time"),
        ("skipped", "contenders that were skipped"),
    ):
        ended = ((g, [r for r in g.records if r.status == status]) for g in groups)
        yield Doubt(
            title=title,
            why="who is missing from a ranking did not lose it",
            section="absent",
            cases=_cases((g, seen[0].reason or "no reason") for g, seen in ended if seen),
        )
    head = view.study.head
    planned = len(head.contenders) * len(head.workloads) * head.repeats
    missing = planned - len(view.study.records)
    yield Doubt(
        title="planned trials without a record",
        why="the study was stopped, or is not at its end",
        section="absent",
        cases=(Case(text=formats.plural(missing, "trial")),) if missing > 0 else (),
    )


SECTION = Section(order=72, title="Doubts", content=content)
