"""Published studies of convolutional networks beside ours, and the suites that repeat them."""

from __future__ import annotations

import csv
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelfield import registry
from levelfield.errors import UserError
from levelfield.results import reproduce
from levelfield.results.record import Epochs, Record
from levelfield.results.reproductions import HOLDS, NOT, OPEN, published, reproductions
from levelfield.results.reproductions._shares import Shares, above, answer, known
from levelfield.results.reproductions.cnn_range import Sweeps
from levelfield.results.store import Head
from levelfield.results.study import Study
from levelfield.results.sweep import Sweep
from levelfield.spec import suite

ROOT = Path(__file__).parents[1]
SUITES = ("cnn-quick", "cnn-cifar10", "cnn-eurosat", "thesis-cnn", "thesis-cnn-range")
STEPS, BATCH = 80, 500
"""Of a made sweep: 8 epochs of 10 batches."""
NAMES = {"0.0001-0.01": "low", "0.01-0.1": "high"}
RATES = {"low": np.linspace(0.0001, 0.01, STEPS), "high": np.linspace(0.01, 0.1, STEPS)}


def record(workload: str, accuracy: float, repeat: int = 1, **facts) -> Record:
    return Record(**{
        "key": f"{workload}{repeat}", "workload": workload, "fingerprint": workload,
        "backend": "torch", "mode": "eager", "device": "cpu", "environment": "main",
        "repeat": repeat, "block": repeat, "position": 0, "status": "ok",
        "epochs": trained(2), "metrics": {"accuracy": (0.1, accuracy)}, **facts,
    })  # fmt: skip


def trained(count: int) -> Epochs:
    column = (1.0,) * count
    return Epochs(wall=column, user=column, system=column, loss=column, test_loss=column)


def study(*records: Record, **datasets: str) -> Study:
    head = Head(suite="s", created="", levelfield="", seed=0, repeats=1,
                workloads={name.replace("_", "-"): {"dataset": d} for name, d in datasets.items()},
                contenders=(), options={}, machine={})  # fmt: skip
    return Study(Path("nowhere"), head, records, ())


def sweep(workload: str, accuracy: float | np.ndarray, swept: str, seed: int = 0, **facts) -> Sweep:
    row = np.broadcast_to(accuracy, STEPS)
    return Sweep(**{
        "workload": workload, "fingerprint": "f", "optimizer": workload.split("-")[1],
        "backend": "torch", "mode": "eager", "device": "cpu", "environment": "main", "seed": seed,
        "status": "ok", "classes": 10, "batch": BATCH, "rates": tuple(RATES[swept].tolist()),
        "loss": (1.0,) * STEPS, "accuracy": tuple(row.tolist()), "test_loss": (1.0,) * 8,
        "test_accuracy": (*(0.1,) * 7, float(row[-1]) + 0.01), **facts,
    })  # fmt: skip


def ranges(adam: tuple[float, float], sgd: tuple[float, float], net: str = "B2FL4") -> list[Sweep]:
    """Sweeps of a network on CIFAR-10 whose batches all have one accuracy, low range first."""
    return [
        sweep(f"{net}-{name}-{swept}-cifar10", share, swept)
        for name, pair in (("adam", adam), ("sgd", sgd))
        for swept, share in zip(("low", "high"), pair, strict=True)
    ]


def told(*sweeps: Sweep) -> str:
    return reproduce.describe("thesis-cnn-range", Sweeps(Path("nowhere"), sweeps))


def line(text: str, *parts: str) -> str:
    (found,) = [row for row in text.splitlines() if all(part in row for part in parts)]
    return found


def test_the_studies_are_found_by_being_there():
    assert list(reproductions()) == [
        "thesis-autoencoders", "thesis-cnn", "thesis-cnn-range", "thesis-elephas",
    ]  # fmt: skip
    for name, made in reproductions().items():
        assert suite.find(name, registry.suites()).exists()
        assert made.verb in {"run", "lr-range"}
    with pytest.raises(
        UserError, match=r"unknown published study 'thesis-cn'.*thesis-autoencoders"
    ):
        reproduce.describe("thesis-cn", study())


# The suites.


def test_the_suites_are_what_their_script_writes(tmp_path):
    script = ROOT / "benchmarks" / "published_suites.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    written = list(tmp_path.glob("*.yaml"))
    assert {file.stem for file in written} == set(reproductions())
    for file in written:
        assert file.read_text() == (registry.suites() / file.name).read_text()


