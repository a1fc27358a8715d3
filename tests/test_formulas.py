"""Formulas and the layers they stand for, counted with models written by hand in PyTorch."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import yaml

from levelfield.spec.fields import FieldError
from levelfield.spec.formulas import Formula
from levelfield.spec.layers import Layer
from levelfield.spec.workload import Workload

TRAINED: dict[str, Any] = {
    "name": "w",
    "dataset": "cifar10",
    "loss": "categorical_crossentropy",
    "optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
    "schedule": {"kind": "constant", "rate": 0.1},
    "batch": 32,
    "epochs": 2,
}


def built(**facts: Any) -> Workload:
    return Workload.build({**TRAINED, **facts})


def parameters(spec: Workload, shape: tuple[int, ...]) -> int:
    """Numbers that the model learns."""
    return sum(array.size for array in spec.initial_weights(shape).values())


# --- written out


def convolution(filters: int) -> dict[str, Any]:
    facts = {"kind": "convolution", "filters": filters, "window": [3, 3], "padding": "same"}
    filled = {"kernel": "glorot_uniform", "bias": "zeros"}
    return {**facts, "activation": "relu", **filled, "l2": 0.01}


def dense(units: int, activation: str = "relu") -> dict[str, Any]:
    facts = {"kind": "dense", "units": units, "activation": activation}
    return {**facts, "kernel": "glorot_uniform", "bias": "zeros"}


POOL, FLAT = {"kind": "max_pool", "window": [2, 2]}, {"kind": "flatten"}
B3FL16 = [
    convolution(16), convolution(16), POOL,
    convolution(32), convolution(32), POOL,
    convolution(64), convolution(64), POOL,
    FLAT, dense(4 * 4 * 64), dense(4 * 4 * 64), dense(10, "softmax"),
]  # fmt: skip
B3FL16_PARAMETERS = (
    (9 * 3 + 1) * 16 + (9 * 16 + 1) * 16 + (9 * 16 + 1) * 32 + (9 * 32 + 1) * 32
    + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 64 + 2 * (1024 + 1) * 1024 + (1024 + 1) * 10
)  # fmt: skip


def test_b3fl16_is_what_it_is_by_hand():
    spec = built(cnn={"blocks": 3, "first_filters": 16})
    by_hand = built(layers=B3FL16)
    assert spec == by_hand
    assert spec.fingerprint == by_hand.fingerprint
    assert spec.plain()["layers"][0] == {**convolution(16), "strides": None}
    assert "cnn" not in spec.plain()
    assert Workload.build(spec.plain()) == spec
    spec.check_shapes((32, 32, 3), 10)
    assert spec.shapes((32, 32, 3)) == [
        (32, 32, 3), (32, 32, 16), (32, 32, 16), (16, 16, 16), (16, 16, 32), (16, 16, 32),
        (8, 8, 32), (8, 8, 64), (8, 8, 64), (4, 4, 64), (1024,), (1024,), (1024,), (10,),
    ]  # fmt: skip
    assert parameters(spec, (32, 32, 3)) == B3FL16_PARAMETERS
    assert spec.penalties() == {f"layer{place}/kernel": 0.01 for place in (1, 2, 4, 5, 7, 8)}


def test_what_a_cnns_other_numbers_do():
    spec = built(cnn={"blocks": 1, "first_filters": 4, "l2": 0, "dropout": 0.5})
    kinds = ["convolution", "convolution", "max_pool", "flatten"]
    assert [layer.kind for layer in spec.layers] == kinds + ["dense", "dropout"] * 2 + ["dense"]
    assert [layer.rate for layer in spec.layers if layer.kind == "dropout"] == [0.5, 0.5]
    assert spec.penalties() == {}
    filled = built(cnn={"blocks": 1, "first_filters": 4, "kernel": "he_normal"})
    kernels = [layer.kernel for layer in filled.layers if hasattr(layer, "kernel")]
    assert kernels == ["he_normal"] * 5


def test_windows_on_volumes_are_cubes_and_on_lines_lengths():
    for shape, m in (((8, 16, 12, 24), 2 * 4 * 3 * 8), ((3072, 1), 768 * 8), ((24, 32, 4), 48 * 8)):
        spec = built(cnn={"blocks": 2, "first_filters": 4}, input_shape=list(shape))
        space = len(shape) - 1
        assert [layer.window for layer in spec.layers[:3]] == [(3,) * space] * 2 + [(2,) * space]
        assert spec.layers[7].units == spec.layers[8].units == m
        assert math.prod(shape) in {3072, 8 * 16 * 12 * 24}


def test_lenet_is_what_it_is_by_hand():
    small = built(lenet={}, dataset="mnist", input_shape=[28, 28, 1])
    assert small == built(lenet={"size": "small"}, dataset="mnist", input_shape=[28, 28, 1])
    wide = {"window": [5, 5], "l2": 0.0, "activation": "tanh"}
    pool = {"kind": "average_pool", "window": [2, 2]}
    by_hand = [{**convolution(6), **wide}, pool, {**convolution(16), **wide}, pool, FLAT]
    by_hand += [dense(120, "tanh"), dense(84, "tanh"), dense(10, "softmax")]
    assert small == built(layers=by_hand, dataset="mnist", input_shape=[28, 28, 1])
    assert parameters(small, (28, 28, 1)) == (
        (25 + 1) * 6 + (25 * 6 + 1) * 16 + (7 * 7 * 16 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    )


@pytest.mark.parametrize("depth", [8, 20, 32, 56])
def test_a_resnet_has_as_many_layers_as_its_depth(depth):
    """Convolutions in a row and the dense layer; the shortcuts' are beside them."""
    spec = built(resnet={"depth": depth})
    blocks = [layer for layer in spec.layers if layer.kind == "residual"]
    inside = [part for block in blocks for part in block.layers]
    assert 1 + len(inside) + 1 == depth
    n = (depth - 2) // 6
    groups = [(filters, place) for filters in (16, 32, 64) for place in range(n)]
    for block, (filters, place) in zip(blocks, groups, strict=True):
        assert [part.filters for part in block.layers] == [filters] * 2
        narrower = place == 0 and filters > 16
        assert block.layers[0].strides == ((2, 2) if narrower else (1, 1))
        assert block.shortcut == ("he_normal" if narrower else None)
    shapes = spec.shapes((32, 32, 3))
    assert shapes[1 : 2 + 3 * n] == (
        [(32, 32, 16)] * (n + 1) + [(16, 16, 32)] * n + [(8, 8, 64)] * n
    )
    assert shapes[2 + 3 * n :] == [(1, 1, 64), (64,), (10,)]
    by_hand = (9 * 3 + 1) * 16 + 2 * n * (9 * 16 + 1) * 16 + (64 + 1) * 10
    for narrow, wide in pairwise((16, 32, 64)):
        by_hand += (9 * narrow + 1) * wide + (2 * n - 1) * (9 * wide + 1) * wide
        by_hand += (narrow + 1) * wide  # the shortcut
    assert parameters(spec, (32, 32, 3)) == by_hand


