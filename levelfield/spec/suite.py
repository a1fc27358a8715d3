"""The suite: workloads x contenders x repeats, read from YAML, changed by options."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from levelfield.errors import UserError, shown, unknown
from levelfield.spec import document
from levelfield.spec.fields import FieldError, Range, Spec
from levelfield.spec.workload import Identifier, Workload

SPREAD = {"datasets": "dataset", "samples": "samples", "precisions": "precision"}
"""Keys of a suite that hold a list, and what each is for a workload."""
LISTS: Mapping[str, tuple[type, str]] = {
    "datasets": (str, "data sets' names"),
    "samples": (int, "whole numbers"),
    "precisions": (str, "precisions"),
}
"""What such a list is of, and how it is called."""


@dataclass(frozen=True, kw_only=True)
class Suite(Spec):
    """What `levelfield run` takes: a name of ``benchmarks/suites/`` or a path."""

    suite: Identifier
    about: str = ""
    repeats: Annotated[int, Range(1)] = 3
    timeout: Annotated[float, Range(0.0, open_low=True)] = 3600.0
    """Seconds that one trial may take."""
    compile_cache: Literal["fresh", "warm"] = "fresh"
    """What frameworks have compiled lasts for one trial, or from one study to the next."""
    contenders: tuple[str, ...] = ("all",)
    """``torch`` (its default mode), ``torch/compile``, ``torch/*`` (every mode) or ``all``.

    With a device where it is not the usual one: ``torch@cuda``, ``spark-torch@spark:2x1``, or
    ``@spark:*``: on one, two, four ... executors, as far as the cores go.
    """
    workloads: tuple[Workload, ...]

    def __post_init__(self) -> None:
        """Check every field, and that no two workloads share a name."""
        super().__post_init__()
        seen: set[str] = set()
        for index, workload in enumerate(self.workloads):
            if workload.name in seen:
                error = FieldError(f"the name {workload.name} stands twice", expected="each once")
                raise error.under("name").under(index).under("workloads")
            seen.add(workload.name)


def load(path: Path, *, changes: Iterable[str] = ()) -> Suite:
    """Read a suite from its file.

    changes: ``key=value`` for the suite itself (repeats, timeout, compile_cache, about), else for
    every one of its workloads.
    """
    text = document.read(path)
    given = text.value
    if not isinstance(given, dict) or "workloads" not in given:
        raise UserError(
            f"not a suite (got {shown(given)})",
            where=f"{path}:1",
            expected="a mapping with the keys suite and workloads",
            hint="see benchmarks/suites/quick.yaml",
        )
    try:
        given = _spread(given)
        suite = Suite.build(given)
    except FieldError as error:
        raise text.located(_unspread(error, text.value)) from None
    assert isinstance(suite, Suite)  # noqa: S101 - for the type checker
    pairs = [_change(change) for change in changes]
    suite, pairs = _itself_changed(suite, pairs)
    workloads = tuple(_changed(workload, pairs) for workload in suite.workloads)
    return dataclasses.replace(suite, workloads=workloads)


def only(suite: Suite, names: Iterable[str]) -> Suite:
    """The suite with the workloads of these names; ``VII`` takes ``VII-mnist`` with it."""
    chosen: list[Workload] = []
    known = {workload.name for workload in suite.workloads}
    known |= {name.rpartition("-")[0] for name in known if "-" in name}
    for name in names:
        if name not in known:
            raise unknown("workload", name, known, where="--only")
        chosen += [w for w in suite.workloads if name in {w.name, w.name.rpartition("-")[0]}]
    return dataclasses.replace(suite, workloads=tuple(dict.fromkeys(chosen)))


def find(name: str, folder: Path) -> Path:
    """The file of a suite: a path, or the name of one in the folder of known suites."""
    if "/" in name or name.endswith((".yaml", ".yml")):
        return Path(name)
    known = {file.stem: file for file in folder.glob("*.yaml")}
    if name not in known:
        error = unknown("suite", name, known)
        raise UserError(error.seen, "", f"{error.expected}, or a path to a YAML file", error.hint)
    return known[name]


def _spread(given: dict[str, Any]) -> dict[str, Any]:
    """Workloads that leave a key of `SPREAD` open are made once for each of the suite's values."""
    for plural, key in SPREAD.items():
        if plural in given:
            values = _values(plural, given[plural])
            workloads = given["workloads"]
            if isinstance(workloads, list):
                workloads = [
                    made
                    for workload in workloads
                    for made in (
                        [{**_named(workload, value), key: value} for value in values]
                        if _open(workload, key)
                        else [workload]
                    )
                ]
            given = {name: value for name, value in given.items() if name != plural}
            given["workloads"] = workloads
    return given


def _values(plural: str, given: object) -> list[Any]:
    kind, what = LISTS[plural]
    if not isinstance(given, list) or not given or not all(type(each) is kind for each in given):
        raise FieldError(f"got {shown(given)}", expected=f"a list of {what}").under(plural)
    return given


def _open(workload: object, key: str) -> bool:
    return isinstance(workload, dict) and key not in workload


def _named(workload: dict[str, Any], value: object) -> dict[str, Any]:
    """Put the value, as far as a name may hold it, after the workload's name."""
    name = workload.get("name")
    if not isinstance(name, str):
        return workload
    return {**workload, "name": f"{name}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', str(value))}"}


def _unspread(error: FieldError, given: Mapping[str, Any]) -> FieldError:
    """Turn a workload's place after `_spread` back into its place in the file."""
    path = error.path
    if len(path) > 1 and path[0] == "workloads":
        axes = {k: v for p, k in SPREAD.items() if isinstance(v := given.get(p), list)}
        places = [
            place
            for place, workload in enumerate(given["workloads"])
            for _ in range(math.prod(len(v) for k, v in axes.items() if _open(workload, k)))
        ]
        path = ("workloads", places[int(path[1])], *path[2:])
    return dataclasses.replace(error, path=path)


def _change(text: str) -> tuple[list[str], Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(
            f"got {shown(text)}", where="--set", expected="key=value", hint="--set epochs=3"
        )
    return key.split("."), document.scalar(value)


def _itself_changed(
    suite: Suite, pairs: list[tuple[list[str], Any]]
) -> tuple[Suite, list[tuple[list[str], Any]]]:
    """The suite with those changes that are its own (``compile_cache=warm``), and the others."""
    own = {field.name for field in dataclasses.fields(Suite)} - {"suite", "workloads", "contenders"}
    given = {keys[0]: value for keys, value in pairs if keys[0] in own and len(keys) == 1}
    if not given:
        return suite, pairs
    try:
        changed = Suite.build({**suite.plain(), **given})
    except FieldError as error:
        raise UserError(error.seen, f"--set {error.where}", error.expected, error.hint) from None
    assert isinstance(changed, Suite)  # noqa: S101 - for the type checker
    return changed, [pair for pair in pairs if pair[0] != [pair[0][0]] or pair[0][0] not in given]


def _changed(workload: Workload, pairs: list[tuple[list[str], Any]]) -> Workload:
    plain = workload.plain()
    for keys, value in pairs:
        place: Any = plain
        for key in keys[:-1]:
            place = place.get(key) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UserError(f"no key {'.'.join(keys)} in workload {workload.name}", where="--set")
        place[keys[-1]] = value
    try:
        changed = Workload.build(plain)
    except FieldError as error:
        where = f"--set {error.where}" if error.where else "--set"
        raise UserError(error.seen, where, error.expected, error.hint) from None
    assert isinstance(changed, Workload)  # noqa: S101 - for the type checker
    return changed
