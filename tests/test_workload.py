"""The numbers a workload decides: fingerprint, initial weights, orders, rates, operations."""

from __future__ import annotations

import hashlib
from math import sqrt

import numpy as np
import pytest
import yaml
from scipy import stats
from specs import DENSE, EVERY, PLAIN, changed, workload

from levelfield import registry
from levelfield.spec import suite
from levelfield.spec.fields import FieldError
from levelfield.spec.initialisers import FILLS, fill
from levelfield.spec.layers.dense import Dense
from levelfield.spec.optimizers import Adam
from levelfield.spec.schedules.constant import Constant
from levelfield.spec.workload import Workload

FINGERPRINT = "4113261285d5"
BY_HAND = Workload(
    name="by-hand",
    dataset="digits",
    layers=[
        Dense(units=8, activation="relu", kernel="he_normal", bias="zeros"),
        Dense(units=64, activation="sigmoid", kernel="he_normal", bias="zeros"),
    ],
    loss="mean_squared_error",
    optimizer=Adam(beta1=0.9, beta2=0.999, epsilon=1e-7),
    schedule=Constant(rate=1e-3),
    batch=32,
    epochs=3,
)
OTHERS = [
    ("dataset", "mnist"),
    ("samples", 100),
    ("layers", [DENSE]),
    ("layers[0].units", 9),
    ("layers[0].activation", "selu"),
    ("layers[1].kernel", "he_uniform"),
    ("layers[1].bias", "uniform_0_1"),
    ("loss", "binary_crossentropy"),
    ("optimizer", {"kind": "sgd", **EVERY["sgd"]}),
    ("optimizer.kind", "adamax"),
    ("optimizer.beta1", 0.91),
    ("optimizer.beta2", 0.99),
    ("optimizer.epsilon", 1e-8),
    ("schedule.rate", 0.0011),
    ("batch", 33),
    ("epochs", 4),
    ("seed", 1),
    ("precision", "float64"),
]

# Variance for fan-in i and fan-out o, and the distribution: Glorot & Bengio 2010, eq. 12 and 16;
# He et al. 2015, eq. 10.
FORMULAS = {
    "uniform_0_1": (lambda i, o: 1 / 12, "uniform"),
    "normal_0_1": (lambda i, o: 1.0, "norm"),
    "glorot_uniform": (lambda i, o: 2 / (i + o), "uniform"),
    "glorot_normal": (lambda i, o: 2 / (i + o), "norm"),
    "he_uniform": (lambda i, o: 2 / i, "uniform"),
    "he_normal": (lambda i, o: 2 / i, "norm"),
}
CHECKSUMS = {
    "glorot_normal": "38f231d98e10c3d0",
    "glorot_uniform": "889cae204938d67b",
    "he_normal": "1dd7067653fa0f0d",
    "he_uniform": "a2f2447734bbf2c6",
    "normal_0_1": "0cb30292745b476b",
    "uniform_0_1": "62fc1a8275d01ee3",
    "zeros": "af06c95b06647774",
}
"""First digits of the SHA-256 of a kernel's and a bias' bytes, in float32."""


def layered(units: int, kernel: str, bias: str, **rest: object) -> Workload:
    layers = [{**DENSE, "units": units, "kernel": kernel, "bias": bias}]
    return Workload.build({**PLAIN, "layers": layers, **rest})


def test_the_fingerprint_is_the_same_for_ever_and_however_it_is_written():
    assert BY_HAND.fingerprint == FINGERPRINT
    assert Workload.build(PLAIN).fingerprint == FINGERPRINT
    assert Workload.build(yaml.safe_load(yaml.safe_dump(PLAIN))).fingerprint == FINGERPRINT
    backwards = dict(reversed([(k, v) for k, v in PLAIN.items() if v is not None]))
    assert Workload.build(backwards).fingerprint == FINGERPRINT


@pytest.mark.parametrize(("path", "whole"), [("schedule.rate", 1), ("optimizer.beta1", 0)])
def test_a_whole_number_is_the_same_as_its_float(path, whole):
    assert workload(path, whole).fingerprint == workload(path, float(whole)).fingerprint


