"""The benchmarks that asv runs: found without frameworks, fed by Levelfield's own trials."""

from __future__ import annotations

import importlib
import json
import math
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from levelfield import registry
from levelfield.spec import suite

ROOT = Path(__file__).parents[1]
ASV = ROOT / "benchmarks" / "asv"
FRAMEWORKS = ("torch", "tensorflow", "jax", "jaxlib", "optax", "keras", "sklearn", "scipy", "numpy")
SUITES = ROOT / "benchmarks" / "suites"
MINE = """
from levelfield.registry import adapter_in

class Mine(adapter_in("levelfield.backends.numpy", "numpy")):
    name, modes, packages = "mine", ("default",), ("not-there",)
"""
METRICS = {
    "track_first_epoch": "seconds",
    "track_peak_memory": "bytes",
    "track_steady_epoch": "seconds",
    "track_test_loss": "loss",
    "track_user_cpu": "seconds",
    "track_verification_error": "of the tolerance",
}


def part(name: str):
    return importlib.import_module(f"levelfield.benchmarks.asv.{name}")


def trial(**changes) -> dict:
    """A record's JSON, as far as it is looked at."""
    facts = {
        "workload": "w", "backend": "numpy", "mode": "numpy", "device": "cpu", "status": "ok",
        "environment": "main", "reason": "", "peak_memory": 2048,
        "epochs": {"wall": [9.0, 1.0, 2.0, 4.0], "user": [9.0, 2.0, 2.0, 5.0],
                   "test_loss": [3.0, 2.0, 1.0, 0.5]},
        "verification": {"status": "passed", "figures": [
            {"level": "forward", "part": "", "value": 1e-6, "limit": 1e-5},
            {"level": "epoch", "part": "", "value": 3e-4, "limit": 1e-3},
            {"level": "barrier", "part": "", "value": 0.04, "limit": 0.05},
        ]},
    }  # fmt: skip
    return {**facts, **changes}


def metric(name: str):
    (found,) = (m for m in part("metrics").METRICS if m.name == name)
    return found


def pinned(name: str) -> dict[str, str]:
    return part("install").read(str(ROOT / "environments" / name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("steady_epoch", 2.0), ("first_epoch", 9.0), ("user_cpu", 3.0), ("peak_memory", 2048.0),
     ("test_loss", 0.5), ("verification_error", 0.3)],
)  # fmt: skip
def test_numbers_of_one_trial(name, expected):
    assert metric(name).of(trial()) == pytest.approx(expected)
    assert part("metrics").value(metric(name), [trial()]) == pytest.approx(expected)


@pytest.mark.parametrize("name", [m.removeprefix("track_") for m in METRICS])
def test_what_was_not_read_is_no_number(name):
    nothing = {"wall": [], "user": [], "test_loss": []}
    checked = {"status": "passed", "figures": []}
    facts = trial(epochs=nothing, peak_memory=None, verification=checked)
    assert math.isnan(metric(name).of(facts))


def test_a_single_epoch_is_first_and_steady():
    facts = trial(epochs={"wall": [9.0], "user": [7.0], "test_loss": [1.0]})
    assert metric("steady_epoch").of(facts) == 9.0
    assert metric("user_cpu").of(facts) == 7.0


@pytest.mark.parametrize(
    ("trials", "expected", "reason"),
    [
        ([trial(peak_memory=m) for m in (5, 1, 3)], 3, ""),
        ([trial(), trial(status="timeout", reason="slow")], 2048, ""),
        ([trial(status="skipped", reason="not installed: x")], math.nan,
         "skipped: not installed: x"),
        ([trial(status="failed", reason="crash")], None, "failed: crash"),
        ([trial(verification=None)], math.nan, "not verified"),
        ([trial(verification={"status": "unverified"})], math.nan, "not verified"),
        ([], math.nan, "no trial"),
    ],
)  # fmt: skip
def test_a_number_of_several_trials(trials, expected, reason):
    found = part("metrics").value(metric("peak_memory"), trials)
    assert found == pytest.approx(expected, nan_ok=True) if expected is not None else found is None
    assert part("metrics").reason(trials) == reason


