"""Studies with little in them, or odd things, still give a sensible page."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pages
import pytest
import studies
from levelfield.reports.formats import NOTHING, count, seconds
from test_report import steady

from levelfield.results.record import Epochs, Figure, Record, Sentinel, Span, Verification

RECIPE = studies.Recipe(contenders=3, repeats=2, epochs=4, absent=1)
Change = Callable[[Record], Record]


def made(
    change: Change = lambda r: r, *, recipe: studies.Recipe = RECIPE, **head: Any
) -> pages.Node:
    """Return the page of a study whose trials were changed."""
    rows = [change(r) if isinstance(r, Record) else r for r in studies.rows(recipe)]
    return pages.rendered(pages.study(Path("/nowhere"), studies.head(recipe, **head), rows))


def of(backend: str, **changes: Any) -> Change:
    """Return a change of one backend's trials that ended well."""
    return lambda r: replace(r, **changes) if r.backend == backend and r.status == "ok" else r


def check(status: Any, *figures: Figure) -> Verification:
    return Verification(status=status, figures=figures, reason="why" if status != "passed" else "")


def ranking(tree: pages.Node) -> dict[str, list[str]]:
    return {row[0]: row for row in pages.rows(tree.one("table", class_="ranking"))}


def test_no_records() -> None:
    tree = pages.rendered(pages.study(Path("/nowhere"), studies.head(RECIPE), []))
    text = tree.text
    assert "No trial ended well, so there is nothing to rank." in text
    assert "8 planned trials have no record" in text
    assert "Planned, but without any record: jax/scan, torch/eager, torch/compile, elephas" in text
    assert "No sentinel was run" in text
    assert not tree.all("div", class_="chart")
    assert sum(len(script.raw) for script in tree.all("script")) < 100_000, "plotly is not needed"


def test_nothing_at_all() -> None:
    head = studies.head(RECIPE, workloads={}, contenders=(), machine={}, options={}, repeats=0)
    tree = pages.rendered(pages.study(Path("/nowhere"), head, []))
    assert "There are no records." in tree.text


def test_only_failures() -> None:
    tree = made(lambda r: replace(r, status="failed", reason="out of memory in train", log="x\n"))
    assert [li.text for li in tree.one("ul", class_="counts").all("li")][:2] == [
        "0 ended well", "8 failed",
    ]  # fmt: skip
    (row,) = pages.rows(tree.one("table", class_="absent"))
    assert row[0] == "failed"
    assert row[2].startswith("out of memory in train")
    assert row[3] == "8"


def test_a_single_epoch_is_marked() -> None:
    tree = made(recipe=replace(RECIPE, epochs=1, repeats=1))
    rows = ranking(tree)
    assert all("first epoch only" in row[3] for row in rows.values())
    assert all(row[1] == row[7] for row in rows.values())
    assert "the time holds compilation too" in tree.text
    assert "Its first epoch (there was no other)" in tree.text
    assert "holds compilation too" in tree.one("section", id="summary").text


def test_one_contender_and_one_trial() -> None:
    tree = made(recipe=studies.Recipe(contenders=1, repeats=1, epochs=3, absent=0))
    row = ranking(tree)["jax/scan"]
    assert row[2:4] == ["1.00", "one trial"]
    assert "The next" not in tree.text
    assert "the typical one of 1 trial ." in tree.text.replace("trial.", "trial .")
    areas = [t for t in pages.figure(tree, "curves-0-epoch")["data"] if t.get("fill")]
    assert not areas


def test_forty_contenders_can_be_told_apart() -> None:
    recipe = studies.Recipe(contenders=40, repeats=1, epochs=3, absent=0)
    tree = made(recipe=recipe)
    assert len(ranking(tree)) == 40
    lines = [t["line"] for t in pages.figure(tree, "curves-0-epoch")["data"] if "name" in t]
    assert len({(line["color"], line["dash"]) for line in lines}) == 40