def test_the_fingerprint_changes_with_everything_but_the_name():
    prints = [workload(path, value).fingerprint for path, value in OTHERS]
    assert len({FINGERPRINT, *prints}) == 1 + len(OTHERS)
    assert workload("name", "other").fingerprint == FINGERPRINT
    swapped = Workload.build({**PLAIN, "layers": PLAIN["layers"][::-1]})
    assert swapped.fingerprint not in {FINGERPRINT, *prints}
    assert {path.partition("[")[0].partition(".")[0] for path, _ in OTHERS} == {*PLAIN} - {"name"}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_initial_weights_have_canonical_names_and_shapes(precision):
    weights = workload("precision", precision).initial_weights((64,))
    assert {name: array.shape for name, array in weights.items()} == {
        "layer1/kernel": (64, 8),
        "layer1/bias": (8,),
        "layer2/kernel": (8, 64),
        "layer2/bias": (64,),
    }
    assert {array.dtype for array in weights.values()} == {np.dtype(precision)}
    assert all(array.flags["C_CONTIGUOUS"] for array in weights.values())
    exact = workload("precision", "float64").initial_weights((64,))
    assert all((weights[name] == exact[name].astype(precision)).all() for name in weights)


@pytest.mark.parametrize("initialiser", sorted(FILLS))
def test_initial_weights_are_the_same_for_ever(initialiser):
    weights = layered(64, initialiser, initialiser, seed=7).initial_weights((64,))
    digest = hashlib.sha256(b"".join(array.tobytes() for array in weights.values()))
    assert digest.hexdigest()[:16] == CHECKSUMS[initialiser]


def test_initial_weights_follow_the_seed_and_no_other_layer():
    one = workload().initial_weights((64,))
    for path, value in [
        ("name", "other"), ("batch", 5), ("layers[1].units", 3), ("layers[1].kernel", "normal_0_1"),
        ("layers[0].activation", "tanh"), ("layers[0].bias", "normal_0_1"),
    ]:  # fmt: skip
        other = workload(path, value).initial_weights((64,))
        assert (one["layer1/kernel"] == other["layer1/kernel"]).all(), path
    for path, value in [("seed", 1), ("layers[0].kernel", "he_uniform")]:
        other = workload(path, value).initial_weights((64,))
        assert (one["layer1/kernel"] != other["layer1/kernel"]).all(), path


def test_no_two_arrays_are_filled_alike():
    square = {**DENSE, "units": 50, "kernel": "normal_0_1", "bias": "normal_0_1"}
    weights = Workload.build({**PLAIN, "layers": [square] * 3}).initial_weights((50,))
    firsts = [float(array.ravel()[0]) for array in weights.values()]
    assert len(set(firsts)) == len(weights) == 6
    flat = [weights[f"layer{i}/kernel"].ravel() for i in (1, 2, 3)]
    assert np.abs(np.corrcoef(flat) - np.eye(3)).max() < 5 / sqrt(2500)


@pytest.mark.parametrize("name", sorted(FORMULAS))
@pytest.mark.parametrize(
    ("part", "sample", "units", "fans"),
    [("kernel", 300, 200, (300, 200)), ("bias", 2, 60_000, (60_000, 60_000))],
)
def test_initial_weights_follow_the_published_formulas(name, part, sample, units, fans):
    made = layered(units, name, name, precision="float64").initial_weights((sample,))
    values = made[f"layer1/{part}"].ravel()
    count, (variance, family) = len(values), FORMULAS[name]
    wanted = variance(*fans)
    width = sqrt(12 * wanted)
    centre = 0.5 if name == "uniform_0_1" else 0.0
    assert abs(values.mean() - centre) < 5 * sqrt(wanted / count)
    spread = sqrt({"uniform": 0.8, "norm": 2.0}[family] / count)
    assert abs(values.var() / wanted - 1) < 5 * spread
    if family == "uniform":
        assert abs(values - centre).max() <= width / 2
        assert abs(values - centre).max() > 0.999 * width / 2
        place = (centre - width / 2, width)
    else:
        place = (centre, sqrt(wanted))
    assert stats.kstest(values, getattr(stats, family)(*place).cdf).pvalue > 0.001


