"""Every layer in every adapter against the reference: outputs, losses, weights after steps.

Each adapter runs in its first mode, in a worker and an environment of its own; what it reports as
unsupported is skipped with its reason. ``BACKENDS=torch,jax`` narrows the choice.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environs import home
from running import ADAPTERS, CPUS, Desk

from levelfield import registry
from levelfield.backend import Backend
from levelfield.errors import unknown
from levelfield.run.process import Process, WorkerError
from levelfield.spec.workload import Workload
from levelfield.verify.semantics import CHOICES, meaning, ways

STRICT = str(ADAPTERS / "strict.py")
SLOW = {"jax", "keras-jax", "keras-torch", "theano", "keras-theano", "pytensor"}
"""They compile, for seconds, whatever they are given."""
KINKS = ("ties", "relu at zero", "selu at zero")
"""Cases where a slope jumps: libraries differ there."""
FEW = {
    "theano": ("small", *KINKS),
    "keras-theano": ("small", *KINKS),
    "pytensor": ("flat", *KINKS),
    "jax": ("residual", "maxima", "means", "volume", "line", "flat", "volume of ties", *KINKS),
    "keras-jax": ("residual", "maxima", "means"),
}
"""Compiling is so slow that a part of the cases has to be enough; PyTensor lacks convolutions."""
SAMPLES, BATCH, CLASSES = 12, 5, 4
ORDER = np.random.default_rng(3).integers(0, SAMPLES, 2 * BATCH + 3)
"""Two batches and a smaller one; samples come more than once, or never."""
RATES = np.array([0.125, 0.0625, 0.25])
SGD = {"kind": "sgd", "momentum": 0.0, "nesterov": False}
ADAM = {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3}
FILLED = {"kernel": "glorot_normal", "bias": "uniform_0_1"}


def convolution(filters, window, padding="same", activation="relu", **rest) -> dict[str, Any]:
    facts = {"kind": "convolution", "filters": filters, "window": window, "padding": padding}
    return {**facts, "activation": activation, **FILLED, **rest}


def dense(units, activation="softmax", **rest) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **FILLED, **rest}


def pool(kind, window, **rest) -> dict[str, Any]:
    return {"kind": f"{kind}_pool", "window": window, **rest}


def residual(*layers, activation="relu", **rest) -> dict[str, Any]:
    return {"kind": "residual", "activation": activation, "layers": list(layers), **rest}


@dataclass(frozen=True)
class Case:
    """A network, the samples it sees, and how it is trained."""

    shape: tuple[int, ...]
    layers: tuple[dict[str, Any], ...]
    loss: str = "categorical_crossentropy"
    optimizer: Mapping[str, Any] | None = None
    levels: int = 0
    """Samples and first weights are multiples of one over this, if any: sums of them are equal."""
    still: int = 0
    """Units of the first layer that give zero, whatever they are given."""
    differs: str = ""
    """A choice of semantics on which the figures must depend."""

    def workload(self, precision: str) -> Workload:
        facts = {"name": "layers", "dataset": "digits", "layers": self.layers, "loss": self.loss}
        facts |= {"optimizer": self.optimizer or SGD, "batch": BATCH, "epochs": 1}
        facts |= {"schedule": {"kind": "constant", "rate": 1.0}, "precision": precision}
        return Workload.build({**facts, "input_shape": list(self.shape)})

    def arrays(self, precision: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Weights, samples, targets."""
        rng = np.random.default_rng(0)
        x = rng.uniform(size=(SAMPLES, *self.shape))
        labels = rng.integers(0, CLASSES, SAMPLES)
        weights = self.workload(precision).initial_weights(self.shape)
        if self.levels:
            for array in (x, weights["layer1/kernel"], weights["layer1/bias"]):
                array[:] = np.round(array * self.levels) / self.levels
        if self.still:
            for array in (weights["layer1/kernel"], weights["layer1/bias"]):
                array[..., : self.still] = 0.0
        x = x.astype(precision)
        if self.differs == "categorical_crossentropy":  # probabilities on both sides of 1e-7
            weights[f"layer{len(self.layers)}/bias"][:] = 15.0, 0.0, 0.0, 0.0
        return weights, x, labels if self.loss == "categorical_crossentropy" else x


