"""Realistic random studies, made from a seed and written through the store like any other."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelfield.reports.view import View

from levelfield import registry
from levelfield.results.record import (
    Epochs,
    Figure,
    Record,
    Sentinel,
    Span,
    Status,
    Verification,
)
from levelfield.results.store import Head, Store
from levelfield.results.study import Study

KNOWN = {
    "jax/scan": (1.08, 2.7, 0.7),
    "torch/eager": (1.20, 1.1, 1.5),
    "torch/compile": (1.12, 34.7, 1.7),
    "keras-jax/default": (1.17, 3.5, 2.3),
    "tensorflow/xla": (1.29, 3.2, 4.5),
    "tensorflow/graph": (2.55, 3.6, 6.0),
    "keras-tensorflow/default": (2.70, 5.1, 4.4),
    "keras-torch/default": (12.3, 11.9, 5.8),
    "numpy/numpy": (4.10, 4.1, 0.1),
    "theano/default": (3.40, 23.7, 2.6),
}
"""Steady epoch, first epoch and import, in seconds: what bare scripts took on two cores."""

NOT_RUN: dict[str, tuple[Status, str, str]] = {
    "elephas/synchronous": ("skipped", "not installed: elephas, pyspark", ""),
    "mxnet/gluon": ("skipped", "not installed: mxnet", ""),
    "pytensor/c": (
        "failed",
        "NotImplementedError in build: BLAS",
        'Traceback (most recent call last):\n  File "blas.py", line 1\nNotImplementedError\n',
    ),
    "keras-theano/default": ("timeout", "no answer to train within 300 s", "epoch 3 ...\n"),
}
"""Contenders that come to nothing: status, reason, log."""

BACKENDS = registry.described()

LEVELS = {"forward": 1e-5, "gradient": 1e-4, "optimizer": 1e-3, "epoch": 1e-4}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a study is to be like; the same recipe gives the same study."""

    seed: int = 0
    workloads: int = 1
    contenders: int = 8
    repeats: int = 3
    epochs: int = 10
    absent: int = len(NOT_RUN)
    """Contenders that are skipped, fail or run out of time."""
    sentinels: bool = True
    verified: bool = True
    noise: float = 0.05

    @property
    def names(self) -> list[str]:
        """Labels of the contenders that run; beyond the known ones they are made up."""
        known = list(KNOWN)[: self.contenders]
        return known + [f"backend{i:02}/mode" for i in range(len(known), self.contenders)]


def plain_workload(index: int, recipe: Recipe) -> dict[str, Any]:
    """Return a workload in plain values, as the head of a study holds it."""
    units = [(1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), (128, 32, 128, 64)][index % 2]
    sizes = [units[-1], *units]
    pairs = zip(sizes, units, strict=False)
    return {
        "name": ["thesis-autoencoder", "digits-autoencoder"][index % 2] + "-b" * (index // 2),
        "dataset": ["mnist", "digits"][index % 2],
        "samples": [10_000, 1_437][index % 2],
        "layers": [
            {"kind": "dense", "units": n, "activation": "relu" if n != units[-1] else "sigmoid"}
            for n in units
        ],
        "loss": "mean_squared_error",
        "optimizer": {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        "schedule": {"kind": "constant", "rate": 0.001},
        "batch": [500, 64][index % 2],
        "epochs": recipe.epochs,
        "seed": index,
        "precision": "float32",
        "flops": 3 * sum(2 * a * b for a, b in pairs),
    }


def fingerprint(workload: Mapping[str, Any]) -> str:
    """Return twelve digits that tell one workload from another."""
    return hashlib.sha256(json.dumps(workload, sort_keys=True).encode()).hexdigest()[:12]


def head(recipe: Recipe, **changes: Any) -> Head:
    """Return the head of the study, with some of its fields changed."""
    workloads = [plain_workload(index, recipe) for index in range(recipe.workloads)]
    facts: dict[str, Any] = {
        "suite": "autoencoder",
        "created": "2026-11-21T03:39:00+00:00",
        "levelfield": "0.1.0",
        "seed": recipe.seed,
        "repeats": recipe.repeats,
        "workloads": {fingerprint(workload): workload for workload in workloads},
        "contenders": (*recipe.names, *list(NOT_RUN)[: recipe.absent]),
        "options": {"threads": 2, "timeout": 300},
        "machine": {
            "cpu": "AMD EPYC 9R14",
            "cores": 2,
            "memory": 25_276_514_304,
            "system": "Linux 6.1.0",
            "python": "3.11.7",
            "host": "0123abcd",
        },
        "backends": BACKENDS,
    }
    return Head(**{**facts, **changes})


def rows(recipe: Recipe) -> Iterator[Record | Sentinel]:
    """Everything that such a study recorded, in the order it was written."""
    rng = _dice(recipe.seed)
    workloads = head(recipe).workloads
    who = [*recipe.names, *list(NOT_RUN)[: recipe.absent]]
    for block in range(1, recipe.repeats + 1):
        if recipe.sentinels:
            yield sentinel(rng, block, "first")
        pairs = [(print_, name) for print_ in workloads for name in who]
        rng.shuffle(pairs)
        for position, (print_, name) in enumerate(pairs):
            facts = {"fingerprint": print_, "block": block, "repeat": block, "position": position}
            yield trial(rng, recipe, workloads[print_], name, **facts)
        if recipe.sentinels:
            yield sentinel(rng, block, "last")


def sentinel(rng: random.Random, block: int, position: Any) -> Sentinel:
    """A reading of about 240 GFLOP/s."""
    seconds = [2 * 1024**3 / 240e9 * math.exp(abs(rng.gauss(0, 0.05))) for _ in range(20)]
    return Sentinel(
        block=block, position=position, started=f"2026-11-21T04:{block % 60:02}:00+00:00",
        threads=2, precision="float32", size=1024, seconds=tuple(seconds),
    )  # fmt: skip


def trial(
    rng: random.Random, recipe: Recipe, workload: Mapping[str, Any], name: str, **facts: Any
) -> Record:
    """One trial, with its times a little off the contender's own."""
    backend, _, mode = name.partition("/")
    identity = {"workload": workload["name"], "backend": backend, "mode": mode, "device": "cpu"}
    place = [facts["fingerprint"], name, facts["repeat"]]
    blank: dict[str, Any] = {
        "key": hashlib.sha256(json.dumps(place).encode()).hexdigest()[:16],
        **identity, **facts, "environment": "main", "started": "2026-11-21T04:00:00+00:00",
        "threads": 2, "samples": workload["samples"], "data": "0123456789abcdef",
    }  # fmt: skip
    if name in NOT_RUN:
        status, reason, log = NOT_RUN[name]
        return Record(**blank, status=status, reason=reason, log=log)
    scale = 1.0 if workload["dataset"] == "mnist" else 0.02
    steady, first, importing = KNOWN.get(name, (_dice(name).uniform(1, 9), 3.0, 1.0))
    luck = math.exp(rng.gauss(0, recipe.noise))
    wall = [
        scale * luck * (first if n == 0 else steady) * math.exp(rng.gauss(0, recipe.noise))
        for n in range(recipe.epochs)
    ]
    epochs = Epochs(
        wall=tuple(wall),
        user=tuple(1.7 * seconds for seconds in wall),
        system=tuple(0.1 * seconds for seconds in wall),
        loss=tuple(_loss(rng, n, 0.5) for n in range(recipe.epochs)),
        test_loss=tuple(_loss(rng, n, 1.0) for n in range(recipe.epochs)),
    )
    spans = {"import": importing * luck, "build": 0.2, "stage": 0.05, "first epoch": wall[0]}
    spans |= {"steady epochs": math.fsum(wall[1:]), "evaluate": 0.1 * recipe.epochs, "close": 0.01}
    total = math.fsum(spans.values()) + 0.1
    return Record(
        **blank,
        status="ok",
        cpus=(0, 1),
        phases={name: Span(wall=s, user=1.5 * s, system=0.1 * s) for name, s in spans.items()},
        epochs=epochs,
        total=Span(wall=total, user=1.5 * total, system=0.1 * total),
        peak_memory=int(400e6 + 100e6 * importing),
        settings={"threads": 2, "interop": 1} if backend == "torch" else {"threads": 2},
        versions={backend.removeprefix("keras-"): "2.13.0", "numpy": "2.4.6"},
        verification=_verification(name) if recipe.verified else None,
    )


def write(recipe: Recipe, folder: Path, **changes: Any) -> Path:
    """Write a study into a folder through the store; ``changes`` are the head's."""
    with Store(folder) as store:
        store.begin(head(recipe, **changes))
        for row in rows(recipe):
            store.append(row)
    return folder


def _dice(seed: str | int) -> random.Random:
    return random.Random(seed)


def _loss(rng: random.Random, epoch: int, scale: float) -> float:
    return 0.02 + 0.06 * scale * math.exp(-epoch / 8) * math.exp(rng.gauss(0, 0.02))


def _verification(name: str) -> Verification:
    rng = _dice(name)
    figures = [
        Figure(level=level, part=part, value=limit * rng.uniform(0.001, 0.4), limit=limit)
        for level, limit in LEVELS.items()
        for part in ("layer1/kernel", "layer1/bias")
    ]
    barrier = Figure(level="barrier", part="share", value=rng.uniform(0, 0.01), limit=0.05)
    return Verification(status="passed", figures=(*figures, barrier))


def spoken(label: str, device: str = "") -> str:
    """A contender as a page's sentences call it."""
    recipe = Recipe(contenders=1, repeats=1, epochs=1)
    found: str = View(study=Study(Path("nowhere"), head(recipe), (), ())).spoken(label, device)
    return found
