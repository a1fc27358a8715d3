"""What every adapter owes, in every mode: the reference's figures, in the semantics it declares.

Each adapter and mode lives in one worker, which is asked for everything. ``BACKENDS=torch,jax``
narrows the choice.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from environs import home
from running import ADAPTERS, CPUS, Desk

from levelfield import registry
from levelfield.backend import Backend, Declared
from levelfield.errors import unknown
from levelfield.run.process import Process, WorkerError
from levelfield.spec.workload import Workload
from levelfield.verify.semantics import CHOICES, meaning, meanings

SLOW = {
    ("torch", "compile"), ("keras-torch", "default"), ("theano", "fast_run"),
    ("keras-theano", "default"), ("pytensor", "numba"),
}  # fmt: skip
"""They compile, for seconds, whatever they are given: a part of the cases is enough."""
ROUNDED = {"keras-torch": None, "keras-jax": "tanh"}
"""Keras 3.15 promotes float64 to float32 on every engine but TensorFlow: on PyTorch wherever two
tensors are added, on JAX in tanh. Verification says so of a float64 workload; here they agree as
far as float32 goes."""
SATURATED = {"theano", "keras-theano"}
"""Theano's sigmoid is exactly 1 beyond 19, in float64 too: they are spared logits out there."""
STRICT = str(ADAPTERS / "strict.py")
E = 1e-3
OPTIMIZERS = {
    "sgd": {"kind": "sgd", "momentum": 0.0, "nesterov": False},
    "momentum": {"kind": "sgd", "momentum": 0.9, "nesterov": False},
    "nesterov": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
    "adam": {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": E},
    "adamax": {"kind": "adamax", "beta1": 0.9, "beta2": 0.999, "epsilon": 10 * E},
    "adagrad": {"kind": "adagrad", "accumulator": 0.0, "epsilon": E},
    "adagrad-0.1": {"kind": "adagrad", "accumulator": 0.1, "epsilon": E},
    "adadelta": {"kind": "adadelta", "rho": 0.95, "epsilon": E},
    "rmsprop": {"kind": "rmsprop", "rho": 0.9, "momentum": 0.0, "epsilon": E},
    "rmsprop-momentum": {"kind": "rmsprop", "rho": 0.9, "momentum": 0.9, "epsilon": E},
}
LOSSES = ("mean_squared_error", "binary_crossentropy")
SIZES, DEEP, SAMPLES, BATCH = (6, 5, 6), (6, 5, 7, 8, 4, 6), 22, 8
RATES = np.array([0.05, 0.02, 0.1, 0.03])
MOMENTA = np.array([0.9, 0.55, 0.7, 0.85])
CYCLE = {"kind": "one_cycle", "low": 0.1, "high": 1.0, "final": 0.01, "epochs": 1,
         "momentum_low": 0.5, "momentum_high": 0.9}  # fmt: skip
ORDER = np.random.default_rng(1).integers(0, SAMPLES, 3 * BATCH + 3)
"""Three batches and a smaller one; samples come more than once, or never."""


def chosen() -> list[str]:
    """The adapters' names, narrowed by the variable BACKENDS."""
    known = registry.backends()
    names = [name for name in os.environ.get("BACKENDS", "").split(",") if name]
    for name in names:
        if name not in known:
            raise unknown("backend", name, known, where="BACKENDS")
    return names or [name for name, adapter in known.items() if "cpu" in adapter.devices]


@dataclass
class Subject:
    """An adapter in one mode, alive in its worker, strictly watched."""

    adapter: type[Backend]
    mode: str
    process: Process
    desk: Desk

    @property
    def tolerance(self) -> float:
        """Of a change of weights, relative. Keras rounds the optimizers' constants to float32."""
        return 2e-5 if self.adapter.name.startswith("keras") else 1e-9

    @property
    def declared(self) -> Declared:
        """What its adapter means in its mode."""
        return self.adapter.meanings(self.mode)

    def exact(self, *activations: str) -> bool:
        """Whether a model with these activations is computed in float64 throughout."""
        return ROUNDED.get(self.adapter.name, "nothing") not in {None, *activations}

    def build(self, workload: Workload, weights: dict[str, np.ndarray], x: np.ndarray) -> None:
        self.desk.build(self.process, workload, weights, mode=self.mode)
        self.desk.stage(self.process, x, x)

    def train(self, order: np.ndarray, rates: np.ndarray, **momenta: np.ndarray) -> float:
        told = {name: array.tolist() for name, array in {"rates": rates, **momenta}.items()}
        return self.process.ask("steps", order=order.tolist(), **told)["loss"]


class Workers:
    """One live worker: the next adapter's takes the place of the last one's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stack = folder, contextlib.ExitStack()
        self.contender, self.subject = None, None

    def at(self, name: str, mode: str) -> Subject:
        if self.contender != (name, mode):
            self.stack.close()
            adapter, self.contender = registry.backends()[name], None
            environ = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
            environ |= {"KERAS_HOME": str(self.folder), **adapter.environ}
            environ |= {"TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor")}
            environ = {k: v.replace("{caches}", str(self.folder)) for k, v in environ.items()}
            where = home(name)
            if where.path:
                environ["PYTHONPATH"] = str(where.path)
            process = Process(cpus=CPUS, environ=environ, timeout=800, python=where.python)
            self.stack.enter_context(process)
            self.subject = Subject(adapter, mode, process, Desk(self.folder))
            self.subject.desk.load(process, name, source=STRICT)
            self.contender = name, mode
        return self.subject


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    made = Workers(tmp_path_factory.mktemp("workers"))
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: made.stack.close())
        yield made


def workload(optimizer="sgd", loss=LOSSES[0], activations=("selu", "sigmoid"), **changes):
    sizes = SIZES if len(activations) == len(SIZES) - 1 else DEEP
    layers = [
        {"kind": "dense", "units": n, "activation": a, "kernel": "zeros", "bias": "zeros"}
        for a, n in zip(activations, sizes[1:], strict=True)
    ]
    facts = {"layers": layers, "loss": loss, "optimizer": OPTIMIZERS[optimizer], "batch": BATCH}
    facts |= {"name": "contract", "dataset": "digits", "epochs": 1, "precision": "float64"}
    schedule = {"kind": "constant", "rate": 1.0}
    return Workload.build({**facts, "schedule": schedule, **changes})


@cache
def network(sizes=SIZES, precision="float64", *, extreme=False):
    """Weights and samples; extreme: some of the last logits lie where sigmoids are clipped."""
    rng, weights = np.random.default_rng(2), {}
    for number, (inputs, units) in enumerate(itertools.pairwise(sizes), start=1):
        weights[f"layer{number}/kernel"] = rng.normal(0, 0.5, (inputs, units)).astype(precision)
        weights[f"layer{number}/bias"] = rng.normal(0, 0.5, units).astype(precision)
    if extreme:
        weights[f"layer{len(sizes) - 1}/bias"][:2] = 19.0, -19.0
    return weights, rng.uniform(0, 1, (SAMPLES, sizes[0])).astype(precision)


def reference(spec, weights, x, declared) -> Backend:
    kind = type("Declared", (registry.adapter("numpy"),), {"semantics": dict(declared)})
    made = kind(spec, weights, mode="numpy", device="cpu", threads=1)
    made.stage(x, x)
    return made


def moved(after, before) -> np.ndarray:
    return np.concatenate([(after[name] - before[name]).ravel() for name in before])


def error(seen, expected) -> float:
    return float(np.linalg.norm(seen - expected) / np.linalg.norm(expected))


def others(declared, key):
    """The declaration with another meaning of a key."""
    (other,) = set(CHOICES[key].meanings) - {meaning(declared, key)}
    return {**declared, key: other}


def check_steps(subject, optimizer, loss):
    """A few steps at changing rates agree with the reference, in the declared semantics only."""
    extreme = loss == LOSSES[1] and subject.adapter.name not in SATURATED
    spec, (weights, x) = workload(optimizer, loss), network(extreme=extreme)
    declared = subject.declared
    subject.build(spec, weights, x)
    expected = reference(spec, weights, x, declared)

    before = subject.desk.weights(subject.process)
    for name, array in weights.items():
        assert np.array_equal(before[name], array)
    outputs = subject.desk.predict(subject.process, 0, SAMPLES)
    assert error(outputs, expected.predict(x)) < (1e-12 if subject.exact() else 1e-6)

    assert subject.train(ORDER, RATES) == pytest.approx(expected.train(ORDER, RATES), rel=1e-5)
    seen = moved(subject.desk.weights(subject.process), weights)
    right = moved(expected.weights(), weights)
    assert error(seen, right) < subject.tolerance
    after = subject.desk.predict(subject.process, 0, SAMPLES)
    assert error(after, expected.predict(x)) < subject.tolerance

    for key in CHOICES:
        if not key.startswith((spec.optimizer.kind + ".", loss)):
            continue
        wrong = reference(spec, weights, x, others(declared, key))
        wrong.train(ORDER, RATES)
        gap = error(moved(wrong.weights(), weights), right)
        if key.endswith(".rate") and not spec.optimizer.momentum:
            assert gap < 1e-12  # nothing is kept that a rate could scale
        elif key == loss and not extreme:
            assert gap < 1e-12  # where nothing is clipped the two are one
        else:
            assert error(seen, moved(wrong.weights(), weights)) > 1e-4 > 4 * subject.tolerance


def check_steps_go_on_where_they_were(subject):
    """Two pieces are one piece: the optimizer's memory, the count of steps, the weights stay."""
    spec, (weights, x) = workload("adam"), network()
    subject.build(spec, weights, x)
    expected = reference(spec, weights, x, subject.declared)
    for start, stop in ((0, BATCH), (BATCH, 3 * BATCH), (3 * BATCH, len(ORDER))):
        rates = RATES[start // BATCH : -(-stop // BATCH)]
        loss = subject.train(ORDER[start:stop], rates)
        assert loss == pytest.approx(expected.train(ORDER[start:stop], rates), rel=1e-5)
    seen = moved(subject.desk.weights(subject.process), weights)
    assert error(seen, moved(expected.weights(), weights)) < subject.tolerance


def check_momenta(subject):
    """A momentum that changes with every step is followed, piece after piece, or refused."""
    names = ["momentum", "nesterov", "rmsprop-momentum"]
    if subject.adapter.cycle is Backend.cycle:
        with pytest.raises(WorkerError) as refused:
            subject.build(workload("momentum", schedule=CYCLE), *network())
        assert (refused.value.status, refused.value.reason) == ("skipped", subject.adapter.steady)
        return
    if (subject.adapter.name, subject.mode) in SLOW:
        names = names[1:2]
    for name in names:
        spec, (weights, x) = workload(name, schedule=CYCLE), network()
        subject.build(spec, weights, x)
        expected, constant = (reference(spec, weights, x, subject.declared) for _ in "12")
        for start, stop in ((0, BATCH), (BATCH, len(ORDER))):
            steps = slice(start // BATCH, -(-stop // BATCH))
            expected.cycle(MOMENTA[steps])
            told = subject.train(ORDER[start:stop], RATES[steps], momenta=MOMENTA[steps])
            right = expected.train(ORDER[start:stop], RATES[steps])
            assert told == pytest.approx(right, rel=1e-5)
        constant.train(ORDER, RATES)
        seen, right = (
            moved(found, weights)
            for found in (subject.desk.weights(subject.process), expected.weights())
        )
        assert error(seen, right) < subject.tolerance
        assert error(moved(constant.weights(), weights), right) > 1e-2


def check_gradients_through_every_activation(subject, loss):
    last = ("linear",) if loss == LOSSES[0] else ("sigmoid",)
    activations = ("sigmoid", "tanh", "relu", "selu", *last)
    spec, exact = workload("sgd", loss, activations), subject.exact(*activations)
    weights, x = network(DEEP)
    subject.build(spec, weights, x)
    expected = reference(spec, weights, x, subject.declared)
    limit = 1e-12 if exact else 1e-6
    seen, right = subject.desk.predict(subject.process, 3, 14), expected.predict(x[3:14])
    assert error(seen, right) < limit
    subject.train(ORDER[:BATCH], np.ones(1))
    expected.train(ORDER[:BATCH], np.ones(1))
    seen, right = subject.desk.weights(subject.process), expected.weights()
    for name, array in weights.items():
        assert error(seen[name] - array, right[name] - array) < 1000 * limit, name
    assert (
        exact
        or error(subject.desk.predict(subject.process, 3, 14), expected.predict(x[3:14])) > 1e-9
    )


def check_a_batch_larger_than_the_set(subject):
    spec, (weights, x) = workload("adam", batch=100), network()
    subject.build(spec, weights, x)
    expected = reference(spec, weights, x, subject.declared)
    for _ in range(2):
        order = np.arange(SAMPLES)
        loss = subject.train(order, RATES[:1])
        assert loss == pytest.approx(expected.train(order, RATES[:1]), rel=1e-5)
    seen = moved(subject.desk.weights(subject.process), weights)
    assert error(seen, moved(expected.weights(), weights)) < subject.tolerance


def check_single_precision(subject):
    """Weights come back as they were given, to the bit; outputs and steps as far as that goes."""
    spec = workload("adam", precision="float32")
    weights, x = network(precision="float32")
    subject.build(spec, weights, x)
    before = subject.desk.weights(subject.process)
    assert {array.dtype for array in before.values()} == {np.dtype("float32")}
    assert all(np.array_equal(before[name], array) for name, array in weights.items())
    exact = reference(spec.replace(precision="float64"), weights, x, subject.declared)
    assert error(subject.desk.predict(subject.process, 0, 5), exact.predict(x[:5])) < 1e-6
    assert subject.train(ORDER, RATES) == pytest.approx(exact.train(ORDER, RATES), rel=1e-5)
    seen = moved(subject.desk.weights(subject.process), weights)
    assert error(seen, moved(exact.weights(), weights)) < 1e-4


def check_the_end(subject):
    """Closing twice is harmless; settings, memory and versions can be told."""
    subject.build(workload(), *network())
    assert math.isfinite(subject.train(ORDER, RATES))
    for _ in range(2):
        facts = subject.process.ask("close")
        assert facts["wall"] >= 0
        for either in subject.adapter.packages:
            assert set(either.split("|")) & set(facts["versions"]), either
        assert 10 << 20 < facts["peak_memory"] < 64 << 30
        assert facts["device_memory"] is None
        assert facts["cpus"] == CPUS


CHECKS = {
    "the steps go on": check_steps_go_on_where_they_were,
    "momenta": check_momenta,
    "gradients": partial(check_gradients_through_every_activation, loss=LOSSES[0]),
    "gradients of logits": partial(check_gradients_through_every_activation, loss=LOSSES[1]),
    "large batch": check_a_batch_larger_than_the_set,
    "single precision": check_single_precision,
    "the end": check_the_end,
}


def cases() -> Iterator[object]:
    """Contender by contender: every optimizer with both losses in the first mode that is quick.

    Other modes get less; Keras' optimizers are one code on three engines: one gets both losses.
    """
    seen = set()
    for name in chosen():
        adapter = registry.backends()[name]
        for mode in adapter.modes:
            family = "keras" if name.startswith("keras-") else name
            pairs = [(optimizer, LOSSES[0]) for optimizer in ("sgd", "adam", "rmsprop-momentum")]
            if (name, mode) in SLOW:
                pairs = pairs[1:2]
            elif name not in seen:
                pairs = [(optimizer, LOSSES[0]) for optimizer in OPTIMIZERS]
            pairs += [("momentum", LOSSES[1])]
            if (name, mode) not in SLOW and family not in seen:
                pairs = [(optimizer, loss) for loss in LOSSES for optimizer in OPTIMIZERS]
            if (name, mode) not in SLOW:
                seen |= {name, family}
            marks = [pytest.mark.slow] if (name, mode) in SLOW else []
            steps = {
                f"{o}-{loss}": partial(check_steps, optimizer=o, loss=loss) for o, loss in pairs
            }
            for what, check in {**steps, **CHECKS}.items():
                yield pytest.param((name, mode), check, id=f"{name}/{mode}-{what}", marks=marks)


@pytest.mark.parametrize(("contender", "check"), list(cases()))
def test_contract(workers, contender, check):
    check(workers.at(*contender))


@pytest.mark.parametrize("name", registry.backends())
def test_declarations(name):
    adapter = registry.backends()[name]
    assert adapter.modes
    assert adapter.devices & {"cpu", "spark"}
    assert set(adapter.semantics_in) <= set(adapter.modes)
    for mode in adapter.modes:
        for key in (declared := adapter.meanings(mode)):
            assert set(meanings(declared, key)) <= set(CHOICES[key].meanings)
    for method, owed in inspect.getmembers(Backend, inspect.isfunction):
        seen = inspect.signature(getattr(adapter, method)).parameters
        assert list(seen) == list(inspect.signature(owed).parameters), method


def test_an_unknown_backend_is_an_error(monkeypatch):
    monkeypatch.setenv("BACKENDS", "numpy,trch")
    with pytest.raises(Exception, match=r"(?s)unknown backend 'trch'.*did you mean torch"):
        chosen()
