"""Puts one commit into one of asv's environments: ``python install.py WHEEL LOCK``.

The environment's matrix (asv.conf.json) says which frameworks at which versions; the lock file pins
everything else. A pin gives way where a framework of the matrix asks for another version.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

EXTRAS = {
    "torch": "torch",
    "jax": "jax",
    "tensorflow-cpu": "tensorflow",
    "keras": "keras",
    "pytensor": "pytensor",
}
"""The extra that makes a framework's backends whole, by the framework's distribution."""
ALWAYS = ("digits",)


def main(wheel: str, lock: str) -> None:
    """Install the wheel with the extras of the matrix' frameworks, within the lock's limits."""
    environment = Path(os.environ["ASV_ENV_DIR"]) / "asv-env-info.json"
    matrix = json.loads(environment.read_text(encoding="utf-8"))["requirements"]
    extras = [*ALWAYS, *(EXTRAS[name] for name in matrix if name in EXTRAS)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(constraints(read(lock), matrix)) + "\n")
        file.flush()
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", file.name]
        subprocess.run([*command, f"{wheel}[{','.join(extras)}]"], check=True)


def read(lock: str) -> dict[str, str]:
    """Versions by distribution."""
    lines = Path(lock).read_text(encoding="utf-8").splitlines()
    words = [line.partition("#")[0].strip() for line in lines]
    return dict(word.split("==") for word in words if word)


def constraints(pins: Mapping[str, str], matrix: Mapping[str, str]) -> list[str]:
    """The matrix' versions, and the pins that they leave standing.

    asv has installed the matrix before: what its frameworks ask for is read from them.
    """
    from packaging.utils import canonicalize_name

    wanted = {name: f"{name}=={version}" for name, version in matrix.items() if version}
    excluded = {canonicalize_name(name) for name in matrix} | {
        canonicalize_name(need.name)
        for need in _needs(matrix)
        for name, version in pins.items()
        if canonicalize_name(name) == canonicalize_name(need.name)
        and not need.specifier.contains(version, prereleases=True)
    }
    kept = [f"{n}=={v}" for n, v in pins.items() if canonicalize_name(n) not in excluded]
    return [*wanted.values(), *kept]


def _needs(names: Iterable[str]) -> Iterable[Requirement]:
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    for name in names:
        for need in map(Requirement, requires(name) or []):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                yield need


if __name__ == "__main__":
    main(*sys.argv[1:])
