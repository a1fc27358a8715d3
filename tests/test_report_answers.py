"""What the page answers: who is fastest and by how much, by which device, mode and layer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pages
import pytest
import studies
from levelfield.reports import ratios
from scipy import stats
from test_report import over, processor, said, shown, steady, trials

from levelfield.results import against
from levelfield.results.record import Record

TIMES = "\N{MULTIPLICATION SIGN}"
RECIPE = studies.Recipe(contenders=3, repeats=3, epochs=8, absent=0, noise=0.001)
Change = Callable[[Record], Record]


def made(change: Change = lambda r: r, *, recipe: studies.Recipe = RECIPE, **options: Any) -> Any:
    """Return a changed study, and its page."""
    rows = [change(r) if isinstance(r, Record) else r for r in studies.rows(recipe)]
    study = pages.study(Path("/nowhere"), studies.head(recipe), rows)
    return study, pages.rendered(study, **options)


def of(backend: str, **changes: Any) -> Change:
    return lambda r: replace(r, **changes) if r.backend == backend and r.status == "ok" else r


def runs(study: Any) -> dict[str, list[Record]]:
    (fingerprint,) = study.head.workloads
    return trials(study, fingerprint)


def answers(tree: pages.Node) -> list[str]:
    return [p.text for p in tree.all("p", class_="result")]


def blocks(records: list[Record], *kept: int) -> list[Record]:
    return [r for r in records if r.block in kept]


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)), ((1, 2, 4), (2, 3, 4)), ((1, 2), (3, 4)), ((1,), (1,)),
        ((1, 2), (2, 3)), ((1,), (2, 3)), ((1,), (2,)),
    ],
)  # fmt: skip
def test_ratios_are_the_engine_s(base: tuple[int, ...], head: tuple[int, ...]) -> None:
    recipe = replace(RECIPE, repeats=4, noise=0.1)
    all_ = runs(made(recipe=recipe)[0])
    mine, theirs = blocks(all_["jax/scan"], *base), blocks(all_["torch/eager"], *head)
    sides = [ratios.side(each, 100) for each in (mine, theirs)]
    found = ratios.ratio(*sides, comparisons=3)
    wanted = against.ratio(mine, theirs, comparisons=3)
    other = against.ratio(theirs, mine, comparisons=3)
    for name in ("estimate", "low", "high", "confidence", "units"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), rel=1e-9)
        assert getattr(ratios.inverse(found), name) == pytest.approx(getattr(other, name), rel=1e-6)
    assert sides[0].seconds == pytest.approx(against.typical(mine), rel=1e-12)


def test_ratios_of_a_duet_are_paired_by_round() -> None:
    from levelfield.results.record import Pieces

    count = 24

    def change(r: Record) -> Record:
        slow = {"jax": 1.0, "torch": 1.5}[r.backend] * (1 + 0.01 * r.repeat)
        wall = tuple(slow * (1 + 0.1 * math.sin(n)) for n in range(count))
        pieces = Pieces(
            round=tuple(range(count)), position=(0,) * count, epoch=(3,) * count,
            steps=(5,) * count, wall=wall, user=wall, system=wall, idle=wall,
        )  # fmt: skip
        return replace(r, session=f"s{r.repeat}", pieces=pieces)

    all_ = runs(made(change, recipe=replace(RECIPE, contenders=2))[0])
    base, head = (ratios.side(all_[name], 100) for name in ("jax/scan", "torch/eager"))
    found = ratios.ratio(base, head)
    assert found == against.ratio(base.records, head.records)
    assert found.estimate == pytest.approx(1.5)


def test_the_first_sentence_says_who_is_fastest_and_by_how_much() -> None:
    study, tree = made()
    all_ = runs(study)
    names = sorted(all_, key=lambda name: steady(all_[name]))
    (answer,) = answers(tree)
    assert f"{studies.spoken(names[0])} trains fastest:" in answer
    for name in names[1:]:
        middle, low, high = over(all_[names[0]], all_[name], 2)
        assert low > 1, "this study tells them apart"
        bounds = f"[{said.ratio(low)}, {said.ratio(high)}]"
        assert f"{said.ratio(middle)}{TIMES} {bounds} over {studies.spoken(name)}" in answer
    assert "cannot be told apart" not in answer


def test_those_who_cannot_be_told_apart_are_said_to_be_so() -> None:
    recipe = replace(RECIPE, noise=0.15, repeats=2)
    study, tree = made(recipe=recipe)
    all_ = runs(study)
    first, *others = sorted(all_, key=lambda name: steady(all_[name]))
    assert all(over(all_[first], all_[name], 2)[1] < 1 for name in others)
    (answer,) = answers(tree)
    assert (
        f"{studies.spoken(first)} had the lowest times, but cannot be told apart from the next"
        in answer
    )
    assert "trains fastest" not in answer


def test_one_trial_each_is_said() -> None:
    _, tree = made(recipe=replace(RECIPE, repeats=1))
    assert "One trial each: how one process differs from the next is not known" in answers(tree)[0]
    assert "trains fastest" not in answers(tree)[0]
    assert "had the lowest times: 1." in answers(tree)[0]
    ratios = [row[2] for row in pages.rows(tree.one("table", class_="ranking"))]
    assert all(re.fullmatch(r"\d\.\d\d", text) for text in ratios), ratios
    marks = [t["error_x"] for t in pages.figure(tree, "forest-0")["data"] if t.get("error_x")]
    assert not [n for mark in marks for n in mark["array"] if n and math.isfinite(n)]
    assert "[" not in answers(tree)[0]
    assert "One trial each" not in answers(made()[1])[0]


def test_a_low_time_of_other_blocks_is_no_lead() -> None:
    """The machine got five times as slow after block 1; one ran in block 1 alone."""

    def change(r: Record) -> Record:
        slow = 1 if r.block == 1 else 5
        quick = 2.0 if r.backend == "jax" else 1.0
        if r.backend == "jax" and r.block > 1:
            return replace(r, status="failed")
        wall = tuple(slow * quick * (1 + 0.001 * n * (-1) ** n) for n in range(8))
        return replace(r, epochs=replace(r.epochs, wall=wall))

    _, tree = made(change, recipe=replace(RECIPE, contenders=2))
    rows = pages.rows(tree.one("table", class_="ranking"))
    assert rows[0][0] == "jax/scan", "its time is the lowest"
    (answer,) = answers(tree)
    assert "PyTorch (eager) was ahead pair by pair: 2.00" in answer
    assert "jax/scan has a lower one, but of other blocks" in answer
    assert "One trial each" in answer


def test_bounds_that_bound_nothing_are_not_written() -> None:
    """Two trials of eight contenders that differ much: Student's t has one degree of freedom."""
    recipe = replace(RECIPE, contenders=8, repeats=2, noise=1.0)
    study, tree = made(recipe=recipe)
    all_ = runs(study)
    base = pages.rows(tree.one("table", class_="ranking"))[0][0]
    seen = {row[0]: row[2] for row in pages.rows(tree.one("table", class_="ranking"))}
    kinds = set()
    for name in set(all_) - {base}:
        middle, low, high = over(all_[base], all_[name], 7)
        few = high > 1e4 * low
        bounds = "[too few trials]" if few else f"[{said.ratio(low)}, {said.ratio(high)}]"
        assert seen[name] == f"{said.ratio(middle)} {bounds}"
        (trace,) = [t for t in pages.figure(tree, "forest-0")["data"] if t["name"] == name]
        assert (trace["error_x"]["array"][0] == 0) == few
        kinds.add(few)
    assert True in kinds
    assert "Too few trials" in answers(tree)[0]