def test_every_block_of_a_resnet_begins_as_its_shortcut():
    spec = built(resnet={"depth": 14, "l2": 0.001})
    weights = spec.initial_weights((32, 32, 3))
    last = [array for name, array in weights.items() if name.endswith("/2/kernel")]
    assert len(last) == 6
    assert not any(array.any() for array in last)
    others = [name for name in weights if name.endswith("kernel") and "/2/" not in name]
    assert all(weights[name].any() for name in others)
    penalised = {f"layer{place}/{number}/kernel" for place in range(2, 8) for number in (1, 2)}
    assert spec.penalties() == dict.fromkeys({"layer1/kernel", *penalised}, 0.001)


# --- operations


def torch_cnn(nn):
    def pair(channels, filters):
        first, second = nn.Conv2d(channels, filters, 3, 1, 1), nn.Conv2d(filters, filters, 3, 1, 1)
        return [first, nn.ReLU(), second, nn.ReLU(), nn.MaxPool2d(2)]

    wide = [nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()]
    blocks = [*pair(3, 16), *pair(16, 32), *pair(32, 64)]
    return nn.Sequential(*blocks, nn.Flatten(), *wide, nn.Linear(1024, 10))


def torch_lenet(nn):
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Linear(1024, 10),
    )  # fmt: skip


