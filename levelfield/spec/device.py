"""What a contender runs on, as it is written: ``cpu``, ``cuda:1``, ``spark:2x1x3g`` ..."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from levelfield.errors import UserError, shown

EVERY = "spark:*"
"""In a suite: on one, two, four ... executors, as far as the cores go."""
_SHAPE = r"(?P<executors>[1-9]\d*)x(?P<cores>[1-9]\d*)(x(?P<memory>[1-9]\d*[mg]))?"
_FORMS = (
    re.compile(r"(?P<kind>cpu)"),
    re.compile(r"(?P<kind>cuda)(:(?P<index>\d+))?"),
    re.compile(rf"(?P<kind>spark):{_SHAPE}(?P<fit>/fit)?"),
    re.compile(rf"(?P<kind>spark)://(?P<host>[\w.-]+:\d+)/{_SHAPE}"),
)
EXPECTED = (
    "cpu, cuda, cuda:INDEX, spark:EXECUTORSxCORES[xMEMORY] such as spark:4x4x16g (with /fit: as "
    "much of it as the machine has), or, for a cluster that exists, "
    "spark://HOST:PORT/EXECUTORSxCORES[xMEMORY]"
)


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device, taken apart."""

    kind: str
    index: int = 0
    """Of a GPU."""
    executors: int = 1
    """Of a Spark cluster."""
    cores: int = 1
    """Of each executor."""
    memory: str = ""
    """Of each executor, as ``3g``; empty: a fair share of what the machine has."""
    master: str = ""
    """URL of a Spark cluster that exists; empty where one is to be started."""

    fit: bool = False
    """Whether a machine with fewer cores runs a smaller cluster instead."""

    def fitted(self, cores: int) -> Device:
        """As much of the cluster as so many cores run: fewer executors, then fewer cores each.

        Memory is then a fair share: what was asked for belongs to the larger machine.
        """
        if not self.fit or self.partitions <= cores:
            return self
        executors = min(self.executors, cores)
        each = max(1, min(self.cores, cores // executors))
        return dataclasses.replace(self, executors=executors, cores=each, memory="", fit=False)

    @property
    def partitions(self) -> int:
        """Tasks that run at a time: cores of all executors; 1 where there is no cluster."""
        return self.executors * self.cores


def parse(text: str, *, where: str = "--device") -> Device:
    """Take a device's text apart; raise `UserError` where it is none."""
    for form in _FORMS:
        if found := form.fullmatch(text):
            facts = {key: value for key, value in found.groupdict().items() if value is not None}
            fit = facts.pop("fit", "") != ""
            master = f"spark://{facts.pop('host')}" if "host" in facts else ""
            numbers = {k: int(facts.pop(k)) for k in ("index", "executors", "cores") if k in facts}
            return Device(**facts, **numbers, master=master, fit=fit)  # type: ignore[arg-type]
    raise UserError(f"unknown device {shown(text)}", where=where, expected=EXPECTED)


def kind_of(text: str) -> str:
    """The kind of a device, as it is written: ``cpu``, ``cuda``, ``spark``."""
    return text.partition(":")[0]


def clustered(text: str) -> bool:
    """Whether a device, as it is written, is a Spark cluster."""
    return text.startswith("spark:")


def clusters(cores: int) -> list[str]:
    """One, two, four ... executors of one core each, and as many as there are cores."""
    counts = sorted({*(2**n for n in range(cores.bit_length())), cores})
    return [f"spark:{count}x1" for count in counts if count <= cores]


def usual(kinds: frozenset[str], *, cores: int) -> str:
    """What a backend runs on where nothing is said: the CPU; else a cluster on all cores."""
    if "cpu" in kinds or "spark" not in kinds:
        return "cpu"
    return f"spark:{cores}x1"