def test_unverified_numbers_are_marked_and_not_counted() -> None:
    tree = made(of("jax", verification=None))
    rows = ranking(tree)
    assert next(iter(rows)) == "jax/scan", "made the fastest"
    assert rows["jax/scan"][4] == "unverified"
    assert all(text.endswith("*") or text in {"2", NOTHING} for text in rows["jax/scan"][5:])
    assert not any("*" in cell for name, row in rows.items() if name != "jax/scan" for cell in row)
    summary = tree.one("section", id="summary").text
    assert "jax/scan had the lowest" not in summary
    assert "Lower, but not verified and so not counted: jax/scan." in summary
    base = next(row for row in rows.values() if row[4] == "passed")
    assert base[2] == "1.00", "ratios refer to the fastest verified contender"


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (["passed", "failed"], "FAILED"),
        (["passed", None], "unverified"),
        (["passed"] * 2, "passed"),
    ],
)
def test_the_worst_verification_over_trials_counts(statuses: list[str | None], said: str) -> None:
    def change(r: Record) -> Record:
        status = statuses[r.repeat - 1]
        return of("jax", verification=check(status) if status else None)(r)

    tree = made(change)
    assert ranking(tree)["jax/scan"][4] == said
    table = {row[0]: row for row in pages.rows(tree.one("section", id="verification"))}
    assert table["jax/scan"][1] == said


def test_failed_levels_show_what_was_beyond_the_limit() -> None:
    figures = (
        Figure(level="forward", part="a", value=1e-6, limit=1e-5),
        Figure(level="forward", part="b", value=3e-5, limit=1e-5),
        Figure(level="gradient", part="a", value=math.nan, limit=1e-5),
        Figure(level="unheard of", part="a", value=0.0, limit=0.0),
    )
    tree = made(of("jax", verification=check("failed", *figures)))
    section = tree.one("section", id="verification")
    heads = [th.text for th in section.all("thead")[0].all("th")]
    row = dict(zip(heads, pages.rows(section)[0], strict=True))
    assert row["verification"] == "FAILED"
    assert row["forward"] == "300 % of limit 3e-05 of 1e-05"
    assert row["gradient"] == "∞ % of limit not a number of 1e-05"
    assert row["unheard of"] == "0 % of limit 0 of 0"
    assert row["remark"] == "why"
    wrong = [td.text for td in section.all("tbody")[0].all("td", class_="wrong")]
    assert wrong == [row["forward"], row["gradient"]]


def test_losses_that_are_no_numbers() -> None:
    nan, inf = math.nan, math.inf
    epochs = Epochs(
        wall=(3.0, 1.0, 1.0, 1.0),
        user=(1.0,) * 4,
        system=(0.0,) * 4,
        loss=(0.1, nan, inf, 0.2),
        test_loss=(0.1, 0.2, 0.3, nan),
    )
    tree = made(lambda r: of("jax", epochs=epochs)(r) if r.repeat == 1 else r)
    data = pages.figure(tree, "curves-0-epoch")["data"]
    line = next(t for t in data if t.get("name") == "jax/scan" and t["meta"]["kind"] == "loss")
    assert [math.isnan(y) for y in line["y"]] == [False, True, True, False]
    assert "A loss was not a finite number, and its line has a gap there: jax/scan." in tree.text
    assert ranking(tree)["jax/scan"][10] == NOTHING


def test_losses_that_have_no_logarithm_are_drawn_on_a_linear_axis() -> None:
    epochs = Epochs(wall=(1.0,), user=(1.0,), system=(0.0,), loss=(0.0,), test_loss=(-1.0,))
    tree = made(of("jax", epochs=epochs))
    assert pages.figure(tree, "curves-0-epoch")["layout"]["yaxis"]["type"] == "linear"