@pytest.mark.parametrize("name", SUITES)
def test_the_networks_fit_their_data(name):
    made = suite.load(registry.suites() / f"{name}.yaml")
    assert made.about
    for workload in made.workloads:
        source = registry.dataset(workload.dataset)
        workload.check_shapes(source.shape, len(source.classes))
        assert workload.labelled
        assert workload.steps(source.sizes[0]) > 1


def test_the_trainings_are_the_rows_of_the_table():
    made = suite.load(registry.suites() / "thesis-cnn.yaml")
    assert made.contenders == ("keras-tensorflow", "torch", "jax", "tensorflow")
    rows = published("cnn_extended_accuracy")
    assert len(made.workloads) == len(rows) == 10
    for workload, row in zip(made.workloads, rows, strict=True):
        net = f"B{row['blocks']}FL{row['first_filters']}"
        assert workload.name == f"{net}-{row['optimizer']}-{row['dataset']}"
        assert (workload.optimizer.kind, workload.dataset) == (row["optimizer"], row["dataset"])
        assert (workload.batch, workload.epochs, workload.preprocess) == (32, 50, "centred")
        assert workload.schedule.plain() == {
            "kind": "triangular2", "low": float(row["lr_low"]), "high": float(row["lr_high"]),
            "half_cycle": 4.0,
        }  # fmt: skip
        filters = [layer.filters for layer in workload.layers if layer.kind == "convolution"]
        blocks, first = int(row["blocks"]), int(row["first_filters"])
        assert filters == [first * 2**block for block in range(blocks) for _ in range(2)]
        assert set(workload.penalties().values()) == {0.01}


def test_the_range_tests_are_the_cells_of_the_tables():
    made = suite.load(registry.suites() / "thesis-cnn-range.yaml")
    names = {workload.name for workload in made.workloads}
    printed = {
        f"B{row['blocks']}FL{row['first_filters']}-{row['optimizer'].lower()}-"
        f"{NAMES[row['learning_rate_range']]}-{row['dataset']}"
        for row in published("cnn_range_test_accuracy")
    }
    assert len(made.workloads) == len(names) == 96
    assert names - printed == {"B2FL16-adam-high-eurosat"}  # printed as 3,16
    assert not printed - names
    one = next(w for w in made.workloads if w.name == "B2FL4-sgd-high-cifar10")
    assert one.schedule.plain() == {"kind": "linear", "low": 0.01, "high": 0.1, "epochs": 8}
    assert (one.epochs, one.batch, one.optimizer.kind) == (8, 32, "sgd")


def test_the_tables_hold_shares():
    for row in published("cnn_range_test_accuracy"):
        for name in ("best_batch_accuracy", "best_epoch_accuracy", "validation_accuracy"):
            assert 0.09 < float(row[name]) < 0.7
    with (registry.suites().parent / "published" / "cnn_extended_accuracy.csv").open() as file:
        assert all(
            60 < float(row["categorical_accuracy_percent"]) < 90 for row in csv.DictReader(file)
        )


# Shares and how far one is above another.


def test_how_far_one_share_is_above_another():
    """Two binomials, by hand: z sqrt(p (1 - p) / n + q (1 - q) / n)."""
    found = above(Shares(values=(0.6,), answers=10_000), Shares(values=(0.5,), answers=10_000))
    reach = 1.959964 * math.sqrt((0.6 * 0.4 + 0.5 * 0.5) / 10_000)
    assert found.estimate == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.1 - reach, 0.1 + reach), rel=1e-3)
    assert (found.units, answer(found)) == (1, HOLDS)


def test_trainings_that_differ_widen_it():
    one = Shares(values=(0.50, 0.70), answers=10_000)
    found = above(one, known(0.5))
    # Student's t with one degree of freedom: 12.706; deviation of the mean of two: 0.1.
    assert found.high - found.estimate == pytest.approx(12.7062 * 0.1, rel=1e-3)
    assert answer(found) == OPEN
    same = above(Shares(values=(0.6, 0.6, 0.6), answers=10_000), known(0.5))
    assert same.units == 3
    assert same.high - 0.1 == pytest.approx(1.959964 * math.sqrt(0.24 / 10_000), rel=1e-3)


