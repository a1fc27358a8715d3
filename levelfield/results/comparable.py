"""What two measurements must share before one may be set against the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from levelfield.errors import UserError
from levelfield.results.record import Record
from levelfield.results.study import Study

FREE = frozenset({"name", "flops", "epochs", "evaluate_every"})
"""Parts of a workload that may differ: its name, what follows from the rest, how long it ran, and
how often its test set was looked at, which is off the clock.

Epochs are compared one by one; what the schedule of rates makes of their number is checked apart.
"""


def check(one: Sequence[Record], other: Sequence[Record], studies: tuple[Study, Study]) -> None:
    """Raise `UserError` naming every difference that would make the comparison a lie."""
    found = list(differences(one, other, studies))
    if found:
        raise UserError(
            "these measurements cannot be compared: " + "; ".join(found),
            expected="the same workload, data, precision, threads, samples and host",
            hint="measure both in one study, or with `levelfield compare --base … --head …`",
        )


def differences(
    one: Sequence[Record], other: Sequence[Record], studies: tuple[Study, Study]
) -> Iterator[str]:
    """Every such difference, in words."""
    heads = [study.head for study in studies]
    for name in ("host", "cpu", "cores"):
        values = [head.machine.get(name) for head in heads]
        if values[0] != values[1]:
            yield f"{name} {values[0]} against {values[1]}"
    yield from work(one, other, studies)
    yield from _sets("threads", one, other)
    cpus = [sorted({r.cpus for r in records if r.cpus}) for records in (one, other)]
    if all(cpus) and cpus[0] != cpus[1]:
        yield f"processors {_listed(cpus[0])} against {_listed(cpus[1])}"


def work(
    one: Sequence[Record], other: Sequence[Record], studies: tuple[Study, Study]
) -> Iterator[str]:
    """The differences in what was computed: what even ratios of two machines must share."""
    workloads = (
        study.head.workloads.get(records[0].fingerprint, {})
        for study, records in zip(studies, (one, other), strict=True)
    )
    yield from _workloads(*workloads)
    yield from _sets("samples", one, other)
    yield from _sets("data", one, other)


def _sets(name: str, one: Sequence[Record], other: Sequence[Record]) -> Iterator[str]:
    sets = [sorted({getattr(r, name) for r in records}) for records in (one, other)]
    if sets[0] != sets[1]:
        yield f"{name} {_listed(sets[0])} against {_listed(sets[1])}"


def _workloads(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*one, *other} - FREE):
        if one.get(key) != other.get(key):
            yield f"{key} {one.get(key)} against {other.get(key)}"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values)) or "nothing"
