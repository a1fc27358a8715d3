"""Python environments: which there are, where they lie, what is in them, who runs in which.

An environment is locked by a file of ``environments/`` that pins every distribution. It lies in the
cache, under a name that holds the lock's digest: another lock is another environment.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from levelfield import data, registry
from levelfield.errors import UserError, unknown

CURRENT = "current"
"""The name of the interpreter at hand, with whatever it has."""
FOLDER = "LEVELFIELD_ENVIRONMENTS"
STAMP = "levelfield.json"
"""Written into an environment when it is whole."""
ASK = """\
import importlib.metadata as m, json, sys
print(json.dumps([sys.version, {d.metadata["Name"]: d.version for d in m.distributions()}]))"""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An interpreter with its distributions, and the code of Levelfield that it is given."""

    name: str
    python: str = sys.executable
    lock: str = ""
    """First digits of the lock file's SHA-256; empty where the environment is not locked."""
    path: Path | None = None
    """Folder that its workers find ``levelfield`` in; none: it is installed there."""

    def given(self, code: Path | None) -> Environment:
        """The same with this code for its workers, where Levelfield is not installed in it."""
        return self if self.python == sys.executable else dataclasses.replace(self, path=code)

    def versions(self, packages: Iterable[str]) -> dict[str, str]:
        """Installed version of each distribution; those that are missing are left out."""
        have = distributions(self.python)
        names = [name for package in packages for name in package.split("|")]
        return {name: have[canonical(name)] for name in names if canonical(name) in have}

    def missing(self, packages: Iterable[str]) -> list[str]:
        """Those among these that are not installed, not one of their alternatives (``a|b``)."""
        return [each for each in packages if not self.versions([each])]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock file: the pins of one environment."""

    name: str
    pins: Mapping[str, str]
    """Version by canonical name."""
    python: str
    """The Python that it was made for, as ``3.11``; its comment names it."""
    digest: str

    @property
    def folder(self) -> Path:
        """Where its environment lies, or will."""
        return folder() / f"{self.name}-{self.digest[:12]}"

    @property
    def interpreter(self) -> Path:
        """The interpreter of its environment."""
        return self.folder / "bin" / "python"


def folder() -> Path:
    """The folder of all environments: $LEVELFIELD_ENVIRONMENTS, else in the cache."""
    text = os.environ.get(FOLDER, "")
    return Path(text).expanduser().absolute() if text else data.cache_directory() / "environments"


def locks() -> dict[str, Lock]:
    """Every lock file of an environment for workers by name: one that pins NumPy."""
    found = (read(path) for path in sorted(registry.environments().glob("*.txt")))
    return {lock.name: lock for lock in found if "numpy" in lock.pins}


def lock(name: str) -> Lock:
    """The lock of this name, or in this file (``./mine.txt``)."""
    if name.endswith(".txt"):
        if not Path(name).is_file():
            raise UserError("no such lock file", where=name, expected="a file of pins, name==1.2.3")
        return read(Path(name))
    known = locks()
    if name not in known:
        raise unknown("environment", name, known)
    return known[name]


def read(path: Path) -> Lock:
    """Read a lock file: a pin a line, and a comment that names the Python it was made for."""
    text = path.read_text(encoding="utf-8")
    words = [line.partition("#")[0].strip() for line in text.splitlines()]
    loose = [word for word in words if word and not re.fullmatch(r"[\w.-]+==[^\s=,;*]+", word)]
    if loose:
        raise UserError(
            f"not a pin: {loose[0]}", where=str(path), expected="name==version on every line"
        )
    pins = dict(word.split("==") for word in words if word)
    made_for = re.search(r"^#.*\bPython (\d+\.\d+)", text, re.MULTILINE)
    python = made_for[1] if made_for else platform.python_version().rpartition(".")[0]
    facts = [text, python, platform.machine()]
    return Lock(
        name=path.stem,
        pins={canonical(name): version for name, version in pins.items()},
        python=python,
        digest=hashlib.sha256("\0".join(facts).encode()).hexdigest(),
    )


def trouble(lock: Lock) -> str:
    """What is wrong with a lock's environment: empty where it is whole, else in words."""
    if not (lock.folder / STAMP).exists():
        return "not made yet"
    try:
        have = distributions(str(lock.interpreter))
    except UserError as error:
        return error.seen
    gone = [name for name in lock.pins if name not in have]
    return f"{', '.join(gone)} missing" if gone else ""


def at(text: str) -> Environment:
    """An environment that exists already: ``current``, or the path of one or of an interpreter."""
    if text == CURRENT:
        return Environment(name=CURRENT)
    path = Path(text)
    python = path / "bin" / "python" if path.is_dir() else path
    if not os.path.isfile(python):  # noqa: PTH113 - never raises
        known = ", ".join([CURRENT, *locks()])
        raise UserError(
            f"no environment {text}",
            expected=f"one of {known}, or the path of a virtual environment or of an interpreter",
            hint="levelfield env list shows what there is",
        )
    return Environment(name=text, python=str(python.absolute()))


def locked(lock: Lock) -> Environment:
    """The environment of a lock, which is there."""
    return Environment(name=lock.name, python=str(lock.interpreter), lock=lock.digest[:12])


def at_hand(lock: Lock) -> Environment:
    """The interpreter at hand under a lock's name; with its digest where every version is its."""
    have = distributions(sys.executable)
    same = all(have.get(n, "").partition("+")[0] == v for n, v in lock.pins.items())
    return Environment(name=lock.name, lock=lock.digest[:12] if same else "")


@cache
def distributions(python: str) -> Mapping[str, str]:
    """Version of every distribution that an interpreter has, by canonical name; its own: "python".

    Raises `UserError` where it does not start.
    """
    if python == sys.executable:
        from importlib.metadata import distributions as own

        have = {canonical(found.metadata["Name"]): found.version for found in own()}
        return {**have, "python": sys.version}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [python, "-P", "-c", ASK], capture_output=True, text=True, check=False, env=environ
        )
    except OSError as error:
        raise UserError(f"its interpreter does not start ({error.strerror})", python) from None
    try:
        version, found = json.loads(done.stdout)
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"its interpreter does not work: {said}", python) from None
    have = {canonical(name): version for name, version in found.items()}
    return {**have, "python": version}


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
