"""Makes, repairs and removes the environments that lock files describe.

An environment is built aside and renamed when it is whole: one that a kill, a full disk or a lost
network has left half-made is never used. One process builds, others wait for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path

from levelfield.errors import UserError
from levelfield.fetch import CACHE, alone, writing
from levelfield.run.environment import (
    STAMP,
    Environment,
    Lock,
    distributions,
    folder,
    locked,
    trouble,
)
from levelfield.run.progress import Progress

TOLD = 12
"""Lines of pip's last words that an error shows."""


def create(lock: Lock, progress: Progress) -> Environment:
    """The environment of a lock: the one that is there and whole, else built now."""
    if not trouble(lock):
        return locked(lock)
    with writing(folder(), CACHE):
        folder().mkdir(parents=True, exist_ok=True)
        with alone(folder() / f".{lock.folder.name}.lock", progress.say):
            distributions.cache_clear()
            if reason := trouble(lock):
                doing = "building" if reason == "not made yet" else f"repairing ({reason})"
                count = len(lock.pins)
                progress.say(f"environment {lock.name}: {doing}, {count} distributions, once")
                _build(lock, progress)
    return locked(lock)


def remove(lock: Lock, progress: Progress) -> bool:
    """Remove the environment of a lock; whether there was one."""
    with writing(folder(), CACHE):
        if not lock.folder.exists():
            return False
        with alone(folder() / f".{lock.folder.name}.lock", progress.say):
            aside = folder() / f".{lock.folder.name}.{os.getpid()}"
            lock.folder.rename(aside)  # gone at once for whoever looks
            shutil.rmtree(aside)
    distributions.cache_clear()
    return True


def interpreter(lock: Lock) -> str:
    """An interpreter of the Python that the lock was made for: this one, else one on the PATH."""
    if lock.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    if found := shutil.which(f"python{lock.python}"):
        return found
    raise UserError(
        f"no Python {lock.python} here",
        where=f"environment {lock.name}",
        expected=f"the Python that its distributions run on (this one is {sys.version.split()[0]})",
        hint=f"install Python {lock.python}, so that python{lock.python} is on the PATH",
    )


def _build(lock: Lock, progress: Progress) -> None:
    python = interpreter(lock)
    for left in folder().glob(f".{lock.folder.name}.[0-9]*"):
        shutil.rmtree(left, ignore_errors=True)  # of a build that was killed: we hold its lock
    aside = folder() / f".{lock.folder.name}.{os.getpid()}"
    try:
        _run([python, "-m", "venv", str(aside)], lock, progress)
        pins = aside / "lock.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in lock.pins.items()))
        pip = [str(aside / "bin" / "python"), "-m", "pip", "install", "--no-input"]
        pip += ["--disable-pip-version-check", "--progress-bar", "off", "--requirement", str(pins)]
        _run(pip, lock, progress)
        _moved(aside / "bin", aside, lock.folder)
        (aside / STAMP).write_text(json.dumps({"name": lock.name, "lock": lock.digest}))
        if lock.folder.exists():
            shutil.rmtree(lock.folder)
        aside.rename(lock.folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    distributions.cache_clear()
    if reason := trouble(lock):
        raise UserError(
            f"built, and yet {reason}", where=str(lock.folder), hint="see whether its pins agree"
        )


def _run(command: list[str], lock: Lock, progress: Progress) -> None:
    """Run a step of the build; tell what pip is at; raise with its last words where it fails."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    last: deque[str] = deque(maxlen=TOLD)
    count = 0
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environ,
    ) as process:
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                if found := re.match(r"Collecting ([\w.-]+)", line):
                    count += 1
                    of = f"{count}/{len(lock.pins)}"
                    progress.start(f"environment {lock.name}: fetching {found[1]} ({of})")
                elif line.startswith("Installing collected"):
                    progress.start(f"environment {lock.name}: installing")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise UserError(
            f"cannot be made, {Path(command[0]).name} {' '.join(command[1:4])} said:\n  "
            + "\n  ".join(last),
            where=f"environment {lock.name}",
            hint="connect to a package index, make room, or use what is here: "
            "--environment current",
        )


def _moved(scripts: Path, old: Path, new: Path) -> None:
    """Give scripts, whose first lines name their interpreter, the path they will lie at."""
    for script in scripts.iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if bytes(old) in content and b"\0" not in content[:1024]:
            script.write_bytes(content.replace(bytes(old), bytes(new)))