def torch_resnet(nn):
    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            self.one = nn.Conv2d(channels, filters, 3, stride, 1)
            self.two = nn.Conv2d(filters, filters, 3, 1, 1)
            changed = channels != filters
            self.side = nn.Conv2d(channels, filters, 1, stride) if changed else nn.Identity()

        def forward(self, x):
            return (self.two(self.one(x).relu()) + self.side(x)).relu()

    blocks = [Block(16, 16, 1) for _ in range(3)]
    for narrow, wide in ((16, 32), (32, 64)):
        blocks += [Block(narrow, wide, 2), Block(wide, wide, 1), Block(wide, wide, 1)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(), *blocks, *end)


COUNTED = {
    "cnn": ({"blocks": 3, "first_filters": 16}, "cifar10", (32, 32, 3), torch_cnn),
    "lenet": ({"size": "large"}, "fashion_mnist", (28, 28, 1), torch_lenet),
    "resnet": ({"depth": 20}, "cifar10", (32, 32, 3), torch_resnet),
}


@pytest.mark.parametrize("formula", COUNTED)
def test_parameters_and_operations_are_pytorchs(formula):
    """The backward pass counts twice the forward pass, which is PyTorch's count of one sample."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    numbers, dataset, shape, maker = COUNTED[formula]
    spec = built(**{formula: numbers}, dataset=dataset, input_shape=list(shape))
    model = maker(torch.nn)
    assert parameters(spec, shape) == sum(array.numel() for array in model.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, shape[-1], *shape[:-1]))
    assert spec.flops(shape) == 3 * counter.get_total_flops()


@pytest.mark.parametrize(
    ("layer", "shape", "forward"),
    [
        ({**convolution(5), "window": [3, 2], "strides": [2, 3]}, (9, 8, 2), 2 * 6 * 2 * 5 * 3 * 5),
        ({**convolution(5), "window": [4]}, (7, 3), 2 * 4 * 3 * 7 * 5),
        (dense(7), (20,), 2 * 20 * 7),
        (POOL, (8, 8, 3), 0),
        (FLAT, (8, 8, 3), 0),
        ({"kind": "dropout", "rate": 0.5}, (9,), 0),
    ],
)
def test_operations_by_hand(layer, shape, forward):
    made = Layer.choose(layer)
    assert made.flops(shape) == forward


# --- refused


@pytest.mark.parametrize(
    ("changes", "where", "message"),
    [
        (
            {"cnn": {"blocks": 1, "first_filters": 4}, "lenet": {}},
            "cnn",
            "got cnn and lenet; expected layers, or one formula that stands for them",
        ),
        (
            {"resnet": {"depth": 20}, "layers": B3FL16},
            "resnet",
            "got resnet and layers; expected layers, or one formula that stands for them",
        ),
        (
            {"lenet": {}, "dataset": "synthetic"},
            "dataset",
            "synthetic has no classes; expected a data set with labels",
        ),
        (
            {"resnet": {"depth": 18}},
            "resnet.depth",
            "got 18; expected 6 n + 2, for three groups of n blocks: 8, 14, 20 ...",
        ),
        ({"resnet": {"depth": 2}}, "resnet.depth", "got 2; expected a whole number in [8, 1202]"),
        ({"resnet": {"deep": 20}}, "resnet.deep", "unknown key 'deep'"),
        ({"cnn": {"blocks": 2}}, "cnn", "the key 'first_filters' is missing"),
        ({"cnn": None}, "cnn", "got None; expected a mapping of keys to values"),
        ({"lenet": {"size": "smal"}}, "lenet.size", "unknown value 'smal'"),
        ({"lenet": {}, "dataset": "cifar"}, "dataset", "unknown data set 'cifar'"),
        ({"lenet": {}, "input_shape": "x"}, "input_shape", "got 'x'; expected a list of sizes"),
        ({"lenet": {}, "input_shape": [28, 0, 1]}, "input_shape[1]", "got 0"),
        (
            {"lenet": {}, "loss": "mean_squared_error"},
            "layers[7].activation",
            "a softmax that is not a classifier's last dense layer",
        ),
    ],
)
def test_bad_formulas_are_refused(changes, where, message):
    with pytest.raises(FieldError) as caught:
        built(**changes)
    assert caught.value.where == where
    assert message in str(caught.value)


def test_a_formula_on_samples_too_small_is_named():
    with pytest.raises(FieldError, match="no larger than a sample") as caught:
        built(cnn={"blocks": 6, "first_filters": 4})
    assert caught.value.where == "cnn"


@pytest.mark.parametrize(
    "formula", [{"cnn": {"blocks": 1, "first_filters": 4}}, {"resnet": {"depth": 8}}, {"lenet": {}}]
)
def test_a_formula_on_flat_samples_is_told_how_to_see_them(formula):
    with pytest.raises(FieldError) as caught:
        built(**formula, dataset="digits").check_shapes((64,), 10)
    assert "input_shape" in caught.value.hint
    built(**formula, dataset="digits", input_shape=[8, 8, 1]).check_shapes((64,), 10)


def test_an_input_shape_of_other_values_is_refused():
    spec = built(lenet={}, input_shape=[32, 32, 1])
    with pytest.raises(FieldError, match=r"32x32x1 is 1024 values; expected 3072") as caught:
        spec.check_shapes((32, 32, 3), 10)
    assert caught.value.where == "input_shape"


def test_a_formula_whose_key_holds_no_formula_stays_a_missing_layer():
    with pytest.raises(FieldError, match="the key 'layers' is missing"):
        built()


# --- examples, fingerprints

SEEN = {"dense": (20,)}


@pytest.mark.parametrize("kind", sorted(Layer.kinds()))
def test_every_layers_example_builds(kind):
    given = yaml.safe_load(Layer.kinds()[kind].example)
    assert given["kind"] == kind
    layer = Layer.choose(given)
    assert type(layer) is Layer.kinds()[kind]
    assert Layer.choose(layer.plain()) == layer
    shape = SEEN.get(kind, (8, 8, 16))
    assert all(size > 0 for size in layer.output_shape(shape))
    assert layer.certain().output_shape(shape) == layer.output_shape(shape)
    assert next(layer.parts()) is layer


@pytest.mark.parametrize("kind", sorted(Formula.kinds()))
def test_every_formulas_example_builds(kind):
    spec = built(**{kind: yaml.safe_load(Formula.kinds()[kind].example)})
    spec.check_shapes((32, 32, 3), 10)
    assert Workload.build(spec.plain()) == spec
    assert spec.labelled


BEFORE = (
    '{"batch":32,"dataset":"digits","epochs":3,"layers":['
    '{"activation":"relu","bias":"zeros","kernel":"he_normal","kind":"dense","units":8},'
    '{"activation":"sigmoid","bias":"zeros","kernel":"he_normal","kind":"dense","units":64}],'
    '"loss":"mean_squared_error","optimizer":'
    '{"beta1":0.9,"beta2":0.999,"epsilon":1e-07,"kind":"adam"},'
    '"precision":"float32","samples":null,"schedule":{"kind":"constant","rate":0.001},"seed":0}'
)
"""A workload as it was digested before there were convolutions."""
DIGEST = "4113261285d5"


def test_fingerprints_are_what_they_were():
    assert hashlib.sha256(BEFORE.encode()).hexdigest()[:12] == DIGEST
    given = {**yaml.safe_load(BEFORE), "name": "any"}
    given["optimizer"]["epsilon"] = 1e-7  # YAML reads 1e-07 as text
    assert Workload.build(given).fingerprint == DIGEST
    quiet = {**given, "input_shape": None, "preprocess": "unit"}
    quiet["layers"] = [{**layer, "l2": 0.0} for layer in given["layers"]]
    assert Workload.build(quiet).fingerprint == DIGEST
    assert "l2" not in str(Workload.build(quiet).plain())


def test_the_new_fields_change_a_fingerprint():
    given = yaml.safe_load(BEFORE) | {"name": "any"}
    given["optimizer"]["epsilon"] = 1e-7
    first, last = given["layers"]
    others = [
        {"input_shape": [64]},
        {"preprocess": "centred"},
        {"preprocess": "standardised"},
        {"layers": [{**first, "l2": 0.1}, last]},
        {"layers": [first, {"kind": "dropout", "rate": 0.1}, last]},
        {"layers": [first, {"kind": "dropout", "rate": 0.0}, last]},
    ]
    prints = {Workload.build({**given, **change}).fingerprint for change in others}
    assert len({DIGEST, *prints}) == 1 + len(others)


def test_kernels_with_windows_are_filled_by_the_fans_of_their_windows():
    """He et al. 2015: fan-in is window x channels, here 3 x 3 x 64."""
    spec = built(resnet={"depth": 8, "first_filters": 64})
    kernel = spec.initial_weights((32, 32, 3))["layer2/1/kernel"]
    assert kernel.shape == (3, 3, 64, 64)
    assert np.std(kernel) == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)
