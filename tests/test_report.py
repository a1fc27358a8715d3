"""The page says what the records say: every figure is computed again here, in plain Python."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median
from types import SimpleNamespace

import pages
import pytest
import studies
from levelfield.reports import formats, page, sections
from scipy import stats

import levelfield
from levelfield.errors import UserError
from levelfield.results.estimate import location
from levelfield.results.record import Epochs, Record
from levelfield.results.settle import steady as settled
from levelfield.results.study import Study

NBSP = "\N{NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
said = SimpleNamespace(
    **{name: lambda v, f=f: f(v).replace(NBSP, " ") for name, f in formats.FILTERS.items()}
)
RECIPE = studies.Recipe(workloads=2, contenders=6, repeats=3, epochs=7)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return levelfield.load(studies.write(RECIPE, tmp_path_factory.mktemp("study")))


@pytest.fixture(scope="module")
def tree(study: Study) -> pages.Node:
    return pages.rendered(study)


def trials(study: Study, fingerprint: str) -> dict[str, list[Record]]:
    """Trials of a workload that ended well, by label."""
    found: dict[str, list[Record]] = {}
    for r in study.records:
        if r.status == "ok" and r.fingerprint == fingerprint:
            found.setdefault(f"{r.backend}/{r.mode}", []).append(r)
    return found


def steady(records: list[Record]) -> float:
    """The typical epoch: of each trial by itself, then the mean of the logarithms."""
    return math.exp(fmean(math.log(typical(r)) for r in records))


def typical(record: Record) -> float:
    wall = record.epochs.wall
    return math.exp(location(settled(wall).of(wall)))


def processor(records: list[Record], of: Callable[[Epochs], Sequence[float]]) -> float:
    """Processor seconds of the same epochs: medians of trials, and over them."""
    return median(median(settled(r.epochs.wall).of(of(r.epochs)).tolist()) for r in records)


def over(base: list[Record], head: list[Record], rows: int) -> list[float]:
    """Ratio, low and high: midmeans of log epochs by block, Student's t at 95 % shared by rows."""
    blocks = {r.block: r.epochs.wall for r in base}
    logs = [
        location(settled(mine).of(mine)) - location(settled(theirs).of(theirs))
        for mine, theirs in ((r.epochs.wall, blocks[r.block]) for r in head)
    ]
    reach = stats.t.ppf(1 - 0.025 / rows, len(logs) - 1) * stats.sem(logs)
    middle = math.fsum(logs) / len(logs)
    return [math.exp(middle + sign * reach) for sign in (0, -1, 1)]


def shown(base: list[Record], head: list[Record], rows: int) -> str:
    """The same, as the page writes it."""
    middle, low, high = over(base, head, rows)
    return f"{said.ratio(middle)} [{said.ratio(low)}, {said.ratio(high)}]"


def test_every_workload_has_a_ranking_of_its_own(study: Study, tree: pages.Node) -> None:
    tables = tree.all("table", class_="ranking")
    assert len(tables) == len(study.head.workloads) == 2
    for table, fingerprint in zip(tables, study.head.workloads, strict=True):
        runs = trials(study, fingerprint)
        order = sorted(runs, key=lambda name: steady(runs[name]))
        best = runs[order[0]]
        for row, name in zip(pages.rows(table), order, strict=True):
            assert row[0] == name
            assert row[1] == said.seconds(steady(runs[name]))
            other = name != order[0]
            assert row[2] == (shown(best, runs[name], len(runs) - 1) if other else "1.00")


def test_ranking_row_holds_what_the_records_say(study: Study, tree: pages.Node) -> None:
    fingerprint, workload = next(iter(study.head.workloads.items()))
    peak = max(2 * s.size**3 / t for s in study.sentinels for t in s.seconds)
    runs = trials(study, fingerprint)
    for cells in pages.rows(tree.all("table", class_="ranking")[0]):
        mine = runs[cells[0]]
        walls = [typical(r) for r in mine]
        speed = workload["samples"] / steady(mine)
        cpu = processor(mine, lambda e: e.user) + processor(mine, lambda e: e.system)
        wanted = [
            f"{said.seconds(min(walls))} to {said.seconds(max(walls))}",
            "passed",
            said.count(speed),
            said.percent(speed * workload["flops"] / peak),
            said.seconds(median(r.epochs.wall[0] for r in mine)),
            said.seconds(cpu),
            said.seconds(median(r.total.wall for r in mine if r.total)),
            said.significant(median(r.epochs.test_loss[-1] for r in mine)),
            said.memory(median(r.peak_memory for r in mine if r.peak_memory)),
            "3",
        ]
        assert cells[3:] == wanted


def test_ratios_refer_to_the_baseline_asked_for(study: Study) -> None:
    tree = pages.rendered(study, baseline="torch/eager")
    for table, fingerprint in zip(
        tree.all("table", class_="ranking"), study.head.workloads, strict=True
    ):
        runs = trials(study, fingerprint)
        for row in pages.rows(table):
            mine, other = runs[row[0]], row[0] != "torch/eager"
            wanted = shown(runs["torch/eager"], mine, len(runs) - 1) if other else "1.00"
            assert row[2] == wanted
    chosen = [
        o for o in tree.one("select", id="baseline").all("option") if "selected" in o.attributes
    ]
    assert [option.attributes["data-label"] for option in chosen] == ["torch/eager"]
    assert "over PyTorch (eager) (the baseline)" in tree.one("section", id="summary").text


