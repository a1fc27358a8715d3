"""Tables for papers: the records' own numbers, in four formats that stay well-formed."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pages
import pytest
import studies
from hypothesis import given
from hypothesis import strategies as st
from levelfield.reports import formats as said
from levelfield.reports.formats import NOTHING
from levelfield.reports.paper import tables, write
from levelfield.reports.paper.grid import Column, Grid, Row, texts
from test_report import steady
from test_report_hostile import NASTY, cycle
from test_report_hostile import study as hostile

from levelfield import cli, naming
from levelfield.errors import UserError
from levelfield.results import against, scaling
from levelfield.results.estimate import Interval
from levelfield.results.record import Epochs, Record
from levelfield.results.study import Study

RECIPE = studies.Recipe(contenders=4, repeats=3, epochs=6, absent=2)
FORMS = ("markdown", "latex", "csv", "html")
Change = Callable[[Record], Record]


def made(change: Change = lambda r: r, *, recipe: studies.Recipe = RECIPE, **head: Any) -> Study:
    """A study in memory whose trials were changed."""
    rows = [change(r) if isinstance(r, Record) else r for r in studies.rows(recipe)]
    return pages.study(Path("/nowhere"), studies.head(recipe, **head), rows)


def clusters(record: Record) -> Record:
    """Two of the backends become sizes of one cluster."""
    sizes = {"jax": 1, "torch": 2}
    if record.status != "ok" or record.backend not in sizes:
        return record
    size = sizes[record.backend]
    wall = (9.0, *[4.0 / size] * (len(record.epochs.wall) - 1))
    return replace(
        record, backend="elephas", mode="m", device=f"spark:{size}x1",
        epochs=replace(record.epochs, wall=wall), settings={"partitions": size},
    )  # fmt: skip


def everywhere() -> Study:
    """Everybody also on a GPU, in half the time, and some on a cluster."""
    rows: list[Record] = []
    for row in studies.rows(RECIPE):
        if isinstance(row, Record):
            half = tuple(wall / 2 for wall in row.epochs.wall)
            epochs = replace(row.epochs, wall=half)
            gpu = replace(row, key=f"{row.key}g", device="cuda", epochs=epochs)
            more = [gpu, clusters(replace(row, key=f"{row.key}c"))] if row.status == "ok" else []
            rows += [row, *more]
    return pages.study(Path("/nowhere"), studies.head(RECIPE), rows)


def good(study: Study, name: str) -> list[Record]:
    return [r for r in study.records if naming.plain(r) == name and r.status == "ok"]


def values(study: Study, name: str, **options: Any) -> dict[str, dict[str, str]]:
    """A table's rows in full precision, by the contender."""
    rows = csv.DictReader(io.StringIO(write.table(study, name, form="csv", **options)))
    return {row.get("contender") or row["contenders"]: row for row in rows}


