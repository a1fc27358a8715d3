"""Charts of clusters: points, laws, ideal, losses, costs and races, computed again here."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pages
import pytest
import studies
from scipy import optimize

from levelfield.results import scaling
from levelfield.results.record import Epochs, Record, Span
from levelfield.results.study import Study

SIZES, BLOCKS, SHARES = (1, 2, 4, 8), (1, 2, 3, 4), {"elephas": 0.35, "spark-torch": 0.1}
ROLES = {"driver": 5.0, "executors": 12.0, "executors' Python": 30.0}
SAMPLES = (1000, 60_000)


def cluster(rng: random.Random, backend: str, samples: int, size: int, block: int) -> Record:
    """One trial; ``size`` 0 is a single process."""
    share = SHARES.get(backend, 0.0)
    base = samples / 1000 + (3.0 if size else 0.0)
    speed = share + (1 - share) / (size or 1)
    wall = tuple(base * speed * math.exp(rng.gauss(0, 0.03)) for _ in range(8))
    losses = tuple(
        0.02 + 0.06 * math.exp(-n / (3 + size)) * rng.uniform(0.99, 1.01) for n in range(8)
    )
    used = {r: Span(wall=9.0, user=s * size, system=1.0) for r, s in ROLES.items() if size}
    made = next(r for r in studies.rows(studies.Recipe(contenders=1)) if isinstance(r, Record))
    return replace(
        made, key=f"{backend}{samples}{size}{block}", workload=f"scaling-{samples}",
        fingerprint=f"f{samples}", backend=backend, mode="m", samples=samples, block=block,
        repeat=block, device=f"spark:{size}x1" if size else "cpu", status="ok", reason="", log="",
        epochs=Epochs(wall=wall, user=wall, system=wall, loss=losses, test_loss=losses),
        phases={"import": Span(wall=2.0, user=2.0, system=0.0)},
        settings={"partitions": size} if size else {},
        cluster=used,
        traffic={"shuffle read": size * 2**20} if size else {},
        total=Span(wall=99.0, user=9.0, system=1.0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def study() -> Study:
    rng = random.Random(7)
    plain = studies.plain_workload(0, studies.Recipe())
    workloads = {f"f{n}": {**plain, "name": f"scaling-{n}", "samples": n} for n in SAMPLES}
    head = studies.head(studies.Recipe(), workloads=workloads, contenders=())
    records: list[Any] = [
        cluster(rng, backend, samples, size, block)
        for block in BLOCKS
        for samples in SAMPLES
        for backend in (*SHARES, "torch")
        for size in (SIZES if backend in SHARES else (0,))
    ]
    return pages.study(Path("/nowhere"), head, records)


@pytest.fixture(scope="module")
def tree(study: Study) -> pages.Node:
    return pages.rendered(study)


def of(study: Study, backend: str, samples: int, size: int) -> list[Record]:
    return [
        r
        for r in study.records
        if (r.backend, r.samples) == (backend, samples) and r.settings.get("partitions", 0) == size
    ]


def traces(tree: pages.Node, name: str) -> dict[str, dict[str, Any]]:
    return {t["name"]: t for t in pages.figure(tree, name)["data"] if "name" in t}


def test_speed_ups_stand_with_their_intervals_the_laws_and_the_ideal(study, tree):
    found = traces(tree, "cluster-0-speedup")
    assert found["ideal"]["x"] == found["ideal"]["y"] == [1, 8]
    curves = {c.contender: c for c in scaling.curves(study) if c.workload == "scaling-1000"}
    for backend, share in SHARES.items():
        points = found[f"{backend}/m"]
        assert points["x"] == list(SIZES)
        assert points["y"][0] == 1
        for place, size in enumerate(SIZES[1:], start=1):
            times = [
                [median(r.epochs.wall) for r in of(study, backend, 1000, n)] for n in (1, size)
            ]
            ratio = [one / many for one, many in zip(*times, strict=True)]
            rough = math.exp(sum(map(math.log, ratio)) / len(ratio))
            assert points["y"][place] == pytest.approx(rough, rel=0.04)
            low = points["y"][place] - points["error_y"]["arrayminus"][place]
            high = points["y"][place] + points["error_y"]["array"][place]
            interval = curves[f"{backend}/m"].points[place].speedup
            assert interval is not None
            assert (low, high) == (pytest.approx(interval.low), pytest.approx(interval.high))
        law = next(t for name, t in found.items() if name.startswith(f"{backend}/m, Amdahl"))
        fitted = optimize.curve_fit(
            lambda n, s: 1 / (s + (1 - s) / n), law["x"][1:], law["y"][1:], p0=0.5
        )[0][0]
        assert fitted == pytest.approx(share, abs=0.05)
        assert f"(serial share {fitted:.2f})" in law["name"]
        other = next(t for name, t in found.items() if name.startswith(f"{backend}/m, Gustafson"))
        slope = (other["y"][-1] - other["y"][0]) / (other["x"][-1] - other["x"][0])
        assert curves[f"{backend}/m"].gustafson.estimate == pytest.approx(1 - slope, abs=1e-5)


def test_efficiency_is_speed_up_over_partitions(tree):
    speed, found = traces(tree, "cluster-1-speedup"), traces(tree, "cluster-1-efficiency")
    for backend in SHARES:
        wanted = [s / n for n, s in zip(SIZES, speed[f"{backend}/m"]["y"], strict=True)]
        assert found[f"{backend}/m"]["y"] == pytest.approx(wanted)


def test_losses_show_the_lowest_and_the_highest_trial(study, tree):
    found = traces(tree, "cluster-0-loss")["elephas/m"]
    for place, size in enumerate(SIZES):
        last = [r.epochs.test_loss[-1] for r in of(study, "elephas", 1000, size)]
        assert found["y"][place] == pytest.approx(median(last))
        assert found["y"][place] + found["error_y"]["array"][place] == pytest.approx(max(last))
        assert found["y"][place] - found["error_y"]["arrayminus"][place] == pytest.approx(min(last))


def test_races_over_samples_have_logarithmic_axes_and_leave_out_who_never_arrives(study, tree):
    figure = pages.figure(tree, "races-0-training")
    assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"
    reached = {(r.contender, r.samples): r for r in scaling.races(study)}
    seen = 0
    for trace in figure["data"]:
        assert trace["x"] == list(SAMPLES)
        for samples, seconds in zip(trace["x"], trace["y"], strict=True):
            each = reached[trace["name"], samples]
            seen += seconds is not None
            assert (seconds is None) == math.isinf(each.seconds)
            assert seconds is None or seconds == pytest.approx(each.seconds)
    assert seen
    whole = pages.figure(tree, "races-0-whole")["data"]
    for one, other in zip(figure["data"], whole, strict=True):
        for a, b in zip(one["y"], other["y"], strict=True):
            assert a is None or b == pytest.approx(a + 2.0), "imports took two seconds"
    assert "not reached" in tree.one("section", id="cluster").text or seen == len(reached)


def test_one_size_of_the_training_set_is_a_table_and_no_chart(study):
    one = [r for r in study.records if r.workload == study.records[0].workload]
    tree = pages.rendered(pages.study(Path("/nowhere"), study.head, one))
    assert not tree.all("script", id="races-0-training-data")
    section = tree.one("section", id="cluster")
    assert "Time to the same loss" in [h.text for h in section.all("h3")]


def test_costs_are_stacked_by_role(study, tree):
    figure = pages.figure(tree, "cluster-cpu-0")
    assert figure["layout"]["barmode"] == "stack"
    labels = figure["layout"]["yaxis"]["ticktext"]
    for trace in figure["data"]:
        for label, seconds in zip(labels, trace["x"], strict=True):
            size = int(label.partition("spark:")[2][0])
            wanted = ROLES[trace["name"]] * size + 1.0 if trace["name"] in ROLES else 0.0
            assert seconds == pytest.approx(wanted)
    patterns = [trace["marker"]["pattern"]["shape"] for trace in figure["data"]]
    assert len(set(patterns)) == len(patterns), "told apart without colour"
    traffic = pages.figure(tree, "cluster-traffic-0")
    assert traffic["layout"]["xaxis"].get("type", "linear") == "linear", "bars begin at zero"
    moved = traffic["data"]
    assert [trace["name"] for trace in moved] == ["shuffle read"]
    assert sorted(set(moved[0]["x"])) == list(SIZES)


def test_one_block_and_two_sizes_are_enough_for_a_chart(study):
    few = [r for r in study.records if r.block == 1 and r.settings.get("partitions", 0) in {1, 2}]
    tree = pages.rendered(pages.study(Path("/nowhere"), study.head, list(few)))
    found = traces(tree, "cluster-0-speedup")
    assert found["elephas/m"]["x"] == [1, 2]
    assert len([t for t in pages.figure(tree, "cluster-0-speedup")["data"] if t.get("fill")]) == 0
    text = tree.one("section", id="cluster").text
    assert "Scaling on scaling-1000" in text


def test_a_share_that_leaves_no_time_is_not_drawn_there(study):
    """Speed-ups beyond the ideal give a negative serial share."""

    def faster(r: Record) -> Record:
        size = r.settings.get("partitions", 1)
        wall = (1.0 / size**2,) * len(r.epochs.wall)
        return replace(r, epochs=replace(r.epochs, wall=wall))

    rows: list[Any] = list(map(faster, study.records))
    tree = pages.rendered(pages.study(Path("/nowhere"), study.head, rows))
    found = traces(tree, "cluster-0-speedup")
    assert found["elephas/m"]["y"] == pytest.approx([1, 4, 16, 64])
    law = next(t for name, t in found.items() if "Amdahl" in name)
    assert all(math.isnan(y) or y > 0 for y in law["y"])


def test_hostile_names_stay_text(study):
    bad = "</script><b>x"
    rows: list[Any] = [
        replace(r, backend=bad, workload=bad, traffic={bad: 1} if r.traffic else {})
        for r in study.records
        if r.backend == "elephas"
    ]
    tree = pages.rendered(pages.study(Path("/nowhere"), study.head, rows))
    section = tree.one("section", id="cluster")
    assert not section.all("b")
    assert f"Scaling on {bad}" in section.text
    (name,) = [n for n in traces(tree, "cluster-0-efficiency") if n != "ideal"]
    assert name == "&lt;/script&gt;&lt;b&gt;x/m"
