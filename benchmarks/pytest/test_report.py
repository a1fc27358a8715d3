"""From a loaded study to what is read: the page, and asv's files."""

# ruff: noqa: INP001, S101

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
import studies

from levelfield.results import export, study
from levelfield.results.study import Study

page = importlib.import_module("levelfield.reports.page")
RECIPE = studies.Recipe(contenders=8, repeats=5, epochs=50)
WHO = ["-c", "user.name=a", "-c", "user.email=a@b"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of some size."""
    return study.load(studies.write(RECIPE, tmp_path_factory.mktemp("study")))


def test_write_the_page(benchmark: Any, loaded: Study, tmp_path: Path) -> None:
    """The whole page, plotly's script included."""
    target = tmp_path / "report.html"
    benchmark.pedantic(page.write, (loaded, target), rounds=10, warmup_rounds=1)
    assert target.stat().st_size > 0


def test_export_to_asv(benchmark: Any, loaded: Study, tmp_path: Path) -> None:
    """One study, one commit; the file is written anew each time."""
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *WHO, *words], check=True)

    def write() -> int:
        target = tmp_path / "results"
        return len(export.to_asv([loaded], target, repository=tmp_path, commit="HEAD"))

    assert benchmark.pedantic(write, rounds=10, warmup_rounds=1) == 1
