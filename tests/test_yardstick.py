"""The baseline of `nox -s bench-micro`: what was stored is scaled to the machine of this run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "pytest"


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("bench_micro", FOLDER / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stored_seconds_are_scaled_by_the_yardsticks(hooks):
    stats = {"min": 1.0, "median": 2.0, "iqr": 0.5, "rounds": 7, "ops": 0.5, "outliers": "1;2"}
    stored = {"machine_info": {"yardstick": 0.1}, "benchmarks": [{"stats": stats}]}
    here = {"yardstick": 0.3, "cpu": "another"}
    hooks.pytest_benchmark_compare_machine_info(machine_info=here, compared_benchmark=stored)
    assert stats.pop("ops") == pytest.approx(0.5 / 3)
    assert stats.pop("outliers") == "1;2"
    assert stats == pytest.approx({"min": 3.0, "median": 6.0, "iqr": 1.5, "rounds": 7})
    assert stored["machine_info"] == here


def test_every_statistic_that_is_a_time_is_scaled(hooks):
    (baseline,) = (FOLDER / "baseline").rglob("*_baseline.json")
    facts = json.loads(baseline.read_text(encoding="utf-8"))
    assert set(facts["machine_info"]) == {*hooks.KEPT, "yardstick"}
    no_times = {"rounds", "outliers", "iqr_outliers", "stddev_outliers", "ops", "iterations"}
    for benchmark in facts["benchmarks"]:
        assert set(benchmark["stats"]) - no_times <= set(hooks.TIMES)


def test_a_yardstick_is_measured_once(hooks):
    assert hooks.pytest_benchmark_generate_machine_info()["yardstick"] == hooks.yardstick() > 0