def markdown(text: str) -> list[list[str]]:
    """Rows of all tables, as GitHub cuts them into cells: at bars that no backslash precedes."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[c.strip() for c in re.split(r"(?<!\\)(?:\\\\)*\|", x)[1:-1]] for x in lines]


def middle(values: list[float]) -> float:
    values = sorted(values)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def test_the_ranking_in_full_precision() -> None:
    study = made()
    rows = values(study, "ranking", baseline="torch/eager")
    assert list(rows) == sorted(rows, key=lambda name: float(rows[name]["steady epoch (s)"]))
    for name, row in rows.items():
        records = good(study, name)
        epoch = steady(records)
        assert float(row["steady epoch (s)"]) == pytest.approx(epoch, rel=1e-12)
        assert float(row["first epoch (s)"]) == middle([r.epochs.wall[0] for r in records])
        assert float(row["test loss"]) == middle([r.epochs.test_loss[-1] for r in records])
        assert float(row["samples/s"]) == pytest.approx(10_000 / epoch)
        assert (row["trials"], row["verification"], row["mark"]) == ("3", "passed", "")
        if name == "torch/eager":
            assert (row["ratio"], row["ratio low"]) == ("1.0", "")
        else:
            found = against.ratio(good(study, "torch/eager"), records, comparisons=3)
            bounds = [float(row[f"ratio{end}"]) for end in ("", " low", " high")]
            assert bounds == pytest.approx([found.estimate, found.low, found.high], rel=1e-12)


def test_one_trial_has_a_ratio_and_no_bounds() -> None:
    study = made(recipe=replace(RECIPE, repeats=1))
    rows = values(study, "ranking")
    assert sum(bool(row["ratio"]) for row in rows.values()) > 1
    assert {row["ratio low"] + row["ratio high"] for row in rows.values()} == {""}
    assert not [row for row in markdown(write.table(study))[2:] if "[" in row[2]]


def test_markdown_says_the_same_rounded() -> None:
    study = made()
    exact = values(study, "ranking")
    head, _, *rows = markdown(write.table(study))
    assert head[:3] == ["contender", "steady epoch (s)", "ratio"]
    for row in rows:
        own = exact[row[0]]
        assert float(row[1]) == pytest.approx(float(own["steady epoch (s)"]), abs=0.005)
        if own["ratio low"]:
            wanted = [float(own[f"ratio{end}"]) for end in ("", " low", " high")]
            found = [float(text) for text in re.findall(r"[\d.]+", row[2])]
            assert found == pytest.approx(wanted, rel=0.005)


def test_numbers_of_a_column_share_a_unit_and_their_decimals() -> None:
    columns = [
        Column(title="t", unit="s", kind="number"),
        Column(title="m", unit="B", kind="number"),
        Column(title="r", kind="ratio"),
        Column(title="n", kind="count"),
    ]
    cells = [
        (0.02134, 3.0 * 2**30, Interval(estimate=1.5, low=1.25, high=2.0, confidence=0.95, units=3),
         12_345.0),
        (1.5, 500.0 * 2**20, 12.3456, None),
        (math.nan, None, math.inf, 3),
    ]  # fmt: skip
    titles, rows = texts(Grid(title="", columns=columns, rows=[Row(cells=c) for c in cells]))
    assert titles == ["t (ms)", "m (MiB)", "r", "n"]
    assert rows == [
        ["21.3", "3,072", "1.50 [1.25, 2.00]", "12,345"],
        ["1,500.0", "500", "12.3", NOTHING],
        [NOTHING, NOTHING, "∞", "3"],
    ]
    with pytest.raises(ValueError, match="1 rows do not have 4 cells"):
        Grid(title="", columns=columns, rows=[Row(cells=("a",))])


def test_numbers_that_are_not_verified_carry_a_mark_and_a_footnote() -> None:
    study = made(lambda r: replace(r, verification=None) if r.backend == "jax" else r)
    for name in ("ranking", "phases", "equal-loss", "resources"):
        text = write.table(study, name)
        assert "Not verified: this may not be the same computation" in text
        for row in markdown(text)[2:]:
            marked = row[0] == "jax/scan"
            assert ("*" in " ".join(row)) == marked
            numbers = [c for c in row[1:] if re.match(r"[\d.]", c) and c != "3"]
            assert all(("*" in cell) == marked for cell in numbers)
        assert values(study, name)["jax/scan"]["mark"] == "*"
        assert values(study, name)["torch/eager"]["mark"] == ""
        assert "Not verified" not in write.table(made(), name)


def test_phases_and_resources() -> None:
    study = made()
    phases, resources = values(study, "phases"), values(study, "resources")
    for name in phases:
        records = good(study, name)
        for phase in ("import", "first epoch", "steady epochs"):
            spans = [r.phases[phase].wall for r in records]
            assert float(phases[name][f"{phase} (s)"]) == middle(spans)
        assert float(resources[name]["cores busy"]) == pytest.approx(1.8)
        memory = middle([float(r.peak_memory or 0) for r in records])
        assert float(resources[name]["peak memory (B)"]) == memory


def test_time_to_equal_loss() -> None:
    study = made(clusters)
    rows = values(study, "equal-loss")
    assert len(rows) == 4 - 1, "both modes of torch became one contender"
    least = min(float(row["with start and build (s)"]) for row in rows.values())
    for row in rows.values():
        whole = float(row["with start and build (s)"])
        assert whole > float(row["training (s)"]) > 0
        assert float(row["ratio"]) == pytest.approx(whole / least)


def test_one_target_and_one_time_on_the_page_in_the_table_in_the_figure_and_for_clusters() -> None:
    """With two trials each, so that no median is a trial's own."""
    study = made(clusters, recipe=replace(RECIPE, repeats=2))
    last = [r.epochs.test_loss[-1] for r in study.records if r.status == "ok"]
    target = scaling.common(last)
    assert max(last) <= target < 1.01 * max(last)
    raced = scaling.races(study)
    assert {each.target for each in raced} == {target}
    rows = values(study, "equal-loss")
    assert set(rows) == {each.contender for each in raced}
    bars = study.plot.equal_loss().axes[0]
    names = [label.get_text() for label in bars.get_yticklabels()]
    drawn = dict(zip(names, (bar.get_width() for bar in bars.containers[1]), strict=True))
    tree = pages.rendered(study)
    told = {row[0]: row[1] for row in pages.rows(tree.one("table", class_="times"))}
    assert json.loads(tree.one("script", data_race="race-0").raw)["target"] == target
    assert said.significant(target) in bars.get_xlabel()
    assert said.significant(target) in write.table(study, "equal-loss")
    for each in raced:
        assert math.isfinite(each.seconds)
        assert float(rows[each.contender]["training (s)"]) == pytest.approx(each.seconds, rel=1e-5)
        assert drawn[each.contender] == pytest.approx(each.seconds, rel=1e-5)
        assert told[each.contender] == said.seconds(each.seconds).replace("\N{NO-BREAK SPACE}", " ")
        whole = float(rows[each.contender]["with start and build (s)"])
        assert whole == pytest.approx(each.whole, rel=1e-5)


