"""Whoever computes something else is found out, at the level that it goes wrong; nobody else is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from running import ADAPTERS, Place, pick

from levelfield import registry
from levelfield.results.record import Figure
from levelfield.verify import levels, semantics
from levelfield.verify.tolerances import LEVELS, TOLERANCES

WRONG = {
    "lazy": {"barrier"},
    "skipper": {"optimizer", "epoch"},
    "wrong-gradient": {"gradient"},
    "wrong-epsilon": {"optimizer"},
    "wrong-precision": {"forward", "optimizer"},
    "wrong-shapes": {"forward", "optimizer"},
    "forgetful": {"optimizer"},
    "shuffler": {"optimizer", "epoch"},
    "one-rate": {"optimizer", "epoch"},
    "wrong-mean": {"epoch"},
}
"""By adapter: the levels that must fail."""
TOUCHED = {"wrong-precision": {"gradient", "epoch"}, "wrong-epsilon": {"epoch"}}
"""By adapter: levels that may fail too, by as much as the first one spoils them."""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Place:
    """One study of all who are wrong, of those who are right, and of the reference itself."""
    place = Place(tmp_path_factory.mktemp("wrong"))
    right = place.folder / "all.py"
    path = pick(place.folder, "wrong", *WRONG, "wrong-layout", "unlucky", "keeping")
    lines = (
        f"from levelfield import registry\nclass Mine(registry.adapter('mine', {GOOD!r})): pass\n"
    )
    right.write_text(Path(path).read_text() + lines)
    done = place.run("--backend", str(right), "--backends", "numpy")
    assert done.returncode == 0, done.stderr
    return place


GOOD = str(ADAPTERS / "good.py")


def failed(record) -> set[str]:
    return {figure.level for figure in record.verification.figures if not figure.passed}


@pytest.mark.parametrize("name", WRONG)
def test_the_wrong_fail_at_their_level(study, name):
    record = study.by_name()[name]
    assert record.verification.status == "failed"
    assert WRONG[name] <= failed(record) <= WRONG[name] | TOUCHED.get(name, set())
    for level in WRONG[name]:
        figures = [f for f in record.verification.figures if f.level == level]
        assert any(math.isnan(f.value) or f.value > 2 * f.limit for f in figures)
        assert all(f.limit <= 10 * TOLERANCES["float32"][level] for f in figures)


@pytest.mark.parametrize("name", [*WRONG, "wrong-layout"])
def test_the_wrong_are_not_timed(study, name):
    record = study.by_name()[name]
    assert record.status == "failed"
    assert record.reason.startswith("verification failed: ")
    assert (record.total, record.phases, record.epochs.wall) == (None, {}, ())
    if name in WRONG:
        first = next(f for f in record.verification.figures if not f.passed)
        assert first.level in WRONG[name]
        assert f"not the same computation: {first.level} ({first.part}): " in record.reason


def test_a_meaning_that_should_have_been_declared_is_named(study):
    told = "it is the computation that semantics = {'adam.epsilon': 'before correction'} declares"
    reasons = {name: study.by_name()[name].reason for name in WRONG}
    assert reasons.pop("wrong-epsilon").endswith(f"; {told}")
    assert not [name for name, reason in reasons.items() if "declares" in reason]


def test_the_reasons_tell_figures_and_limits(study):
    records = study.by_name()
    gradient = next(
        f for f in records["wrong-gradient"].verification.figures if f.level == "gradient"
    )
    assert gradient.value == pytest.approx(1e-3, rel=0.01)
    assert gradient.limit == 1e-4
    text = "gradient (layer1/kernel): 0.001 > 0.0001"
    assert text in records["wrong-gradient"].reason
    shapes = records["wrong-shapes"]
    assert "forward (full batch): not a number, or not the shape expected" in shapes.reason
    assert math.isnan(shapes.verification.figures[0].value)
    assert "weights() gave (8, 64) for layer1/kernel, expected (64, 8)" in (
        records["wrong-layout"].reason
    )


def test_a_stale_model_is_seen_by_the_change_of_its_outputs(study):
    (figure,) = [f for f in study.by_name()["forgetful"].verification.figures if not f.passed]
    assert (figure.level, figure.part) == ("optimizer", levels.OUTPUTS)
    assert figure.value == pytest.approx(1.0)


def test_the_right_pass_and_are_timed(study):
    records = study.by_name()
    for name in ("numpy", "mine", "unlucky", "keeping"):
        record = records[name]
        assert (record.status, record.verification.status, record.reason) == ("ok", "passed", "")
        levels = {figure.level for figure in record.verification.figures}
        assert levels == set(LEVELS) - {"distributed", "random"}
        for figure in record.verification.figures:
            tolerance = TOLERANCES["float32"][figure.level]
            assert figure.passed
            assert tolerance <= figure.limit <= 10 * tolerance
        assert record.total.wall > sum(record.epochs.wall) > 0
    assert records["mine"].epochs.loss == pytest.approx(records["numpy"].epochs.loss, rel=1e-5)


def test_the_command_verifies_an_adapter_from_a_file(tmp_path):
    place = Place(tmp_path)
    done = place.call("verify", place.suite(), "--backend", GOOD)
    assert done.returncode == 0, done.stderr
    head, rule, row = done.stdout.splitlines()[1:4]
    assert head.split() == ["contender", *LEVELS, "verdict"]
    assert set(rule) == {"-", " "}
    assert row.startswith("mine/plain")
    assert row.endswith("passed")
    again = place.call("verify", place.suite(), "--backend", GOOD)
    assert "passed (known from before)" in again.stderr
    assert again.stdout == done.stdout
    fresh = place.call("verify", place.suite(), "--backend", GOOD, "--fresh")
    assert "known from before" not in fresh.stderr
    assert not place.scratch()


def test_the_command_tells_who_is_wrong_and_who_cannot(tmp_path):
    place = Place(tmp_path)
    wrong = pick(tmp_path, "wrong", "wrong-mean")
    done = place.call("verify", place.suite(), "--backend", wrong)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "wrong-mean/numpy: not the same computation: epoch (loss)" in done.stdout
    words = ("--backend", GOOD, "--set", "loss=binary_crossentropy")
    done = place.call("verify", place.suite(), *words)
    assert done.returncode == 3
    assert "mine/plain: mine knows the mean squared error, Adam and SGD" in done.stdout
    assert done.stdout.count("unverified") == 1
    told = "levelfield: nothing was verified: mine knows the mean squared error, Adam and SGD"
    assert done.stderr.splitlines()[-1] == told
    assert not list(place.verdicts.glob("*")) or wrong not in done.stdout


ABSENT = """\
from levelfield import registry
class Absent(registry.adapter("numpy")):
    name, packages = "absent", ("no-such-package",)
