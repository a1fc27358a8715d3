"""The code of a commit, unpacked beside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from levelfield.errors import UserError
from levelfield.run.trees import merge_base, overlay, running, tree

WORKER = "levelfield/run/worker.py"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    (folder / "levelfield" / "run").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for text in ("one", "two"):
        (folder / WORKER).write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", text)
    git(folder, "checkout", "-qb", "work", "HEAD~1")
    (folder / WORKER).write_text("three")
    git(folder, "commit", "-qam", "three")
    (folder / WORKER).write_text("not committed")
    return folder


def test_revisions_are_unpacked_and_the_checkout_is_left_alone(checkout, tmp_path):
    before = git(checkout, "status", "--porcelain")
    for name, text in (("main", "two"), ("main~1", "one"), ("HEAD", "three")):
        found = tree(name, checkout=checkout, scratch=tmp_path)
        assert (found.folder / WORKER).read_text() == text
        assert found.commit == git(checkout, "rev-parse", name)
        assert found.label.startswith(f"{name} ({found.commit[:8]})")
    assert git(checkout, "status", "--porcelain") == before
    assert git(checkout, "worktree", "list").count("\n") == 0


def test_the_working_tree_is_taken_as_it_stands(checkout, tmp_path):
    found = tree(".", checkout=checkout / "levelfield", scratch=tmp_path)
    assert (found.label, found.commit) == ("working tree", "")
    assert (found.folder / WORKER).read_text() == "not committed"


def test_merge_base(checkout):
    assert merge_base("main", ".", checkout=checkout) == git(checkout, "rev-parse", "main~1")


@pytest.mark.parametrize("name", ["nonsense", "--help", "", "main:levelfield"])
def test_what_is_no_revision(checkout, tmp_path, name):
    with pytest.raises(UserError) as caught:
        tree(name, checkout=checkout, scratch=tmp_path)
    assert "branch, tag or commit" in str(caught.value)


def test_no_checkout_and_no_levelfield(checkout, tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(UserError, match="not a git repository"):
        tree("main", checkout=tmp_path / "plain", scratch=tmp_path)
    git(checkout, "rm", "-qrf", "levelfield")
    git(checkout, "commit", "-qm", "gone")
    with pytest.raises(UserError, match="no code of Levelfield"):
        tree("HEAD", checkout=checkout, scratch=tmp_path)


ROOT = Path(__file__).parents[1]
FACTS = "import levelfield, levelfield.backends.numpy as n; from levelfield.run import trees"


def overlaid(folder: Path, target: Path, code: str) -> str:
    """What a program prints that finds the tree of a folder first."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{FACTS}; {code}"],
        env={**os.environ, "PYTHONPATH": str(overlay(folder, target))},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_an_overlay_goes_before_what_is_installed(tmp_path):
    copy = tmp_path / "copy"
    for name in ("levelfield", "backends", "datasets", "reports"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("levelfield/__init__.py", "backends/numpy.py"):
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write("\nMARK = 'theirs'\n")
    assert overlaid(copy, tmp_path / "o", "print(levelfield.MARK, n.MARK)") == "theirs theirs"
    assert overlaid(ROOT, tmp_path / "p", "print(hasattr(levelfield, 'MARK'))") == "False"


def test_the_commit_that_runs(checkout, tmp_path):
    for name in ("levelfield", "backends", "datasets", "reports"):
        shutil.copytree(ROOT / name, checkout / name, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "whole")
    commit = git(checkout, "rev-parse", "HEAD")
    assert overlaid(checkout, tmp_path / "o", "print(trees.running())") == commit
    (checkout / "backends" / "numpy.py").write_text("\n# changed\n")
    code = "print(trees.running())"
    shown = subprocess.run(
        [sys.executable, "-P", "-c", f"from levelfield.run import trees; {code}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "o")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.strip() == f"{commit}+"
    assert running() == "" or len(running().rstrip("+")) == 40