def test_where_nobody_is_verified_nobody_is_fastest() -> None:
    _, tree = made(lambda r: replace(r, verification=None))
    (answer,) = answers(tree)
    assert "nobody is verified for thesis-autoencoder, so nothing says who trains it" in answer
    assert "fastest:" not in answer
    assert "s* for a steady epoch" in answer


def test_every_kind_of_device_has_its_sentence() -> None:
    _, tree = made(of("torch", device="cuda"))
    first, second = sorted(answers(tree), key=lambda text: "GPU" in text)
    assert "on the CPU, for thesis-autoencoder, JAX (scan) is the only contender" in first
    assert "on the GPU, for thesis-autoencoder, PyTorch (compile) trains fastest" in second
    assert "@cuda" not in second, "the sentence names the device once"


def test_of_many_some_are_named_and_the_rest_are_counted() -> None:
    _, tree = made(recipe=replace(RECIPE, contenders=10), baseline="theano/default")
    (answer,) = answers(tree)
    assert answer.count(TIMES) == 5
    assert "over Theano as it comes (the baseline)" in answer
    assert "over Keras on PyTorch as it comes (the slowest); 4 others are in between." in answer


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("jax/scan", "JAX (scan)"), ("numpy/numpy", "NumPy"),
        ("torch/eager@cuda", "PyTorch (eager)"),
        ("keras-torch/default@spark:2x1", "Keras on PyTorch as it comes@spark:2x1"),
        ("torch/eager [old] #2", "PyTorch (eager) [old] #2"), ("mine/fast", "mine/fast"),
        ("torch", "torch"), ("torch/", "torch/"), ("torch/<b>", "torch/<b>"),
    ],
)  # fmt: skip
def test_names_as_one_says_them(label: str, name: str) -> None:
    assert studies.spoken(label, "cuda") == name