def test_a_share_of_none_is_no_certainty():
    found = above(Shares(values=(0.0,), answers=10), Shares(values=(1.0,), answers=10))
    assert -1.5 < found.low < found.estimate == -1.0 < found.high < -0.5
    assert answer(found) == NOT


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.integers(2, 10**6),
)
def test_a_difference_turns_with_its_sides(one, other, count):
    sides = [Shares(values=tuple(values), answers=count) for values in (one, other)]
    there, back = above(*sides), above(*reversed(sides))
    assert there.low <= there.estimate <= there.high
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@pytest.mark.parametrize(("share", "answers"), [(0.1, 500), (0.5, 5400), (0.75, 10_000)])
def test_intervals_of_95_percent_hold_the_truth(share, answers):
    rng = np.random.default_rng(1)
    trials = 500
    held = 0
    for _ in range(trials):
        one, other = rng.binomial(answers, [share, share + 0.02]) / answers
        found = above(*(Shares(values=(float(s),), answers=answers) for s in (other, one)))
        held += found.low <= 0.02 <= found.high
    assert 0.92 <= held / trials <= 0.98


# Fifty epochs.


def test_accuracies_beside_the_published_ones():
    name = "B3FL8-adam-eurosat"
    text = reproduce.describe(
        "thesis-cnn",
        study(*(record(name, accuracy, n) for n, accuracy in enumerate((0.5, 0.8, 0.7)))),
    )
    assert line(text, name).split() == [
        name, "torch/eager", "83.59", "70.00", "3", "2", "5400",
    ]  # fmt: skip
    text = reproduce.describe(
        "thesis-cnn",
        study(record("B2FL32-adam-cifar10", 0.5, device="cuda"),
              B2FL32_adam_cifar10="cifar10:train=2000,test=500"),
    )  # fmt: skip
    assert line(text, "cifar10").split()[1:] == [
        "torch/eager@cuda",
        "73.82",
        "50.00",
        "1",
        "2",
        "500",
    ]


def test_what_is_not_the_published_training_says_so():
    whole = {"epochs": trained(50), "metrics": {"accuracy": (0.1,) * 50}}
    name, said = "B2FL32-adam-cifar10", "not the published ones of 50 epochs"
    assert said in reproduce.describe("thesis-cnn", study(record(name, 0.5)))
    assert said not in reproduce.describe("thesis-cnn", study(record(name, 0.5, **whole)))
    less = study(record(name, 0.5, **whole), B2FL32_adam_cifar10="cifar10:train=2000")
    assert said in reproduce.describe("thesis-cnn", less)
    said = "shorter than those published: 8 epochs"
    made = sweep("B2FL4-adam-low-cifar10", 0.4, "low")
    assert said in told(made)
    assert said not in told(replace(made, batch=5000))
    assert said in told(replace(made, batch=5000, test_accuracy=(0.4,) * 4))


def test_which_optimizer_is_better():
    """Published: Adam by 6.5 points with two blocks on CIFAR-10, by 8.51 with three."""
    rows = [record("B2FL32-adam-cifar10", 0.74), record("B2FL32-sgd-cifar10", 0.70)]
    rows += [record("B3FL32-adam-cifar10", 0.70), record("B3FL32-sgd-cifar10", 0.74)]
    text = reproduce.describe("thesis-cnn", study(*rows))
    found = line(text, "B2FL32-adam above B2FL32-sgd")
    assert ": holds (+4.00 points [+2.76, +5.24]; published +6.50)" in found
    assert ": does not hold (-4.00 points" in line(text, "B3FL32-adam above B3FL32-sgd")
    # Published: three blocks are better with Adam, worse with SGD; here the other way round.
    assert "more blocks are better, B3FL32-adam beside B2FL32-adam: does not hold" in text
    assert "more blocks are worse, B3FL32-sgd beside B2FL32-sgd: does not hold" in text
    best = line(text, "B3FL32-adam is best of all")
    assert "next: does not hold" in best
    assert "in all: 1 x holds, 4 x does not hold" in text


def test_no_difference_shown():
    rows = [record("B2FL32-adam-cifar10", 0.700), record("B2FL32-sgd-cifar10", 0.695)]
    text = reproduce.describe("thesis-cnn", study(*rows))
    assert "no difference shown (+0.50 points [-0.77, +1.77]" in line(text, "above")
    few = {"B2FL32_adam_cifar10": "cifar10:test=100", "B2FL32_sgd_cifar10": "cifar10:test=100"}
    rows = [record("B2FL32-adam-cifar10", 0.74), record("B2FL32-sgd-cifar10", 0.70)]
    assert "no difference shown" in reproduce.describe("thesis-cnn", study(*rows, **few))


def test_networks_of_four_blocks_are_compared_though_their_filters_differ():
    """Published: SGD by 1.56 points, Adam with 16 first filters and SGD with 8."""
    rows = [record("B4FL16-adam-eurosat", 0.6), record("B4FL8-sgd-eurosat", 0.8)]
    text = reproduce.describe("thesis-cnn", study(*rows))
    assert "B4FL8-sgd above B4FL16-adam: holds (+20.00" in text
    assert "published +1.56" in text
    assert "best of all" not in text  # the published best is not here


def test_contenders_are_told_apart_and_bad_trials_left_out():
    rows = [record("B2FL32-adam-cifar10", 0.74), record("B2FL32-sgd-cifar10", 0.70, mode="compile")]
    rows += [record("B2FL32-sgd-cifar10", 0.7, status="failed")]
    rows += [record("B3FL32-sgd-cifar10", math.nan), record("mine", 0.7)]
    rows += [record("B3FL32-adam-cifar10", 0.7, metrics={})]
    text = reproduce.describe("thesis-cnn", study(*rows))
    assert "above" not in text
    assert len(re.findall(r"^B\dFL", text, re.MULTILINE)) == 2
    with pytest.raises(UserError, match="nothing in this study was published"):
        reproduce.describe("thesis-cnn", study(*rows[2:]))


# Range tests.


def test_the_finding_holds():
    text = told(*ranges(adam=(0.44, 0.10), sgd=(0.36, 0.42)))
    row = line(text, "adam", "0.0001-0.01", "torch/eager", "x 8 x")
    assert row.split()[:5] == ["B2FL4", "cifar10", "adam", "0.0001-0.01", "torch/eager"]
    assert row.split()[5:11] == ["45.0", "44.0", "44.1", "44.0", "45.4", "45.0"]
    assert row.endswith("1 x 8 x 5000")
    assert (
        "cifar10, B2FL4, torch/eager: Adam learns in 0.0001-0.01 and stalls in 0.01-0.1: holds "
        "(best epoch 44.0 and 10.0 %; published 44.1 and 10.0 %)"
    ) in text
    assert (
        "SGD does better in 0.01-0.1 than in 0.0001-0.01: holds "
        "(best epoch 36.0 and 42.0 %; published 36.4 and 42.1 %)"
    ) in text
    assert "in all: 1 x adam: holds, 1 x sgd: holds" in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.44, 0.40, NOT),  # it learns there too
        (0.10, 0.10, NOT),  # it learns nowhere
        (0.125, 0.10, OPEN),  # of 5,000 answers, 0.12 is too near
        (0.44, 0.122, OPEN),
        (0.44, 0.11, HOLDS),
    ],
)
def test_whether_adam_learns_and_stalls(low, high, said):
    text = told(*ranges(adam=(low, high), sgd=(0.4, 0.4)))
    assert f"stalls in 0.01-0.1: {said} (" in text
    assert "than in 0.0001-0.01: no difference shown (" in text


def test_sgd_the_other_way_round():
    """As the thesis' own table has it for four blocks."""
    text = told(*ranges(adam=(0.1, 0.1), sgd=(0.17, 0.12), net="B4FL4"))
    assert "than in 0.0001-0.01: does not hold (best epoch 17.0 and 12.0 %; published 16.9" in text


def test_medians_over_seeds_and_their_spread():
    low = [sweep("B2FL4-sgd-low-cifar10", s, "low", n) for n, s in enumerate((0.3, 0.4, 0.35))]
    high = [sweep("B2FL4-sgd-high-cifar10", s, "high", n) for n, s in enumerate((0.3, 0.4, 0.37))]
    text = told(*low, *high, low[0])
    row = line(text, "0.01-0.1  ", "x 8 x")
    assert row.split()[5:11] == ["44.7", "37.0", "42.1", "37.0", "44.3", "38.0"]
    assert "3 x 8 x 5000" in line(text, "0.0001-0.01", "x 8 x")  # a seed counts once
    assert "than in 0.0001-0.01: no difference shown" in text