def test_what_layers_cost_is_what_the_page_says() -> None:
    study = made()
    text = write.table(study, "overhead", form="csv")
    rows = {(row["contender"], row["over"]): row for row in csv.DictReader(io.StringIO(text))}
    page = {
        tuple(row[:2]): row
        for row in pages.rows(pages.rendered(study).one("table", class_="overhead"))
    }
    assert set(rows) == set(page)
    assert ("keras-jax/default", "jax/scan") in rows
    for (head, base), row in rows.items():
        found = against.ratio(good(study, base), good(study, head), comparisons=len(rows))
        wanted = [found.estimate, found.low, found.high]
        assert [float(row[f"ratio{end}"]) for end in ("", " low", " high")] == pytest.approx(wanted)
        more = against.typical(good(study, head)) - against.typical(good(study, base))
        assert float(row["more an epoch (s)"]) == pytest.approx(more)
        assert page[head, base][3] == said.ratio(found.estimate)


def test_cpu_and_gpu() -> None:
    study = everywhere()
    found = values(study, "devices")
    assert set(found) == {f"{name}@cuda" for name in values(made(), "ranking")}
    for name, row in found.items():
        cpu = steady(good(study, name[:-5]))
        assert float(row["epoch on the CPU (s)"]) == pytest.approx(cpu, rel=1e-12)
        assert float(row["epoch on the GPU (s)"]) == pytest.approx(cpu / 2)
        ends = [float(row[f"speed-up{end}"]) for end in ("", " low", " high")]
        assert ends == pytest.approx([2, 2, 2])


def test_metrics_stand_in_the_ranking() -> None:
    def measured(record: Record) -> Record:
        metrics = {"accuracy": (0.1, 0.5 + 0.1 * record.repeat), "f1": (0.5,) * 6}
        return replace(record, metrics=metrics) if record.status == "ok" else record

    def measured_fully(record: Record) -> Record:
        grown = measured(record)
        last = grown.metrics.get("accuracy", (0.0,))[-1]
        return replace(grown, metrics={**grown.metrics, "accuracy": (0.1,) * 5 + (last,)})

    for row in values(made(measured_fully), "ranking").values():
        assert float(row["test accuracy"]) == pytest.approx(0.5 + 0.1 * 2)
        assert float(row["test f1"]) == 0.5
    assert NOTHING in write.table(made(measured), "ranking"), "some epochs have no accuracy"
    assert "test accuracy" not in next(iter(values(made(), "ranking").values()))