END = ({"kind": "flatten"}, dense(CLASSES))
STEM = convolution(4, [1, 1], "valid", "sigmoid")
BLOCKS = (
    convolution(5, [3, 3], strides=[2, 2], l2=0.01),
    residual(
        convolution(6, [3, 3], strides=[2, 2]),
        convolution(6, [2, 2], activation="linear", l2=0.02),
        shortcut="he_normal",
    ),
    residual(convolution(6, [3, 3]), activation="selu"),
    pool("average", [2, 1]),
    *END,
)
CASES = {
    "small": Case(
        (7, 6, 2),
        (
            convolution(3, [3, 2], strides=[2, 1], l2=0.01),
            {"kind": "dropout", "rate": 0.0},
            residual(convolution(4, [2, 2], strides=[2, 2]), shortcut="he_normal"),
            pool("average", [1, 2]),
            *END,
        ),
    ),
    "residual": Case((11, 8, 3), BLOCKS, optimizer=ADAM),
    "residual, sgd": Case((10, 9, 1), BLOCKS),
    "maxima": Case(
        (8, 7, 1),
        (
            convolution(4, [3, 3], "valid", strides=[1, 2]),
            pool("max", [2, 2], padding="same", strides=[1, 1]),
            pool("max", [3, 3], padding="same", strides=[2, 2]),
            pool("max", [2, 2], padding="same"),
            *END,
        ),
    ),
    "whole maxima": Case(
        (9, 8, 2), (STEM, pool("max", [3, 3], strides=[2, 2]), pool("max", [2, 2]), *END)
    ),
    "means": Case(
        (9, 8, 2),
        (
            STEM,
            pool("average", [3, 3], padding="same", strides=[2, 2]),
            pool("average", [2, 2], padding="same"),
            *END,
        ),
        optimizer=ADAM,
    ),
    "volume": Case(
        (5, 4, 6, 2),
        (
            convolution(3, [3, 3, 3], strides=[1, 2, 1]),
            pool("max", [2, 1, 2]),
            residual(convolution(3, [2, 2, 2], activation="sigmoid")),
            pool("average", [1, 2, 2]),
            *END,
        ),
    ),
    "line": Case(
        (13, 2),
        (
            convolution(3, [3], strides=[2], l2=0.05),
            residual(convolution(4, [2]), shortcut="glorot_normal", activation="tanh"),
            pool("max", [2]),
            pool("average", [2]),
            *END,
        ),
        optimizer=ADAM,
    ),
    "leaps": Case(  # strides beyond the windows
        (9, 8, 2),
        (STEM, pool("max", [2, 1], strides=[3, 2]), pool("average", [1, 2], strides=[2, 3]), *END),
    ),
    "autoencoder": Case(
        (6, 5, 1),
        (convolution(3, [3, 3]), convolution(1, [2, 2], activation="linear")),
        loss="mean_squared_error",
    ),
    "autoencoder of probabilities": Case(
        (5, 6, 3),
        (convolution(4, [3, 3]), convolution(3, [3, 3], activation="sigmoid")),
        loss="binary_crossentropy",
        optimizer=ADAM,
    ),
    "ties": Case(
        (9, 9, 1),
        (convolution(4, [2, 2], "valid", "linear"), pool("max", [2, 2]), *END),
        levels=2,
        differs="max_pool.ties",
    ),
    "relu at zero": Case((6,), (dense(5, "relu"), *END[1:]), still=2, differs="relu.zero"),
    "selu at zero": Case((6,), (dense(5, "selu"), *END[1:]), still=2, differs="selu.zero"),
    "volume of ties": Case(
        (5, 5, 5, 1),
        (convolution(4, [2, 2, 2], "valid", "linear"), pool("max", [2, 2, 2]), *END),
        levels=2,
        differs="max_pool.volumes",
    ),
    "flat": Case(
        (20,),
        (
            {"kind": "dropout", "rate": 0.0},
            dense(7, "relu", l2=0.03),
            {"kind": "gaussian_noise", "deviation": 0.0},
            dense(CLASSES, l2=0.01),
        ),
        differs="categorical_crossentropy",
    ),
}


def chosen() -> list[str]:
    """The adapters' names, narrowed by the variable BACKENDS."""
    known = registry.backends()
    names = [name for name in os.environ.get("BACKENDS", "").split(",") if name]
    for name in names:
        if name not in known:
            raise unknown("backend", name, known, where="BACKENDS")
    return names or [name for name, adapter in known.items() if "cpu" in adapter.devices]


class Workers:
    """One live worker: the next adapter's takes the place of the last one's."""

    def __init__(self, folder: Path, caches: Path) -> None:
        self.folder, self.caches = folder, caches
        self.stack, self.name = contextlib.ExitStack(), ""
        self.process: Process

    def at(self, name: str) -> Process:
        if self.name != name:
            self.stack.close()
            self.name = ""
            environ = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
            environ |= {"KERAS_HOME": str(self.folder), **registry.backends()[name].environ}
            environ = {k: v.replace("{caches}", str(self.caches)) for k, v in environ.items()}
            where = home(name)
            if where.path:
                environ["PYTHONPATH"] = str(where.path)
            self.process = Process(cpus=CPUS, environ=environ, timeout=300, python=where.python)
            self.stack.enter_context(self.process)
            Desk(self.folder).load(self.process, name, source=STRICT)
            self.name = name
        return self.process


@pytest.fixture(scope="module")
def workers(tmp_path_factory, pytestconfig):
    """What Theano and Numba compile is kept from one run of the tests to the next."""
    caches = pytestconfig.cache.mkdir("compiled")
    made = Workers(tmp_path_factory.mktemp("workers"), caches)
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: made.stack.close())
        yield made


