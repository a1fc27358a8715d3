"""A momentum that the schedule moves: refused where it is not defined, verified where it is."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from environs import home
from running import Place, pick
from specs import EVERY, PLAIN

from levelfield import registry
from levelfield.backend import Unsupported
from levelfield.run.cluster import java
from levelfield.run.environment import FOLDER, folder
from levelfield.run.sweeping import swept
from levelfield.spec.fields import FieldError
from levelfield.spec.workload import Workload

ONE = {"kind": "one_cycle", "low": 0.01, "high": 0.5, "final": 0.001, "epochs": 3}
CYCLE = {**ONE, "momentum_low": 0.5, "momentum_high": 0.9}
SGD = {"kind": "sgd", "momentum": 0.9, "nesterov": False}


def workload(**changes: object) -> Workload:
    facts = {**copy.deepcopy(PLAIN), "optimizer": SGD, "schedule": CYCLE, **changes}
    made = Workload.build(facts)
    assert isinstance(made, Workload)
    return made


def test_a_workload_has_the_momenta_of_its_schedule():
    cycled, steady = workload(), workload(schedule=ONE)
    assert (cycled.cycled, steady.cycled) == (True, False)
    assert steady.momenta(0, 100) is None
    epochs = [cycled.momenta(epoch, 100) for epoch in range(3)]
    whole = cycled.schedule.momenta(0, 12, steps_per_epoch=4)
    assert np.concatenate(epochs).tolist() == whole.tolist()
    assert (whole[0], whole.min() < 0.55, whole[-1]) == (0.9, True, 0.9)


def test_who_does_not_move_it_keeps_its_fingerprint():
    """The fields came later: a schedule without them reads as it always did."""
    assert workload(schedule=ONE).plain()["schedule"] == {
        **ONE, "warmup": 0.45, "annealing": "linear",
    }  # fmt: skip
    assert workload(schedule=ONE).fingerprint == "a6aacc9b962b"
    prints = {
        workload(schedule={**CYCLE, "momentum_low": low}).fingerprint for low in (0.5, 0.6, 0.9)
    }
    assert len(prints) == 3
    assert Workload.build(workload().plain()) == workload()


@pytest.mark.parametrize("kind", sorted(set(EVERY) - {"sgd", "rmsprop"}))
def test_an_optimizer_without_momentum_is_refused(kind):
    with pytest.raises(FieldError) as error:
        workload(optimizer={"kind": kind, **EVERY[kind]})
    assert error.value.where == "optimizer.kind"
    assert error.value.seen.startswith(f"{kind} has no momentum that a schedule could move")
    assert ("bias correction" in error.value.seen) == kind.startswith("adam")
    assert error.value.expected == "sgd or rmsprop"


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.95])
def test_the_momentum_begins_as_the_optimizers_own(momentum):
    for kind in ("sgd", "rmsprop"):
        with pytest.raises(FieldError) as error:
            workload(optimizer={"kind": kind, **EVERY[kind], "momentum": momentum})
        assert error.value.where == "optimizer.momentum"
        assert error.value.seen == f"got {momentum:g}"
        assert error.value.expected == "0.9, the momentum at which the schedule begins"


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("meaning", ["the sum", "each term"])
def test_the_reference_by_hand(nesterov, meaning):
    """One linear layer, whose gradient is written down; velocities as Sutskever et al. 2013."""
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(9, 3)), rng.normal(size=(3, 3))
    layer = {"kind": "dense", "units": 3, "activation": "linear", "kernel": "zeros"}
    facts = {"layers": [{**layer, "bias": "zeros"}], "batch": 4, "precision": "float64"}
    spec = workload(**facts, optimizer={**SGD, "nesterov": nesterov})
    numpy = type("Declared", (registry.adapter("numpy"),), {"semantics": {"sgd.rate": meaning}})
    weights = {"layer1/kernel": w, "layer1/bias": np.zeros(3)}
    backend = numpy(spec, weights, mode="numpy", device="cpu", threads=1)
    backend.stage(x, x)
    rates, momenta = spec.rates(0, 9), np.array([0.9, 0.5, 0.7])
    backend.cycle(momenta)
    backend.train(np.arange(9), rates)

    now = np.vstack((w, np.zeros(3)))  # the bias is the weight of a one
    v = np.zeros_like(now)
    for n, (rate, momentum) in enumerate(zip(rates, momenta, strict=True)):
        batch = x[4 * n : 4 * n + 4]
        ones = np.column_stack((batch, np.ones(len(batch))))
        g = ones.T @ (2 * (ones @ now - batch) / batch.size)
        inner, outer = (1.0, rate) if meaning == "the sum" else (rate, 1.0)
        v = momentum * v - inner * g
        now = now + outer * (momentum * v - inner * g if nesterov else v)
    found = backend.weights()
    assert found["layer1/kernel"] == pytest.approx(now[:3], rel=1e-12)
    assert found["layer1/bias"] == pytest.approx(now[3], rel=1e-12)


FOLLOW = ("numpy/numpy", "torch/eager", "jax/scan", "tensorflow/graph")


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_sweep_has_the_momenta_of_its_steps(name):
    """Batch by batch, or in one go where the framework tells of each: as a training has them."""
    layer = {"kind": "dense", "units": 3, "activation": "softmax", "kernel": "zeros"}
    facts = {"layers": [{**layer, "bias": "zeros"}], "loss": "categorical_crossentropy"}
    spec = workload(**facts, batch=4, precision="float64")
    rng = np.random.default_rng(6)
    x, labels = rng.normal(size=(9, 5)), rng.integers(0, 3, 9)
    weights = {"layer1/kernel": rng.normal(size=(5, 3)), "layer1/bias": np.zeros(3)}
    order, rates, momenta = np.arange(9), np.full(3, 0.1), np.array([0.9, 0.5, 0.7])
    ends = []
    for kind in (registry.adapter("numpy"), registry.adapter(name)):
        backend = kind(spec, weights, mode=kind.modes[0], device="cpu", threads=1)
        backend.stage(x, labels)
        if ends:
            swept(backend, (x, labels), order, rates, 4, every=1, momenta=momenta)
        else:
            backend.cycle(momenta)
            backend.train(order, rates)
        ends.append(backend.weights()["layer1/kernel"])
    assert ends[1] == pytest.approx(ends[0], rel=1e-12)


SUITE = """\
suite: cycled
timeout: 300
contenders: [numpy, torch, jax/scan, tensorflow/graph, keras-jax]
workloads:
  - name: odd
    dataset: digits
    samples: 203
    layers:
      - {kind: dense, units: 7, activation: tanh, kernel: glorot_normal, bias: glorot_normal}
      - {kind: dense, units: 64, activation: sigmoid, kernel: glorot_normal, bias: zeros}
    loss: mean_squared_error
    optimizer: {kind: sgd, momentum: 0.9, nesterov: true}
    schedule: {kind: one_cycle, low: 0.1, high: 1.0, final: 0.01, epochs: 3, warmup: 0.4,
               momentum_low: 0.5, momentum_high: 0.9}
    batch: 33
    epochs: 3
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Place:
    """One study of who follows the momenta, who cannot, and who says so and does not."""
    place = Place(tmp_path_factory.mktemp("cycled"))
    suite = place.folder / "cycled.yaml"
    suite.write_text(SUITE)
    wrong = pick(place.folder, "wrong", "one-momentum")
    words = ("--out", str(place.study), "--repeats", "1", "--backend", wrong)
    done = place.call(
        "run", str(suite), *words, "--backends", "numpy,torch,jax,tensorflow,keras-jax"
    )
    assert done.returncode == 0, done.stderr
    return place


