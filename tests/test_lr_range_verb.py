"""`levelfield lr-range` and `explore` as a user runs them, on a classifier that trains at once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from running import Place

from levelfield.errors import UserError
from levelfield.results.sweep import Sweep, read_sweeps
from levelfield.spec import suite

SUITE = """\
suite: tiny
repeats: 1
timeout: 120
contenders: [numpy]
workloads:
  - name: tiny
    dataset: digits
    preprocess: centred
    layers:
      - {kind: dense, units: 32, activation: relu, kernel: glorot_normal, bias: zeros}
      - {kind: dense, units: 10, activation: softmax, kernel: glorot_normal, bias: zeros}
    loss: categorical_crossentropy
    optimizer: {kind: sgd, momentum: 0.0, nesterov: false}
    schedule: {kind: constant, rate: 0.1}
    batch: 25
    epochs: 2
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tiny.yaml").write_text(SUITE, encoding="utf-8")
    return Place(tmp_path)


def swept(place, *words, verb="lr-range"):
    path, out = str(place.folder / "tiny.yaml"), str(place.folder / "ranges")
    return place.call(verb, path, "--out", out, "--seeds", "2", "--sweep", "4", *words)


def test_a_range_test_leaves_sweeps_curves_and_a_suite(place):
    done = swept(place, "--low", "1e-4", "--high", "10", "--every", "2")
    assert done.returncode == 0, done.stderr
    folder = place.folder / "ranges"
    sweeps = read_sweeps(folder)
    assert [(s.seed, s.status, s.optimizer) for s in sweeps] == [(0, "ok", "sgd"), (1, "ok", "sgd")]
    for sweep in sweeps:
        assert len(sweep.rates) == len(sweep.loss) == 4 * 60
        assert sweep.rates[0] == pytest.approx(1e-4)
        assert sweep.rates[-1] == pytest.approx(10.0)
        assert np.isfinite(sweep.accuracy[::2]).sum() > 60
        assert np.isnan(sweep.accuracy[1::2]).all()
        assert sweep.verification.status == "passed"
        assert 0 < sweep.seconds["train"] < sweep.seconds["sweep"]
    # at rates where nothing is learnt yet the loss is that of guessing, or a little more
    assert np.mean(sweeps[0].loss[:20]) == pytest.approx(np.log(10), rel=0.25)
    assert max(s.accuracy[n] for s in sweeps for n in range(0, 240, 2)) > 0.7
    assert (folder / "ranges.html").stat().st_size > 5e5, "charts need their library"
    made = suite.load(folder / "cyclical.yaml")
    (workload,) = made.workloads
    rates = workload.schedule.plain()
    assert rates["kind"] == "triangular2"
    assert 1e-4 <= rates["low"] < rates["high"] <= 10
    assert workload.epochs == 50
    assert "starts to climb" in done.stdout
    again = swept(place)
    assert again.returncode == 2
    assert "there is a range test here already" in again.stderr


def test_what_never_learns_leaves_no_suite(place):
    done = swept(place, "--low", "1e-9", "--high", "1e-8")
    assert done.returncode == 1
    assert "never learns" in done.stdout
    assert "no configuration learns in this range" in done.stdout
    assert not (place.folder / "ranges" / "cyclical.yaml").exists()


def test_explore_trains_what_learns_with_each_optimizer(place):
    words = ("--low", "1e-4", "--high", "5", "--optimizers", "sgd,adam", "--long", "2")
    done = swept(place, *words, "--keep", "1", verb="explore")
    assert done.returncode == 0, done.stderr
    folder = place.folder / "ranges"
    assert {s.workload for s in read_sweeps(folder)} == {"tiny-sgd", "tiny-adam"}
    lines = (folder / "study" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    trials = [json.loads(line) for line in lines if '"type":"trial"' in line]
    assert [(trial["status"], len(trial["epochs"]["loss"])) for trial in trials] == [("ok", 2)]
    assert "ms an epoch" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--low", "0.1", "--high", "0.01"), "rates above zero, the first the lower one"),
        (("--optimizers", "adamm"), "unknown optimizer 'adamm'"),
    ],
)
def test_bad_words_are_told(place, words, message):
    done = swept(place, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sweep_comes_back_from_its_line(tmp_path):
    sweep = Sweep(
        workload="w", fingerprint="f", optimizer="sgd", backend="b", mode="m", device="cpu",
        environment="main", seed=3, status="ok", classes=10, batch=5, rates=(0.1, 0.2),
        loss=(2.0, float("nan")), accuracy=(0.5, float("nan")), seconds={"train": 1.0},
    )  # fmt: skip
    path = tmp_path / "sweeps.jsonl"
    path.write_text(sweep.line() + "\n" + sweep.line()[:30], encoding="utf-8")
    (seen,) = read_sweeps(tmp_path)
    assert (seen.rates, seen.seed, seen.seconds) == (sweep.rates, 3, sweep.seconds)
    assert np.isnan(seen.loss[1])
    with pytest.raises(UserError, match="cannot be read"):
        read_sweeps(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b'{"workload": "\xff\xfe"}', "not a record (UnicodeDecodeError("),
        (b'{"rates": 1', "not a record (JSONDecodeError("),
        (b"{}", "not a record (KeyError("),
        (b'{"schema": 2, "type": "sweep"}', "written with schema 2"),
        (b'{"schema": 1, "type": "sweep", "rates": 1}', "not a sweep's record: "),
    ],
)
def test_a_line_that_is_no_sweep_is_told_with_its_place(tmp_path, bad, said):
    path = tmp_path / "sweeps.jsonl"
    path.write_bytes(bad + b"\n" + bad)
    with pytest.raises(UserError) as error:
        read_sweeps(tmp_path)
    assert str(error.value).startswith(f"{path}:1: {said}")
