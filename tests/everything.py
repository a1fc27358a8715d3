"""A study that every section of the page has something to say about."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import studies
from test_report_answers_learning import falling
from test_report_cluster import SAMPLES, SHARES, SIZES, cluster
from test_report_outputs import answers, keep, originals, sweeps, trial

import levelfield
from levelfield.results.record import Limit, Readings, Record, Sentinel
from levelfield.results.store import Store
from levelfield.results.study import Study

RECIPE = studies.Recipe(workloads=2, contenders=4, repeats=2, epochs=9)


def write(folder: Path) -> Study:
    """Write it: cluster, second device, metrics, outputs, sweeps, failures, published claims."""
    dice = random.Random(7)
    plain = {**studies.plain_workload(0, RECIPE), "traffic": 2e8}
    head = studies.head(RECIPE, suite="thesis-autoencoders")
    known = {print_: {**facts, "traffic": 2e8} for print_, facts in head.workloads.items()}
    scaling = {f"f{n}": {**plain, "name": f"scaling-{n}", "samples": n} for n in SAMPLES[:1]}
    rows: list[Record | Sentinel | Limit] = [_limit("cpu", 3e11, 2e10), _limit("cuda", 5e13, 4e12)]
    rows += [_changed(row) for row in studies.rows(RECIPE)]
    rows += [_device(row) for row in rows if isinstance(row, Record) and row.backend == "torch"]
    rows += [
        cluster(dice, backend, samples, size, block)
        for block in (1, 2)
        for samples in SAMPLES[:1]
        for backend in (*SHARES, "torch")
        for size in (SIZES if backend in SHARES else (0,))
    ]
    rows += [trial("VII-mnist", "tensorflow", 2.0, 0.01), trial("VII-mnist", "theano", 1.0, 0.012)]
    sync, os.fsync = os.fsync, lambda _: None  # type: ignore[assignment]
    with Store(folder) as store:
        store.begin(replace(head, workloads={**known, **scaling}))
        for row in rows:
            store.append(row)
    os.fsync = sync
    made = levelfield.load(folder)
    text = "".join(f"{sweep.line()}\n" for sweep in sweeps())
    (folder / "sweeps.jsonl").write_text(text, encoding="utf-8")
    first, other = list(head.workloads)[:2]
    for fingerprint, shape in ((first, (28, 28)), (other, (8, 8))):
        mine = replace(made, records=tuple(r for r in made.records if r.fingerprint == fingerprint))
        given = originals(shape)
        if fingerprint == first:
            keep(mine, given, lambda _, given=given: {"rebuilt": given.samples * 0.9})
        else:
            keep(mine, given, lambda _: {"answers": answers(0.8)})
    return levelfield.load(folder)


def _changed(row: Record | Sentinel) -> Record | Sentinel:
    """A trial whose losses fall and that has an accuracy; one contender is not verified."""
    if not isinstance(row, Record) or row.status != "ok":
        return row
    losses = row.epochs.test_loss
    learnt = replace(falling(row), metrics={"accuracy": tuple(1 - 3 * loss for loss in losses)})
    return replace(learnt, verification=None) if row.backend == "keras-jax" else learnt


def _device(row: Record) -> Record:
    """The same on a device that is three times as fast, and whose meters were read."""
    wall = tuple(seconds / 3 for seconds in row.epochs.wall)
    readings = Readings(
        seconds=(0.0, 0.5), power=(90.0, 410.0), utilisation=(0.1, 0.9), sm_clock=(1e9, 1.98e9),
        temperature=(41.0, 63.0), throttled=(0.0, 4.0), memory=(0.0, 3e9),
    )  # fmt: skip
    return replace(
        row,
        key=f"{row.key}c",
        device="cuda",
        epochs=replace(row.epochs, wall=wall),
        readings=readings,
        energy={"gpu": {"build": 50.0, "steady epochs": 900.0}},
        unread={"energy of the processors": "it cannot be read (Permission denied)"},
        foreign=("process 77 (Xorg), 120 MiB",),
    )


def _limit(device: str, rate: float, bandwidth: float) -> Limit:
    """What a device can do, of so many operations and bytes a second."""
    return Limit(
        device=device, precision="float32", backend="torch", threads=2,
        product_size=(4096,), product_seconds=(2 * 4096**3 / rate,),
        copy_bytes=(2**28,), copy_seconds=(2 * 2**28 / bandwidth,),
    )  # fmt: skip
