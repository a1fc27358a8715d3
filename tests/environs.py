"""The environments that backends live in, made on first use as `levelfield run` makes them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest

from levelfield import registry
from levelfield.run import trees
from levelfield.run.environment import Environment
from levelfield.run.homes import homes
from levelfield.run.progress import Progress
from levelfield.spec.plan import Contender


@cache
def home(backend: str) -> Environment:
    """The environment of a backend, with this code for its workers; skips where there is none."""
    adapter = registry.backends()[backend]
    who = Contender(
        backend=backend, mode=adapter.modes[0], device="cpu", environment=adapter.environment
    )
    found, unmade = homes([who], Progress(steps=0, quiet=True))
    if unmade:
        pytest.skip(f"{backend}: {unmade[adapter.environment]}")
    made = found[adapter.environment]
    if missing := made.missing(adapter.packages):
        pytest.skip(f"not installed: {', '.join(missing)}")
    return made.given(trees.own(Path(tempfile.mkdtemp(prefix="levelfield-code-"))))
