"""The files of asv 0.6: results (format 2), what was measured (2), machines (1).

asv itself is not needed to write them. Numbers that are not a number stand as ``NaN``, as asv and
Python's ``json`` write them.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from levelfield.errors import UserError
from levelfield.results.aside import aside

RESULTS, BENCHMARKS, MACHINE = 2, 2, 1
AXES = ("contender", "workload")
COLUMNS = ("result", "params", "version", "started_at")
OURS = "levelfield"
"""Our own key in a result file: asv passes over it."""

Values = dict[tuple[str, ...], float | None]
"""By contender and workload; NaN is n/a, None is failed."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit of the repository, and when it was made, in milliseconds since 1970."""

    name: str
    date: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of the history, and one of asv's result files: a commit measured on a machine."""

    commit: Commit
    machine: str
    python: str
    threads: str
    """Empty where all cores were used."""

    @property
    def settings(self) -> dict[str, str]:
        """What tells one of asv's lines from another, beside machine, contender and workload.

        Versions of frameworks do not: they change with commits, as the lock files do.
        """
        return {"python": self.python} | ({"threads": self.threads} if self.threads else {})

    @property
    def environment(self) -> str:
        """The environment's name, as asv knows it."""
        return "-".join(["levelfield", *(f"{key}{value}" for key, value in self.settings.items())])

    @property
    def path(self) -> Path:
        """Its file, within asv's folder of results."""
        return Path(self.machine) / f"{self.commit.name[:8]}-{self.environment}.json"


@dataclass(kw_only=True)
class Content:
    """What is known of a point."""

    machine: Mapping[str, Any]
    trials: dict[tuple[str, str], list[Mapping[str, Any]]] = field(default_factory=dict)
    """JSON of the records, by contender and workload."""
    workloads: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    """By ``ENVIRONMENT/DISTRIBUTION``."""
    created: str = ""
    """When its last study was begun: ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one of our result files told before."""

    values: Mapping[str, Values] = field(default_factory=dict)
    """By benchmark and its version, ``NAME@VERSION``."""
    workloads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def metrics() -> Any:
    """The module that says what is followed. Benchmarks, like adapters, are reached by name."""
    try:
        return importlib.import_module("levelfield.benchmarks.asv.metrics")
    except ModuleNotFoundError:
        hint = "use a checkout of Levelfield: pip install -e ."
        raise UserError("levelfield.benchmarks.asv is not installed", hint=hint) from None


def read_result(path: Path) -> Result:
    """Read one of our result files; raise `UserError` where it is none."""
    facts = _read(path)
    try:
        rows = facts["results"].items()
        return Result(
            values={f"{name}@{row[2]}": _values(row[0], _plain(row[1])) for name, row in rows},
            workloads=dict(facts[OURS]["workloads"]),
            versions=dict(facts["requirements"]),
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, SyntaxError):
        raise _foreign(path) from None


def write_result(target: Path, point: Point, content: Content) -> Path:
    """Write the result file of a point, or add to it; gives its path."""
    path = target / point.path
    before = read_result(path) if path.exists() else Result()
    results = {}
    for metric in metrics().METRICS:
        values: Values = dict(before.values.get(f"{_name(metric)}@{metric.version}", {}))
        values |= {place: metrics().value(metric, t) for place, t in content.trials.items()}
        axes = _axes(values)
        column = [values.get(place, math.nan) for place in itertools.product(*axes)]
        started = _milliseconds(content.created)
        results[_name(metric)] = [column, _quoted(axes), metric.version, started]
    facts = {
        "version": RESULTS,
        "commit_hash": point.commit.name,
        "date": point.commit.date,
        "env_name": point.environment,
        "env_vars": {},
        "python": point.python,
        "requirements": {**before.versions, **content.versions},
        "params": {**_machine(point.machine, content.machine), **point.settings},
        "result_columns": COLUMNS,
        "results": results,
        "durations": {},
        OURS: {"workloads": {**before.workloads, **content.workloads}},
    }
    _replace(path, facts)
    return path


def write_descriptions(target: Path, points: Mapping[Point, Content]) -> None:
    """Write what asv reads beside the results: the machines, and what was measured."""
    path = target / "benchmarks.json"
    known = _read(path) if path.exists() else {}
    places = [place for content in points.values() for place in content.trials]
    for metric in metrics().METRICS:
        known[_name(metric)] = _benchmark(metric, known.get(_name(metric), {}), places, path)
    _replace(path, {**known, "version": BENCHMARKS})
    for point, content in points.items():
        machine = {"version": MACHINE, **_machine(point.machine, content.machine)}
        _replace(target / point.machine / "machine.json", machine)


def _benchmark(
    metric: Any, known: dict[str, Any], places: Sequence[tuple[str, str]], path: Path
) -> dict[str, Any]:
    """What asv is to know of a metric; what it knows of already comes first."""
    try:
        before = list(itertools.product(*_plain(known["params"]))) if known else []
        axes = _axes([*before, *places])
    except (KeyError, TypeError, ValueError, SyntaxError):
        raise _foreign(path) from None
    return {
        "code": metric.about,
        **known,
        "name": _name(metric),
        "pretty_name": metric.about,
        "param_names": AXES,
        "params": _quoted(axes),
        "type": "track",
        "unit": metric.unit,
        "version": metric.version,
    }


def _name(metric: Any) -> str:
    return f"training.track_{metric.name}"


def _values(column: Sequence[float | None] | None, axes: list[list[str]]) -> Values:
    """A result's numbers by their place; asv shortens a column of nulls to one null."""
    places = list(itertools.product(*axes))
    return dict(zip(places, column or [None] * len(places), strict=True))


def _axes(places: Iterable[tuple[str, ...]]) -> list[list[str]]:
    """Every contender, and every workload, each once and in the order they came."""
    axes = [list(dict.fromkeys(axis)) for axis in zip(*places, strict=True)]
    return axes or [[] for _ in AXES]


def _quoted(axes: Iterable[Iterable[str]]) -> list[list[str]]:
    """As asv keeps the values of parameters: their ``repr``."""
    return [[repr(value) for value in axis] for axis in axes]


def _plain(axes: Iterable[Iterable[str]]) -> list[list[str]]:
    return [[str(ast.literal_eval(value)) for value in axis] for axis in axes]


def _machine(name: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """A study's machine in asv's words; it is named by Levelfield's fingerprint of the host."""
    return {
        "machine": name,
        "arch": "",
        "cpu": str(facts.get("cpu", "")),
        "num_cpu": str(facts.get("cores", "")),
        "os": str(facts.get("system", "")),
        "ram": str(facts.get("memory", "")),
    }


def _milliseconds(text: str) -> int:
    """Of an ISO 8601 time; zero where it is none."""
    try:
        return int(1000 * datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except ValueError:
        raise _foreign(path) from None
    if not isinstance(facts, dict):
        raise _foreign(path)
    return facts


def _foreign(path: Path) -> UserError:
    return UserError(
        "not a file of asv's as Levelfield writes it",
        where=str(path),
        hint="remove it, or export into another folder",
    )


def _replace(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a file whole or not at all."""
    with aside(path) as new:
        new.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
