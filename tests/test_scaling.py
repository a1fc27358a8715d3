"""Speed-up, the laws of Amdahl and Gustafson, and the published study beside ours."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelfield import registry
from levelfield.errors import UserError
from levelfield.results import reproduce
from levelfield.results.record import Epochs, Record
from levelfield.results.scaling import amdahl, curves, gustafson, races, time_to
from levelfield.results.store import Head
from levelfield.results.study import Study
from levelfield.spec import suite

SIZES = st.sets(st.integers(2, 64), min_size=1, max_size=6)
ROOT = Path(__file__).parents[1]


def record(
    workload: str,
    backend: str,
    device: str = "cpu",
    block: int = 1,
    *,
    wall: float = 1.0,
    user: float = 1.0,
    loss: float = 0.1,
    losses: tuple[float, ...] = (),
    **facts,
) -> Record:
    count = max(6, len(losses))
    return Record(
        key=f"{workload}{backend}{device}{block}", workload=workload, fingerprint=workload,
        backend=backend, mode="m", device=device, environment="main", repeat=block, block=block,
        position=0, status="ok",
        epochs=Epochs(wall=(9.0,) + (wall,) * (count - 1), user=(9.0,) + (user,) * (count - 1),
                      system=(0.0,) * count, loss=(loss,) * count,
                      test_loss=losses or (loss,) * count),
        **facts,
    )  # fmt: skip


def study(*records: Record) -> Study:
    head = Head(suite="s", created="", levelfield="", seed=0, repeats=1, workloads={},
                contenders=(), options={}, machine={})  # fmt: skip
    return Study(Path("nowhere"), head, records, ())


@given(SIZES, st.floats(0, 1))
def test_the_laws_find_their_own_share(sizes, share):
    """Made by each law's own formula, without noise."""
    by_amdahl = {n: share + (1 - share) / n for n in sizes}
    assert amdahl(by_amdahl.items()) == pytest.approx(share, abs=1e-9)
    by_gustafson = {n: 1 / (n - share * (n - 1)) for n in sizes}
    assert gustafson(by_gustafson.items()) == pytest.approx(share, abs=1e-9)


def test_curves_of_a_study():
    blocks, share = (1, 2, 3), 0.3
    times = {n: share + (1 - share) / n for n in (1, 2, 4)}
    luck = {1: 1.0, 2: 1.1, 3: 0.9}
    rows = [
        record("w", "elephas", f"spark:{n}x1", block, wall=10 * t * luck[block], user=10 * n)
        for block in blocks
        for n, t in times.items()
    ]
    rows += [record("w", "torch", block=b) for b in blocks]
    rows += [record("w", "lonely", "spark:1x1"), record("v", "lonely", "spark:2x1")]
    (curve,) = curves(study(*rows))
    assert (curve.workload, curve.contender) == ("w", "elephas/m")
    assert [p.partitions for p in curve.points] == [1, 2, 4]
    for point in curve.points[1:]:
        assert point.speedup is not None
        assert point.speedup.estimate == pytest.approx(1 / times[point.partitions])
        assert point.efficiency == pytest.approx(1 / times[point.partitions] / point.partitions)
        assert point.cpu == pytest.approx(10 * point.partitions)
    assert curve.amdahl is not None
    assert curve.amdahl.estimate == pytest.approx(share)
    assert (curve.amdahl.low, curve.amdahl.high) == (pytest.approx(share), pytest.approx(share))


