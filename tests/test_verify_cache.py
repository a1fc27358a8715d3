"""Verdicts are kept, and hold until anything that they depend on changes."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from running import ADAPTERS, Place

from levelfield import registry
from levelfield.results.lines import plain
from levelfield.results.record import Figure, Verification
from levelfield.spec import suite
from levelfield.verify import cache

GOOD = str(ADAPTERS / "good.py")


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


NUMPY = {
    f"{name}.py"
    for name in (
        "numpy",
        "numpy_layers",
        "numpy_machine",
        "numpy_optimizers",
        "numpy_parts",
        "numpy_windows",
    )
}


@pytest.mark.parametrize(
    ("name", "siblings"),
    [
        ("numpy", NUMPY),
        (
            "torch",
            {
                f"torch{part}.py"
                for part in ("", "_layers", "_machine", "_optimizers", "_precision")
            },
        ),
        ("keras-jax", {"keras_jax.py", "keras.py", "keras_layers.py", "jax_precision.py"}),
    ],
)
def test_sources_of_what_is_built_in(name, siblings):
    adapter = registry.backends()[name]
    assert {path.name for path in cache.sources(adapter)} == siblings | {"backend.py"}


def test_a_verdict_holds_until_something_changes(adapter, monkeypatch, tmp_path):
    cls, path = adapter
    chosen = suite.load(Path(Place(tmp_path / "place").suite())).workloads[0]
    how = {"data": "d", "mode": "plain", "device": "cpu", "threads": 2, "environment": "main"}
    how["versions"] = {"python": "3", "numpy": "1"}

    def key(workload=chosen, **changes):
        return cache.key(workload, cls, **{**how, **changes})

    first = key()
    assert key() == first
    assert key(chosen.replace(epochs=99, name="other")) == first  # the levels are the same
    sibling = path.with_name(f"{path.stem}_sibling.py")
    path.with_name(f"{path.stem}_stranger.py").write_text("# changed")
    assert key() == first
    for change in ({name: {"numpy": "2"} if name == "versions" else "x"} for name in how):
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
    keys = {cache.key(workload, cls, data="d", versions={}) for cls in found.values()}
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
