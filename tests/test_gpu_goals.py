"""What a GPU came to beside its goals, from studies."""

from __future__ import annotations

import importlib.util
import statistics
from dataclasses import replace
from pathlib import Path

import pages
import pytest
import studies
from levelfield.reports.view import View

from levelfield.results.record import Limit, Record, Verification

RECIPE = studies.Recipe(contenders=4, epochs=8, repeats=3, absent=0, sentinels=False)
PEAK = 1e12


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[1] / "benchmarks" / "gpu_goals.py"
    spec = importlib.util.spec_from_file_location("gpu_goals", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def records(device: str, failed: str = "") -> list[Record]:
    """Those of JAX stay on the CPU."""
    found = []
    for row in studies.rows(RECIPE):
        assert isinstance(row, Record)
        record = replace(row, device="cpu" if row.backend == "jax" else device)
        if f"{row.backend}/{row.mode}" == failed:
            record = replace(record, verification=Verification(status="failed"))
        found.append(record)
    return found


def view(rows: list[Record]) -> View:
    seconds = 2 * 2048**3 / PEAK
    limit = Limit(
        device="cuda", precision="float32", backend="torch", threads=2,
        product_size=(2048,), product_seconds=(seconds,),
    )  # fmt: skip
    study = pages.study(Path("/nowhere"), studies.head(RECIPE), rows)
    return View(study=replace(study, limits=(limit,)))


@pytest.mark.parametrize("failed", ["", "torch/compile", "torch/eager"])
def test_least_time_and_highest_share_of_the_verified_on_a_gpu(script, failed):
    rows = records("cuda", failed)
    mine: dict[str, list[Record]] = {}
    for record in rows:
        name = f"{record.backend}/{record.mode}"
        if record.device == "cuda" and name != failed:
            mine.setdefault(name, []).append(record)
    totals = {name: statistics.median(r.total.wall for r in of) for name, of in mine.items()}
    least = min(totals, key=totals.get)
    ((workload, epochs, who, seconds, user, best, share),) = script.goals(view(rows))
    assert (workload, epochs, who) == ("thesis-autoencoder", "8", f"{least}@cuda")
    assert float(seconds) == pytest.approx(totals[least], abs=0.05)
    spent = statistics.median(r.total.user for r in mine[least])
    assert float(user) == pytest.approx(spent, abs=0.05)
    rates = {
        name: statistics.median(r.samples / statistics.median(r.epochs.wall[1:]) for r in of)
        for name, of in mine.items()
    }
    assert best == f"{max(rates, key=rates.get)}@cuda"
    flops = studies.plain_workload(0, RECIPE)["flops"]
    assert float(share.rstrip("%")) / 100 == pytest.approx(
        max(rates.values()) * flops / PEAK, rel=0.1, abs=0.006
    )


def test_without_a_gpu_there_is_nothing(script):
    assert list(script.goals(view(records("cpu")))) == []
