"""What is installed is what lies here: packages, files, pins."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata, util
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
FOLDERS = ("levelfield", "backends", "datasets", "environments", "reports", "benchmarks")
LOCKS = sorted((ROOT / "environments").glob("*.txt"))
NVIDIA = re.compile(r"nvidia-.*|cuda-.*|triton")
"""What PyPI's build of torch pins by itself, and a CPU build does without."""

OUTSIDE = {"bare", "asv", "pytest"}
"""Folders of benchmarks that are not installed: scripts, and what asv and pytest import."""

BUILDERS = ("setuptools", "wheel")


def packages() -> dict[str, Path]:
    """Return the folders with an ``__init__.py``, by the name they are imported under."""
    found = {}
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("__init__.py"):
            parts = file.parent.relative_to(ROOT).parts
            if OUTSIDE & set(parts):
                continue
            parts = parts if parts[0] == "levelfield" else ("levelfield", *parts)
            found[".".join(parts)] = file.parent
    return found


def pins(lock: Path) -> dict[str, str]:
    """Return the version of each distribution that a lock file pins, by its canonical name."""
    words = [
        line.partition("#")[0].strip() for line in lock.read_text(encoding="utf-8").split("\n")
    ]
    pairs = [word.split("==") for word in words if word]
    return {canonicalize_name(name): version for name, version in pairs}


def needs(name: str, extras: tuple[str, ...] = ("",)) -> list[Requirement]:
    """Return what an installed distribution requires here."""
    wanted = map(Requirement, metadata.requires(name) or [])
    return [
        need
        for need in wanted
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
    ]


def test_every_folder_with_an_init_is_a_package_and_no_other():
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages())
    assert set(SETUPTOOLS["package-dir"].values()) == set(FOLDERS)
    for package, folder in packages().items():
        top = ".".join(package.split(".")[:2])
        mapped = SETUPTOOLS["package-dir"].get(top, "levelfield")
        assert folder.relative_to(ROOT).parts[0] == mapped
    loose = [
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.parent not in packages().values() and not OUTSIDE & set(path.parts)
    ]
    assert not loose


@pytest.mark.parametrize("folder", ["backends", "datasets", "reports"])
def test_a_package_of_parts_does_nothing_when_imported(folder):
    text = (ROOT / folder / "__init__.py").read_text(encoding="utf-8")
    assert re.fullmatch(r'"""[^"]+"""\n', text)


def test_what_is_imported_here_lies_here():
    for package, folder in packages().items():
        spec = util.find_spec(package)
        assert spec is not None
        assert Path(spec.origin or "").parent == folder


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_line_of_a_lock_file_pins_one_version(lock):
    lines = lock.read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert pinned
    for line in pinned:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!]*( *#.*)?", line), line
    assert len(pins(lock)) == len(pinned)


def test_the_main_environment_has_all_that_the_project_names():
    pinned = pins(ROOT / "environments" / "main.txt")
    groups = [PROJECT["project"]["dependencies"]]
    groups += PROJECT["project"]["optional-dependencies"].values()
    for need in (Requirement(text) for group in groups for text in group):
        assert need.specifier.contains(pinned[canonicalize_name(need.name)]), need


def test_the_tools_have_all_that_the_groups_name():
    pinned = {**pins(ROOT / "environments" / "main.txt"), **pins(ROOT / "environments/tools.txt")}
    for group in PROJECT["dependency-groups"].values():
        for need in map(Requirement, group):
            assert need.specifier.contains(pinned[canonicalize_name(need.name)]), need


@pytest.mark.parametrize("lock", ["main", "tools"])
def test_whatever_a_pinned_distribution_needs_is_pinned_too(lock):
    pinned = pins(ROOT / "environments" / "main.txt")
    pinned |= pins(ROOT / "environments" / f"{lock}.txt")
    here = {canonicalize_name(found.metadata["Name"]): found for found in metadata.distributions()}
    known = [n for n in pins(ROOT / "environments" / f"{lock}.txt")
             if n in here and here[n].version.partition("+")[0] == pinned[n]]  # fmt: skip
    if len(known) < 5:
        pytest.skip("this is not the environment of the lock file")
    loose = []
    for name in known:
        for need in needs(name):
            version = pinned.get(canonicalize_name(need.name))
            if version is None and NVIDIA.fullmatch(canonicalize_name(need.name)):
                continue
            if version is None or not need.specifier.contains(version, prereleases=True):
                loose.append(f"{name} needs {need}, pinned: {version}")
    assert not [text for text in loose if not text.partition(" needs ")[2].startswith(BUILDERS)]


def test_what_builds_is_pinned_too():
    assert {*BUILDERS} <= pins(ROOT / "environments" / "main.txt").keys()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel of a copy of the checkout: building leaves its traces there."""
    copy, out = tmp_path_factory.mktemp("copy") / "levelfield", tmp_path_factory.mktemp("wheel")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", PROJECT["project"]["readme"], "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(out), "."]
    if util.find_spec("setuptools"):
        command.insert(-1, "--no-build-isolation")
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (made,) = out.iterdir()
    return made


@pytest.mark.slow
def test_the_wheel_holds_one_package_with_everything_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tops = {name.partition("/")[0] for name in held}
    version = PROJECT["project"]["version"]
    assert tops == {"levelfield", f"levelfield-{version}.dist-info"}
    for package, folder in packages().items():
        kinds = ("*.py", "*.yaml", "*.html", "*.css", "*.js", "py.typed")
        wanted = [path.name for kind in kinds for path in folder.glob(kind)]
        assert {f"{package.replace('.', '/')}/{name}" for name in wanted} <= held
    suites = [path.name for path in (ROOT / "benchmarks" / "suites").glob("*.yaml")]
    assert suites
    assert {f"levelfield/benchmarks/suites/{name}" for name in suites} <= held
    assert "levelfield/py.typed" in held
    assert not [n for n in held if OUTSIDE & set(n.split("/")) or "/test" in n]


@pytest.mark.slow
def test_an_installed_wheel_finds_its_adapters_data_sets_and_suites(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import levelfield; from levelfield import registry; print(levelfield.__file__)\n"
        "print(len(registry.backends()), len(registry.datasets()))\n"
        "print(*(path.stem for path in registry.suites().glob('*.yaml')))"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    where, counts, suites = done.stdout.splitlines()
    assert Path(where) == tmp_path / "levelfield" / "__init__.py"
    assert all(int(count) >= 4 for count in counts.split())
    assert {"quick", "autoencoder"} <= set(suites.split())