def test_clusters_of_as_many_partitions_are_points_of_their_own():
    walls = {"1x1": 8.0, "2x1": 5.0, "1x2": 4.0, "1x1x2g": 10.0}
    rows = [
        record("w", "elephas", f"spark:{shape}", block, wall=wall)
        for block in (1, 2)
        for shape, wall in walls.items()
    ]
    (curve,) = curves(study(*rows))
    found = [(p.partitions, p.cluster, p.seconds, p.speedup) for p in curve.points]
    assert [each[:2] for each in found] == [(1, "1x1"), (1, "1x1x2g"), (2, "2x1"), (2, "1x2")]
    assert [each[2] for each in found] == pytest.approx([8.0, 10.0, 5.0, 4.0])
    assert found[0][3] is None
    assert [each[3].estimate for each in found[1:]] == pytest.approx([0.8, 1.6, 2.0])
    # least squares over both: 5/8 - 1/2 and 4/8 - 1/2, each over 1 - 1/2
    assert curve.amdahl.estimate == pytest.approx((0.25 + 0.0) / 2)


def test_environments_have_curves_of_their_own():
    rows = [record("w", "elephas", f"spark:{n}x1", wall=1 / n) for n in (1, 2)]
    again = [replace(r, environment="other") for r in rows]
    assert [c.contender for c in curves(study(*rows))] == ["elephas/m"]
    found = curves(study(*rows, *again))
    assert [c.contender for c in found] == ["elephas/m [main]", "elephas/m [other]"]
    assert [[p.cluster for p in c.points] for c in found] == [["", ""], ["", ""]]


def test_the_time_to_a_loss_by_hand():
    assert time_to((2.0, 4.0, 4.0), (0.5, 0.3, 0.1), 0.5) == 2.0
    assert time_to((2.0, 4.0, 4.0), (0.5, 0.3, 0.1), 0.4) == pytest.approx(4.0)
    assert time_to((2.0, 4.0, 4.0), (0.5, 0.3, 0.1), 0.1) == pytest.approx(10.0)
    assert time_to((2.0, 4.0), (0.5, 0.6), 0.1) == math.inf


def test_time_to_the_same_loss_beside_one_process():
    falling = tuple(1 - 0.1 * n for n in range(6))
    rows = [record("w", "torch", losses=falling, samples=100)]
    rows += [record("w", "elephas", "spark:1x1", losses=falling, wall=2.0, samples=100)]
    rows += [record("w", "poor", "spark:1x1", losses=(0.9,) * 6, samples=100)]
    rows += [record("alone", "torch", losses=falling, samples=10)]
    found = {each.contender: each for each in races(study(*rows))}
    assert {each.workload for each in found.values()} == {"w"}
    assert {each.target for each in found.values()} == {0.9}
    assert found["torch/m"].seconds == pytest.approx(10.0)
    assert found["torch/m"].ratio == 1.0
    assert found["elephas/m@spark:1x1"].seconds == pytest.approx(11.0)
    assert found["elephas/m@spark:1x1"].ratio == pytest.approx(1.1)
    assert found["poor/m@spark:1x1"].seconds == 9.0


STEPS = (0.9,) * 5


def test_of_an_even_number_of_trials_the_one_that_sets_the_target_is_timed_too():
    rows = [record("w", "torch", losses=(*STEPS, 0.5), wall=1.0)]
    rows += [record("w", "elephas", "spark:1x1", losses=(*STEPS, 0.8), block=1)]
    rows += [record("w", "elephas", "spark:1x1", losses=(*STEPS, 0.86), block=2)]
    rows += [record("w", "lost", losses=(*STEPS, math.nan))]
    found = {each.contender: each for each in races(study(*rows))}
    assert {each.target for each in found.values()} == {0.86}
    last, first = found["elephas/m@spark:1x1"].spread[::-1]
    assert last == pytest.approx(found["elephas/m@spark:1x1"].seconds * 2 - first)
    assert math.isfinite(last)
    assert found["lost/m"].seconds == math.inf


def test_what_was_run_goes_before_what_was_asked_for():
    rows = [
        record("w", "elephas", "spark:4x4x16g/fit", settings={"partitions": 2}),
        record("w", "elephas", "spark:1x1"),
    ]
    (curve,) = curves(study(*rows))
    assert [point.partitions for point in curve.points] == [1, 2]
    assert curve.amdahl is not None
    assert curve.amdahl.low is None