def test_times_of_zero_break_nothing() -> None:
    zero = Epochs(wall=(0.0,) * 4, user=(0.0,) * 4, system=(0.0,) * 4, loss=(1.0,) * 4,
                  test_loss=(1.0,) * 4)  # fmt: skip
    span = Span(wall=0.0, user=0.0, system=0.0)
    row = ranking(made(of("jax", epochs=zero, phases={"import": span}, total=None)))["jax/scan"]
    assert row[1:3] == ["0 µs", NOTHING]
    assert row[9] == NOTHING


def test_without_sentinels_there_is_no_share() -> None:
    tree = made(recipe=replace(RECIPE, sentinels=False))
    assert all(row[6] == NOTHING for row in ranking(tree).values())
    assert "No sentinel was run in this study" in tree.text


def test_a_share_needs_the_same_precision_threads_and_the_cpu() -> None:
    for change in (of("jax", threads=1), of("jax", device="cuda")):
        rows = ranking(made(change))
        (mine,) = [row for name, row in rows.items() if name.startswith("jax")]
        assert mine[6] == NOTHING
    rows = list(studies.rows(RECIPE))
    other = [replace(r, precision="float64") if isinstance(r, Sentinel) else r for r in rows]
    tree = pages.rendered(pages.study(Path("/nowhere"), studies.head(RECIPE), other))
    assert all(row[6] == NOTHING for row in ranking(tree).values())


def test_device_memory_has_a_column_where_there_is_any() -> None:
    tree = made(of("jax", device="cuda", device_memory=3 * 2**30))
    rows = ranking(tree)
    assert rows["jax/scan@cuda"][12] == "3.00 GiB"
    assert rows["torch/eager"][12] == NOTHING
    assert len(ranking(made())["torch/eager"]) == 13


def test_environments_are_named_only_where_they_tell_contenders_apart() -> None:
    tree = made(lambda r: replace(r, environment="old") if r.repeat == 2 else r)
    names = set(ranking(tree))
    assert {"jax/scan [main]", "jax/scan [old]"} <= names
    assert "Planned, but without" not in tree.text


def test_workloads_of_one_name_stay_apart() -> None:
    tree = made(lambda r: replace(r, workload="same"), recipe=replace(RECIPE, workloads=2))
    assert len(tree.all("table", class_="ranking")) == 2
    titles = {h3.text for h3 in tree.one("section", id="ranking").all("h3")}
    assert len(titles) == 2, "their fingerprints tell"


def test_a_workload_that_the_head_does_not_know() -> None:
    tree = made(workloads={})
    assert all(row[6] == NOTHING for row in ranking(tree).values())
    assert "the study does not say" in tree.text


def test_a_baseline_that_one_workload_lacks() -> None:
    recipe = replace(RECIPE, workloads=2)
    rows = [
        r for r in studies.rows(recipe)
        if not (isinstance(r, Record) and r.backend == "jax" and r.workload.startswith("digits"))
    ]  # fmt: skip
    study = pages.study(Path("/nowhere"), studies.head(recipe), rows)
    tree = pages.rendered(study, baseline="jax/scan")
    first, second = tree.all("table", class_="ranking")
    assert all(row[2] != NOTHING for row in pages.rows(first))
    assert all(row[2] == NOTHING for row in pages.rows(second))


def test_the_same_reason_is_told_once() -> None:
    def change(r: Record) -> Record:
        return r if r.backend == "jax" else replace(r, status="skipped", reason="not here", log="")

    (row,) = pages.rows(made(change).one("table", class_="absent"))
    assert row[0] == "skipped"
    assert all(name in row[1] for name in ("torch/eager", "torch/compile", "elephas/synchronous"))
    assert row[2:] == ["not here", "6"]


def test_many_reasons_do_not_drown_the_page() -> None:
    recipe = replace(RECIPE, repeats=200, epochs=2)
    tree = made(lambda r: replace(r, status="failed", reason=f"{r.key} " * 500), recipe=recipe)
    assert len(pages.rows(tree.one("table", class_="absent"))) == 100
    assert "700 other reasons are in the raw data." in tree.text


