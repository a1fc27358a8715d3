"""First what a reader came for: what was run where, and who took the least time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import Section, View, Workload, formats, measures, number

STATUSES = ("ok", "failed", "skipped", "timeout")
TITLES = {"ok": "ended well", "timeout": "out of time"}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What may be said of one workload in a sentence or two."""

    workload: Workload
    leader: measures.Standing
    name: str
    second: str
    """The next after the leader, and by how much; empty where there is none."""
    against: str
    """How the leader compares with the baseline; empty where that is itself or not there."""
    unmarked: bool
    """Whether the leader is verified."""
    faster: tuple[str, ...]
    """Those with lower times whose computation is not verified."""


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
        "results": [_result(view, workload, ranked) for workload, ranked in view.ranked()],
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
    for name, value in known.items():
        if value not in (None, "", [], {}):
            yield f"{'Python' if name == 'python' else name} {value}"


def _result(view: View, workload: Workload, ranked: Sequence[measures.Standing]) -> Result:
    leader = measures.fastest(ranked)
    names = [contender.label for contender in view.contenders]
    rivals = [s for s in ranked if s is not leader and s.marked == leader.marked]
    base = next((s for s in ranked if names[s.contender] == view.baseline), None)
    return Result(
        workload=workload,
        leader=leader,
        name=names[leader.contender],
        second=_next(leader, rivals[0], names[rivals[0].contender]) if rivals else "",
        against="" if base is None or base is leader else _against(leader, base, view.baseline),
        unmarked=not leader.marked,
        faster=tuple(
            names[s.contender] for s in ranked if s.epoch.median < leader.epoch.median and s.marked
        ),
    )


def _next(leader: measures.Standing, second: measures.Standing, name: str) -> str:
    more = formats.ratio(second.epoch.median / (leader.epoch.median or float("nan")))
    text = f"The next, {formats.short(name)}, took {more} times as long"
    if second.epoch.low <= leader.epoch.high:
        return f"{text}, but the ranges of the two overlap."
    return f"{text}."


def _against(leader: measures.Standing, base: measures.Standing, name: str | None) -> str:
    share = formats.ratio(leader.epoch.median / (base.epoch.median or float("nan")))
    mark = " (not verified)" if base.marked else ""
    return (
        f"That is {share} times the {formats.seconds(base.epoch.median)} of the baseline, "
        f"{formats.short(name or '')}{mark}."
    )


SECTION = Section(order=10, title="Result", content=content)