class AbsentToo(Absent):
    name = "absent-too"
"""


def test_what_cannot_be_verified_is_no_success_alone_and_no_failure_beside_others(tmp_path):
    place, path = Place(tmp_path), tmp_path / "absent.py"
    path.write_text(ABSENT)
    done = place.call("verify", place.suite(), "--backend", str(path))
    assert done.returncode == 3
    assert done.stdout.count("unverified") == 2
    told = "levelfield: nothing was verified: not installed: no-such-package"
    assert done.stderr.splitlines()[-1] == told
    done = place.call("verify", place.suite(), "--backend", str(path), "--backends", "numpy")
    assert done.returncode == 0
    assert (done.stdout.count("passed"), done.stdout.count("unverified")) == (1, 2)
    assert "nothing was verified" not in done.stderr


SATURATED = """\
suite: saturated
contenders: [numpy, torch, jax]
workloads:
  - name: {optimizer}
    dataset: digits
    samples: 300
    layers:
{layers}
    loss: mean_squared_error
    optimizer: {{{constants}}}
    schedule: {{kind: constant, rate: {rate}}}
    batch: 64
    epochs: 1
"""
UNIFORM = "{{kind: dense, units: {}, activation: sigmoid, kernel: uniform_0_1, bias: uniform_0_1}}"
CONSTANTS = {
    "sgd": ("kind: sgd, momentum: 0.0, nesterov: false", 0.1),
    "adam": ("kind: adam, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7", 0.001),
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", CONSTANTS)
def test_vanishing_gradients_are_no_failure(tmp_path, optimizer):
    """The thesis' own network: sigmoids throughout, weights uniform from 0 to 1, all saturated."""
    place, path = Place(tmp_path), tmp_path / "saturated.yaml"
    layers = "\n".join(f"      - {UNIFORM.format(n)}" for n in (100, 50, 25, 50, 100, 64))
    constants, rate = CONSTANTS[optimizer]
    path.write_text(
        SATURATED.format(optimizer=optimizer, layers=layers, constants=constants, rate=rate)
    )
    done = place.call("verify", str(path))
    assert done.returncode == 0, done.stdout
    rows = [line for line in done.stdout.splitlines() if line.endswith("passed")]
    assert [row.split("/")[0] for row in rows] == ["numpy", "torch", "jax"]


