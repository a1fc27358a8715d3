"""Which studies these are, and what differs between them: told before any number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from levelfield.results.gather import Member

from .. import formats  # noqa: TID252 - mypy knows no mapped name
from .view import Many, commit

MACHINE = ("host", "cpu", "cores", "memory", "system", "python")
SHOWN = 80
"""Facts of the page; the raw data hold the rest."""
NAMED = 4
"""Facts of the same values that are named."""
LISTED = 6
"""Values of a fact that are shown at once."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A study in a line."""

    member: Member
    commit: str
    counts: Mapping[str, int]
    """Trials by how they ended."""
    verified: int
    """Of the contenders' workloads with a time."""
    timed: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Facts that the studies do not share."""

    facts: tuple[str, ...]
    """Its name; several that have the same values are told together."""
    values: tuple[tuple[str, str], ...]
    """What it is, and in which studies."""


def content(many: Many) -> Mapping[str, Any]:
    """Return the studies, and the facts that differ, by what they are about."""
    known = {member.number: dict(_facts(member)) for member in many.members}
    names = dict.fromkeys(name for facts in known.values() for name in facts)
    found = list(_merged(each for name in names if (each := _difference(name, known))))
    alone = [name for workload, name in many.workloads if not many.gathered.shared(workload)]
    return {
        "rows": [_row(member) for member in many.members],
        "differences": found[:SHOWN],
        "listed": LISTED,
        "more": max(0, len(found) - SHOWN),
        "same": len(names) - sum(len(each.facts) for each in found),
        "named": NAMED,
        "alone": alone,
    }


def _row(member: Member) -> Row:
    return Row(
        member=member,
        commit=commit(member),
        counts=Counter(record.status for record in member.study.records),
        verified=sum(map(member.verified, member.good)),
        timed=len(member.good),
    )


def _difference(name: str, known: Mapping[int, Mapping[str, str]]) -> Difference | None:
    """A fact with several values; one that a study lacks altogether differs only if it is told."""
    values: dict[str, list[int]] = {}
    for number, facts in known.items():
        if name in facts:
            values.setdefault(facts[name], []).append(number)
    if len(values) < 2:  # noqa: PLR2004
        return None
    return Difference(
        facts=(name,), values=tuple((v, _numbers(where)) for v, where in values.items())
    )


def _merged(found: Iterable[Difference]) -> Iterator[Difference]:
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for each in found:
        groups.setdefault(each.values, []).extend(each.facts)
    for values, facts in groups.items():
        yield Difference(facts=tuple(facts), values=values)


def _numbers(where: list[int]) -> str:
    """Numbers of studies, runs of them drawn together: ``1 to 4, 7``."""
    runs: list[list[int]] = []
    for number in where:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]} to {r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)  # noqa: PLR2004


def _facts(member: Member) -> Iterator[tuple[str, str]]:
    """Every fact of a study that may change its numbers, in the order of the page."""
    head, records = member.study.head, [r for rs in member.good.values() for r in rs]
    for name in dict.fromkeys([*MACHINE, *map(str, head.machine)]):
        if (value := head.machine.get(name)) not in (None, ""):
            yield f"machine: {name}", _shown(name, value)
    yield "Levelfield", str(head.levelfield)
    yield "suite", str(head.suite)
    yield "seed", str(head.seed)
    yield "repeats", str(head.repeats)
    for name, value in head.options.items():
        yield f"option: {name}", _shown(name, value)
    yield "contenders", ", ".join(sorted({who for _, who in member.good})) or "none"
    yield "workloads", ", ".join(sorted({r.workload for r in records})) or "none"
    for name, values in _workloads(member).items():
        yield name, _set(values)
    sets: dict[str, set[str]] = {}
    for (_, who), trials in member.good.items():
        for record in trials:
            sets.setdefault(f"threads of {who}", set()).add(str(record.threads))
            sets.setdefault(f"samples of {record.workload}", set()).add(f"{record.samples:,}")
            sets.setdefault(f"data of {record.workload}", set()).add(record.data or "unknown")
            sets.setdefault(f"environment of {who}", set()).add(
                record.environment + (f" ({record.lock[:12]})" if record.lock else "")
            )
            for name, version in record.versions.items():
                sets.setdefault(f"version: {name}", set()).add(str(version))
            for name, value in record.settings.items():
                sets.setdefault(f"setting of {who}: {name}", set()).add(_shown(name, value))
    for name, values in sets.items():
        yield name, _set(values)


def _workloads(member: Member) -> dict[str, set[str]]:
    """The definitions of workloads, field by field: those of one name may differ."""
    found: dict[str, set[str]] = {}
    for facts in member.study.head.workloads.values():
        for name, value in facts.items() if isinstance(facts, Mapping) else ():
            if name != "name":
                key = f"workload {facts.get('name', '')}: {name}"
                found.setdefault(key, set()).add(_shown(name, value))
    return found


def _shown(name: str, value: Any) -> str:
    if name == "memory" and isinstance(value, int) and not isinstance(value, bool):
        return formats.memory(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _set(values: set[str]) -> str:
    return ", ".join(sorted(values))