def test_scaling() -> None:
    text = write.table(made(clusters), "scaling", form="csv")
    one, two = csv.DictReader(io.StringIO(text))
    assert (one["partitions"], one["speed-up"], one["speed-up low"]) == ("1", "1.0", "")
    assert float(two["speed-up"]) == pytest.approx(2.0)
    assert float(two["efficiency"]) == pytest.approx(1.0)
    assert "serial share by the law of Amdahl 0.000" in write.table(made(clusters), "scaling")


def test_what_did_not_run_and_with_what_it_was_run() -> None:
    rows = values(made(), "absent")
    assert rows["elephas/synchronous"]["reason"] == "not installed: elephas, pyspark"
    assert (rows["mxnet/gluon"]["end"], rows["mxnet/gluon"]["trials"]) == ("skipped", "3")
    unseen = made(contenders=("jax/scan", "numpy/numpy"))
    assert values(unseen, "absent")["numpy/numpy"]["end"] == "no record"
    text = write.table(made(), "versions")
    assert "torch 2.13.0" in text
    assert "AMD EPYC 9R14; 2 cores; 23.5" in text
    assert "Levelfield 0.1.0, suite autoencoder, seed 0, begun 2026-11-21 03:39 UTC." in text


def test_verification_in_shares_of_what_is_allowed() -> None:
    study = made()
    rows = values(study, "verification")
    for name in ("jax/scan", "torch/eager"):
        checked = good(study, name)[0].verification
        assert checked is not None
        worst = max(f.value / f.limit for f in checked.figures if f.level == "gradient")
        assert float(rows[name]["gradient, of its limit"]) == worst


def test_every_table_is_listed_and_can_be_written() -> None:
    study = everywhere()
    kinds = tables.found()
    assert write.table(study, "list").splitlines() == [
        f"{name.ljust(12)}  {kind.about}" for name, kind in kinds.items()
    ]
    for form in FORMS:
        whole = "" if form == "csv" else write.table(study, "all", form=form)
        for name in kinds:
            text = write.table(study, name, form=form)
            assert text.endswith("\n")
            body = text.partition("\n")[2] if form == "latex" else text
            assert body in whole or not whole
    with pytest.raises(UserError, match="a CSV file holds one table"):
        write.table(study, "all", form="csv")


def test_a_study_that_lacks_what_a_table_shows() -> None:
    study = made(lambda r: replace(r, status="failed", reason="out of memory"))
    for name in ("ranking", "phases", "equal-loss", "scaling", "resources"):
        with pytest.raises(UserError, match=f"{name}: no trial ended well"):
            write.table(study, name)
    assert "out of memory" in write.table(study, "all")
    with pytest.raises(UserError, match="absent: every trial ended well"):
        write.table(made(recipe=replace(RECIPE, absent=0)), "absent")
    with pytest.raises(UserError, match="scaling: no Spark trials"):
        write.table(made(), "scaling")
    empty = pages.study(Path("/nowhere"), studies.head(RECIPE, workloads={}, contenders=()), [])
    with pytest.raises(UserError, match="the study has no workload"):
        write.table(empty, "all")


ZERO = Epochs(wall=(0.0,) * 6, user=(0.0,) * 6, system=(0.0,) * 6, loss=(0.0,) * 6,
              test_loss=(-1.0,) * 6)  # fmt: skip
NONE = Epochs(wall=(1.0,) * 6, user=(math.nan,) * 6, system=(math.nan,) * 6, loss=(math.nan,) * 6,
              test_loss=(math.nan,) * 6)  # fmt: skip


@pytest.mark.parametrize("form", FORMS[:2])
@pytest.mark.parametrize("epochs", [ZERO, NONE], ids=["zero", "no number"])
def test_odd_numbers_are_dashes(epochs: Epochs, form: str) -> None:
    study = made(lambda r: replace(r, epochs=epochs, total=None) if r.status == "ok" else r)
    text = write.table(study, "all", form=form)
    assert "nan" not in text
    assert " -- " in text if form == "latex" else f" {NOTHING} " in text