def test_the_suites_are_what_their_script_writes(tmp_path):
    script = ROOT / "benchmarks" / "published_suites.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    for name in ("thesis-autoencoders", "thesis-elephas"):
        assert (tmp_path / f"{name}.yaml").read_text() == (
            registry.suites() / f"{name}.yaml"
        ).read_text()


def test_the_published_experiments():
    found = suite.load(registry.suites() / "thesis-autoencoders.yaml")
    assert len(found.workloads) == 44
    (five,) = suite.only(found, ["VIII-fashion_mnist"]).workloads
    assert (five.batch, five.schedule.rate, five.optimizer.kind) == (500, 0.0001, "adam")
    assert [layer.units for layer in five.layers] == [
        1000,
        500,
        250,
        125,
        32,
        125,
        250,
        500,
        1000,
        784,
    ]
    assert [w.name for w in suite.only(found, ["VII"]).workloads] == [
        "VII-mnist",
        "VII-fashion_mnist",
    ]
    with pytest.raises(UserError, match=r"--only: unknown workload 'VIIII'"):
        suite.only(found, ["VIIII"])
    with (registry.suites().parent / "published" / "autoencoder_experiments.csv").open() as file:
        rows = {row["experiment"]: row for row in csv.DictReader(file)}
    assert {w.name.rpartition("-")[0] for w in found.workloads} == set(rows)


def test_orderings_hold_or_not():
    """Published for VII on MNIST: Keras on Theano uses least user time of the four."""
    with (registry.suites().parent / "published" / "autoencoder_user_seconds.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "mnist"]
    published = {(row["experiment"], row["library"]): row["user_seconds"] for row in rows}
    libraries = [library for experiment, library in published if experiment == "VII"]
    first = min(libraries, key=lambda name: float(published["VII", name]))
    other = next(name for name in libraries if name != first)
    same = [record("VII-mnist", n, user=1.0 if n == first else 2.0) for n in libraries]
    text = reproduce.describe("thesis-autoencoders", study(*same))
    assert f"VII-mnist: {first} uses least user time: holds" in text
    assert f"{float(published['VII', first]) / 1000:.4f}" in text
    turned = [record("VII-mnist", n, user=1.0 if n == other else 2.0) for n in libraries]
    text = reproduce.describe("thesis-autoencoders", study(*turned))
    assert f"does not hold ({other} does here, {first} uses 2.00x" in text


def test_losses_and_what_does_not_learn():
    rows = [record("VII-mnist", "torch", loss=0.01), record("I-mnist", "torch", loss=0.2)]
    rows += [record("II-mnist", "torch", loss=0.02), record("VII-mnist", "theano")]
    text = reproduce.describe("thesis-autoencoders", study(*rows))
    assert "mnist, torch: VII has the lowest loss: holds" in text
    assert "mnist, torch: I does not learn: holds (its loss is 20.0 times VII's)" in text
    assert "mnist, torch: II does not learn: does not hold" in text


def test_clusters_beside_the_published_ones():
    device = "spark:4x4x16g/fit"
    settings = {"executors": 2, "cores of an executor": 1}
    rows = [record("VII-mnist", "elephas", device, wall=3.0, settings=settings,
                   losses=(0.05, 0.02, 0.03))]  # fmt: skip
    text = reproduce.describe("thesis-elephas", study(*rows))
    row = next(line for line in text.splitlines() if line.startswith("4/16 "))
    assert row.split() == ["4/16", "mnist", "2x1", "7.37", "3.00"]
    assert "4/16 on mnist: its error rises with the epochs: holds (+50%)" in text
    assert math.isclose(7374 / 1000, 7.374)


def test_a_study_of_something_else():
    with pytest.raises(UserError, match="nothing in this study was published"):
        reproduce.describe("thesis-autoencoders", study(record("mine", "torch")))
