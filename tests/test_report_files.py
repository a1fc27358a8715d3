"""The page as a file, and the files that lie in it."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pages
import pytest
import studies
from levelfield.reports import page

import levelfield
from levelfield.errors import UserError
from levelfield.results.study import Study

RECIPE = studies.Recipe(contenders=3, repeats=2, epochs=4)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return levelfield.load(studies.write(RECIPE, tmp_path_factory.mktemp("study")))


@pytest.fixture(scope="module")
def tree(study: Study) -> pages.Node:
    return pages.rendered(study)


def test_raw_data_are_the_study(study: Study, tree: pages.Node, tmp_path: Path) -> None:
    for name in ("study.json", "records.jsonl"):
        (tmp_path / name).write_bytes(pages.file(tree, name))
    again = levelfield.load(tmp_path)
    assert (again.head, again.records, again.sentinels) == (
        study.head,
        study.records,
        study.sentinels,
    )
    table = list(csv.DictReader(io.StringIO(pages.file(tree, "epochs.csv").decode())))
    frame = study.epochs()
    assert list(table[0]) == list(frame.columns)
    for name in ("key", "backend"):
        assert [row[name] for row in table] == list(frame[name])
    for name in ("epoch", "wall", "user", "system", "loss", "test_loss"):
        assert [float(row[name]) for row in table] == list(frame[name])
    rows = list(csv.DictReader(io.StringIO(pages.file(tree, "trials.csv").decode())))
    assert [row["key"] for row in rows] == [r.key for r in study.records]


def test_a_study_that_grew_or_went_away_still_gives_its_own_records(tmp_path: Path) -> None:
    folder = studies.write(RECIPE, tmp_path / "a")
    study = levelfield.load(folder)
    whole = (folder / "records.jsonl").read_bytes()
    with (folder / "records.jsonl").open("ab") as file:
        file.write(whole.splitlines(keepends=True)[0])
    assert pages.file(pages.rendered(study), "records.jsonl") == whole
    (folder / "records.jsonl").unlink()
    (folder / "study.json").unlink()
    tree = pages.rendered(study)
    (tmp_path / "b").mkdir()
    for name in ("study.json", "records.jsonl"):
        (tmp_path / "b" / name).write_bytes(pages.file(tree, name))
    assert levelfield.load(tmp_path / "b").records == study.records


def test_reports_read_records_and_import_nothing_else_of_levelfield(study: Study) -> None:
    program = f"""
import sys, levelfield
from levelfield.reports import page
page.render(levelfield.load({str(study.folder)!r}))
print(*sorted(name for name in sys.modules if name.startswith("levelfield.")))
print(*({{"torch", "jax", "tensorflow", "keras", "sklearn"}} & set(sys.modules)))"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    ours, frameworks = done.stdout.splitlines()
    allowed = ("levelfield.errors", "levelfield.reports", "levelfield.results")
    assert [name for name in ours.split() if not name.startswith(allowed)] == []
    assert not frameworks


def test_the_same_study_gives_the_same_page(study: Study) -> None:
    assert page.render(study) == page.render(study)


def test_write_is_whole_or_not_at_all(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "new" / "report.html"
    assert page.write(study, target) == target
    before = target.read_bytes()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="No space left on device"):
        page.write(study, target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_write_onto_a_folder_is_one_message(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        page.write(study, tmp_path)
    assert not list(tmp_path.iterdir())