class Cells(HTMLParser):
    """The tags of a table, balanced, and how many cells each row has."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "small"}
        assert {name for name, _ in attrs} <= {"scope", "style"}
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        self.rows[-1:] = [self.rows[-1] + 1] if tag in {"th", "td"} else self.rows[-1:]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_latex(text: str) -> None:
    """Braces and environments match; nothing in a cell is a command of the names' own."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
    bare = re.sub(r"\\[\\{}$&#%_]", "", text.partition("\n")[2])
    assert bare.count("{") == bare.count("}")
    commands = set(re.findall(r"\\([A-Za-z]+)", bare))
    assert commands <= {
        "begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "par",
        "smallskip", "footnotesize", "textbackslash", "textasciicircum", "textasciitilde",
        "textless", "textgreater", "textbar", "ldots", "textmu", "infty", "times",
    }  # fmt: skip
    bare = bare.replace(r"$\times$", "").replace(r"$\infty$", "")
    assert not set("$#%_^") & set(re.sub(r"\\label\{[a-z0-9:-]*\}", "", bare))
    for body in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        columns = len(re.findall(r"[lr]", body.partition("}")[0]))
        lines = [x for x in body.splitlines() if x.endswith(r"\\")]
        assert lines
        for line in lines:
            assert len(re.findall(r"(?<!\\)&", line)) == columns - 1
            assert line.lstrip()[0] not in "[*"


def assert_all_sound(study: Study) -> None:
    """Every format of every table can be read again, with as many cells as it has columns."""
    assert_latex(write.table(study, "all", form="latex"))
    page = write.table(study, "all", form="html")
    reader = Cells()
    reader.feed(page)
    assert not reader.open
    for name, kind in tables.found().items():
        try:
            grids = kind.make(write.Numbers(write.View(study=study)))
        except tables.Nothing:
            continue
        wide = [len(grid.columns) for grid in grids for _ in [0, 0, *grid.rows]]
        assert [len(row) for row in markdown(write.table(study, name))] == wide, name
        csv.field_size_limit(10**8)
        rows = list(csv.reader(io.StringIO(write.table(study, name, form="csv"), newline="")))
        assert len({len(row) for row in rows}) == 1
        assert len(rows) == 1 + sum(len(grid.rows) for grid in grids)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_one_nasty_string_everywhere(text: str) -> None:
    assert_all_sound(hostile(cycle([text])))


@pytest.mark.parametrize("start", range(0, len(NASTY), 4))
def test_nasty_strings(start: int) -> None:
    assert_all_sound(hostile(cycle(NASTY, start)))


@given(st.text(st.characters(exclude_categories=())))
def test_any_string_is_one_cell_of_latex_and_of_markdown(text: str) -> None:
    grid = Grid(title=text, workload=text, columns=[Column(title="a"), Column(title="b")],
                rows=[Row(cells=(text, "x"))], notes=[text])  # fmt: skip
    assert_latex(write.latex([grid]))
    found = markdown(write.markdown([grid]))
    assert [len(row) for row in found] == [2, 2, 2]
    write.latex([grid]).encode()
    write.markdown([grid]).encode()


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(studies.write(RECIPE, tmp_path / "study"))
    assert cli.main(["table", folder]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("**Training time: thesis-autoencoder**\n\n| contender")
    for ending, begins in ((".tex", "% "), (".csv", "workload,contender,"), (".html", "<table>"),
                           (".md", "**Training"), (".txt", "**Training")):  # fmt: skip
        file = tmp_path / f"table{ending}"
        assert cli.main(["table", folder, "--out", str(file)]) == 0
        assert file.read_text(encoding="utf-8").startswith(begins)
        assert capsys.readouterr().out == f"table: {file}\n"
    assert cli.main(["table", folder, "phases", "--format", "latex"]) == 0
    assert r"\begin{table}" in capsys.readouterr().out
    for wrong, message in (
        (["rank"], "unknown table 'rank'"),
        (["scaling"], "scaling: no Spark trials"),
        (["ranking", "--baseline", "numpy"], "baseline: unknown contender 'numpy'"),
        (["all", "--format", "csv"], "a CSV file holds one table; expected one of ranking, "),
    ):
        assert cli.main(["table", folder, *wrong]) == 2
        assert message in capsys.readouterr().err
