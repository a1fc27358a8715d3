"""Keeps verdicts of verification, so that the same contender is not proven twice.

The key holds all that the verdict depends on: workload, adapter source and whatever it shares,
package versions, mode, device, threads, data, and the verifying code itself.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import levelfield
from levelfield import registry
from levelfield.backend import Backend
from levelfield.errors import UserError
from levelfield.results.aside import aside
from levelfield.results.lines import plain
from levelfield.results.record import Verification, parse_verification
from levelfield.spec.workload import Workload


class Verdicts:
    """A folder of verdicts, one small file each."""

    def __init__(self, folder: Path) -> None:
        """Keep verdicts below this folder, which need not exist yet."""
        self.folder = folder

    def find(self, key: str) -> Verification | None:
        """The verdict kept under a key; none where there is none, or it cannot be read."""
        try:
            facts = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            found = parse_verification(facts)
            status = "passed" if all(figure.passed for figure in found.figures) else "failed"
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.figures and found.status == status else None

    def keep(self, key: str, verdict: Verification) -> None:
        """Keep a verdict; a cache that cannot be written only costs time."""
        with contextlib.suppress(OSError), aside(self.folder / f"{key}.json") as new:
            new.write_text(json.dumps(plain(verdict)), encoding="utf-8")


def key(
    workload: Workload,
    adapter: type[Backend],
    *,
    data: str,
    versions: Mapping[str, str],
    **how: Any,
) -> str:
    """Return the key of a verdict; ``how``: mode, device, threads, environment, GPU.

    versions: of the contender's Python, NumPy and packages, in its environment.
    """
    facts = {
        "workload": workload.replace(epochs=1, evaluate_every=1).fingerprint,
        "data": data,
        "how": {name: str(value) for name, value in how.items()},
        "versions": dict(versions),
        "adapter": [adapter.name, adapter.__qualname__, _digest(sources(adapter))],
        "engine": _digest(_engine()),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def sources(adapter: type[Backend]) -> set[Path]:
    """The adapter's file, those of the classes it inherits, and of the siblings they import."""
    modules = {cls.__module__ for cls in adapter.__mro__} - sys.stdlib_module_names
    todo = [Path(sys.modules[name].__file__ or "") for name in modules if name in sys.modules]
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in found and path.is_file():
            found.add(path)
            todo += _siblings(path)
    return found


def _siblings(path: Path) -> Iterator[Path]:
    """The files beside this one that it imports, by relative imports or by name."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            yield folder.with_suffix(".py")
            yield from (folder / f"{alias.name}.py" for alias in node.names)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            for name in names if isinstance(node, ast.Import) else [node.module or ""]:
                file = Path(getattr(sys.modules.get(name), "__file__", None) or "")
                if file.parent == path.parent:
                    yield file


def _engine() -> set[Path]:
    """The code that verifies: the levels, the reference, the workload, the worker."""
    root = Path(levelfield.__file__).parent
    folders = (root / "verify", root / "spec", root / "run")
    return {path for folder in folders for path in folder.rglob("*.py")} | sources(
        registry.adapter("numpy")
    )


def _digest(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        try:
            total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        except OSError as error:
            raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    return total.hexdigest()