def records(study):
    return {f"{record.backend}/{record.mode}": record for record in study.records()}


def test_who_follows_the_momenta_is_verified_and_timed(study):
    found = records(study)
    first = found["numpy/numpy"]
    for name in FOLLOW:
        record = found[name]
        assert (record.status, record.verification.status) == ("ok", "passed"), record.reason
        assert record.epochs.loss == pytest.approx(first.epochs.loss, rel=1e-4)


def test_who_cannot_is_skipped_with_the_reason(study):
    record = records(study)["keras-jax/default"]
    assert record.status == "skipped"
    assert "Keras 3 writes the momentum into the compiled step" in record.reason


def test_who_ignores_the_momenta_is_found_out(study):
    record = next(r for r in study.records() if r.backend == "one-momentum")
    assert (record.status, record.verification.status) == ("failed", "failed")
    wrong = {figure.level for figure in record.verification.figures if not figure.passed}
    assert wrong == {"optimizer", "epoch"}


@pytest.mark.slow
def test_processes_of_a_cluster_follow_the_momenta(tmp_path, monkeypatch):
    try:
        java()
    except Unsupported as reason:
        pytest.skip(str(reason))
    home("spark-torch")
    monkeypatch.setenv(FOLDER, str(folder()))
    place, suite = Place(tmp_path), tmp_path / "cycled.yaml"
    suite.write_text(SUITE)
    words = ("--backends", "spark-torch", "--device", "spark:2x1x1g", "--timeout", "900")
    done = place.call("verify", str(suite), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
