"""First what a reader came for: what was run where, and who took the least time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from levelfield.results import against
from levelfield.results.estimate import Interval

from ..breakeven import leads  # noqa: TID252 - mypy knows no mapped name
from ..ratios import ratio, told, vague  # noqa: TID252
from . import Section, View, Workload, formats, measures, number

STATUSES = ("ok", "failed", "skipped", "timeout")
TITLES = {"ok": "ended well", "timeout": "out of time"}
FEW = 5
"""So many others are all named in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Other:
    """Somebody beside the leader: how many times as long a steady epoch takes, with its bounds."""

    name: str
    label: str
    ratio: float
    bounds: str
    """Empty where there is no interval."""
    apart: bool
    """Whether it is slower than the leader by more than chance."""
    units: int
    """Trials, or sessions, that the interval rests on; 0 where there is none."""
    vague: bool
    note: str
    """What it is beside that, such as the baseline."""


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """Who has taken the least time after some epochs, with start, build and compilation."""

    name: str
    label: str
    span: str
    """After which epochs, in words."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Who trains a workload fastest on one kind of device."""

    workload: Workload
    device: str
    """In words, such as "on the CPU"; empty where the workload ran on nothing else."""
    leader: measures.Standing
    name: str
    label: str
    equals: tuple[Other, ...]
    """Those that cannot be told from the leader."""
    others: tuple[Other, ...]
    """Some of those that are slower."""
    left: int
    """How many slower ones are not named."""
    lower: str
    """Who has the lowest time, if not the leader; its trials are not of the same blocks."""
    single: str
    """How many of the intervals rest on one trial: "all", "some", or none."""
    vague: bool
    """Whether some of the intervals are too wide to say anything."""
    faster: tuple[str, ...]
    """Labels of those with lower times whose computation is not verified."""
    cold: tuple[Ahead, ...]
    """Who else is ahead from a cold start, before the leader is; empty where nobody is."""


def content(view: View) -> Mapping[str, Any]:
    """Counts, the machine in a line, and the result of every workload."""
    counts = view.trials["status"].value_counts()
    head = view.study.head
    planned = len(head.contenders) * len(head.workloads) * head.repeats
    return {
        "head": head,
        "machine": list(machine(head.machine)),
        "counts": [(TITLES.get(s, s), int(counts.get(s, 0))) for s in STATUSES],
        "missing": max(0, planned - len(view.trials)),
        "answers": [answer for each in view.ranked() for answer in _answers(view, *each)],
        "sure": against.CONFIDENCE,
    }


def machine(facts: Mapping[str, Any]) -> Iterator[str]:
    """The machine in a few words each; what is unknown is left out, what is new is named."""
    known = dict(facts)
    if cpu := known.pop("cpu", None):
        yield str(cpu)
    if cores := known.pop("cores", None):
        yield formats.plural(cores, "core") if isinstance(cores, int) else f"cores: {cores}"
    if (size := number(known.pop("memory", None))) > 0:
        yield formats.memory(size) + " of memory"
    if system := known.pop("system", None):
        yield str(system)
    gpus = known.pop("gpus", None)
    for gpu in gpus if isinstance(gpus, list) else []:
        if isinstance(gpu, Mapping):
            yield f"{gpu.get('name')} with {formats.memory(number(gpu.get('memory')))}"
    if driver := known.pop("driver", None):
        yield f"NVIDIA's driver {driver}"
    for name, value in known.items():
        if value not in (None, "", [], {}):
            yield f"{'Python' if name == 'python' else name} {value}"


def _answers(
    view: View, workload: Workload, ranked: Sequence[measures.Standing]
) -> Iterator[Answer]:
    families = measures.families(ranked)
    for device, group in families.items():
        alone = len(families) == 1 and device == "cpu"
        yield _answer(
            view, workload, group, "" if alone else measures.DEVICES.get(device, f"on {device}")
        )