def test_asv_finds_the_benchmarks_without_any_framework():
    pytest.importorskip("asv_runner", reason="asv is not installed")
    code = (
        "import sys, json, io\n"
        f"for name in {FRAMEWORKS}: sys.modules[name] = None\n"
        "from asv_runner.discovery import list_benchmarks\n"
        "out = io.StringIO()\n"
        f"list_benchmarks({str(ASV)!r}, out)\n"
        "print(out.getvalue())"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {one["name"].removeprefix("training."): one for one in json.loads(done.stdout)}
    assert {name: one["unit"] for name, one in found.items()} == METRICS
    known = suite.load(suite.find("history", registry.suites()))
    for name, one in found.items():
        assert one["type"] == "track"
        assert one["version"] == metric(name.removeprefix("track_")).version
        assert one["param_names"] == ["contender", "workload"]
        assert one["params"] == [
            [repr(contender) for contender in known.contenders],
            [repr(workload.name) for workload in known.workloads],
        ]


def test_the_suite_of_the_history_names_modes_and_every_backend():
    known = suite.load(suite.find("history", registry.suites()))
    pairs = [contender.split("/") for contender in known.contenders]
    mine = {
        name
        for name, adapter in registry.backends().items()
        if adapter.environment == "main" and "cpu" in adapter.devices
    }
    assert {backend for backend, _ in pairs} == mine
    for backend, mode in pairs:
        assert mode in registry.adapter(backend).modes


def test_a_tracked_number_or_its_reason(capsys):
    training = part("training")
    records = [trial(), trial(backend="jax", status="skipped", reason="not installed: jax"),
               trial(backend="torch", status="failed", reason="crash in train")]  # fmt: skip
    track = training.track_first_epoch
    assert track(records, "numpy/numpy", "w") == 9.0
    assert capsys.readouterr().err == ""
    assert math.isnan(track(records, "jax/numpy", "w"))
    assert capsys.readouterr().err == "jax/numpy on w: skipped: not installed: jax\n"
    assert math.isnan(track(records, "numpy/numpy", "v"))
    assert capsys.readouterr().err == "numpy/numpy on v: no trial\n"
    with pytest.raises(RuntimeError, match="failed: crash in train"):
        track(records, "torch/numpy", "w")


def test_the_configuration_agrees_with_the_lock_and_the_project():
    config = pytest.importorskip("asv.config", reason="asv is not installed")
    conf = config.Config.load(str(ROOT / "asv.conf.json"))
    matrix, pins = conf.matrix["req"], pinned("main.txt")
    assert {name: [pins[name]] for name in matrix} == matrix
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, install = project["optional-dependencies"], part("install")
    unused = {"images", "figures", "parquet"}  # no tracked workload reads pictures; no reports
    assert {*install.EXTRAS.values(), *install.ALWAYS} == set(extras) - unused
    for name, extra in install.EXTRAS.items():
        assert extras[extra][0].partition(">=")[0] == name
    assert set(install.EXTRAS) == set(matrix)
    assert conf.project == project["name"]
    assert (ROOT / conf.benchmark_dir) == ASV


def test_a_pin_gives_way_to_the_matrix(monkeypatch):
    needs = {"jax": ["jaxlib<=0.9,>=0.9", "numpy>=2.0", "Extra>9; extra == 'x'"], "keras": None}
    monkeypatch.setattr("importlib.metadata.requires", needs.__getitem__)
    pins = {"jax": "0.10.2", "jaxlib": "0.10.2", "Keras": "3.15.1", "numpy": "2.4.6", "extra": "1"}
    found = part("install").constraints(pins, {"jax": "0.9", "keras": "3.15.1"})
    assert sorted(found) == ["extra==1", "jax==0.9", "keras==3.15.1", "numpy==2.4.6"]


def test_the_lock_stands_where_the_matrix_agrees(monkeypatch):
    monkeypatch.setattr("importlib.metadata.requires", {"torch": ["sympy>=1.13"]}.__getitem__)
    pins = pinned("main.txt")
    found = part("install").constraints(pins, {"torch": pins["torch"]})
    assert sorted(found) == sorted(f"{name}=={version}" for name, version in pins.items())


@pytest.mark.slow
def test_asv_runs_the_suite_in_this_environment(tmp_path):
    pytest.importorskip("asv", reason="asv is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    folder = checkout(tmp_path)
    asv(folder, "machine", "--yes", "--machine", "here")
    how = ["--python=same", "--set-commit-hash", "HEAD", "--machine", "here", "--show-stderr"]
    said = asv(folder, "run", *how)
    assert "mine/default on digits-autoencoder: skipped: not installed: not-there" in said
    (path,) = (folder / ".asv" / "results" / "here").glob("*-existing-*.json")
    seen = {}
    for name, row in json.loads(path.read_text(encoding="utf-8"))["results"].items():
        seen[name.removeprefix("training.")] = dict(zip(row[1][0], row[0], strict=True))
    assert set(seen) == set(METRICS)
    for values in seen.values():
        assert set(values) == {"'numpy/numpy'", "'mine/default'"}
        assert values["'numpy/numpy'"] > 0
        assert math.isnan(values["'mine/default'"])
    assert seen["track_verification_error"]["'numpy/numpy'"] < 1
    assert 1e6 < seen["track_peak_memory"]["'numpy/numpy'"] < 1e9
    assert "n/a" in asv(folder, "show", "HEAD", "--machine", "here")


def checkout(folder: Path) -> Path:
    """A repository of asv's parts alone; its suite has one backend that is there, and one not."""
    shutil.copytree(ASV, folder / "benchmarks" / "asv", ignore=shutil.ignore_patterns("__py*"))
    shutil.copy(ROOT / "asv.conf.json", folder)
    known = yaml.safe_load((SUITES / "history.yaml").read_text(encoding="utf-8"))
    known |= {"contenders": ["numpy/numpy", "mine/default"], "repeats": 1}
    known["workloads"][0] |= {"epochs": 2, "samples": 200}
    (folder / "benchmarks" / "suites").mkdir()
    target = folder / "benchmarks" / "suites" / "history.yaml"
    target.write_text(yaml.safe_dump(known), encoding="utf-8")
    installed = folder / "site"
    (installed / "mine-1.dist-info").mkdir(parents=True)
    (installed / "mine-1.dist-info" / "METADATA").write_text("Name: mine\nVersion: 1\n")
    entry = "[levelfield.backends]\nmine = mine:Mine\n"
    (installed / "mine-1.dist-info" / "entry_points.txt").write_text(entry)
    (installed / "mine.py").write_text(MINE, encoding="utf-8")
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(folder), *who, *words], check=True)
    return folder


def asv(folder: Path, *words: str) -> str:
    """Run asv in a folder, at home nowhere else; gives all it said."""
    environ = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(folder / "site")}
    done = subprocess.run(
        [sys.executable, "-m", "asv", *words],
        cwd=folder, env=environ, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout
