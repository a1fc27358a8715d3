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
from levelfield.results.record import Record, Sentinel
from levelfield.results.store import Store
from levelfield.results.study import Study

RECIPE = studies.Recipe(workloads=2, contenders=4, repeats=2, epochs=9)


def write(folder: Path) -> Study:
    """Write it: cluster, second device, metrics, outputs, sweeps, failures, published claims."""
    dice = random.Random(7)
    plain = studies.plain_workload(0, RECIPE)
    head = studies.head(RECIPE, suite="thesis-autoencoders")
    scaling = {f"f{n}": {**plain, "name": f"scaling-{n}", "samples": n} for n in SAMPLES[:1]}
    rows: list[Record | Sentinel] = [_changed(row) for row in studies.rows(RECIPE)]
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
        store.begin(replace(head, workloads={**head.workloads, **scaling}))
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
    """The same on a device that is three times as fast."""
    wall = tuple(seconds / 3 for seconds in row.epochs.wall)
    return replace(row, key=f"{row.key}c", device="cuda", epochs=replace(row.epochs, wall=wall))