def test_a_window_multiplies_both_fans():
    rng = np.random.Generator(np.random.PCG64(0))
    values = fill("glorot_uniform", rng, (3, 5, 40, 60))
    assert values.shape == (3, 5, 40, 60)
    limit = sqrt(6 / (15 * 40 + 15 * 60))
    assert 0.999 * limit < abs(values).max() <= limit
    limit = sqrt(6 / (15 * 40))
    assert 0.999 * limit < abs(fill("he_uniform", rng, (3, 5, 40, 60))).max() <= limit
    assert not fill("zeros", rng, (4,)).any()


def test_orders_are_the_same_for_ever():
    order = BY_HAND.order(0, 1000)
    assert order.dtype == np.int64
    assert order[:6].tolist() == [500, 986, 590, 277, 972, 492]
    assert BY_HAND.order(1, 1000)[:6].tolist() == [468, 844, 990, 946, 541, 312]
    other = BY_HAND.replace(seed=1).order(0, 1000)
    assert other[:6].tolist() == [644, 679, 432, 255, 370, 83]


@pytest.mark.parametrize("samples", [1, 2, 33, 1500])
def test_an_order_visits_every_sample_once(samples):
    for epoch in range(3):
        assert sorted(BY_HAND.order(epoch, samples)) == list(range(samples))


def test_orders_depend_on_epoch_and_seed_alone():
    orders = {tuple(BY_HAND.replace(seed=s).order(e, 50)) for s in range(10) for e in range(10)}
    assert len(orders) == 100
    other = BY_HAND.replace(batch=7, layers=BY_HAND.layers[:1], precision="float64", name="b")
    assert (other.order(3, 50) == BY_HAND.order(3, 50)).all()


def test_orders_are_uniform():
    samples, epochs = 12, 3000
    places, pairs = np.zeros((samples, samples)), np.zeros((samples, samples))
    for epoch in range(epochs):
        order = BY_HAND.order(epoch, samples)
        places[np.arange(samples), order] += 1
        pairs[order[:-1], order[1:]] += 1
    # Every row and column sums to the number of epochs: (n - 1)^2 degrees are free, and a cell's
    # variance within them is n / (n - 1) times that of independent counts.
    statistic = ((places - epochs / samples) ** 2 / (epochs / samples)).sum()
    statistic *= (samples - 1) / samples
    assert 0.001 < stats.chi2((samples - 1) ** 2).cdf(statistic) < 0.999
    followers = pairs[~np.eye(samples, dtype=bool)]
    assert stats.chisquare(followers).pvalue > 0.001


@pytest.mark.parametrize(
    ("samples", "batch", "steps"),
    [(1, 32, 1), (31, 32, 1), (32, 32, 1), (33, 32, 2), (64, 32, 2), (60_000, 500, 120), (7, 1, 7)],
)
def test_the_last_batch_need_not_be_full(samples, batch, steps):
    made = workload("batch", batch)
    assert made.steps(samples) == steps
    rates = made.rates(2, samples)
    assert (rates.shape, rates.dtype) == ((steps,), np.float64)
    assert (rates == 0.001).all()


def test_the_operations_of_the_thesis_network():
    path = suite.find("autoencoder", registry.suites())
    elements = [784 * 1000, 1000 * 500, 500 * 250, 250 * 125, 125 * 32]
    elements += [32 * 125, 125 * 250, 250 * 500, 500 * 1000, 1000 * 784]
    assert sum(elements) == 2_888_500
    for made in suite.load(path).workloads:
        assert made.flops((784,)) == 3 * 2 * 2_888_500 == 17_331_000
        weights = made.initial_weights((784,))
        kernels = [array.size for name, array in weights.items() if name.endswith("kernel")]
        assert kernels == elements


def test_shapes_must_come_back_to_the_sample():
    made = workload()
    assert made.shapes((64,)) == [(64,), (8,), (64,)]
    made.check_shapes((64,))
    with pytest.raises(FieldError) as error:
        made.check_shapes((784,))
    assert str(error.value) == (
        "layers[1]: the last layer gives 64 values a sample, but a sample of digits has 784; "
        "expected an autoencoder, whose output has the shape of its input\n"
        "  try: units: 784 in the last layer"
    )
    assert error.value.path == ("layers", 1)


def test_the_plain_workload_is_the_one_made_by_hand():
    assert BY_HAND.replace(name="tiny") == Workload.build(changed("name", "tiny"))
    assert {**BY_HAND.plain(), "name": "tiny"} == PLAIN
