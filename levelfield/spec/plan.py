"""From a suite to its trials: contenders, shuffled blocks, keys that make a study resumable."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from levelfield import naming
from levelfield.backend import Backend
from levelfield.errors import UserError, unknown
from levelfield.spec.device import EVERY, clusters, kind_of, parse, usual
from levelfield.spec.workload import Workload

Adapters = Mapping[str, type[Backend]]


@dataclass(frozen=True, kw_only=True, order=True)
class Contender:
    """What is compared: backend + mode + device + environment."""

    backend: str
    mode: str
    device: str
    environment: str
    module: str = ""
    """The module that holds the adapter."""
    source: str = ""
    """The adapter's file, where it came by ``--backend ./mine.py``."""

    def __str__(self) -> str:
        """Return ``backend/mode``, and the device where it is not the CPU."""
        return naming.plain(self)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One workload, one contender, one repeat: to be run in one fresh process."""

    workload: Workload
    contender: Contender
    repeat: int
    block: int
    position: int

    @property
    def key(self) -> str:
        """The same trial of the same plan has the same key, in whatever order it is run."""
        who = self.contender
        facts = [self.workload.fingerprint, self.workload.name]
        facts += [who.backend, who.mode, who.device, who.environment]
        text = json.dumps([*facts, self.repeat])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def contenders(
    wanted: Sequence[str],
    adapters: Adapters,
    *,
    backends: Iterable[str] = (),
    modes: Iterable[str] = (),
    device: str | None = None,
    cores: int = 1,
    environment: str = "",
    source: str = "",
) -> list[Contender]:
    """Contenders that a suite wants, narrowed or changed by the options.

    backends: names, or ``all``; those that the suite does not want come in their default mode.
    modes: names, ``default`` or ``all``; they replace the suite's modes.
    device: one or several, separated by commas: contenders on each that their backend runs on;
    by default what the suite says, else the CPU, or a cluster of so many cores.
    environment: runs all of them, instead of the adapters' own.
    """
    given = [] if device is None else [text.strip() for text in device.split(",")]
    kinds = {text: parse(text).kind for text in given}
    chosen = _wanted(wanted, adapters, frozenset(kinds.values()))
    if names := list(backends):
        names = list(adapters) if "all" in names else names
        for name in names:
            if name not in adapters:
                raise unknown("backend", name, adapters, where="--backends")
        chosen = {name: chosen.get(name, [(adapters[name].modes[0], "")]) for name in names}
    if asked := list(modes):
        known = {"all", "default", *(mode for name in chosen for mode in adapters[name].modes)}
        for mode in asked:
            if mode not in known:
                raise unknown("mode", mode, known, where="--modes")
        chosen = {
            name: [(mode, "") for mode in _modes(adapters[name], asked, frozenset(kinds.values()))]
            for name in chosen
        }
    return [
        Contender(
            backend=name,
            mode=mode,
            device=place,
            environment=environment or _home(adapters[name], place),
            module=adapters[name].__module__,
            source=source,
        )
        for name, found in chosen.items()
        for mode, place in _placed(found, adapters[name], kinds, cores)
    ]


def _placed(
    found: Iterable[tuple[str, str]],
    adapter: type[Backend],
    kinds: Mapping[str, str],
    cores: int,
) -> list[tuple[str, str]]:
    """Modes with their devices; one that is on none of those asked for is told once."""
    if not kinds:
        usually = usual(adapter.devices, cores=cores)
        return [
            (mode, device or usually)
            for mode, place in found
            for device in (clusters(cores) if place == EVERY else [place])
        ]
    pairs = []
    for mode in dict(found):
        have = [text for text, kind in kinds.items() if mode in _had(adapter, frozenset({kind}))]
        pairs += [(mode, place) for place in have or list(kinds)[:1]]
    return pairs


def _home(adapter: type[Backend], device: str) -> str:
    """The environment that an adapter lives in for a device."""
    return adapter.environments.get(kind_of(device), adapter.environment)


def _had(adapter: type[Backend], kinds: frozenset[str]) -> list[str]:
    """Modes of an adapter on devices of these kinds; of none, on the usual one."""
    kinds = kinds or frozenset({kind_of(usual(adapter.devices, cores=1))})
    return [
        mode
        for mode in adapter.modes
        if kinds & adapter.devices & adapter.only.get(mode, adapter.devices)
    ]


def plan(
    workloads: Sequence[Workload], who: Sequence[Contender], *, repeats: int, seed: int
) -> list[Trial]:
    """Every trial, block by block: a block has every workload and contender once, shuffled."""
    trials = []
    for block in range(repeats):
        pairs = [(workload, contender) for workload in workloads for contender in who]
        random.Random(f"{seed}/{block}").shuffle(pairs)  # noqa: S311 - an order, not a secret
        trials += [
            Trial(workload=w, contender=c, repeat=block + 1, block=block + 1, position=position)
            for position, (w, c) in enumerate(pairs)
        ]
    return trials


def _wanted(
    wanted: Sequence[str], adapters: Adapters, given: frozenset[str]
) -> dict[str, list[tuple[str, str]]]:
    """Modes and devices (empty: not said) by backend, from ``backend/mode@device``.

    given: kinds of device that take the place of those not said.
    """
    chosen: dict[str, list[tuple[str, str]]] = {}
    for place, text in enumerate(wanted):
        label, at, device = text.partition("@")
        if at and device != EVERY:
            parse(device, where=f"contenders[{place}]")
        name, _, mode = label.partition("/")
        names = list(adapters) if name == "all" else [name]
        for each in names:
            if each not in adapters:
                raise unknown("backend", each, adapters, where=f"contenders[{place}]")
            known = adapters[each].modes
            if mode not in {"", "*", *known}:
                raise unknown(f"mode of {each}", mode, known, where=f"contenders[{place}]")
            kinds = frozenset({kind_of(device)}) if device else given
            found = _had(adapters[each], kinds) if mode == "*" else [mode or known[0]]
            have = chosen.setdefault(each, [])
            have += [(m, device) for m in found if (m, device) not in have]
    if not chosen:
        raise UserError("no contender", where="contenders", expected="at least one backend")
    return chosen


def _modes(adapter: type[Backend], asked: Sequence[str], kinds: frozenset[str]) -> list[str]:
    known = adapter.modes
    if "all" in asked:
        return _had(adapter, kinds) or list(known)
    names = {known[0] if mode == "default" else mode for mode in asked}
    return [mode for mode in known if mode in names]
