"""Stored studies, commit by commit, for asv's site and tables: which trial belongs to which point.

What is followed is declared in ``benchmarks/asv/metrics.py``, for `asv run` as for this; the files
themselves are `levelfield.results.asv_files`'s.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelfield.errors import UserError
from levelfield.results import asv_files
from levelfield.results.asv_files import Commit, Content, Point
from levelfield.results.lines import plain
from levelfield.results.store import write_error
from levelfield.results.study import Study

CHANGED = "+"
"""Ends the commit of a study that was made in a checkout with changes on top of it."""
FREE = frozenset({"name", "flops", "evaluate_every"})
"""What may differ between two workloads of the same name: it follows from the rest, or is off the
clock."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A result file, the commit it is of, and what it has no number for, with the reasons."""

    commit: str
    path: Path
    gaps: tuple[str, ...]


def to_asv(
    studies: Sequence[Study], target: Path, *, repository: Path, commit: str = ""
) -> list[Written]:
    """Write the studies into asv's folder of results; gives the files in the order of commits.

    A study belongs to the commit it was made at, or to ``commit`` (any name that git knows).
    Trials of the same commit and machine come together in one file, and a file that is there
    already is added to. A number is the median over trials; what was skipped or not verified is n/a
    (NaN) there, what failed is failed (null).

    Raises `UserError` where a study's commit is not known or not in the repository, where it was
    run as a duet, and where a name would stand for two workloads or a point for two versions.
    """
    points: dict[Point, Content] = {}
    for study in studies:
        point = _point(study, _commit(study, repository, commit))
        content = points.setdefault(point, Content(machine=study.head.machine))
        _collect(study, content)
    order = sorted(points, key=lambda point: (point.commit.date, point.path))
    _check(points, target)
    try:
        asv_files.write_descriptions(target, points)
        return [
            Written(
                commit=point.commit.name,
                path=asv_files.write_result(target, point, points[point]),
                gaps=tuple(_gaps(points[point])),
            )
            for point in order
        ]
    except OSError as error:
        raise write_error(target, error) from None


def _commit(study: Study, repository: Path, given: str) -> Commit:
    """The commit that a study belongs to."""
    name = given or str(getattr(study.head, "commit", ""))
    where = "--commit" if given else str(study.folder)
    if not name or name.endswith(CHANGED):
        raise UserError(
            f"measured on changes to commit {name[:-1]}" if name else "made at no known commit",
            where=where,
            expected="a study made in a checkout without changes",
            hint="say by --commit which commit it belongs to",
        )
    # No line of a patch, and no name that git could take for an option.
    words = ["show", "--no-patch", "--format=%H %ct", "--end-of-options", f"{name}^{{commit}}"]
    try:
        command = ["git", "-C", str(repository), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed", expected="git, to order commits") from None
    if done.returncode:
        raise UserError(
            f"commit {name} is not in the repository here",
            where=where,
            expected="a commit that git knows",
            hint="run this in the checkout that asv.conf.json lies in",
        )
    full, seconds = done.stdout.split()
    return Commit(name=full, date=1000 * int(seconds))


def _point(study: Study, commit: Commit) -> Point:
    options, machine = study.head.options, study.head.machine
    if options.get("schedule", "blocks") != "blocks":
        raise UserError(
            "a study run as a duet",
            where=str(study.folder),
            expected="one run in blocks, whose epochs are whole",
            hint="`levelfield compare` reads duets",
        )
    threads = options.get("threads", machine.get("cores"))
    return Point(
        commit=commit,
        machine=_safe(str(machine.get("host") or "unknown")),
        python=_safe(".".join(str(machine.get("python", "")).split(".")[:2])),
        threads="" if threads == machine.get("cores") else _safe(str(threads)),
    )


def _collect(study: Study, content: Content) -> None:
    """Add a study's trials to what is known of their point."""
    where = str(study.folder)
    content.created = max(content.created, study.head.created)
    for record in study.records:
        facts = {**study.head.workloads.get(record.fingerprint, {}), "data": record.data}
        known = content.workloads.setdefault(record.workload, facts)
        _check_workload(record.workload, known, facts, where)
        for package, version in record.versions.items():
            name = f"{record.environment}/{package}"
            _check_version(name, content.versions.setdefault(name, version), version, where)
        trial = plain(record)
        place = (asv_files.metrics().label(trial), record.workload)
        content.trials.setdefault(place, []).append(trial)


def _check(points: Mapping[Point, Content], target: Path) -> None:
    """Refuse, before anything is written, what would draw a line through different things."""
    workloads: dict[tuple[str, str], Mapping[str, Any]] = {}
    for point, content in points.items():
        where = f"commit {point.commit.name[:8]}"
        for path in sorted((target / point.machine).glob("*-levelfield-*.json")):
            before = asv_files.read_result(path)
            for name, facts in before.workloads.items():
                workloads.setdefault((point.machine, name), facts)
            if path == target / point.path:
                for name in before.versions.keys() & content.versions.keys():
                    _check_version(name, before.versions[name], content.versions[name], where)
        for name, facts in content.workloads.items():
            known = workloads.setdefault((point.machine, name), facts)
            _check_workload(name, known, facts, where)


def _check_workload(
    name: str, known: Mapping[str, Any], facts: Mapping[str, Any], where: str
) -> None:
    """What only one of them tells is passed over: workloads gain fields as Levelfield does."""
    shared = (known.keys() & facts.keys()) - FREE
    # Compared as JSON keeps them: the one before may come from a file.
    different = sorted(key for key in shared if json.dumps(known[key]) != json.dumps(facts[key]))
    if different:
        raise UserError(
            f"workload {name} is not the one of that name before: {', '.join(different)} differ",
            where=where,
            expected="the same workload at every commit",
            hint="give it another name in its suite, or export into another folder",
        )


def _check_version(name: str, known: str, version: str, where: str) -> None:
    if version != known:
        raise UserError(
            f"{name} {version}, and {known} in another trial at the same commit",
            where=where,
            expected="one version of everything at a commit",
            hint="export the studies of each version into a folder of their own",
        )


def _gaps(content: Content) -> list[str]:
    """Why there is no number, for every contender and workload without one."""
    reasons = {place: asv_files.metrics().reason(t) for place, t in content.trials.items()}
    return [f"{place[0]} on {place[1]}: {why}" for place, why in sorted(reasons.items()) if why]


def _safe(name: str) -> str:
    """A name from a study's file, as it may stand in a path."""
    return re.sub(r"[^A-Za-z0-9_.-]|^\.+", "_", name)
