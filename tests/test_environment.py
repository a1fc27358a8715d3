"""Environments: read from lock files, made whole or not at all, reused, repaired, chosen."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from running import ADAPTERS, Place
from wheels import wheel

from levelfield import registry
from levelfield.errors import UserError
from levelfield.run import compare, environment, environment_build, sides
from levelfield.run.bench import Bench, Code
from levelfield.run.compare import Side
from levelfield.run.environment import (
    FOLDER,
    STAMP,
    Environment,
    at,
    canonical,
    distributions,
    read,
    trouble,
)
from levelfield.run.environment_build import create, remove
from levelfield.run.homes import homes
from levelfield.run.progress import Progress
from levelfield.run.sides import side
from levelfield.spec.plan import Contender

ENV = (sys.executable, "-P", "-m", "levelfield", "env")


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Where environments go in this test, with wheels beside it and no other source."""
    wheels = tmp_path / "wheels"
    wheel(wheels, "numpy", "9.9", script="numpy-says")
    wheel(wheels, "tiny", "1.0", needs="numpy>=9")
    monkeypatch.setenv(FOLDER, str(tmp_path / "environments"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    distributions.cache_clear()
    yield tmp_path
    distributions.cache_clear()


def written(folder: Path, *pins: str, comment: str = "# Python 3.11") -> environment.Lock:
    path = folder / "small.txt"
    path.write_text("\n".join([comment, *pins]) + "\n")
    return read(path)


def made(house: Path, progress: Progress | None = None) -> environment.Lock:
    lock = written(house, "numpy==9.9", "tiny==1.0")
    create(lock, progress or Progress(steps=0, quiet=True))
    return lock


def said(python: Path | str, code: str) -> str:
    done = subprocess.run(
        [str(python), "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- lock files ------------------------------------------------------------------------------


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
def test_names_are_compared_as_the_packaging_rules_say(name):
    assert canonical(name) == canonicalize_name(name)


def test_a_lock_is_its_pins_its_python_and_a_digest_of_both(tmp_path):
    lock = written(tmp_path, "NumPy==1.23.5", "ruamel.yaml==1!2.0+cpu  # why")
    assert lock.pins == {"numpy": "1.23.5", "ruamel-yaml": "1!2.0+cpu"}
    assert (lock.name, lock.python) == ("small", "3.11")
    others = [
        written(tmp_path, "NumPy==1.23.6", "ruamel.yaml==1!2.0+cpu  # why"),
        written(tmp_path, "NumPy==1.23.5", comment="# Python 3.12"),
    ]
    assert len({lock.digest, *(other.digest for other in others)}) == 3


@pytest.mark.parametrize("line", ["numpy>=1", "numpy", "numpy==1,<2", "-r other.txt", "a==1; b"])
def test_what_is_no_pin_is_refused(tmp_path, line):
    with pytest.raises(UserError, match=r"not a pin") as caught:
        written(tmp_path, line)
    assert str(tmp_path / "small.txt") in str(caught.value)


def test_every_backend_lives_in_an_environment_that_pins_what_it_needs():
    locks = environment.locks()
    assert "tools" not in locks
    for name, adapter in registry.backends().items():
        for home in {adapter.environment, *adapter.environments.values()}:
            for package in adapter.packages:
                either = {canonical(each) for each in package.split("|")}
                assert either & set(locks[home].pins), (name, home, package)


def test_names_that_are_not_known():
    with pytest.raises(UserError, match="did you mean main"):
        environment.lock("mian")
    with pytest.raises(UserError, match="no such lock file"):
        environment.lock("./nowhere.txt")
    with pytest.raises(UserError, match="levelfield env list"):
        at("nowhere")


# --- made, reused, repaired, removed ---------------------------------------------------------


@pytest.mark.slow
def test_made_reused_repaired_and_removed(house, monkeypatch, capsys):
    lock = made(house, Progress(steps=0))
    assert "building, 2 distributions" in capsys.readouterr().err
    assert trouble(lock) == ""
    assert (
        said(lock.interpreter, "import tiny, numpy; print(tiny.VERSION, numpy.VERSION)")
        == "1.0 9.9"
    )
    script = subprocess.run(
        [lock.folder / "bin/numpy-says"], capture_output=True, text=True, check=True
    )
    assert script.stdout == "9.9\n"
    assert entries(lock.folder.parent) == [lock.folder.name]
    assert environment.locked(lock).versions(["Tiny", "absent"]) == {"Tiny": "1.0"}
    assert environment.locked(lock).missing(["tiny", "absent"]) == ["absent"]

    with monkeypatch.context() as nothing:
        nothing.setattr(environment_build, "_build", pytest.fail)
        made(house)  # reused: nothing is built

    shutil.rmtree(next(lock.folder.glob("lib/*/site-packages/tiny-1.0.dist-info")))
    distributions.cache_clear()
    assert trouble(lock) == "tiny missing"
    made(house, Progress(steps=0))
    assert "repairing (tiny missing)" in capsys.readouterr().err
    assert said(lock.interpreter, "import tiny; print(tiny.VERSION)") == "1.0"

    lock.interpreter.unlink()
    distributions.cache_clear()
    assert "does not start" in trouble(lock)
    made(house)
    assert trouble(lock) == ""

    assert remove(lock, Progress(steps=0, quiet=True))
    assert trouble(lock) == "not made yet"
    assert entries(lock.folder.parent) == []
    assert not remove(lock, Progress(steps=0, quiet=True))


@pytest.mark.slow
def test_what_pip_cannot_find_is_told_in_its_words_and_nothing_is_left(house):
    lock = written(house, "numpy==9.9", "tiny==2.0")
    with pytest.raises(UserError, match=r"No matching distribution found for tiny==2\.0") as caught:
        create(lock, Progress(steps=0, quiet=True))
    assert "--environment current" in caught.value.hint
    assert entries(lock.folder.parent) == []


def test_another_python_is_looked_for(house, monkeypatch):
    lock = written(house, "numpy==9.9", comment="# Python 2.6")
    with pytest.raises(UserError, match=r"no Python 2\.6 here"):
        create(lock, Progress(steps=0, quiet=True))
    fake = house / "python2.6"
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(house))
    assert environment_build.interpreter(lock) == str(fake)


@pytest.mark.slow
def test_a_killed_build_is_never_used(house):
    """SIGKILL while pip waits for an index that is silent: the next build clears the rest."""
    lock = written(house, "numpy==9.9", "tiny==1.0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        environ |= {"PIP_INDEX_URL": url, "PIP_NO_CACHE_DIR": "1"}
        command = [*ENV, "create", str(house / "small.txt")]
        with subprocess.Popen(command, env=environ, start_new_session=True) as builder:
            silent.accept()[0].close()  # pip has begun
            os.killpg(builder.pid, signal.SIGKILL)
    left = entries(lock.folder.parent)
    assert any(re.fullmatch(rf"\.{lock.folder.name}\.\d+", name) for name in left)
    assert trouble(lock) == "not made yet"
    made(house)
    assert entries(lock.folder.parent) == [lock.folder.name]
    assert (lock.folder / STAMP).exists()


@pytest.mark.slow
def test_two_at_once_build_once(house):
    lock = written(house, "numpy==9.9", "tiny==1.0")
    command = [*ENV, "create", str(house / "small.txt")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("building" in text for text in told) == 1
    assert sum("waiting for another process" in text for text in told) <= 1
    assert trouble(lock) == ""


def test_a_folder_that_cannot_be_written(house, monkeypatch):
    (house / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(house / "file"))
    with pytest.raises(UserError, match="cannot be written"):
        create(written(house, "numpy==9.9"), Progress(steps=0, quiet=True))


# --- who runs where --------------------------------------------------------------------------


def contender(backend: str, name: str) -> Contender:
    adapter = registry.adapter(backend)
    return Contender(
        backend=backend, mode=adapter.modes[0], device="cpu", environment=name,
        module=adapter.__module__,
    )  # fmt: skip


def test_the_interpreter_at_hand_serves_where_it_has_what_is_needed(house):
    found, unmade = homes([contender("numpy", "main")], Progress(steps=0, quiet=True))
    assert (found["main"].python, unmade) == (sys.executable, {})
    found, _ = homes([contender("numpy", "current")], Progress(steps=0, quiet=True))
    assert (found["current"].python, found["current"].lock) == (sys.executable, "")


def test_an_environment_that_cannot_be_made_is_a_reason_and_no_end(house, monkeypatch):
    lock = written(house, "numpy==9.9", "nowhere==1.0")
    monkeypatch.setattr("levelfield.run.homes.locks", lambda: {"small": lock})
    monkeypatch.setattr(registry.adapter("numpy"), "packages", ("nowhere",))
    monkeypatch.setattr("levelfield.run.homes.create", unreachable)
    found, unmade = homes([contender("numpy", "small")], Progress(steps=0, quiet=True))
    assert (found, unmade) == ({}, {"small": "no network"})
    _, unmade = homes([contender("numpy", "elsewhere")], Progress(steps=0, quiet=True))
    assert "no environment elsewhere" in unmade["elsewhere"]


def unreachable(lock: object, progress: object) -> None:
    raise UserError("no network")


@pytest.mark.slow
def test_a_side_of_a_comparison_by_an_environment_s_name(house, monkeypatch):
    lock = written(house, "numpy==9.9", "tiny==1.0")
    monkeypatch.setattr(registry, "environments", lambda: house)
    found = side("env:small", other=".", checkout=house, scratch=house)
    assert (found.label, found.code.home) == ("env:small", environment.locked(lock))
    code = "import levelfield.run.sides as s; print(s.__file__)"
    environ = {**os.environ, "PYTHONPATH": str(found.code.path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    assert Path(done.stdout.strip()).resolve() == Path(sides.__file__).resolve()
    by_path = side(f"env:{lock.folder}", other=".", checkout=house, scratch=house)
    assert by_path.code.home == at(str(lock.folder))


def test_packages_are_looked_for_where_the_sides_of_a_comparison_run(monkeypatch):
    have = {"/with": {"numpy": "9.9"}, "/without": {}}
    monkeypatch.setattr(environment, "distributions", have.__getitem__)
    desk = Bench(
        suite=None, contenders=(), materials={}, settings={}, shapes={}, options=None,
        scratch=Path(), unmade={"small": "no network"},
    )  # fmt: skip
    who = contender("numpy", "small")
    one, other = (
        Side(label=f"env:{name}", code=Code(home=Environment(name=name, python=name)))
        for name in have
    )
    assert desk.absent(who) == "no network"
    assert desk.absent(who, one.code.home) == ""
    assert desk.absent(who, other.code.home) == "not installed: numpy"
    match = SimpleNamespace(contender=who)
    assert list(compare._wrong(desk, (one, other), match)) == ["env:/without: not installed: numpy"]
    working = Side(label="working tree", code=Code())
    assert list(compare._wrong(desk, (one, working), match)) == ["no network"]


def test_no_environment_is_made_in_vain_where_both_sides_bring_theirs():
    who = contender("numpy", "small")
    there = Side(label="env:a", code=Code(home=Environment(name="a")))
    working = Side(label="working tree", code=Code())
    assert [each.environment for each in sides.settled([who], (there, there))] == ["current"]
    assert sides.settled([who], (there, working)) == [who]


def test_the_interpreter_at_hand_keeps_its_search_path(tmp_path):
    """As where packages were put by `pip install --target`: its workers find them too."""
    place = Place(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "only_there.py").touch()
    adapter = tmp_path / "mine.py"
    good = str(ADAPTERS / "good.py")
    lines = ("from levelfield import registry", f"class Found(registry.adapter('mine', {good!r})):")
    adapter.write_text("\n".join([*lines, "    imports = ('only_there',)\n"]))
    how = {"env": {**place.environ, "PYTHONPATH": str(tmp_path / "site")}}
    place.run("--backend", str(adapter), "--set", "samples=64", epochs=1, **how)
    assert place.by_name()["mine"].status == "ok", place.by_name()["mine"].reason
