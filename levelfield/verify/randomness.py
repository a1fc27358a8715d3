"""Layers that are random in training: are their draws what they ought to be?

No two libraries draw alike, so that draws cannot be compared with the reference's; their statistics
can. A probe makes them visible: behind the layer stands a softmax of two classes whose kernel is
zero, so that one step of plain SGD on a sample of ones changes the kernel by half the rate times
what the layer made of each one.

Figures are distances in standard errors, which `LIMIT` bounds: by chance an honest layer exceeds it
once in a million times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from levelfield.results.record import Figure
from levelfield.run.process import Process
from levelfield.run.trial import told_arrays
from levelfield.spec.layers import Layer
from levelfield.spec.workload import Workload

DRAWS = 20_000
RATE = 2.0**-24
"""So small that the second step finds the classes all but equal still."""
LIMIT = 5.0
EXACT = 1e-4
"""Relative: of what dropout leaves, and of predictions, which know no randomness."""


def figures(
    layer: Layer, process: Process, scratch: Path, how: Mapping[str, Any], *, precision: str
) -> list[Figure]:
    """Ask a loaded worker for two draws of a layer, and for predictions; hold them against theory.

    how: ``mode``, ``device`` and ``threads`` of the contender.
    """
    probe = _probe(layer, precision)
    files = _files(scratch, precision)
    process.ask("build", workload=probe.plain(), weights=files["weights"], **how)
    labels = (files["labels"], files["labels"])
    process.ask("stage", **told_arrays((files["x"],) * 2, labels, None), samples=None)
    kernels = [np.zeros((DRAWS, 2))]
    for _ in range(2):
        process.ask("steps", order=[0], rates=[RATE])
        process.ask("weights", path=files["seen"])
        with np.load(files["seen"]) as file:
            kernels.append(np.asarray(file["layer2/kernel"], np.float64))
            bias = np.asarray(file["layer2/bias"], np.float64)
    draws = [2.0 * (b - a)[:, 0] / RATE for a, b in pairwise(kernels)]
    process.ask("predict", start=0, stop=1, path=files["out"])
    outputs = np.asarray(np.load(files["out"]), np.float64)[0]
    expected = _softmax(kernels[-1].sum(axis=0) + bias)
    seen = {**statistics(layer, *draws), "predictions": _gap(outputs, expected)}
    return [
        Figure(
            level="random",
            part=f"{layer.kind}, {part}",
            value=float(value),
            limit=EXACT if part in {"predictions", "what is left"} else LIMIT,
        )
        for part, value in seen.items()
    ]


def statistics(
    layer: Layer, first: NDArray[np.float64], second: NDArray[np.float64]
) -> dict[str, float]:
    """What two draws over ones say of a layer: distances from theory, in standard errors.

    ``what is left`` is a relative error instead: dropout makes every value it keeps 1 / (1 - rate).
    """
    if layer.kind == "dropout":
        return dict(_dropout(layer.rate, first, second))  # type: ignore[attr-defined]
    return dict(_normal(layer.deviation, first, second))  # type: ignore[attr-defined]


def _dropout(
    rate: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> Iterator[tuple[str, float]]:
    kept, again = first != 0, second != 0
    share, count = 1.0 - rate, len(first)
    yield "share kept", abs(kept.mean() - share) / sqrt(share * rate / count)
    left = first[kept]
    yield "what is left", float(np.abs(left * share - 1.0).max()) if len(left) else 1.0
    same = share**2 + rate**2
    spread = sqrt(max(same * (1 - same), 1.0 / count) / count)
    yield "two draws", abs(float((kept == again).mean()) - same) / spread


def _normal(
    deviation: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> Iterator[tuple[str, float]]:
    z, again = (first - 1.0) / deviation, (second - 1.0) / deviation
    count = len(z)
    yield "mean", abs(z.mean()) * sqrt(count)
    yield "deviation", abs(z.var() - 1.0) / sqrt(2.0 / count)
    yield "kurtosis", abs(float(np.mean(z**4)) - 3.0) / sqrt(96.0 / count)
    yield "two draws", abs(float(np.mean(z * (again - again.mean())))) * sqrt(count)


def _probe(layer: Layer, precision: str) -> Workload:
    made = Workload.build(
        {
            "name": "probe",
            "dataset": "ones",
            "input_shape": (DRAWS,),
            "layers": (
                layer,
                {
                    "kind": "dense",
                    "units": 2,
                    "activation": "softmax",
                    "kernel": "zeros",
                    "bias": "zeros",
                },
            ),
            "loss": "categorical_crossentropy",
            "optimizer": {"kind": "sgd", "momentum": 0.0, "nesterov": False},
            "schedule": {"kind": "constant", "rate": 1.0},
            "batch": 1,
            "epochs": 1,
            "precision": precision,
        }
    )
    assert isinstance(made, Workload)  # noqa: S101 - for the type checker
    return made


def _files(scratch: Path, precision: str) -> dict[str, str]:
    """Two samples of ones, both of the first class; zero weights; places for answers."""
    names = ("x.npy", "labels.npy", "weights.npz", "seen.npz", "out.npy")
    paths = {Path(name).stem: str(scratch / f"probe-{name}") for name in names}
    np.save(paths["x"], np.ones((2, DRAWS), precision))
    np.save(paths["labels"], np.zeros(2, np.int64))
    zeros = {
        "layer2/kernel": np.zeros((DRAWS, 2), precision),
        "layer2/bias": np.zeros(2, precision),
    }
    np.savez(paths["weights"], **zeros)  # type: ignore[arg-type]
    return paths


def _softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(z - z.max())
    return np.asarray(powers / powers.sum())


def _gap(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    if seen.shape != expected.shape:
        return float("nan")
    return float(np.abs(seen - expected).max())