def data(tree: pages.Node, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tree.one("script", id=f"ratios-{number}").raw)
    return found


def test_every_baseline_has_its_ratios_in_the_page() -> None:
    study, tree = made()
    all_ = runs(study)
    labels = [label for label in study.head.contenders if label in all_]
    found = data(tree)["over"]
    assert len(found) == len(labels)
    for base, label in enumerate(labels):
        for head, other in enumerate(labels):
            if head != base:
                wanted = over(all_[label], all_[other], len(labels) - 1)
                assert found[str(base)][str(head)] == pytest.approx(wanted, rel=1e-9)


def test_the_forest_is_the_table() -> None:
    study, tree = made(of("torch", verification=None), baseline="torch/compile")
    all_ = runs(study)
    rows = pages.rows(tree.one("table", class_="ranking"))
    figure = pages.figure(tree, "forest-0")
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert [t["name"].rstrip("*") for t in figure["data"]] == [row[0] for row in rows]
    for trace in figure["data"]:
        name = trace["name"].rstrip("*")
        middle, low, high = (
            over(all_["torch/compile"], all_[name], 2) if name != "torch/compile" else (1, 1, 1)
        )
        ends = [trace["error_x"]["arrayminus"][0], trace["error_x"]["array"][0]]
        assert trace["x"] == pytest.approx([middle], rel=1e-6)
        assert ends == pytest.approx([middle - low, high - middle], rel=1e-5)
        assert trace["name"].endswith("*") == name.startswith("torch")
        assert trace["marker"]["symbol"].endswith("-open") == name.startswith("torch")
    assert len({t["marker"]["symbol"].partition("-open")[0] for t in figure["data"]}) == len(rows)


def test_with_many_contenders_only_some_baselines_have_intervals() -> None:
    recipe = replace(RECIPE, contenders=18, repeats=2, epochs=6)
    study, tree = made(recipe=recipe, baseline="numpy/numpy")
    all_ = runs(study)
    fastest = min(all_, key=lambda name: steady(all_[name]))
    labels = [label for label in study.head.contenders if label in all_]
    assert {labels[int(place)] for place in data(tree)["over"]} == {fastest, "numpy/numpy"}
    assert "intervals are there only against the fastest" in tree.one("section", id="ranking").text
    rows = {row[0]: row for row in pages.rows(tree.one("table", class_="ranking"))}
    assert rows[fastest][2] == shown(all_["numpy/numpy"], all_[fastest], 17)
    seconds = data(tree)["seconds"]
    for place, label in enumerate(labels):
        assert seconds[str(place)] == pytest.approx(against.typical(all_[label]), rel=1e-9)


def test_of_very_many_trials_the_first_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    from levelfield.reports import view

    monkeypatch.setattr(view, "LOOKED", 15)
    monkeypatch.setattr(view, "LEAST", 2)
    study, tree = made(recipe=replace(RECIPE, repeats=9))
    all_ = {name: blocks(records, 1, 2, 3, 4, 5) for name, records in runs(study).items()}
    text = tree.one("section", id="ranking").text
    assert "ratios rest on the first 5 of each contender" in text
    rows = {row[0]: row[2] for row in pages.rows(tree.one("table", class_="ranking"))}
    assert rows["torch/eager"] == shown(all_["jax/scan"], all_["torch/eager"], 2)


