"""One page of several studies: values by hand, what may not be divided, odd and hostile studies."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import browsing
import numpy as np
import pages
import pytest
import studies
from levelfield.reports import formats, many
from levelfield.reports import page as document
from scipy import stats
from test_report_hostile import NASTY, assert_sound, cycle
from test_report_hostile import study as nasty

from levelfield.cli import main
from levelfield.errors import UserError
from levelfield.results import gather
from levelfield.results.record import Record
from levelfield.results.study import Study, load

RECIPE = studies.Recipe(contenders=4, repeats=4, epochs=8, absent=1)
CPUS = ("AMD EPYC 9R14", "Intel Xeon 8488C")


def made(
    number: int,
    host: int = 0,
    *,
    change: Callable[[Record], Record] = lambda r: r,
    recipe: studies.Recipe = RECIPE,
    **head: Any,
) -> Study:
    """A study of its own day, on one of several hosts."""
    machine = dict(studies.head(recipe).machine, host=f"host{host}", cpu=CPUS[host % 2])
    facts = {"created": f"2026-11-{number:02}T03:39:00+00:00", "machine": machine} | head
    recipe = replace(recipe, seed=number)
    plan = studies.head(replace(recipe, seed=0), **facts)
    rows = [change(row) if isinstance(row, Record) else row for row in studies.rows(recipe)]
    return pages.study(Path(f"/nowhere/study{number}"), plan, rows)


def page(*given: Study, **options: Any) -> pages.Node:
    return pages.read(many.render(given, **options))


def text(value: str) -> str:
    return value.replace("\N{NO-BREAK SPACE}", " ")


def midmean(record: Record) -> float:
    """Of the logarithms of all epochs but the first, as SciPy has it."""
    return float(stats.trim_mean(np.log(record.epochs.wall[1:]), 0.25))


def logs(study: Study, who: str, base: str) -> list[float]:
    """By block: logarithm of the ratio of midmeans."""
    found: dict[tuple[str, int], float] = {}
    for r in study.records:
        if r.status == "ok":
            found[f"{r.backend}/{r.mode}", r.block] = midmean(r)
    blocks = range(1, RECIPE.repeats + 1)
    return [found[who, block] - found[base, block] for block in blocks]


@pytest.fixture(scope="module")
def pair() -> tuple[Study, Study]:
    """Two machines; every trial settles at its second epoch, as `midmean` wants."""
    return made(1, 0, change=settled), made(2, 1, change=settled)


def settled(r: Record) -> Record:
    if not r.epochs.wall:
        return r
    rest = r.epochs.wall[1:]
    middle = float(np.median(rest))
    wall = (9 * middle, *(middle * (1 + 0.001 * (-1) ** n) for n in range(len(rest))))
    return replace(r, epochs=replace(r.epochs, wall=wall))


def table(tree: pages.Node, kind: str, place: int = 0) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in pages.rows(tree.all("table", class_=kind)[place])}


def test_seconds_and_ratios_are_each_study_s_own(pair):
    rows = table(page(*pair, baseline="torch/eager"), "beside")
    assert set(rows) == set(RECIPE.names)
    for number, study in enumerate(pair):
        for who, cells in rows.items():
            mine = [midmean(r) for r in study.records
                    if r.status == "ok" and f"{r.backend}/{r.mode}" == who]  # fmt: skip
            assert cells[2 * number] == text(formats.seconds(math.exp(np.mean(mine))))
            if who == "torch/eager":
                assert cells[2 * number + 1] == "1.00"
                continue
            ratios = logs(study, who, "torch/eager")
            reach = stats.t.ppf(1 - 0.05 / 3 / 2, len(ratios) - 1) * stats.sem(ratios)
            low, middle, high = (math.exp(np.mean(ratios) + sign * reach) for sign in (-1, 0, 1))
            wanted = f"{formats.ratio(middle)} {formats.ratio(low)} to {formats.ratio(high)}"
            assert cells[2 * number + 1] == wanted


def test_how_a_ratio_differs_is_welchs_interval(pair):
    rows = table(page(*pair, baseline="torch/eager"), "changes")
    for who, (cell,) in rows.items():
        if who == "torch/eager":
            assert cell == "1.00"
            continue
        sides = [logs(study, who, "torch/eager") for study in pair]
        found = stats.ttest_ind(sides[1], sides[0], equal_var=False)
        low, high = found.confidence_interval(0.95)
        middle = np.mean(sides[1]) - np.mean(sides[0])
        values = [formats.ratio(math.exp(v)) for v in (middle, low, high)]
        assert cell == f"{values[0]} {values[1]} to {values[2]}"


def test_one_block_each_puts_the_two_intervals_together(pair):
    few = [alone(study) for study in pair]
    members = gather.gather(few).members
    workload = next(iter(few[0].head.workloads))
    ratios = [m.ratio(workload, "torch/eager", "jax/scan") for m in members]
    (a, b) = ([math.log(v) for v in (i.estimate, i.low, i.high)] for i in ratios if i)
    found = gather.change(workload, "torch/eager", "jax/scan", members).interval
    assert found is not None
    assert math.log(found.estimate) == pytest.approx(b[0] - a[0])
    low = math.sqrt((b[0] - b[1]) ** 2 + (a[2] - a[0]) ** 2)
    assert math.log(found.estimate / found.low) == pytest.approx(low)
    assert found.units == 1


def test_a_machine_that_is_twice_as_fast_changes_no_ratio(pair):
    one = pair[0]
    half = made(2, 1)
    quick = tuple(
        replace(r, epochs=replace(r.epochs, wall=tuple(w / 2 for w in r.epochs.wall)))
        for r in one.records
    )
    tree = page(one, replace(half, records=quick), baseline="torch/eager")
    for cells in table(tree, "changes").values():
        assert cells[0].split()[0] == "1.00"
    for cells in table(tree, "beside").values():
        assert cells[1] == cells[3]
        assert cells[0] != cells[2]
    assert not tree.all("section", id="history"), "times of two hosts are never divided"
    assert "machine that they were measured on" in tree.one("section", id="studies").text


def test_every_machine_is_a_marker_of_its_own(pair):
    tree = page(*pair, baseline="torch/eager")
    figure = pages.figure(tree, "machines-0")
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert [t["name"] for t in figure["data"]] == ["machine 1", "machine 2"]
    assert len({(t["marker"]["symbol"], t["marker"]["color"]) for t in figure["data"]}) == 2
    order = figure["layout"]["yaxis"]["ticktext"]
    for trace, study in zip(figure["data"], pair, strict=True):
        for who, x, more in zip(order, trace["x"], trace["error_x"]["array"], strict=True):
            if who != "torch/eager":
                ratios = logs(study, who, "torch/eager")
                assert x == pytest.approx(math.exp(np.mean(ratios)))
                reach = stats.t.ppf(1 - 0.05 / 6, 3) * stats.sem(ratios)
                assert x + more == pytest.approx(math.exp(np.mean(ratios) + reach))
    answers = {who: cells[-1] for who, cells in table(tree, "merged").items()}
    assert answers["torch/eager"] == ""
    for who, said in answers.items():
        if who != "torch/eager":
            signs = []
            for study in pair:
                ratios = logs(study, who, "torch/eager")
                reach = stats.t.ppf(1 - 0.05 / 6, 3) * stats.sem(ratios)
                signs.append(np.mean(ratios) - reach > 0)
            assert (f"slower on {sum(signs)} of 2" in said) == any(signs)


def alone(study: Study) -> Study:
    return replace(study, records=tuple(r for r in study.records if r.block == 1))


def test_of_one_trial_nothing_is_bounded_and_nothing_said(pair):
    tree = page(alone(pair[0]), pair[1], baseline="torch/eager")
    for row in table(tree, "beside").values():
        assert " to " not in row[1]
    for who, row in table(tree, "merged").items():
        if who != "torch/eager":
            assert " to " not in row[0]
            assert " to " in row[1]
            assert row[-1].endswith("one trial only on 1 of 2")
    for (cell,) in table(tree, "changes").values():
        assert " to " not in cell
    for axis in ("array", "arrayminus"):
        few, more = (t["error_x"][axis] for t in pages.figure(tree, "machines-0")["data"])
        assert set(few) == {None}
        assert None not in more


def test_over_time_is_each_machine_by_itself():
    given = [made(n, n % 2, commit=f"{n}" * 40 if n < 6 else "") for n in range(1, 8)]
    tree = page(*reversed(given), baseline="torch/eager")
    section = tree.one("section", id="history")
    titles = [h3.text.rpartition(" ")[0] for h3 in section.all("h3")]
    assert titles == ["thesis-autoencoder on machine 1", "thesis-autoencoder on machine 2"]
    for machine, host in ((1, 1), (2, 0)):
        mine = [s for s in given if s.head.machine["host"] == f"host{host}"]
        figure = pages.figure(tree, f"history-seconds-0-{machine}")
        assert figure["layout"]["xaxis"]["ticktext"] == [
            (s.head.commit or "")[:8] or s.head.created[:10] for s in mine
        ]
        trace = next(t for t in figure["data"] if t["name"] == "jax/scan")
        for study, seconds in zip(mine, trace["y"], strict=True):
            trials = [midmean(r) for r in study.records if r.backend == "jax"]
            assert seconds == pytest.approx(math.exp(np.mean(trials)), rel=0.02)
        ratio = pages.figure(tree, f"history-ratio-0-{machine}")
        assert all(len(t["y"]) == len(mine) for t in ratio["data"])
    assert "not interleaved" in section.text


def test_seconds_of_one_machine_are_divided_with_the_sentinels_own_change():
    first = made(1, change=settled)
    later = made(2, change=settled)
    slower = tuple(
        replace(r, epochs=replace(r.epochs, wall=tuple(2 * w for w in r.epochs.wall)))
        for r in first.records
    )
    marks = tuple(replace(s, seconds=tuple(1.5 * t for t in s.seconds)) for s in first.sentinels)
    tree = page(first, replace(later, records=slower, sentinels=marks))
    rows = table(tree, "elapsed")
    assert rows.pop("the machine itself (sentinel)") == ["1.50"]
    assert {cells[0].split()[0] for cells in rows.values()} == {"2.00"}


def test_what_was_not_done_alike_is_told_and_not_divided():
    first = made(1)
    other = made(2, change=lambda r: replace(r, samples=77) if r.status == "ok" else r)
    tree = page(first, other)
    facts = {row[0]: row[1] for row in pages.rows(tree.one("table", class_="differences"))}
    assert facts["samples of thesis-autoencoder"] == "1 10,000 2 77"
    base = many.view.Many(gathered=gather.gather([first, other])).first.base.label
    assert {cells[0] for who, cells in table(tree, "changes").items() if who != base} == {
        formats.NOTHING
    }
    assert {c[0] for w, c in table(tree, "elapsed").items() if "sentinel" not in w} == {
        formats.NOTHING
    }
    for section in ("beside", "history"):
        assert "samples 10000 against 77" in tree.one("section", id=section).text
    for kind in ("ratio", "seconds"):
        for trace in pages.figure(tree, f"history-{kind}-0-1")["data"]:
            assert trace["y"][1] is None, "no line joins what is not the same work"
            assert len(trace["y"]) == len(trace["text"]) == 3
    order = [section.attributes["id"] for section in tree.all("section")]
    assert order[0] == "studies", "differing facts come before any number"


def test_differences_of_versions_threads_and_settings():
    def later(r: Record) -> Record:
        if r.backend == "torch" and r.status == "ok":
            return replace(r, versions={"torch": "9.9"}, threads=7, settings={"threads": 7})
        return r

    tree = page(made(1), made(2), made(3, change=later, levelfield="7.7"))
    facts = {row[0]: row[1] for row in pages.rows(tree.one("table", class_="differences"))}
    assert facts["version: torch"] == "1, 2 2.13.0 3 9.9"
    (same,) = [name for name in facts if "threads" in name]
    names = (
        "threads of torch/eager",
        "setting of torch/eager: threads",
        "threads of torch/compile",
    )
    assert all(name in same for name in names), "facts of the same values are told together"
    assert facts[same] == "1, 2 2 3 7"
    assert facts["Levelfield"] == "1, 2 0.1.0 3 7.7"
    assert not any("jax" in name for name in facts)


def test_unverified_numbers_carry_their_mark(pair):
    one = replace(
        pair[0], records=tuple(
            replace(r, verification=None) if r.backend == "jax" else r for r in pair[0].records
        ),
    )  # fmt: skip
    tree = page(one, pair[1], baseline="torch/eager")
    rows = table(tree, "beside")
    assert all("*" in cell for cell in rows["jax/scan"][:2])
    assert not any("*" in cell for cell in rows["jax/scan"][2:])
    assert not any("*" in cell for cell in rows["torch/compile"])
    data = json.loads(tree.one("script", id="among-data").raw)
    assert data["marked"] == ["0,0,0"]
    counts = {row[0]: row[-1] for row in pages.rows(tree.one("table", class_="studies"))}
    assert counts == {"1 study1": "3 of 4", "2 study2": "4 of 4"}
    base = page(one, pair[1]).one("table", class_="changes").one("tr", class_="base")
    assert base.one("th").text != "jax/scan", "the baseline is a verified one"


def test_environments_tell_contenders_apart_where_they_must():
    def two(r: Record) -> Record:
        return replace(r, environment="old") if r.repeat % 2 else r

    rows = table(page(made(1, change=two), made(2)), "beside")
    assert {"jax/scan [main]", "jax/scan [old]"} <= set(rows)
    assert rows["jax/scan [old]"][2] == formats.NOTHING
    assert (
        table(page(made(1, change=lambda r: replace(r, environment="x")), made(2)), "beside")[
            "jax/scan"
        ][2]
        != formats.NOTHING
    )


def test_raw_data_are_each_study_s_own(tmp_path):
    folders = [studies.write(replace(RECIPE, seed=n), tmp_path / f"a <{n}>") for n in (1, 2)]
    assert main(["report", *map(str, folders), "--out", str(tmp_path / "page.html")]) == 0
    tree = pages.read((tmp_path / "page.html").read_text(encoding="utf-8"))
    for number, folder in enumerate(folders, start=1):
        for name in ("study.json", "records.jsonl"):
            held = pages.file(tree, f"{number}-a-{number}--{name}")
            assert held == (folder / name).read_bytes()


def test_records_that_do_not_fit_are_named(monkeypatch, pair):
    monkeypatch.setattr(many.raw, "MOST", 10_000)
    text = page(*pair).one("section", id="raw").text
    assert "only in their folders: records of study 1, study 2" in text


def test_the_verb(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, other = (studies.write(replace(RECIPE, seed=n), tmp_path / f"s{n}") for n in (1, 2))
    assert main(["report", "s1", "s2"]) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'studies.html'}\n"
    for words, said in [
        ((one, one), "the same study twice"),
        ((one, tmp_path / "none"), "no study here"),
        ((one, other, "--baseline", "torch/eagre"), "did you mean torch/eager?"),
    ]:
        assert main(["report", *map(str, words)]) == 2
        assert said in capsys.readouterr().err
    (other / "records.jsonl").write_text("nonsense\n")
    assert main(["report", "s1", "s2"]) == 2
    assert "s2/records.jsonl:1: not a record" in capsys.readouterr().err


def test_a_copy_of_a_study_counts_no_trial_twice(tmp_path):
    one = studies.write(RECIPE, tmp_path / "one")
    shutil.copytree(one, tmp_path / "copy")
    assert main(["report", str(one), str(tmp_path / "copy")]) == 2


def test_nothing_in_common_says_what_differs():
    other = made(2, recipe=replace(RECIPE, epochs=9))
    with pytest.raises(UserError, match="differ in epochs"):
        many.render([made(1), other])
    with pytest.raises(UserError, match="expected 2 to 50"):
        many.render([made(1)])


def test_a_study_apart_from_the_others_is_named():
    odd = made(3, change=lambda r: replace(r, fingerprint="odd", workload="odd one"))
    text = page(made(1), made(2), odd).one("section", id="studies").text
    assert "Timed in one study only, and so with nothing to be set beside: odd one" in text


ODD = {
    "nothing ran": lambda r: replace(r, status="failed", epochs=type(r.epochs)()),
    "one epoch": lambda r: replace(
        r, epochs=replace(r.epochs, **{
            name: getattr(r.epochs, name)[:1]
            for name in ("wall", "user", "system", "loss", "test_loss")
        }),
    ),
    "times of zero": lambda r: replace(
        r, epochs=replace(r.epochs, wall=(0.0,) * len(r.epochs.wall))
    ),
    "times that are none": lambda r: replace(
        r, epochs=replace(r.epochs, wall=(math.nan,) * len(r.epochs.wall))
    ),
    "unverified": lambda r: replace(r, verification=None),
    "no baseline": lambda r: replace(r, status="failed") if r.backend == "jax" else r,
    "no blocks in common": lambda r: replace(r, block=ord(r.backend[0]) * 10 + r.block),
    "a cluster": lambda r: replace(r, device="spark:2x1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_odd_studies_are_pages_too(kind):
    tree = page(
        made(1), made(2), made(3, 1), made(4, change=ODD[kind]), made(5, 2, change=ODD[kind])
    )
    assert "nan" not in tree.one("section", id="beside").text


def test_heads_that_know_nothing():
    bare = {"created": "", "machine": {}, "options": {}, "workloads": {}, "contenders": ()}
    tree = page(made(1, **bare), made(2, **bare), made(3, **{**bare, "created": "soon"}))
    machines = {row[1].split()[1] for row in pages.rows(tree.one("table", class_="studies"))}
    assert machines == {"1", "2", "3"}, "an unknown host is no other's host"


@pytest.mark.parametrize("start", range(0, len(NASTY), 3))
def test_hostile_studies_are_text(start, monkeypatch):
    monkeypatch.setattr(document, "LIBRARY", document.HERE / "theme.js")
    folder = Path("/nowhere") / NASTY[start].replace("/", "").replace("\x00", "")[:200]
    bad = nasty(cycle(NASTY, start))
    ok = tuple(
        replace(r, fingerprint="f", workload="w") if r.status == "ok" else r for r in bad.records
    )
    one = replace(bad, folder=folder / "1", records=ok)
    plan = replace(bad.head, created="2026-11-21T03:39:00", levelfield=NASTY[start])
    other = replace(bad, folder=folder, records=ok, head=plan)
    assert_sound(page(one, other))


def test_twenty_studies_are_written_soon_and_stay_small(tmp_path):
    import time

    given = [made(n, n % 3, recipe=replace(RECIPE, repeats=3, contenders=8)) for n in range(1, 21)]
    begun = time.process_time()
    text = many.render(given)
    assert time.process_time() - begun < 20
    assert len(text) < 7_000_000
    tree = pages.read(text)
    assert len(pages.rows(tree.one("table", class_="studies"))) == 20
    data = json.loads(tree.one("script", id="among-data").raw)
    assert len(data["choices"]) == 8


@browsing.MARKS[0]
@browsing.MARKS[1]
@pytest.mark.parametrize("single", [False, True], ids=["", "one trial"])
def test_another_baseline_is_chosen_by_the_address(browser, tmp_path, pair, single):
    """What the browser shows for #baseline=... is what a page written for it shows."""
    given = [alone(pair[0]) if single else pair[0], pair[1], made(3, 0)]
    target = many.write(given, tmp_path / "page.html")
    plain = pages.read(target.read_text(encoding="utf-8"))
    first = plain.one("select", id="among-baseline").all("option")[0].text
    chosen, hidden = [name for name in RECIPE.names if name != first][:2]
    wanted = page(*given, baseline=chosen)
    with browsing.opened(browser, f"{target.as_uri()}#baseline={chosen}") as opened:
        seen = pages.read(opened.content())
        for kind in ("beside", "changes", "merged"):
            assert table(seen, kind) == table(wanted, kind), kind
        browsing.charts(opened)
        titles = browsing.texts(opened, "#machines .xtitle")
        assert titles == [f"ratio to {chosen}"]
        figure = pages.figure(wanted, "machines-0")
        script = """chart => [
            chart.data.map(t => t.x), chart.data.map(t => t.error_x.array), chart.layout.xaxis.range
        ]"""
        found, bars, ends = opened.locator("#machines-0").evaluate(script)
        for trace, bar in zip(figure["data"], bars, strict=True):
            assert [each is None for each in bar] == [
                each is None for each in trace["error_x"]["array"]
            ]
        for trace, values in zip(figure["data"], found, strict=True):
            assert values == pytest.approx(trace["x"], rel=1e-5)
        assert ends == pytest.approx(figure["layout"]["xaxis"]["range"], abs=1e-4)
        backend = hidden.partition("/")[0]
        opened.evaluate(f"location.hash = 'baseline={chosen}&hide-backend={backend}'")
        browsing.until(opened, "document.querySelector('.filters').innerText.includes('hidden')")
        for kind in ("beside", "changes", "merged"):
            rows = browsing.texts(opened, f"table.{kind} tbody th")
            assert len(rows) > 1
            assert not [text for text in rows if text.startswith(f"{backend}/")]


def test_what_was_measured_otherwise_is_refused_and_what_was_not_is_missing(tmp_path: Path) -> None:
    recipe = studies.Recipe(contenders=2, repeats=2, epochs=3, absent=0)
    one = load(studies.write(recipe, tmp_path / "one"))
    records = tuple(replace(r, threads=9) for r in one.records if r.backend == "jax")
    other = replace(one, folder=tmp_path / "other", records=records)
    members = gather.gather([one, other]).members
    (fingerprint,) = one.head.workloads
    found = {
        who: gather.elapsed((fingerprint, who), members) for who in ("jax/scan", "torch/eager")
    }
    assert found["jax/scan"].refused
    assert "threads 2 against 9" in found["jax/scan"].reason
    assert not found["torch/eager"].refused
    assert found["torch/eager"].reason == "not timed in both"
