"""Which environment every contender of a suite runs in, made first where it must be."""

from __future__ import annotations

from collections.abc import Sequence

from levelfield import registry
from levelfield.errors import UserError
from levelfield.run import gpu
from levelfield.run.environment import Environment, at, at_hand, canonical, locks
from levelfield.run.environment_build import create
from levelfield.run.progress import Progress
from levelfield.spec.device import parse
from levelfield.spec.plan import Contender

CUDA = "-cuda"
"""How the names of environments for GPUs end."""


def homes(
    who: Sequence[Contender], progress: Progress
) -> tuple[dict[str, Environment], dict[str, str]]:
    """The contenders' environments by name; and, by name, why there is none.

    The interpreter at hand serves wherever it has what its contenders need. Where it does not, and
    the lock file has it, the locked environment is made. What no lock has is told trial by trial.
    """
    found: dict[str, Environment] = {}
    unmade: dict[str, str] = {}
    for name in dict.fromkeys(contender.environment for contender in who):
        own = {c: _without(c) for c in who if c.environment == name}
        if all(own.values()):  # gigabytes that nobody could use
            unmade[name] = next(iter(own.values()))
            continue
        adapters = [registry.adapter(c.backend, c.source) for c, gone in own.items() if not gone]
        needs = {package for adapter in adapters for package in adapter.packages}
        try:
            found[name] = _home(name, needs, progress)
        except UserError as error:
            unmade[name] = str(error)
            progress.say(f"environment {name}: {error}")
    return found, unmade


def _without(contender: Contender) -> str:
    """Why a contender's device is not here; empty where it is, or is not looked for."""
    on_gpu = parse(contender.device).kind == "cuda"
    return gpu.here().absent(contender.device) if on_gpu else ""


def _home(name: str, needs: set[str], progress: Progress) -> Environment:
    if (lock := locks().get(name)) is None:
        return at(name)
    here = at_hand(lock)
    if lock.name.endswith(CUDA) and not here.lock:
        return create(lock, progress)  # a framework at hand may be one for the CPU alone
    pinned = [each for each in here.missing(needs) if lock.pins.keys() & _names(each)]
    return create(lock, progress) if pinned else here


def _names(package: str) -> set[str]:
    """The names of a distribution, or of its alternatives (``a|b``)."""
    return {canonical(name) for name in package.split("|")}
