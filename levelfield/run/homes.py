"""Which environment every contender of a suite runs in, made first where it must be."""

from __future__ import annotations

from collections.abc import Sequence

from levelfield import registry
from levelfield.errors import UserError
from levelfield.run.environment import Environment, at, at_hand, canonical, locks
from levelfield.run.environment_build import create
from levelfield.run.progress import Progress
from levelfield.spec.plan import Contender


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
        adapters = [registry.adapter(c.backend, c.source) for c in who if c.environment == name]
        needs = {package for adapter in adapters for package in adapter.packages}
        try:
            found[name] = _home(name, needs, progress)
        except UserError as error:
            unmade[name] = str(error)
            progress.say(f"environment {name}: {error}")
    return found, unmade


def _home(name: str, needs: set[str], progress: Progress) -> Environment:
    if (lock := locks().get(name)) is None:
        return at(name)
    here = at_hand(lock)
    pinned = [package for package in here.missing(needs) if canonical(package) in lock.pins]
    return create(lock, progress) if pinned else here
