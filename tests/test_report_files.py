"""The page as a file, and the files that lie in it."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pages
import pandas as pd
import pytest
import studies
from levelfield.reports import charts, page
from levelfield.reports.sections import raw
from plotly.offline import get_plotlyjs_version

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


def test_parquet_holds_the_tables(study: Study, tree: pages.Node) -> None:
    for name, frame in (("trials", study.trials()), ("epochs", study.epochs())):
        seen = pd.read_parquet(io.BytesIO(pages.file(tree, f"{name}.parquet")))
        assert list(seen) == list(frame)
        for column in frame:
            assert seen[column].tolist() == pytest.approx(frame[column].tolist(), nan_ok=True)


def test_parquet_takes_text_that_arrow_does_not(study: Study) -> None:
    table = study.trials().head(2)
    table["reason"] = pd.Series(["half a pair: \ud800", "\x00 <b>"], dtype=object)
    seen = pd.read_parquet(io.BytesIO(raw.parquet(table)))
    assert seen["reason"].tolist() == ["half a pair: \\ud800", "\x00 <b>"]


def test_without_pyarrow_the_page_says_so(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "find_spec", lambda _: None)
    section = pages.rendered(study).one("section", id="raw")
    names = [button.text for button in section.all("button")]
    assert names == ["study.json", "records.jsonl", "trials.csv", "epochs.csv"]
    assert "because pyarrow was not installed" in section.text


def test_many_epochs_are_no_parquet(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "COLUMNAR_ROWS", 23)
    section = pages.rendered(study).one("section", id="raw")
    assert "epochs.parquet" not in [button.text for button in section.all("button")]
    assert 'levelfield.load(folder).epochs().to_parquet("epochs.parquet")' in section.text


def test_the_library_lies_packed_and_the_policy_lets_it_run(tree: pages.Node) -> None:
    packed = tree.one("script", id="plotly").raw
    library = gzip.decompress(base64.b64decode(packed))
    assert library == page.LIBRARY.read_bytes()
    digest = base64.b64encode(hashlib.sha256(library).digest()).decode()
    policy = tree.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert f"'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy


def test_the_library_is_the_one_that_figures_are_made_for() -> None:
    head = page.LIBRARY.read_text(encoding="utf-8")[:200]
    version = f"plotly.js (basic - minified) v{get_plotlyjs_version()}\n"
    assert version in head, "see reports/vendor/README.md"


def test_a_chart_that_the_library_cannot_draw_is_refused() -> None:
    made = charts.figure(x="", y="").add_heatmap(z=[[1, 2]])
    with pytest.raises(ValueError, match=r"map: the page's library draws .*, not {'heatmap'}"):
        _ = charts.Chart(name="map", figure=made, about="").data


@pytest.mark.slow
def test_two_hundred_trials_of_two_hundred_epochs_fit_six_megabytes(tmp_path: Path) -> None:
    recipe = studies.Recipe(contenders=10, repeats=20, epochs=200, absent=0)
    made = levelfield.load(studies.write(recipe, tmp_path))
    assert len(page.render(made).encode()) <= 6_000_000


def test_what_the_filters_choose_from(study: Study, tree: pages.Node) -> None:
    known = json.loads(tree.one("script", id="known").raw)
    labels = [f"{who['backend']}/{who['mode']}" for who in known["contenders"]]
    assert labels == list(study.head.contenders)
    assert {who["device"] for who in known["contenders"]} == {"cpu"}
    assert [of["fingerprint"] for of in known["workloads"]] == list(study.head.workloads)
    named = {h3.attributes.get("data-workload") for h3 in tree.all("h3")}
    assert named - {None} == set(study.head.workloads)


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
from levelfield.reports import charts, page
page.render(levelfield.load({str(study.folder)!r}))
print(*sorted(name for name in sys.modules if name.startswith("levelfield.")))
print(*({{"torch", "jax", "tensorflow", "keras", "sklearn"}} & set(sys.modules)))"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    ours, frameworks = done.stdout.splitlines()
    allowed = tuple(f"levelfield.{name}" for name in ("errors", "naming", "reports", "results"))
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

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left on device"):
        page.write(study, target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_write_onto_a_folder_is_one_message(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        page.write(study, tmp_path)
    assert not list(tmp_path.iterdir())
