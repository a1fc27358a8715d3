"""First what a reader came for: what was run where, and who took the least time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from levelfield.results import against

from ..ratios import told  # noqa: TID252 - mypy knows no mapped name
from . import Section, View, Workload, formats, measures, number

STATUSES = ("ok", "failed", "skipped", "timeout")
TITLES = {"ok": "ended well", "timeout": "out of time"}


NAMES = {
    "torch": "PyTorch",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
    "numpy": "NumPy",
    "theano": "Theano",
    "pytensor": "PyTensor",
    "elephas": "Elephas",
    "keras-torch": "Keras on PyTorch",
    "keras-jax": "Keras on JAX",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-theano": "Keras on Theano",
    "spark-torch": "PyTorch on Spark",
}
"""What people call backends; others go by their own names."""
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
    note: str
    """What it is beside that, such as the baseline."""


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
    units: int
    """Trials, or sessions, that the intervals rest on; 0 where there are none."""
    faster: tuple[str, ...]
    """Labels of those with lower times whose computation is not verified."""


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
    for name, value in known.items():
        if value not in (None, "", [], {}):
            yield f"{'Python' if name == 'python' else name} {value}"


def spoken(label: str, device: str = "") -> str:
    """A contender as one says it: "JAX (scan)", "Keras on PyTorch as it comes".

    device: one that is spoken of already.
    """
    backend, slash, rest = label.partition("/")
    parts = re.fullmatch(r"([\w-]+)(.*)", rest)
    if not (slash and backend in NAMES and parts):
        return label
    mode, where = parts.groups()
    how = " as it comes" if mode == "default" else "" if mode == backend else f" ({mode})"
    return f"{NAMES[backend]}{how}{where.removeprefix(f'@{device}')}"


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
    leader = measures.fastest(ranked)
    label = view.contenders[leader.contender].label
    rivals = [s for s in ranked if s is not leader and s.marked == leader.marked]
    found = [_other(view, workload, leader, rival) for rival in rivals]
    slower = [other for other in found if other.apart]
    if len(slower) > FEW:
        some = [o for o in slower if o in slower[: FEW - 2] or o.note or o is slower[-1]]
        some[-1] = replace(some[-1], note=some[-1].note or "the slowest")
    else:
        some = slower
    known = view.ratios[workload.fingerprint].over.get(leader.contender, {})
    return Answer(
        workload=workload,
        device=device,
        leader=leader,
        name=spoken(label, leader.device),
        label=label,
        equals=tuple(other for other in found if not other.apart),
        others=tuple(some),
        left=len(slower) - len(some),
        units=min((known[r.contender].units for r in rivals if r.contender in known), default=0),
        faster=tuple(
            view.contenders[s.contender].label
            for s in ranked
            if s.epoch.median < leader.epoch.median and s.marked
        ),
    )


def _other(
    view: View, workload: Workload, leader: measures.Standing, rival: measures.Standing
) -> Other:
    ratios = view.ratios[workload.fingerprint]
    found = ratios.interval(leader.contender, rival.contender)
    label = view.contenders[rival.contender].label
    return Other(
        name=spoken(label, leader.device),
        label=label,
        ratio=ratios.plain(leader.contender, rival.contender),
        bounds=told(found) if found else "",
        apart=found is not None and found.low > 1,
        note="the baseline" if label == view.baseline else "",
    )


SECTION = Section(order=10, title="Result", content=content)