def _answer(
    view: View, workload: Workload, ranked: Sequence[measures.Standing], device: str
) -> Answer:
    first = leader(view, workload, ranked)
    label = view.contenders[first.contender].label
    lowest = measures.fastest(ranked)
    found = [_other(view, workload, first, rival) for rival in rivals(ranked, first)]
    slower = [other for other in found if other.apart]
    some = slower
    if len(slower) > FEW:
        some = [o for o in slower if o in slower[: FEW - 2] or o.note or o is slower[-1]]
        some[-1] = replace(some[-1], note=some[-1].note or "the slowest")
    alone = [other.units == 1 for other in found if other.units]
    return Answer(
        workload=workload,
        device=device,
        leader=first,
        name=view.spoken(label, first.device),
        label=label,
        equals=tuple(other for other in found if not other.apart),
        others=tuple(some),
        left=len(slower) - len(some),
        lower="" if lowest is first else view.contenders[lowest.contender].label,
        vague=any(other.vague for other in found),
        single="all" if alone and all(alone) else "some" if any(alone) else "",
        faster=tuple(
            view.contenders[s.contender].label
            for s in ranked
            if s.epoch.middle < first.epoch.middle and s.marked and not first.marked
        ),
        cold=tuple(_ahead(view, workload, ranked, first)),
    )


def _ahead(
    view: View, workload: Workload, ranked: Sequence[measures.Standing], first: measures.Standing
) -> Iterator[Ahead]:
    """Who leads from a cold start until the leader of steady epochs does, if it ever does.

    Until when is said where it lies within what was trained, and who overtakes is told apart.
    """
    if first.marked or measures.fastest(ranked) is not first:
        return
    mine = view.trials["fingerprint"] == workload.fingerprint
    trained = int(view.trials["epochs"][mine].max())
    for stretch, then in pairwise(next(iter(leads(view, workload, ranked).values()), ())):
        if stretch.until is None or stretch.who.place == first.contender:
            return
        found = over(view, workload, then.standing, stretch.standing)
        span = "at first"
        if stretch.until >= trained:
            span = f"over all {formats.plural(trained, 'epoch')} that were trained"
        elif found is not None and found.low > 1 and not found.single:
            span = f"up to epoch {stretch.until:,}"
        label = stretch.who.label
        yield Ahead(name=view.spoken(label, first.device), label=label, span=span)
        if stretch.until >= trained:
            return


def leader(
    view: View, workload: Workload, ranked: Sequence[measures.Standing]
) -> measures.Standing:
    """Whom nobody is ahead of by more than chance: mostly who has the lowest time.

    Where some lack trials, it may be low because of when it was taken; pairs know that.
    """
    first = measures.fastest(ranked)
    been = [first]
    while True:
        found = [(over(view, workload, first, s), s) for s in rivals(ranked, first)]
        ahead = [(i.estimate, s) for i, s in found if i and i.high < 1 and s not in been]
        if not ahead:
            return first
        first = min(ahead, key=lambda pair: pair[0])[1]
        been.append(first)


def rivals(
    ranked: Sequence[measures.Standing], leader: measures.Standing
) -> list[measures.Standing]:
    """Everybody else of whom as much is known by verification."""
    return [s for s in ranked if s is not leader and s.marked == leader.marked]


def over(
    view: View, workload: Workload, base: measures.Standing, head: measures.Standing
) -> Interval | None:
    """Head over base; None where one has no time."""
    ratios, sides = view.ratios[workload.fingerprint], view.sides[workload.fingerprint]
    if not {base.contender, head.contender} <= ratios.seconds.keys():
        return None
    return ratios.interval(base.contender, head.contender) or ratio(
        sides[base.contender], sides[head.contender], comparisons=len(ratios.seconds) - 1
    )


def _other(
    view: View, workload: Workload, leader: measures.Standing, rival: measures.Standing
) -> Other:
    found = over(view, workload, leader, rival)
    label = view.contenders[rival.contender].label
    return Other(
        name=view.spoken(label, leader.device),
        label=label,
        ratio=found.estimate if found else float("nan"),
        bounds=told(found) if found else "",
        apart=found is not None and found.low > 1,
        units=found.units if found else 0,
        vague=found is not None and not found.single and vague(found),
        note="the baseline" if label == view.baseline else "",
    )


SECTION = Section(order=10, title="Result", content=content)
