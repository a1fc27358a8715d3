"""Words for a terminal: what can run here, what there is, what was verified, what was measured."""

from __future__ import annotations

import os
import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from levelfield import data, registry
from levelfield.results import against
from levelfield.results.record import Record, Verification
from levelfield.results.study import Study
from levelfield.run import environment, gpu, machine
from levelfield.spec import suite
from levelfield.spec.fields import Tagged
from levelfield.spec.formulas import Formula
from levelfield.spec.layers import Layer
from levelfield.spec.optimizers import Optimizer
from levelfield.spec.plan import Contender
from levelfield.spec.schedules import Schedule
from levelfield.verify import semantics
from levelfield.verify.tolerances import LEVELS

WIDTH = 100
"""Columns of running text."""
VOCABULARY: Mapping[str, type[Tagged]] = {
    "layers": Layer,
    "formulas": Formula,
    "optimizers": Optimizer,
    "schedules": Schedule,
}
"""What a workload is made of, as `levelfield list` calls it."""


def describe(folder: str | None) -> str:
    """The machine, every backend and data set, and what is missing for those that cannot run."""
    facts = machine.describe()
    lines = [
        f"machine   {facts['cpu']}, {facts['cores']} cores, {facts['memory'] / 2**30:.1f} GiB",
        f"system    {facts['system']}, Python {facts['python']}",
        f"GPUs      {gpu.here()}",
        "",
        listing("backends", folder),
        "",
        listing("datasets", folder),
    ]
    return "\n".join(lines)


def listing(what: str, folder: str | None) -> str:
    """Backends and data sets as tables, suites and parts of workloads one below the other.

    What backends mean by the same names is a table in Markdown.
    """
    if what in VOCABULARY:
        return _entries(_kinds(VOCABULARY[what]))
    if what == "semantics":
        return semantics.table(registry.declarations())
    if what == "backends":
        return table(("backend", "modes", "devices", "environment", "here"), _backends())
    if what == "datasets":
        rows = [(s.name, s.where, s.about) for s in data.describe(data.data_directory(folder))]
        return table(("data set", "where", "about"), rows)
    suites = [suite.load(path) for path in sorted(registry.suites().glob("*.yaml"))]
    return _entries((s.suite, s.about, f"workloads: {len(s.workloads)}") for s in suites)


def _entries(rows: Iterable[tuple[str, str, str]]) -> str:
    """Names, and indented below them what they are and a line as it stands."""
    lines = []
    for name, about, last in rows:
        lines += [name, *textwrap.wrap(about, WIDTH, initial_indent="  ", subsequent_indent="  ")]
        lines += [f"  {last}"]
    return "\n".join(lines)


def _kinds(family: type[Tagged]) -> Iterable[tuple[str, str, str]]:
    """Every kind of a family, the first line of what it says of itself, and an example."""
    for name, kind in sorted(family.kinds().items()):
        given = kind.example if "kind:" in kind.example else f"{name}: {kind.example}"
        yield name, (kind.__doc__ or "").partition("\n")[0].replace("``", ""), given


def environments(names: Sequence[str]) -> str:
    """A table of the environments of these lock files, or of all: their state, and who needs it."""
    locks = [environment.lock(name) for name in names] or environment.locks().values()
    rows = []
    for lock in locks:
        state = environment.trouble(lock) or "ready"
        users = [
            name
            for name, b in registry.backends().items()
            if lock.name in {b.environment, *b.environments.values()}
        ]
        size = f"{_size(lock.folder) / 2**30:.1f} GiB" if state == "ready" else "-"
        what = f"{len(lock.pins)} on Python {lock.python}"
        rows.append((lock.name, state, what, size, ", ".join(users) or "-", str(lock.folder)))
    return table(("environment", "state", "distributions", "size", "backends", "where"), rows)


def _size(folder: Path) -> int:
    """Bytes on the disk of all files below a folder."""
    walked = os.walk(folder)
    files = (os.path.join(place, f) for place, _, names in walked for f in names)  # noqa: PTH118 - many
    return sum(512 * os.lstat(file).st_blocks for file in files)


