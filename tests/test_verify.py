"""Whoever computes something else is found out, at the level that it goes wrong; nobody else is."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from running import ADAPTERS, Place, pick

from levelfield import registry
from levelfield.results.record import Figure, Verification, plain
from levelfield.spec import suite
from levelfield.verify import cache, levels, semantics
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
    path = pick(place.folder, "wrong", *WRONG, "wrong-layout", "unlucky")
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
    for name in ("numpy", "mine", "unlucky"):
        record = records[name]
        assert (record.status, record.verification.status, record.reason) == ("ok", "passed", "")
        assert {figure.level for figure in record.verification.figures} == set(LEVELS)
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
    assert done.returncode == 0
    assert "mine/plain: mine knows the mean squared error, Adam and SGD" in done.stdout
    assert done.stdout.count("unverified") == 1
    assert not list(place.verdicts.glob("*")) or wrong not in done.stdout


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


# --- the cache of verdicts ---------------------------------------------------------------------


@pytest.fixture
def adapter(tmp_path):
    """An adapter in a file of its own, which imports a sibling."""
    stem = f"cached{abs(hash(tmp_path))}"
    (tmp_path / f"{stem}_sibling.py").write_text("MODES = ('plain',)\n")
    (tmp_path / f"{stem}_stranger.py").write_text("")
    path = tmp_path / f"{stem}.py"
    path.write_text(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
        f"import {stem}_sibling\nfrom levelfield import registry\n"
        f"class A(registry.adapter('mine', {GOOD!r})):\n    modes = {stem}_sibling.MODES\n"
    )
    yield registry.backends_in(path)["mine"], path
    sys.path.remove(str(tmp_path))


def test_sources_are_the_file_its_siblings_and_those_it_inherits(adapter):
    cls, path = adapter
    names = {source.name for source in cache.sources(cls)}
    assert names == {path.name, f"{path.stem}_sibling.py", "good.py", "backend.py"}


@pytest.mark.parametrize(
    ("name", "siblings"),
    [
        ("numpy", {"numpy.py", "numpy_optimizers.py"}),
        ("torch", {"torch.py"}),
        ("keras-jax", {"keras_jax.py", "keras.py"}),
    ],
)
def test_sources_of_what_is_built_in(name, siblings):
    adapter = registry.backends()[name]
    assert {path.name for path in cache.sources(adapter)} == siblings | {"backend.py"}


def test_a_verdict_holds_until_something_changes(adapter, monkeypatch, tmp_path):
    cls, path = adapter
    chosen = suite.load(Path(Place(tmp_path / "place").suite())).workloads[0]
    how = {"data": "d", "mode": "plain", "device": "cpu", "threads": 2, "environment": "main"}

    def key(workload=chosen, **changes):
        return cache.key(workload, cls, **{**how, **changes})

    first = key()
    assert key() == first
    assert key(chosen.replace(epochs=99, name="other")) == first  # the levels are the same
    sibling = path.with_name(f"{path.stem}_sibling.py")
    path.with_name(f"{path.stem}_stranger.py").write_text("# changed")
    assert key() == first
    for change in ({name: "x"} for name in how):
        assert key(**change) != first
    for workload in (chosen.replace(batch=31), chosen.replace(seed=1)):
        assert key(workload) != first
    for file in (path, sibling):
        before = file.read_bytes()
        file.write_bytes(before + b"# changed\n")
        assert key() != first
        file.write_bytes(before)
        assert key() == first
    with monkeypatch.context() as patch:
        patch.setattr(registry, "versions", lambda packages: {"numpy": "99"})
        assert key() != first
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_engine", lambda: {sibling})
        assert key() != first
    assert key() == first


PASSED = Verification(status="passed", figures=(Figure(level="x", part="", value=0.0, limit=1.0),))
NOT_A_NUMBER = Verification(
    status="failed", figures=(Figure(level="x", part="", value=math.nan, limit=1.0),), reason="r"
)


def test_neighbours_in_one_file_have_verdicts_of_their_own(tmp_path):
    found = registry.backends_in(ADAPTERS / "wrong.py")
    workload = suite.load(Path(Place(tmp_path).suite())).workloads[0]
    keys = {cache.key(workload, adapter, data="d") for adapter in found.values()}
    assert len(keys) == len(found) > 5


@pytest.mark.parametrize("verdict", [PASSED, NOT_A_NUMBER])
def test_verdicts_are_kept(tmp_path, verdict):
    verdicts = cache.Verdicts(tmp_path / "not" / "yet")
    assert verdicts.find("k") is None
    verdicts.keep("k", verdict)
    seen = verdicts.find("k")
    assert (seen.status, seen.reason) == (verdict.status, verdict.reason)
    assert str(seen.figures) == str(verdict.figures)
    assert [path.name for path in verdicts.folder.iterdir()] == ["k.json"]


WHOLE = plain(PASSED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"passed"',
        "\x00\xff",
        json.dumps({**WHOLE, "figures": []}),
        json.dumps({**WHOLE, "figures": None}),
        json.dumps({**WHOLE, "figures": ["x"]}),
        json.dumps({**WHOLE, "figures": [{**WHOLE["figures"][0], "value": "x"}]}),
        json.dumps({**WHOLE, "figures": [{**WHOLE["figures"][0], "value": 2.0}]}),
        json.dumps({**WHOLE, "figures": [{**WHOLE["figures"][0], "limit": None}]}),
        json.dumps({**WHOLE, "status": "failed"}),
        json.dumps({**WHOLE, "status": "splendid"}),
        json.dumps({**WHOLE, "status": None}),
        json.dumps({"status": "passed"}),
    ],
)
def test_a_broken_cache_is_passed_over(tmp_path, text):
    verdicts = cache.Verdicts(tmp_path)
    (tmp_path / "k.json").write_text(text, encoding="latin-1")
    assert verdicts.find("k") is None
    verdicts.keep("k", PASSED)
    assert verdicts.find("k") == PASSED


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "file").write_text("")
    cache.Verdicts(tmp_path / "file").keep("k", PASSED)
    (tmp_path / "k.json").mkdir()
    cache.Verdicts(tmp_path).keep("k", PASSED)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "k.json"]


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
    declared = {name: adapter.semantics for name, adapter in registry.backends().items()}
    assert inside.strip() == semantics.table(declared).strip()
