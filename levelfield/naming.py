"""What tells one contender from another, and the names that they go by everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain, count
from typing import NamedTuple, Protocol

ANY = ""
"""The device of what is the same on several: a curve over the sizes of a cluster."""


class Identified(Protocol):
    """Whatever is of one contender: a contender, a trial's record, a sweep."""

    @property
    def backend(self) -> str:
        """The backend's name."""

    @property
    def mode(self) -> str:
        """How it is driven."""

    @property
    def device(self) -> str:
        """What it runs on, as it is written."""

    @property
    def environment(self) -> str:
        """The environment that it lives in."""


class Identity(NamedTuple):
    """Two of the same identity are the same contender; all others are to be kept apart."""

    backend: str
    mode: str
    device: str
    environment: str


def identity(one: Identified) -> Identity:
    """Of which contender this is."""
    return Identity(one.backend, one.mode, one.device, one.environment)


def plain(one: Identified) -> str:
    """``backend/mode``, and the device where it is not the CPU: as suites and plans write it."""
    name = f"{one.backend}/{one.mode}"
    return name if one.device in {"cpu", ANY} else f"{name}@{one.device}"


def labels(*groups: Iterable[Identified]) -> dict[Identity, str]:
    """A label for every contender: the plain one, and the environment only where it must be.

    Within a group, such as the records of a study, nobody shares a label with another one. Between
    groups the same label means the same thing but for the environment, which one group alone may
    not tell: what must be told apart in one of them is so in all.
    """
    members = [dict.fromkeys(map(identity, group)) for group in groups]
    several = {
        name
        for group in members
        for name, number in Counter(map(plain, group)).items()
        if number > 1
    }
    made: dict[tuple[str, ...], str] = {}
    taken: set[str] = set()
    found = {}
    for who in chain(*members):
        name = plain(who)
        key = who if name in several else who[:3]
        if key not in made:
            name = f"{name} [{who.environment}]" if name in several else name
            # A name may be made to look like another's with its environment.
            tries = (name if n == 1 else f"{name} #{n}" for n in count(1))
            made[key] = next(each for each in tries if each not in taken)
            taken.add(made[key])
        found[who] = made[key]
    return found