def test_unknown_baseline_names_the_nearest(study: Study) -> None:
    with pytest.raises(UserError, match="torch/eager") as caught:
        page.render(study, baseline="torch/eagre")
    assert "did you mean torch/eager?" in str(caught.value)


def test_head_counts_and_names_the_fastest(study: Study, tree: pages.Node) -> None:
    text = tree.one("section", id="summary").text
    counts = [li.text for li in tree.one("ul", class_="counts").all("li")]
    seen = [
        sum(r.status == s for r in study.records) for s in ("ok", "failed", "skipped", "timeout")
    ]
    titles = ["ended well", "failed", "skipped", "out of time"]
    assert counts == [f"{number} {title}" for number, title in zip(seen, titles, strict=True)]
    for fact in ("AMD EPYC 9R14", "2 cores", "23.5 GiB", "Python 3.11.7", "2026-11-21 03:39 UTC"):
        assert fact in text
    for fingerprint, workload in study.head.workloads.items():
        runs = trials(study, fingerprint)
        first, second = sorted(runs, key=lambda name: steady(runs[name]))[:2]
        (answer,) = [
            p.text for p in tree.all("p", class_="result") if f"for {workload['name']}," in p.text
        ]
        assert studies.spoken(first) in answer
        middle, low, high = map(said.ratio, over(runs[first], runs[second], len(runs) - 1))
        assert f"{middle}{TIMES} [{low}, {high}] over {studies.spoken(second)}" in answer
        epoch = f"steady epoch: {said.seconds(steady(runs[first]))}, the typical one of 3 trials"
        assert epoch in answer
    assert "an interval that holds 1 shows no difference" in text.lower()


def spent(record: Record, axis: str, epochs: int) -> float:
    """How far a trial is along an axis after so many epochs."""
    if axis == "epoch":
        return epochs
    columns = [record.epochs.wall] if axis == "seconds" else [
        record.epochs.user, record.epochs.system,
    ]  # fmt: skip
    return math.fsum(math.fsum(column[:epochs]) for column in columns)


def test_curves_are_means_and_ranges_over_trials(study: Study, tree: pages.Node) -> None:
    for number, fingerprint in enumerate(study.head.workloads):
        runs = trials(study, fingerprint)
        for axis in ("epoch", "seconds", "cpu"):
            figure = pages.figure(tree, f"curves-{number}-{axis}")
            assert figure["layout"]["yaxis"]["type"] == "log"
            traces = {(t["name"], t["meta"]["kind"]): t for t in figure["data"] if "name" in t}
            assert {name for name, _ in traces} == set(runs)
            areas = [t for t in figure["data"] if t.get("fill") == "toself"]
            assert len(areas) == len(traces) == 2 * len(runs)
            for (name, kind), trace in traces.items():
                columns = list(zip(*(getattr(r.epochs, kind) for r in runs[name]), strict=True))
                assert trace["y"] == pytest.approx([math.fsum(c) / 3 for c in columns], rel=1e-6)
                assert trace["visible"] is (kind == "test_loss")
                sums = [[spent(r, axis, n) for r in runs[name]] for n in range(1, 8)]
                x = [math.fsum(s) / 3 for s in sums]
                assert trace["x"] == pytest.approx(x, rel=1e-6)
                area = areas[list(traces).index((name, kind))]
                ends = [max(c) for c in columns] + [min(c) for c in reversed(columns)]
                assert area["y"] == pytest.approx(ends, rel=1e-6)


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    recipe = studies.Recipe(contenders=2, repeats=1, epochs=2000, absent=0)
    tree = pages.rendered(pages.study(tmp_path, studies.head(recipe), list(studies.rows(recipe))))
    for trace in pages.figure(tree, "curves-0-epoch")["data"]:
        assert len(trace["x"]) == 300
        assert (trace["x"][0], trace["x"][-1]) == (1, 2000)


def test_phases_are_medians_over_trials(study: Study, tree: pages.Node) -> None:
    section = tree.one("section", id="phases")
    heads = [th.text for th in section.all("thead")[0].all("th")]
    runs = trials(study, next(iter(study.head.workloads)))
    details = section.all("details")[0]
    for row in pages.rows(details):
        mine = runs[row[0]]
        for phase, cell in list(zip(heads, row, strict=True))[1:-1]:
            assert cell == said.seconds(median(r.phases[phase].wall for r in mine))
        rest = median(
            r.total.wall - math.fsum(s.wall for s in r.phases.values()) for r in mine if r.total
        )
        assert row[-1] == said.seconds(rest)
    for row in section.all("table", class_="bars")[0].all("tr"):
        widths = [float(i.attributes["style"].split("width:")[1][:-1]) for i in row.all("i")]
        assert 0 < math.fsum(widths) <= 100.01