def test_the_best_epoch_and_the_best_batch():
    shares = np.full(STEPS, 0.1)
    shares[30:40] = 0.5  # the fourth epoch
    shares[72:75] = 0.9
    text = told(sweep("B2FL4-adam-low-cifar10", shares, "low"))
    # A twentieth of 80 steps is 4: windows of 5. The last epoch: (3 x 0.9 + 7 x 0.1) / 10.
    best = (3 * 0.9 + 2 * 0.1) / 5
    assert line(text, "x 8 x").split()[5:11] == ["45.0", f"{100 * best:.1f}", "44.1", "50.0",
                                                 "45.4", "11.0"]  # fmt: skip
    assert "No network was swept in both" in text


def test_accuracies_that_were_taken_now_and_then():
    shares = np.full(STEPS, math.nan)
    shares[::5] = 0.4
    text = told(sweep("B3FL4-sgd-low-cifar10", shares, "low", test_accuracy=(0.41,) * 8))
    assert line(text, "x 8 x").split()[5:11] == ["28.1", "40.0", "27.8", "40.0", "28.2", "41.0"]


def test_a_sweep_that_diverged_is_at_chance_from_there_on():
    loss, shares = np.ones(STEPS), np.full(STEPS, 0.3)
    loss[25:], shares[25:] = math.nan, math.nan
    lost = sweep("B2FL4-sgd-high-cifar10", shares, "high", loss=tuple(loss.tolist()),
                 test_accuracy=(0.3, 0.3))  # fmt: skip
    text = told(lost)
    row = line(text, "diverged")
    assert row.split()[5:11] == ["44.7", "30.0", "42.1", "30.0", "44.3", "10.0"]
    assert row.endswith("1 x 8 x 5000, 1 diverged")
    first = sweep("B2FL4-sgd-high-cifar10", [0.3] + [math.nan] * 79, "high", test_accuracy=(),
                  loss=(1.0,) + (math.nan,) * 79)  # fmt: skip
    assert line(told(first), "diverged").split()[8:11] == ["12.0", "44.3", "10.0"]


def test_only_the_published_ranges_count():
    odd = tuple(np.geomspace(0.0001, 0.01, STEPS).tolist())
    rows = [
        sweep("B2FL4-adam-low-cifar10", 0.4, "low", rates=odd),
        sweep("B2FL4-adam-low-cifar10", 0.4, "low", status="failed"),
        sweep("B2FL4-adam-low-cifar10", math.nan, "low"),
        sweep("B2FL4-adam-low-mnist", 0.4, "low"),
        sweep("digits-adam", 0.4, "low"),
        replace(sweep("B2FL4-adam-low-cifar10", 0.4, "low"), rates=(), loss=(), accuracy=()),
    ]
    with pytest.raises(UserError, match="nothing in this study was published"):
        told(*rows)
    # What was swept goes before what the workload is called.
    assert "0.01-0.1 " in line(told(sweep("B2FL4-adam-low-cifar10", 0.4, "high")), "x 8 x")


def test_a_cell_that_was_not_printed():
    text = told(*(sweep(f"B2FL16-adam-{s}-eurosat", 0.1, s) for s in ("low", "high")))
    assert line(text, "0.01-0.1  ", "x 8 x").split()[5:11] == [
        "-",
        "10.0",
        "-",
        "10.0",
        "-",
        "11.0",
    ]
    assert "published 61.8 and - %" in text


def test_folders_of_sweeps(tmp_path):
    made = ranges(adam=(0.44, 0.10), sgd=(0.36, 0.42))
    for place in ("low", "high"):
        (tmp_path / place).mkdir()
        rows = [s for s in made if f"-{place}-" in s.workload]
        (tmp_path / place / "sweeps.jsonl").write_text("".join(s.line() + "\n" for s in rows))
    (tmp_path / "other").mkdir()
    text = reproduce.of_folder("thesis-cnn-range", tmp_path)
    assert text == told(*made)
    assert "No network was swept" in reproduce.of_folder("thesis-cnn-range", tmp_path / "low")
    with pytest.raises(UserError, match="a folder that `levelfield lr-range` wrote"):
        reproduce.of_folder("thesis-cnn-range", tmp_path / "other")
