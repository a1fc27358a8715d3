"""Finds adapters, data sources and suites by name: what lies in a folder is registered.

Adapters come from ``backends/``, from the entry-point group ``levelfield.backends`` (each entry a
`Backend` class), or from a file (``--backend ./mine.py``). Finding one imports no framework.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from levelfield.backend import Backend, Declared
from levelfield.dataset import Dataset
from levelfield.errors import UserError, shown, unknown
from levelfield.spec.fields import FieldError

ENTRY_POINTS = "levelfield.backends"


@cache
def backends() -> dict[str, type[Backend]]:
    """Every installed adapter by name: those of ``backends/``, then those of entry points."""
    from importlib.metadata import entry_points

    found = {cls.name: cls for module in _modules("backends") for cls in _adapters(module)}
    for entry in entry_points(group=ENTRY_POINTS):
        cls = entry.load()
        if not _concrete(cls):
            raise UserError(
                f"{shown(cls)} is not an adapter",
                where=f"entry point {entry.name} of {ENTRY_POINTS}",
                expected="a subclass of levelfield.backend.Backend with name, modes and packages",
            )
        found[cls.name] = cls
    return dict(sorted(found.items()))


def adapter(name: str, source: str = "") -> type[Backend]:
    """The adapter of this name, from a file where one is given."""
    known = backends_in(Path(source)) if source else backends()
    if name not in known:
        raise unknown("backend", name, known)
    return known[name]


def adapter_in(module: str, name: str) -> type[Backend]:
    """The adapter of this name in a module, looking at no other: a worker's quick start."""
    members = vars(importlib.import_module(module)).values()
    found: type[Backend] = next(cls for cls in members if _concrete(cls) and cls.name == name)
    return found


@cache
def backends_in(path: Path) -> dict[str, type[Backend]]:
    """The adapters of a Python file outside the package, by name."""
    where = str(path)
    spec = importlib.util.spec_from_file_location(f"levelfield_adapter_{path.stem}", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):  # noqa: PTH113 - never raises
        raise UserError("not a Python file", where=where, expected="a file like ./mine.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"failed to load: {type(error).__name__}: {error}", where=where) from error
    found = {cls.name: cls for cls in _adapters(module)}
    if not found:
        raise UserError(
            "no adapter in this file",
            where=where,
            expected="a subclass of levelfield.backend.Backend with name, modes, packages and "
            "every method",
        )
    return found


@cache
def datasets() -> dict[str, type[Dataset]]:
    """Every data source by name."""
    found = {}
    for module in _modules("datasets"):
        for cls in vars(module).values():
            if inspect.isclass(cls) and issubclass(cls, Dataset) and not inspect.isabstract(cls):
                found[cls.name] = cls
    return dict(sorted(found.items()))


def dataset(text: str) -> Dataset:
    """The data source that a workload names: ``mnist``, ``synthetic:features=784,train=60000``."""
    name, _, options = text.partition(":")
    known = datasets()
    if name not in known:
        error = unknown("data set", name, known)
        raise FieldError(error.seen, "", error.expected, error.hint)
    try:
        given = {key: _number(value) for key, value in _pairs(options, text)}
        source = known[name].build(given)
    except FieldError as error:
        error.where = f"data set {shown(text)}" + (f", {error.where}" if error.where else "")
        raise
    assert isinstance(source, Dataset)  # noqa: S101 - for the type checker
    return source


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed version of each distribution (``a|b``: of either); what is missing is left out."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in (name for text in packages for name in text.split("|")):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def missing(packages: tuple[str, ...]) -> list[str]:
    """The distributions among these that are not installed."""
    return [package for package in packages if not versions((package,))]


def _modules(folder: str) -> Iterator[ModuleType]:
    name = f"levelfield.{folder}"
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError:
        raise UserError(f"{name} is not installed", hint="pip install -e .") from None
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{name}.{module.name}")


def _adapters(module: ModuleType) -> Iterator[type[Backend]]:
    for cls in vars(module).values():
        if _concrete(cls) and cls.__module__ == module.__name__:
            yield cls


def _concrete(cls: object) -> bool:
    """Whether this is an adapter: nothing abstract is left, and what must be declared is."""
    return (
        inspect.isclass(cls)
        and issubclass(cls, Backend)
        and not inspect.isabstract(cls)
        and isinstance(getattr(cls, "name", None), str)
        and getattr(cls, "modes", ()) != ()
        and all(_texts(getattr(cls, wanted, None)) for wanted in ("modes", "packages"))
    )


def _texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


def _pairs(options: str, text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, options.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise FieldError(
                f"got {shown(part)} in {shown(text)}",
                expected="options as key=value, separated by commas",
            )
        yield key.strip(), value.strip()


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def described() -> dict[str, dict[str, str]]:
    """Every backend's `description`, by name."""
    return {name: description(adapter) for name, adapter in backends().items()}


def declarations() -> dict[str, dict[str, Declared]]:
    """What backends mean by the same names: by backend and mode."""
    return {
        name: {mode: adapter.meanings(mode) for mode in adapter.modes}
        for name, adapter in backends().items()
    }


def description(adapter: type[Backend]) -> dict[str, str]:
    """What people call a backend, and what it is a layer over; empty where it is neither."""
    return {"spoken": adapter.spoken, "over": adapter.over}


def environments() -> Path:
    """The folder of the lock files."""
    package = importlib.import_module("levelfield.environments")
    return Path(next(iter(package.__path__)))


def suites() -> Path:
    """The folder of the suites that are known by name."""
    package = importlib.import_module("levelfield.benchmarks")
    return Path(next(iter(package.__path__))) / "suites"
