"""The machine's own limit: sizes that grow, rates that are told, roofs above contenders."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from statistics import fmean

import numpy as np
import pages
import pytest
import studies
from levelfield.reports.roofline import Roof
from running import Place
from specs import PLAIN

from levelfield import registry
from levelfield.results.record import Limit
from levelfield.run.limit import LONG, PRODUCTS, REPEATS, SHORT, climbed
from levelfield.spec.optimizers import SGD, Adam, RMSprop
from levelfield.spec.workload import Workload


class Slow:
    """A clock on which work takes what it says."""

    def __init__(self) -> None:
        self.span = {"wall": 0.0}
        self.spent = 0.0

    @contextmanager
    def running(self):
        before = self.spent
        yield
        self.span = {"wall": self.spent - before}


def climb(rate: float, *, memory: int = 10**9):
    """Readings of a machine that does so many operations a second, and holds such matrices."""
    clock, calls = Slow(), []

    def ready(size: int):
        if size > memory:
            raise MemoryError("too large")
        calls.append(size)

        def work(count: int) -> None:
            clock.spent += count * 2 * size**3 / rate

        return work

    return climbed(clock, ready, PRODUCTS, growth=8), calls


@pytest.mark.parametrize("rate", [1e9, 1e12, 1e15])
def test_sizes_grow_until_one_takes_long(rate):
    found, calls = climb(rate)
    for size, seconds in zip(found["sizes"], found["seconds"], strict=True):
        assert seconds == pytest.approx(2 * size**3 / rate)
    largest = found["sizes"][-1]
    assert largest == PRODUCTS[-1] or 8 * 2 * largest**3 / rate > LONG
    assert calls == found["sizes"]
    columns = {f"product_{name}": tuple(column) for name, column in found.items()}
    columns["product_size"] = columns.pop("product_sizes")
    made = Limit(device="cuda", precision="tf32", backend="x", threads=1, **columns)
    assert made.rate == pytest.approx(rate)
    assert math.isnan(made.bandwidth)


def test_a_size_without_memory_is_the_end_but_not_the_first():
    found, _ = climb(1e15, memory=2048)
    assert found["sizes"] == [512, 1024, 2048]
    with pytest.raises(MemoryError):
        climb(1e15, memory=100)


def test_short_work_is_repeated_until_it_can_be_told():
    clock, counts = Slow(), []

    def ready(size: int):
        def work(count: int) -> None:
            counts.append(count)
            clock.spent += count * 1e-4

        return work

    climbed(clock, ready, (1,), growth=2)
    assert counts == [1, 1] + REPEATS * [round(SHORT / 1e-4)]


def test_numpys_machine_does_what_it_says():
    machine = registry.adapter("numpy").machine(device="cpu", precision="float32", threads=1)
    assert machine is not None
    machine.product(64)(2)
    machine.copy(4096)(2)


def test_bandwidth_counts_bytes_read_and_written():
    limit = Limit(device="cpu", precision="float32", backend="numpy", threads=2,
                  copy_bytes=(100, 1000), copy_seconds=(1.0, 5.0))  # fmt: skip
    assert limit.bandwidth == 400.0
    assert Limit.parse(json.loads(limit.line())) == limit


def test_traffic_by_hand():
    """64-32-64, batch 10, float32; Adam keeps two numbers a weight."""
    model = [
        {"kind": "dense", "units": 32, "activation": "relu", "kernel": "zeros", "bias": "zeros"},
        {"kind": "dense", "units": 64, "activation": "linear", "kernel": "zeros", "bias": "zeros"},
    ]
    made = Workload.build({**PLAIN, "layers": model, "batch": 10})
    assert isinstance(made, Workload)
    weights = 64 * 32 + 32 + 32 * 64 + 64
    adam = made.replace(optimizer=Adam(beta1=0.9, beta2=0.999, epsilon=1e-7))
    assert adam.traffic((64,)) == 4 * (10 * weights + 10 * (5 * (32 + 64) + 2 * 64))
    plain = adam.replace(optimizer=SGD(momentum=0.0, nesterov=False))
    assert adam.traffic((64,)) - plain.traffic((64,)) == 4 * 4 * weights
    assert adam.replace(precision="float64").traffic((64,)) == 2 * adam.traffic((64,))
    low = adam.replace(precision="bfloat16").traffic((64,))
    assert low == 4 * 10 * weights + 2 * 10 * (5 * (32 + 64) + 2 * 64)
    assert RMSprop(rho=0.9, momentum=0.5, epsilon=1e-7).memory == 2


def test_the_roof_bends_where_memory_is_no_limit():
    roof = Roof(device="cuda", threads=1, precision="tf32", rate=400e12, bandwidth=4e12)
    assert roof.ridge == 100.0
    assert roof.over(10.0) == 40e12
    assert roof.over(1000.0) == 400e12
    assert math.isnan(roof.over(math.nan))
    assert math.isnan(Roof(device="x", threads=1, precision="", rate=1.0, bandwidth=math.nan).ridge)


def limits(*rates: float) -> list[Limit]:
    """Limits of two frameworks of two cores."""
    return [
        Limit(
            device="cpu", precision="float32", backend=f"b{number}", threads=2,
            product_size=(1024,), product_seconds=(2 * 1024**3 / rate,),
            copy_bytes=(2**30,), copy_seconds=(2 * 2**30 / 20e9,),
        )
        for number, rate in enumerate(rates)
    ]  # fmt: skip


def test_contenders_are_held_against_the_best_of_all(tmp_path):
    recipe = studies.Recipe(epochs=4, repeats=2, sentinels=False, absent=0)
    head = studies.head(recipe)
    for workload in head.workloads.values():
        workload["traffic"] = 10**8  # type: ignore[index]
    study = pages.study(tmp_path, head, [*limits(200e9, 400e9), *studies.rows(recipe)])
    tree = pages.rendered(study)
    section = tree.one("section", id="limit")
    top = pages.rows(section)
    assert [row[2] for row in top] == ["b0", "b1"]
    assert [row[4] for row in top] == ["200 GFLOP/s", "400 GFLOP/s"]
    assert [row[5] for row in top] == ["20.0 GB/s", "20.0 GB/s"]
    workload = next(iter(head.workloads.values()))
    cells = next(row for row in pages.rows(section, 1) if "torch" in row[0])
    mine = [r for r in study.records if f"{r.backend}/{r.mode}" in cells[0]]
    mine = [r for r in mine if (r.workload, r.status) == (workload["name"], "ok")]
    # Of so few epochs all but the first are steady; their midmean leaves none out.
    steady = math.exp(fmean(math.log(s) for record in mine for s in record.epochs.wall[1:]))
    work = workload["flops"] * workload["samples"] / steady
    assert float(cells[1].split()[0].replace(",", "")) == pytest.approx(work / 1e9, rel=0.01)
    assert float(cells[2].rstrip("%").strip()) == pytest.approx(100 * work / 400e9, rel=0.01)
    intensity = workload["flops"] * workload["batch"] / 1e8
    roof = min(400e9, intensity * 20e9)
    assert float(cells[5].rstrip("%").strip()) == pytest.approx(100 * work / roof, rel=0.01)
    drawn = pages.figure(tree, "limit-roofline")
    line = next(trace for trace in drawn["data"] if "limit of cpu" in trace["name"])
    assert line["y"][1] == line["y"][2] == pytest.approx(400e9)
    assert line["x"][1] == pytest.approx(20.0)  # the ridge: 400 GFLOP/s over 20 GB/s


def test_without_limits_there_is_no_section(tmp_path):
    recipe = studies.Recipe(epochs=3, repeats=1)
    tree = pages.rendered(pages.study(tmp_path, studies.head(recipe), list(studies.rows(recipe))))
    assert not [node for node in tree.all("section") if node.attributes.get("id") == "limit"]


@pytest.mark.slow
@pytest.mark.alone
def test_a_study_measures_its_machine_once(tmp_path):
    from levelfield.results.store import read_records

    place = Place(tmp_path)
    assert place.run("--backends", "numpy", epochs=1).returncode == 0
    (limit,) = read_records(place.study).limits
    assert (limit.device, limit.precision, limit.backend, limit.reason) == (
        "cpu",
        "float32",
        "numpy",
        "",
    )
    best = min(s for sentinel in place.sentinels() for s in sentinel.seconds)
    assert 0.2 < limit.rate / (2 * 1024**3 / best) < 5  # the same product, by another way
    assert np.isfinite(limit.bandwidth)
    assert place.run("--backends", "numpy", "--resume", epochs=1).returncode == 0
    assert len(read_records(place.study).limits) == 1