def verification_table(checked: Mapping[tuple[str, Contender], Verification]) -> str:
    """Levels x contenders, a table a workload: the worst figure of each level over its limit."""
    parts = []
    for name in dict.fromkeys(workload for workload, _ in checked):
        rows = []
        for (workload, contender), verdict in checked.items():
            if workload == name:
                worst = [_worst(verdict, level) for level in LEVELS]
                rows.append((str(contender), *worst, verdict.status))
        parts.append(f"{name}\n" + table(("contender", *LEVELS, "verdict"), rows))
        parts += [
            f"  {contender}: {verdict.reason}"
            for (workload, contender), verdict in checked.items()
            if workload == name and verdict.reason
        ]
    return "\n".join(parts) + (
        "\nEach figure: the worst difference from the float64 reference (limit)."
    )


def study_table(study: Study) -> str:
    """Contenders by typical steady epoch, a table a workload, and what did not run."""
    parts = []
    for name in dict.fromkeys(record.workload for record in study.records):
        groups: dict[str, list[Record]] = {}
        for record in study.records:
            if record.workload == name:
                groups.setdefault(study.label(record), []).append(record)
        head = ("contender", "ms an epoch", "ratio to the first", "test loss", "trials", "verified")
        parts.append(f"{name}\n" + table(head, _ranked(groups)))
        wrong: dict[tuple[str, str], dict[str, None]] = {}
        for label, records in sorted(groups.items()):
            for r in records:
                if r.reason:
                    wrong.setdefault((r.status, r.reason), {})[label] = None
        parts += [f"  {', '.join(who)}: {status}: {why}" for (status, why), who in wrong.items()]
    return "\n".join(parts) + (
        f"\nRatios with {against.CONFIDENCE:.0%} intervals that hold together; one that holds 1 "
        "shows no difference.\nThose of a single trial have none: how processes differ is not "
        "known; repeat to know."
    )


def _ranked(groups: Mapping[str, list[Record]]) -> Iterable[tuple[str, ...]]:
    """A row a contender that has a good trial, the fastest first."""
    good = {label: [r for r in rs if r.status == "ok"] for label, rs in groups.items()}
    epochs = {label: against.typical(records) for label, records in good.items() if records}
    ranked = sorted(epochs, key=lambda label: epochs[label])
    for label in ranked:
        records = good[label]
        ratio = "1"
        if label != ranked[0]:
            found = against.ratio(good[ranked[0]], records, comparisons=len(ranked) - 1)
            ratio = _times(found.estimate)
            if not found.single:
                ratio += f" [{_times(found.low)}, {_times(found.high)}]"
        loss = statistics.median(r.epochs.test_loss[-1] for r in records)
        checked = {r.verification.status if r.verification else "unverified" for r in records}
        count = f"{len(records)}/{len(groups[label])}"
        verified = "/".join(sorted(checked))
        yield label, f"{1000 * epochs[label]:.4g}", ratio, f"{loss:.5g}", count, verified


def _times(ratio: float) -> str:
    """A ratio: two digits behind the point, or its magnitude where two trials know no more."""
    return f"{ratio:.2f}" if 0.005 <= ratio < 1000 else f"{ratio:.0e}"  # noqa: PLR2004 - as shown


def _backends() -> Iterable[tuple[str, ...]]:
    locks = environment.locks()
    for name, adapter in registry.backends().items():
        home, note = environment.at(environment.CURRENT), ""
        lock = locks.get(adapter.environment)
        missing = home.missing(adapter.packages)
        if missing and lock and not environment.trouble(lock):
            home, missing = environment.locked(lock), []
        elif missing:
            note = f"missing: pip install {' '.join(missing)}"
            if lock:
                note = f"made on first use, or by levelfield env create {lock.name}"
        here = note or ", ".join(f"{k} {v}" for k, v in home.versions(adapter.packages).items())
        devices = ", ".join(sorted(adapter.devices))
        yield name, ", ".join(adapter.modes), devices, adapter.environment, here


def _worst(verdict: Verification, level: str) -> str:
    found = [figure for figure in verdict.figures if figure.level == level]
    if not found:
        return "-"
    worst = max(found, key=lambda f: f.value / f.limit if f.value == f.value else float("inf"))
    return f"{worst.value:.1e} ({worst.limit:.0e})" + ("" if worst.passed else " FAILED")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns under a heading, as wide as they need to be."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