@dataclass(frozen=True)
class Seen:
    """What is compared."""

    before: np.ndarray
    """Outputs for the first samples."""
    loss: float
    after: np.ndarray
    moved: dict[str, np.ndarray]
    """Change of every weight."""


def asked(process: Process, folder: Path, case: Case, name: str, precision: str) -> Seen:
    """The same of an adapter in its worker; raise `WorkerError` where it cannot."""
    desk, (weights, x, y) = Desk(folder), case.arrays(precision)
    mode = registry.backends()[name].modes[0]
    desk.build(process, case.workload(precision), weights, mode=mode, threads=len(CPUS))
    for file, array in (("x", x), ("y", y)):
        np.save(folder / f"{file}.npy", array)
    samples, targets = str(folder / "x.npy"), str(folder / "y.npy")
    labels = [targets, targets] if y is not x else None
    process.ask("stage", train=samples, test=samples, samples=None, labels=labels)
    given = desk.weights(process)
    assert all(np.array_equal(given[key], array) for key, array in weights.items())
    before = desk.predict(process, 0, BATCH)
    loss = process.ask("steps", order=ORDER.tolist(), rates=RATES.tolist())["loss"]
    after, changed = desk.predict(process, 0, BATCH), desk.weights(process)
    assert set(changed) == set(weights)
    moved = {key: changed[key].astype(float) - array for key, array in weights.items()}
    return Seen(before, loss, after, moved)


def referred(case: Case, declared: Mapping[str, str], precision: str) -> Seen:
    """The same of the reference in float64, from the weights and samples as the adapter has them.

    precision: the adapter's.
    """
    weights, x, y = case.arrays(precision)
    x, wide = x.astype(float), {key: array.astype(float) for key, array in weights.items()}
    kind = type("Declared", (registry.adapter("numpy"),), {"semantics": dict(declared)})
    made: Backend = kind(case.workload("float64"), wide, mode="numpy", device="cpu", threads=1)
    made.stage(x, y if case.loss == "categorical_crossentropy" else x)
    before, loss = made.predict(x[:BATCH]), made.train(ORDER, RATES)
    after, changed = made.predict(x[:BATCH]), made.weights()
    return Seen(before, loss, after, {key: changed[key] - array for key, array in wide.items()})


def error(seen: np.ndarray, expected: np.ndarray) -> float:
    assert seen.shape == expected.shape
    return float(np.linalg.norm(seen - expected) / np.linalg.norm(expected))


def apart(seen: Seen, expected: Seen) -> float:
    return error(joined(seen.moved), joined(expected.moved))


def joined(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([arrays[key].ravel() for key in sorted(arrays)])


def cases() -> list[Any]:
    return [
        pytest.param(
            name, case, id=f"{name}-{case}", marks=[pytest.mark.slow] if name in SLOW else []
        )
        for name in chosen()
        for case in FEW.get(name, [case for case in CASES if case != "small"])
    ]


@pytest.mark.parametrize(("name", "case"), cases())
def test_an_adapter_agrees_with_the_reference(workers, name, case):
    process, what = workers.at(name), CASES[case]
    adapter, precision = registry.backends()[name], "float64"
    understood = ways(adapter.meanings(adapter.modes[0]), what.workload(precision))
    try:
        try:
            seen = asked(process, workers.folder, what, name, precision)
        except WorkerError as refused:
            if refused.status != "skipped":
                raise
            precision = "float32"
            seen = asked(process, workers.folder, what, name, precision)
    except WorkerError as refused:
        if refused.status != "skipped":
            raise
        pytest.skip(f"{name}: {refused.reason}")
    # Where the machine decides what is meant, it is what is closest.
    answers = [(way, referred(what, way, precision)) for way in understood]
    declared, expected = min(answers, key=lambda each: apart(seen, each[1]))
    # Keras rounds Adam's constants to float32, and on PyTorch and JAX tanh and sums too.
    exact = precision == "float64" and not name.startswith("keras-")
    rough = precision == "float32" or what.optimizer is ADAM
    limit = 1e-9 if exact else 1e-4 if rough else 5e-6
    assert error(seen.before, expected.before) < (1e-12 if exact else 2e-6)
    assert seen.loss == pytest.approx(expected.loss, rel=1e-9 if exact else 1e-5)
    for key, array in expected.moved.items():
        assert np.linalg.norm(array), key  # nothing stands still
        assert error(seen.moved[key], array) < limit, key
    assert error(seen.after, expected.after) < limit
    for other in CHOICES[what.differs].meanings if what.differs else ():
        another = referred(what, {**declared, what.differs: other}, precision)
        gap = apart(seen, another)
        if other == meaning(declared, what.differs):
            assert gap < limit
        else:
            assert gap > 100 * limit, other
