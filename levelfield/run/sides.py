"""The two sides of a live comparison, as they are named on the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from levelfield.run import environment
from levelfield.run.bench import Code
from levelfield.run.compare import Side
from levelfield.run.environment_build import create
from levelfield.run.progress import Progress
from levelfield.run.trees import WORKING, merge_base, overlay, own, tree
from levelfield.spec.plan import Contender

ENVIRONMENT, BASE = "env:", "merge-base"


def side(text: str, *, other: str, checkout: Path, scratch: Path) -> Side:
    """A revision (``main``, ``HEAD~3``, ``.`` for the working tree), or ``env:NAME``.

    ``merge-base`` or ``merge-base:BRANCH``: where the ``other`` side has left the branch (default:
    main). ``env:``: this process's own code, run in an environment (its name or path).
    """
    if text.startswith(ENVIRONMENT):
        return Side(label=text, code=_environment(text.removeprefix(ENVIRONMENT), scratch))
    if text == BASE or text.startswith(f"{BASE}:"):
        branch = text.partition(":")[2] or "main"
        text = merge_base(branch, other, checkout=checkout)
    found = tree(text, checkout=checkout, scratch=scratch)
    name = "working" if text == WORKING else found.commit
    return Side(label=found.label, code=Code(path=overlay(found.folder, scratch / f"code-{name}")))


def _environment(name: str, scratch: Path) -> Code:
    """An environment, with this process's own code in front."""
    known = environment.locks()
    home = create(known[name], Progress(steps=0)) if name in known else environment.at(name)
    return Code(home=home, path=own(scratch))


def settled(contenders: Sequence[Contender], both: Sequence[Side]) -> list[Contender]:
    """Contenders that need no environment of their own, where both sides bring one for them.

    Else one would be made that nobody runs in.
    """
    if all(side.code.home for side in both):
        return [dataclasses.replace(each, environment=environment.CURRENT) for each in contenders]
    return list(contenders)
