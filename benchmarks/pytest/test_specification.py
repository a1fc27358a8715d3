"""From a suite's file to its trials."""

# ruff: noqa: INP001, S101

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from levelfield import registry
from levelfield.spec import document, plan, suite
from levelfield.spec.suite import Suite

QUICK = registry.suites() / "quick.yaml"
WORKLOADS = 50


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of many workloads."""
    known = yaml.safe_load(QUICK.read_text(encoding="utf-8"))
    one = known["workloads"][0]
    known["workloads"] = [{**one, "name": f"w{n}", "seed": n} for n in range(WORKLOADS)]
    path = tmp_path_factory.mktemp("suite") / "large.yaml"
    written_out = json.loads(json.dumps(known))  # what is shared would become an anchor
    path.write_text(yaml.safe_dump(written_out), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def parsed(large: Path) -> Suite:
    """The same, as it is used."""
    return suite.load(large)


def test_read_yaml(benchmark: Any, large: Path) -> None:
    """YAML with the place of every value."""
    found = benchmark(document.read, large)
    assert len(found.value["workloads"]) == WORKLOADS


def test_load_a_suite(benchmark: Any) -> None:
    """Read, spread, checked field by field."""
    assert benchmark(suite.load, QUICK).suite == "quick"


def test_load_a_large_suite(benchmark: Any, large: Path) -> None:
    """The same, of many workloads."""
    assert len(benchmark(suite.load, large).workloads) == WORKLOADS


def test_plan_a_large_suite(benchmark: Any, parsed: Suite) -> None:
    """Every trial of ten blocks, with its key."""
    who = plan.contenders(["all"], registry.backends(), modes=["all"])

    def keys() -> set[str]:
        trials = plan.plan(parsed.workloads, who, repeats=10, seed=0)
        return {trial.key for trial in trials}

    assert len(benchmark(keys)) == 10 * WORKLOADS * len(who)


def test_initial_weights(benchmark: Any, parsed: Suite) -> None:
    """Drawn for the small autoencoder."""
    weights = benchmark(parsed.workloads[0].initial_weights, (64,))
    assert len(weights) == 2 * len(parsed.workloads[0].layers)


def test_order_and_rates_of_an_epoch(benchmark: Any, parsed: Suite) -> None:
    """What a worker works out before an epoch of 60,000 samples."""
    workload, samples = parsed.workloads[0], 60_000

    def both() -> int:
        return len(workload.order(1, samples)) + len(workload.rates(1, samples))

    assert benchmark(both) == samples + -(-samples // workload.batch)