def test_what_layers_cost() -> None:
    study, tree = made(recipe=replace(RECIPE, contenders=8))
    all_ = runs(study)
    rows = {(r[0], r[1]): r for r in pages.rows(tree.one("section", id="overhead"))}
    wanted = {
        ("keras-jax/default", "jax/scan"), ("keras-torch/default", "torch/eager"),
        ("keras-torch/default", "torch/compile"), ("torch/eager", "torch/compile"),
        ("keras-tensorflow/default", "tensorflow/xla"),
    }  # fmt: skip
    assert set(rows) == wanted
    for (head, base), row in rows.items():
        middle, low, high = over(all_[base], all_[head], len(rows))
        assert row[3] == said.ratio(middle)
        assert row[4] == f"[{said.ratio(low)}, {said.ratio(high)}]"
        more = against.typical(all_[head]) - against.typical(all_[base])
        assert row[5] == said.seconds(more)
    assert "first mode over its fastest" in rows["torch/eager", "torch/compile"][2]
    assert "fastest modes" in rows["keras-torch/default", "torch/compile"][2]


def test_default_over_tuned_and_a_layer_on_a_cluster() -> None:
    def change(r: Record) -> Record:
        if r.backend == "jax":
            return replace(r, backend="keras-tensorflow", mode="default")
        if r.mode == "eager":
            return replace(r, backend="keras-tensorflow", mode="tuned")
        return replace(r, backend="elephas", mode="synchronous", device="spark:2x1")

    _, tree = made(change)
    rows = {(r[0], r[1]): r[2] for r in pages.rows(tree.one("section", id="overhead"))}
    assert rows["keras-tensorflow/default", "keras-tensorflow/tuned"].endswith("over tuned")
    cluster = rows["elephas/synchronous@spark:2x1", "keras-tensorflow/default"]
    assert cluster.startswith("elephas over keras-tensorflow")


def test_no_pair_no_layers() -> None:
    _, tree = made(recipe=replace(RECIPE, contenders=2))
    assert not tree.all("section", id="overhead")


def test_cpu_beside_gpu() -> None:
    """Torch's second mode becomes its first on a GPU: 7 times as quick, with losses 2 % higher."""

    def change(r: Record) -> Record:
        if r.mode != "eager":
            return r if r.backend == "jax" else replace(r, status="skipped")
        return r

    study, _ = made(change)
    extra = [
        replace(
            r, device="cuda:1", key=f"{r.key}g", device_memory=2**30, epochs=replace(
                r.epochs, wall=tuple(s / 7 for s in r.epochs.wall),
                user=tuple(s / 10 for s in r.epochs.user),
                test_loss=tuple(1.02 * loss for loss in r.epochs.test_loss),
            ),
        )
        for r in study.records if r.backend == "torch" and r.status == "ok"
    ]  # fmt: skip
    rows = [*study.records, *extra]
    tree = pages.rendered(pages.study(Path("/nowhere"), study.head, rows))
    (row,) = pages.rows(tree.one("section", id="devices"))
    cpu = [r for r in study.records if r.backend == "torch" and r.status == "ok"]
    assert row[0] == "torch/eager torch/eager@cuda:1"
    assert row[1] == f"7.00{TIMES} [7.00, 7.00]"
    user = processor(cpu, lambda e: e.user)
    loss = median(r.epochs.test_loss[-1] for r in cpu)
    for cell, one, other, how in (
        (row[2], steady(cpu), steady(cpu) / 7, said.seconds),
        (row[3], user, user / 10, said.seconds),
        (row[5], loss, loss * 1.02, said.significant),
    ):  # fmt: skip
        assert cell == f"{how(one)} {how(other)}"
    assert row[6] == "2.00 %"
    assert not made()[1].all("section", id="devices")


def test_student_is_what_over_says() -> None:
    """The tests' own interval, against SciPy's."""
    all_ = runs(made()[0])
    middle, low, high = over(all_["jax/scan"], all_["torch/eager"], 1)
    logs = [math.log(against.typical([r])) for r in all_["torch/eager"]]
    base = [math.log(against.typical([r])) for r in all_["jax/scan"]]
    found = stats.ttest_rel(logs, base)
    bounds = found.confidence_interval(0.95)
    assert [low, high] == pytest.approx([math.exp(bounds.low), math.exp(bounds.high)])
    assert low < middle < high
