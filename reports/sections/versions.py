"""With what it was run: versions, settings as read back, processors, and the workloads in full."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from levelfield.results.record import Record

from . import Contender, Section, View, Workload, formats, number


@dataclass(frozen=True, kw_only=True)
class Group:
    """Contenders that ran with the same facts."""

    facts: Mapping[str, Any]
    contenders: dict[int, Contender] = field(default_factory=dict)
    trials: int = 0


def content(view: View) -> Mapping[str, Any]:
    """Return groups of equal versions and of equal settings, and the definitions of workloads."""
    environments, differing = _differences(view.study.records)
    return {
        "versions": _groups(view, _versions),
        "environments": environments,
        "differing": differing,
        "settings": _groups(view, _settings),
        "definitions": [(each, definition(each)) for each in view.workloads],
        "options": dict(view.study.head.options),
        "machine": _readable(view.study.head.machine),
        "shown": shown,
    }


def _differences(records: Iterable[Record]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The environments, and of each distribution whose versions differ: those of each of them.

    A distribution that one environment alone recorded is no difference: others may have it too.
    """
    told: dict[str, dict[str, dict[str, None]]] = {}
    for record in records:
        for name, version in record.versions.items():
            there = told.setdefault(_environment(record), {})
            there.setdefault(name, {})[version] = None
    names = sorted({name for there in told.values() for name in there})
    rows = [(name, [", ".join(there.get(name, ())) for there in told.values()]) for name in names]
    return list(told), [(name, each) for name, each in rows if len(set(filter(None, each))) > 1]


def definition(workload: Workload) -> str:
    """The workload as JSON: a line for each of its fields, and for each of its layers."""
    lines = []
    for name, value in workload.facts.items():
        if isinstance(value, (list, tuple)) and value:
            items = ",\n".join("    " + _json(item) for item in value)
            lines.append(f"  {_json(name)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {_json(name)}: {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "the study does not say"


def shown(value: Any) -> str:
    """A setting as it was read back."""
    return value if isinstance(value, str) else _json(value)


def _readable(machine: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: "none" if value == [] else value for key, value in machine.items() if value != ""}
    size = number(machine.get("memory"))
    return {**told, "memory": formats.memory(size)} if size > 0 else told


def _versions(record: Record) -> dict[str, Any]:
    versions = dict(sorted(record.versions.items()))
    return {"environment": _environment(record), **versions} if versions else {}


def _environment(record: Record) -> str:
    return record.environment + (f" (lock {record.lock})" if record.lock else "")


def _settings(record: Record) -> dict[str, Any]:
    if not record.cpus and not record.settings:
        return {}
    cpus = ", ".join(map(str, record.cpus))
    known = {"threads allowed": record.threads, "bound to CPUs": cpus}
    return {**known, **dict(sorted(record.settings.items()))}


def _groups(view: View, facts: Callable[[Record], dict[str, Any]]) -> list[Group]:
    """Group the trials by their facts; trials without any are left out."""
    made: dict[str, Group] = {}
    records: Iterable[Record] = view.study.records
    for record, place in zip(records, view.trials["contender"], strict=True):
        if not (known := facts(record)):
            continue
        key = _json(known)
        group = made.get(key) or Group(facts=known)
        group.contenders[int(place)] = view.contenders[int(place)]
        made[key] = Group(facts=known, contenders=group.contenders, trials=group.trials + 1)
    return sorted(made.values(), key=lambda group: min(group.contenders))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


SECTION = Section(order=90, title="Versions and machine", content=content)