def test_a_trial_whose_facts_changed_is_in_two_groups() -> None:
    tree = made(lambda r: of("jax", versions={"jax": f"0.{r.repeat}"})(r))
    groups = [row for row in pages.rows(tree.one("section", id="versions")) if "jax/scan" in row[0]]
    assert [row[1] for row in groups][:2] == [
        "environment main jax 0.1",
        "environment main jax 0.2",
    ]


def test_what_two_environments_differ_in_is_told_and_what_one_alone_has_is_not() -> None:
    old = {"jax": "0.1", "numpy": "1.0", "scipy": "1.9"}
    tree = made(lambda r: of("jax", versions=old, environment="old", lock="abc")(r))
    (table,) = [
        each
        for each in tree.one("section", id="versions").all("table")
        if each.one("thead").all("th")[0].text == "distribution"
    ]
    heads = [cell.text for cell in table.one("thead").all("th")][1:]
    assert set(heads) == {"main", "old (lock abc)"}
    (row,) = table.one("tbody").all("tr")
    assert row.one("th").text == "numpy", "jax and scipy were recorded in one of them alone"
    told = dict(zip(heads, [cell.text for cell in row.all("td")], strict=True))
    assert told == {"main": "2.4.6", "old (lock abc)": "1.0"}


def test_long_tables_of_epochs_are_left_to_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    from levelfield.reports.sections import raw

    monkeypatch.setattr(raw, "ROWS", 23)
    monkeypatch.setattr(raw, "COLUMNAR_ROWS", 23)
    tree = made()
    offered = [
        button.attributes.get("data-file")
        for button in tree.one("ul", class_="files").all("button")
    ]
    assert [name for name in offered if name != "trials.parquet"] == [
        "study.json",
        "records.jsonl",
        "trials.csv",
    ]
    assert "The table of epochs has 24 rows" in tree.text


def test_a_row_agrees_with_itself_when_trials_are_even() -> None:
    rows = [row for row in studies.rows(RECIPE) if isinstance(row, Record) and row.backend == "jax"]
    cells = ranking(made())["jax/scan"]
    assert cells[1] == seconds(steady(rows)).replace("\N{NO-BREAK SPACE}", " ")
    assert cells[5] == count(rows[0].samples / steady(rows))


def test_a_cluster_s_speed_up_and_costs() -> None:
    """Two sizes of one cluster: the epochs of the second take half as long."""
    roles = {"driver": 3.0, "executors": 40.0}

    def change(r: Record) -> Record:
        if r.status != "ok":
            return r
        size = 1 if r.backend == "jax" else 2
        return replace(
            r, backend="elephas", mode="synchronous", device=f"spark:{size}x1",
            epochs=replace(r.epochs, wall=(9.0,) + (4.0 / size,) * (len(r.epochs.wall) - 1)),
            settings={"partitions": size, "executors": size, "cores of an executor": 1},
            cluster={n: Span(wall=9.0, user=s, system=0.0) for n, s in roles.items()},
            traffic={"shuffle read": 2**20},
        )  # fmt: skip

    recipe = replace(RECIPE, contenders=2, repeats=3)
    section = made(change, recipe=recipe).one("section", id="cluster")
    table, race, costs = section.all("table")
    one, two = pages.rows(table)
    assert (one[0], one[2], one[3]) == ("1", "1", "100 %")
    assert (two[0], two[2].split()[0], two[3]) == ("2", "2.00", "100 %")
    assert len(pages.rows(race)) == 2
    assert "Serial share by Amdahl's law: 0.00" in section.text
    assert {row[2] for row in pages.rows(costs)} == {"1 x 1", "2 x 1"}
    assert all("40" in row[7] for row in pages.rows(costs))


def test_no_cluster_no_section() -> None:
    assert not made().all("section", id="cluster")