def test_resources(study: Study, tree: pages.Node) -> None:
    runs = trials(study, next(iter(study.head.workloads)))
    for row in pages.rows(tree.one("section", id="resources")):
        mine = runs[row[0]]
        assert row[1] == said.seconds(steady(mine))
        assert row[2] == said.seconds(processor(mine, lambda e: e.user))
        assert row[3] == said.seconds(processor(mine, lambda e: e.system))
        assert row[5] == "1.80"  # the studies' own 1.7 + 0.1
        assert row[6] == said.memory(median(r.peak_memory for r in mine if r.peak_memory))


def test_verification_shows_the_worst_figure_of_each_level(study: Study, tree: pages.Node) -> None:
    section = tree.one("section", id="verification")
    levels = ["forward", "gradient", "optimizer", "epoch", "barrier"]
    assert [th.text for th in section.all("thead")[0].all("th")][2:] == levels
    table = {row[0]: row for row in pages.rows(section)}
    for name, records in trials(study, next(iter(study.head.workloads))).items():
        assert table[name][1] == "passed"
        check = records[0].verification
        assert check is not None
        for level, cell in zip(levels, table[name][2:], strict=True):
            worst = max(
                (f for f in check.figures if f.level == level), key=lambda f: f.value / f.limit
            )
            share = said.percent(worst.value / worst.limit)
            assert cell == f"{share} of limit {worst.value:.2g} of {worst.limit:.2g}".replace(
                "\xa0", " "
            )
    assert table["pytensor/c"][1] == "unverified"


def test_drift_is_the_spread_of_the_readings(study: Study, tree: pages.Node) -> None:
    rates = [2 * s.size**3 / median(s.seconds) for s in study.sentinels]
    moved = said.percent(max(rates) / min(rates) - 1)
    assert f"moved by up to {moved} during this study" in tree.one("section", id="drift").text
    for trace, position in zip(
        pages.figure(tree, "drift-0")["data"], ("first", "last"), strict=True
    ):
        wanted = [
            r / 1e9 for r, s in zip(rates, study.sentinels, strict=True) if s.position == position
        ]
        assert trace["y"] == pytest.approx(wanted, rel=1e-6)


def test_what_did_not_run_is_grouped_with_reason_and_log(study: Study, tree: pages.Node) -> None:
    section = tree.one("section", id="absent")
    for row in section.one("table", class_="absent").one("tbody").all("tr"):
        status, who, reason, number = (
            cell for cell in row.children if isinstance(cell, pages.Node)
        )
        (name,) = [each.text for each in who.all("span", class_="who")]
        known = studies.NOT_RUN[name]
        assert (status.text, number.text) == (known[0], "6")
        assert reason.text.startswith(known[1])
        assert [pre.text for pre in reason.all("pre")] == [" ".join(known[2].split())] * bool(
            known[2]
        )


def test_versions_are_grouped_and_workloads_shown_in_full(study: Study, tree: pages.Node) -> None:
    section = tree.one("section", id="versions")
    rows = section.all("table", class_="groups")[0].one("tbody").all("tr")
    groups = [{span.text for span in row.all("span", class_="who")} for row in rows]
    assert {"jax/scan", "keras-jax/default"} in groups
    assert "torch 2.13.0" in section.text
    definitions = [json.loads(pre.raw) for pre in section.all("pre")]
    assert definitions == [dict(workload) for workload in study.head.workloads.values()]


def test_what_may_be_said_is_students_interval(study: Study, tree: pages.Node) -> None:
    """By blocks: midmeans of log epochs, their differences, t at 95 % shared by all rows."""
    tables = tree.all("table", class_="ranking")
    assert len(tables) == len(study.head.workloads)
    for table, fingerprint in zip(tables, study.head.workloads, strict=True):
        runs = trials(study, fingerprint)
        base = min(runs, key=lambda name: steady(runs[name]))
        rows = {r.all("th")[0].text: r for r in table.one("tbody").all("tr")}
        assert set(rows) == set(runs)
        for name in set(runs) - {base}:
            cell = rows[name].one("td", class_="ratio")
            ratio, *bounds = map(said.ratio, over(runs[base], runs[name], len(rows) - 1))
            assert cell.all("span")[0].text == ratio
            assert cell.one(class_="bounds").text == f"[{bounds[0]}, {bounds[1]}]"


def test_sections_are_found_and_in_order(tree: pages.Node) -> None:
    found = sections.found()
    # Nothing ran on a cluster or a GPU, no outputs were kept, nothing was published or swept.
    elsewhere = {
        "energy",
        "limit",
        "cluster",
        "devices",
        "reconstructions",
        "confusion",
        "reproduction",
        "ranges",
    }
    shown = [name for name in found if name not in elsewhere]
    assert [section.attributes["id"] for section in tree.all("section")] == shown
    assert list(found) == [
        "summary", "ranking", "verification", "curves", "quality", "phases",
        "overhead", "resources", "energy", "limit", "cluster", "devices", "reproduction",
        "reconstructions", "confusion", "ranges", "doubts", "drift", "absent", "versions", "raw",
    ]  # fmt: skip