# --- figures and words -------------------------------------------------------------------------


def test_errors_by_hand():
    ones = np.ones(4)
    assert levels.error(ones * 1.5, ones, floor=0.0) == 0.5
    assert levels.error(ones, ones, floor=0.0) == 0.0
    assert levels.error(np.full(4, 1e-9), np.zeros(4), floor=1.0) == pytest.approx(2e-9)
    assert math.isnan(levels.error(np.ones(3), ones, floor=0.0))
    assert math.isnan(levels.error(np.array([1, 1, 1, math.nan]), ones, floor=0.0))
    assert not Figure(level="x", part="", value=math.nan, limit=1.0).passed
    assert not Figure(level="x", part="", value=math.inf, limit=1.0).passed


def test_a_limit_is_ten_times_the_worst_yardstick_and_what_is_shaken_harder_counts_less():
    expected = {("gradient", "a"): np.array([3.0, 4.0])}

    def limit(**off):
        given = {int(n[1:]): {("gradient", "a"): np.array([3.0, 4.0 + e])} for n, e in off.items()}
        (figure,) = levels.figures(
            expected, expected, given, precision="float32", floors=expected_floor
        )
        return figure.limit

    expected_floor = {("gradient", "a"): np.zeros(())}
    soft, hard = (levels.SHAKES.index(shake) for shake in (8.0, 64.0))
    assert limit(**{f"n{soft}": 0.05}) == pytest.approx(10 * 0.01)
    assert limit(**{f"n{hard}": 0.05}) == pytest.approx(10 * 0.01 / 8)
    assert limit(**{f"n{soft}": 0.05, f"n{hard}": 0.8}) == pytest.approx(10 * 0.16 / 8)
    assert limit(**{f"n{soft}": 1e-9}) == TOLERANCES["float32"]["gradient"]


def test_large_batches_have_one_yardstick_of_each_shake():
    few, many = (
        levels.yardsticks(levels.Subset(samples=3 * n, full=n, rest=0)) for n in (20_000, 500)
    )
    assert {levels.SHAKES[number] for number in few} == set(levels.SHAKES)
    assert (len(few), len(many)) == (2, len(levels.SHAKES))


LEFT = """
from levelfield import registry
class Left(registry.adapter("mine", {good!r})):
    name = "left"
    semantics = {{"adam.epsilon": {said!r}}}
"""


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (("before correction", "after correction"), "passed"),
        (("after correction", "before correction"), "passed"),
        (("before correction",), "failed"),
    ],
)
def test_what_is_left_to_the_machine_is_found_out(said, status, tmp_path):
    """The adapter's Adam adds epsilon after the correction, whatever it says."""
    place, adapter = Place(tmp_path), tmp_path / "left.py"
    adapter.write_text(LEFT.format(good=GOOD, said=said))
    constants = "optimizer.epsilon=0.001"  # so that it makes a difference
    place.run("--backend", str(adapter), "--set", constants, "--repeats", "1")
    verification = place.by_name()["left"].verification
    assert verification.status == status
    told = [meaning.meaning for meaning in verification.semantics]
    assert told == ([] if status == "passed" else ["before correction"])
    assert ("{'adam.epsilon': 'after correction'}" in verification.reason) == (status == "failed")


def test_the_barrier_is_a_median_of_shares():
    readings = [[1.0, 0.1, 0.1], [0.5, 0.5, 0.0], [1.0, 9.0, 0.0], [3.0, 1.0, 0.2], [2.0, 0.1, 0.3]]
    figure = levels.barrier(readings, precision="float32")
    assert figure.value == pytest.approx(0.2)  # of 0, 0.5, 0.9, 0.2, 0
    assert not figure.passed
    assert levels.barrier(readings[:1], precision="float32").passed


def test_the_methodology_shows_the_declared_semantics():
    page = Path(__file__).parents[1] / "docs" / "methodology.md"
    if not page.exists():
        pytest.skip("no docs/methodology.md")
    text = page.read_text(encoding="utf-8")
    inside = text.partition("<!-- semantics -->")[2].partition("<!-- /semantics -->")[0]
    assert inside.strip() == semantics.table(registry.declarations()).strip()
