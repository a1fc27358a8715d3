"""The two sides of a live comparison, as they are named on the command line."""

from __future__ import annotations

from pathlib import Path

from levelfield.errors import UserError
from levelfield.run.bench import Code
from levelfield.run.compare import Side
from levelfield.run.trees import WORKING, merge_base, overlay, tree

ENVIRONMENT, BASE = "env:", "merge-base"


def side(text: str, *, other: str, checkout: Path, scratch: Path) -> Side:
    """A revision (``main``, ``HEAD~3``, ``.`` for the working tree), or ``env:PATH``.

    ``merge-base`` or ``merge-base:BRANCH``: where the ``other`` side has left the branch (default:
    main). ``env:``: this process's own code, run by the interpreter of a virtual environment.
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
    """The interpreter of a virtual environment, with this process's own code in front."""
    path = Path(name)
    python = path / "bin" / "python" if path.is_dir() else path
    if not name or not python.exists():
        raise UserError(
            f"no interpreter at {python}",
            where=f"{ENVIRONMENT}{name}",
            expected="env: and the path of a virtual environment or of an interpreter",
        )
    package = Path(__file__).resolve().parents[1]
    return Code(python=str(python), path=_own(package, scratch))


def _own(package: Path, scratch: Path) -> Path:
    """The code that runs now: a checkout's, or the installed package's."""
    if (package.parent / "backends").is_dir():
        return overlay(package.parent, scratch / "code-own")
    target = scratch / "code-own"
    target.mkdir(exist_ok=True)
    if not (target / "levelfield").exists():
        (target / "levelfield").symlink_to(package)
    return target
