"""From a suite to its trials: contenders, shuffled blocks, keys that make a study resumable."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from levelfield.backend import Backend
from levelfield.errors import UserError, unknown
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
        label = f"{self.backend}/{self.mode}"
        return label if self.device == "cpu" else f"{label}@{self.device}"


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
    device: str = "cpu",
    environment: str = "",
    source: str = "",
) -> list[Contender]:
    """Contenders that a suite wants, narrowed or changed by the options.

    backends: names, or ``all``; those that the suite does not want come in their default mode.
    modes: names, ``default`` or ``all``; they replace the suite's modes.
    environment: runs all of them, instead of the adapters' own.
    """
    chosen = _wanted(wanted, adapters)
    if names := list(backends):
        names = list(adapters) if "all" in names else names
        for name in names:
            if name not in adapters:
                raise unknown("backend", name, adapters, where="--backends")
        chosen = {name: chosen.get(name, [adapters[name].modes[0]]) for name in names}
    if asked := list(modes):
        known = {"all", "default", *(mode for name in chosen for mode in adapters[name].modes)}
        for mode in asked:
            if mode not in known:
                raise unknown("mode", mode, known, where="--modes")
        chosen = {name: _modes(adapters[name].modes, asked) for name in chosen}
    devices = {known for adapter in adapters.values() for known in adapter.devices}
    if device.partition(":")[0] not in devices:
        error = unknown("device", device, devices, where="--device")
        raise UserError(error.seen, error.where, error.expected)  # near "gpu" is "cpu": no hint
    return [
        Contender(
            backend=name,
            mode=mode,
            device=device,
            environment=environment or adapters[name].environment,
            module=adapters[name].__module__,
            source=source,
        )
        for name, found in chosen.items()
        for mode in found
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


def _wanted(wanted: Sequence[str], adapters: Adapters) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for place, text in enumerate(wanted):
        name, _, mode = text.partition("/")
        names = list(adapters) if name == "all" else [name]
        for each in names:
            if each not in adapters:
                raise unknown("backend", each, adapters, where=f"contenders[{place}]")
            known = adapters[each].modes
            if mode not in {"", "*", *known}:
                raise unknown(f"mode of {each}", mode, known, where=f"contenders[{place}]")
            found = list(known) if mode == "*" else [mode or known[0]]
            have = chosen.setdefault(each, [])
            have += [m for m in found if m not in have]
    if not chosen:
        raise UserError("no contender", where="contenders", expected="at least one backend")
    return chosen


def _modes(known: Sequence[str], asked: Sequence[str]) -> list[str]:
    if "all" in asked:
        return list(known)
    names = {known[0] if mode == "default" else mode for mode in asked}
    return [mode for mode in known if mode in names]
