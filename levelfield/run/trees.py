"""The code of a commit, or of the working tree, as a folder that workers can be started from."""

from __future__ import annotations

import io
import subprocess
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from levelfield.errors import UserError

MAPPED = ("backends", "benchmarks", "datasets", "environments", "reports")
"""Folders of a tree that are subpackages of levelfield (``package-dir`` in pyproject.toml)."""
WORKING = "."
"""The name of the working tree as it stands, changes that are not committed included."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One state of the code: its folder, and the commit it is of (empty: the working tree)."""

    label: str
    folder: Path
    commit: str = ""


def tree(revision: str, *, checkout: Path, scratch: Path) -> Tree:
    """The code of a revision, unpacked under ``scratch``; the checkout itself is not touched.

    Raises `UserError` where ``checkout`` is none of Levelfield's, or has no such revision.
    """
    top = Path(_git(checkout, "rev-parse", "--show-toplevel").strip())
    if revision == WORKING:
        return Tree(label="working tree", folder=_checked(top))
    commit = _git(top, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    folder = scratch / f"tree-{commit[:12]}"
    if not folder.exists():
        folder.mkdir()
        archive = io.BytesIO(_git_bytes(top, "archive", "--format=tar", commit))
        with suppress(tarfile.ReadError), tarfile.open(fileobj=archive) as tar:  # an empty tree
            tar.extractall(folder, filter="data")
    label = revision if commit.startswith(revision) else f"{revision} ({commit[:8]})"
    return Tree(label=label, folder=_checked(folder), commit=commit)


def merge_base(one: str, other: str, *, checkout: Path) -> str:
    """The commit where two revisions parted."""
    other = "HEAD" if other == WORKING else other
    return _git(checkout, "merge-base", one, other).strip()


def running() -> str:
    """The commit of the checkout that this code runs from, with ``+`` for changes; else nothing."""
    top = Path(__file__).resolve().parents[2]
    if not (top / ".git").exists():
        return ""
    try:
        commit = _git(top, "rev-parse", "HEAD").strip()
        changed = _git(top, "status", "--porcelain", "--untracked-files=no").strip()
    except UserError:
        return ""
    return f"{commit}+" if changed else commit


def overlay(folder: Path, target: Path) -> Path:
    """A folder for PYTHONPATH in which ``levelfield`` is this tree's, installed or not.

    Some of its subpackages stand beside it in a tree: links put them where they are imported from.
    It goes before whatever is installed, editable or not.
    """
    package = target / "levelfield"
    package.mkdir(parents=True, exist_ok=True)
    inside = [path for path in (folder / "levelfield").iterdir() if path.name != "__pycache__"]
    for path in [*inside, *(folder / name for name in MAPPED)]:
        if path.exists() and not (package / path.name).exists():
            (package / path.name).symlink_to(path.resolve())
    return target


def own(scratch: Path) -> Path:
    """A folder for PYTHONPATH with the code that runs now: a checkout's, or the installed one."""
    package = Path(__file__).resolve().parents[1]
    target = scratch / "code-own"
    if (package.parent / "backends").is_dir():
        return overlay(package.parent, target)
    target.mkdir(exist_ok=True)
    if not (target / "levelfield").exists():
        (target / "levelfield").symlink_to(package)
    return target


def _checked(folder: Path) -> Path:
    if not (folder / "levelfield" / "run" / "worker.py").exists():
        raise UserError(
            "no code of Levelfield in this revision",
            where=str(folder),
            expected="a checkout of Levelfield, and a revision that has a worker",
        )
    return folder


def _git(folder: Path, *words: str) -> str:
    return _git_bytes(folder, *words).decode(errors="replace")


def _git_bytes(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed", expected="git, to compare commits") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(
            said[-1] if said else f"no such revision: {words[-1].removesuffix('^{commit}')}",
            where=f"git {words[0]} in {folder}",
            expected="a branch, tag or commit of this checkout",
            hint="git log --oneline shows what there is",
        )
    return done.stdout
