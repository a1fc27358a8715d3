"""What a contender runs on, as it is written: ``cpu``, ``cuda:1``, ``spark:2x1x3g`` ..."""

from __future__ import annotations

import re
from dataclasses import dataclass

from levelfield.errors import UserError, shown

KINDS = ("cpu", "cuda", "spark")
_SHAPE = r"(?P<executors>[1-9]\d*)x(?P<cores>[1-9]\d*)(x(?P<memory>[1-9]\d*[mg]))?"
_FORMS = (
    re.compile(r"(?P<kind>cpu)"),
    re.compile(r"(?P<kind>cuda)(:(?P<index>\d+))?"),
    re.compile(rf"(?P<kind>spark):{_SHAPE}"),
    re.compile(rf"(?P<kind>spark)://(?P<host>[\w.-]+:\d+)/{_SHAPE}"),
)
EXPECTED = (
    "cpu, cuda, cuda:INDEX, spark:EXECUTORSxCORES[xMEMORY] such as spark:4x4x16g, or, for a "
    "cluster that exists, spark://HOST:PORT/EXECUTORSxCORES[xMEMORY]"
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

    @property
    def partitions(self) -> int:
        """Tasks that run at a time: cores of all executors; 1 where there is no cluster."""
        return self.executors * self.cores


def parse(text: str, *, where: str = "--device") -> Device:
    """Take a device's text apart; raise `UserError` where it is none."""
    for form in _FORMS:
        if found := form.fullmatch(text):
            facts = {key: value for key, value in found.groupdict().items() if value is not None}
            master = f"spark://{facts.pop('host')}" if "host" in facts else ""
            numbers = {k: int(facts.pop(k)) for k in ("index", "executors", "cores") if k in facts}
            return Device(**facts, **numbers, master=master)  # type: ignore[arg-type]
    raise UserError(f"unknown device {shown(text)}", where=where, expected=EXPECTED)


def usual(kinds: frozenset[str], *, cores: int) -> str:
    """What a backend runs on where nothing is said: the CPU; else a cluster on all cores."""
    if "cpu" in kinds or "spark" not in kinds:
        return "cpu"
    return f"spark:{cores}x1"
