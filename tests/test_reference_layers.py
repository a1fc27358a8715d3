"""The reference's layers against what they stand for: PyTorch's autograd, finite differences.

PyTorch is written directly, in float64 and with explicit padding; windows are counted by hand.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from levelfield.backends.numpy import Numpy

from levelfield.spec.fields import FieldError
from levelfield.spec.windows import Axis, axes
from levelfield.spec.workload import Workload

torch = pytest.importorskip("torch")
functional = torch.nn.functional

FILLED = {"kernel": "glorot_normal", "bias": "normal_0_1"}
CLASSES = 3
CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "selu": torch.selu,
}


def convolution(filters, window, padding="same", activation="tanh", **rest) -> dict[str, Any]:
    facts = {"kind": "convolution", "filters": filters, "window": window, "padding": padding}
    return {**facts, "activation": activation, **FILLED, **rest}


def dense(units, activation="softmax", **rest) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **FILLED, **rest}


def workload(layers, loss="categorical_crossentropy", shape=None, seed=0) -> Workload:
    facts = {"name": "w", "dataset": "digits", "layers": layers, "loss": loss, "seed": seed}
    facts |= {"optimizer": {"kind": "sgd", "momentum": 0.0, "nesterov": False}, "batch": 100}
    facts |= {"schedule": {"kind": "constant", "rate": 1.0}, "epochs": 1, "precision": "float64"}
    return Workload.build({**facts, "input_shape": list(shape) if shape else None})


def reference(spec, weights, x, y, **declared) -> Numpy:
    declared = {key.replace("__", "."): value for key, value in declared.items()}
    kind = type("Declared", (Numpy,), {"semantics": declared})
    made = kind(spec, weights, mode="numpy", device="cpu", threads=1)
    made.stage(x, y)
    return made


def arrays(spec: Workload, shape: tuple[int, ...], seed: int, samples: int = 2):
    """Weights, samples (all of their values apart, so that nothing ties), labels."""
    rng = np.random.default_rng(seed)
    x = rng.permutation(samples * math.prod(shape)).reshape(samples, *shape)
    x = 2 * (x + 0.5) / x.size - 1
    return spec.initial_weights(shape), x, rng.integers(0, CLASSES, samples)


def gradients(subject: Numpy, weights, samples: int) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and gradients: what one step at rate 1 takes from the weights."""
    loss = subject.train(np.arange(samples), np.ones(1))
    after = subject.weights()
    return loss, {name: array - after[name] for name, array in weights.items()}


# --- windows


def tensorflow_same(size: int, window: int, stride: int) -> tuple[int, int, int]:
    """Windows and padding, as tf.nn's documentation of "SAME" has them.

    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    out = math.ceil(size / stride)
    rest = size % stride
    total = max(window - rest, 0) if rest else max(window - stride, 0)
    return out, total // 2, total - total // 2


SIZE, SMALL = st.integers(1, 40), st.integers(1, 12)


@given(size=SIZE, window=SMALL, stride=SMALL)
def test_same_padding_is_tensorflows(size, window, stride):
    (axis,) = axes((size, 2), (window,), (stride,), "same")
    assert (axis.out, axis.before, axis.after) == tensorflow_same(size, window, stride)
    assert axis.reach <= size + axis.before + axis.after


@given(size=SIZE, window=SMALL, stride=SMALL)
def test_valid_windows_are_those_that_fit(size, window, stride):
    starts = [at for at in range(0, size, stride) if at + window <= size]
    if not starts:
        with pytest.raises(FieldError, match="no larger than a sample"):
            axes((size, 2), (window,), (stride,), "valid")
        return
    (axis,) = axes((size, 2), (window,), (stride,), "valid")
    assert (axis.out, axis.before, axis.after) == (len(starts), 0, 0)
    assert axis.counts() == [window] * len(starts)


@given(size=SIZE, window=SMALL, stride=SMALL)
def test_counts_are_the_places_that_are_no_padding(size, window, stride):
    (axis,) = axes((size, 2), (window,), (stride,), "same")
    real = [False] * axis.before + [True] * size + [False] * axis.after
    starts = range(0, axis.out * stride, stride)
    assert axis.counts() == [sum(real[at : at + window]) for at in starts]
    assert min(axis.counts()) > 0  # no window is of padding alone


def test_every_axis_has_its_own_window():
    found = axes((9, 8, 7, 5), (3, 2, 1), (2, 2, 3), "same")
    assert found == [
        Axis(size=9, window=3, stride=2, out=5, before=1, after=1),
        Axis(size=8, window=2, stride=2, out=4, before=0, after=0),
        Axis(size=7, window=1, stride=3, out=3, before=0, after=0),
    ]
    assert axes((9, 8, 1), (3, 3), None, "valid")[1].stride == 1


@pytest.mark.parametrize(
    ("shape", "window", "strides"),
    [((64,), (3, 3), None), ((8, 8, 1), (3,), None), ((8, 8, 1), (3, 3), (1,))],
)
def test_windows_of_other_axes_are_refused(shape, window, strides):
    with pytest.raises(FieldError, match="one size for every axis of a sample but the last"):
        axes(shape, window, strides, "same")


# --- against autograd


def first(x):
    """Channels first, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def surrounded(x, layer, shape, value):
    """Samples (channels first) with their padding, which PyTorch counts from the last axis."""
    if layer["padding"] == "valid":
        return x
    strides = layer.get("strides") or [1] * len(layer["window"])
    pads = [
        tensorflow_same(*sizes)[1:]
        for sizes in zip(shape[:-1], layer["window"], strides, strict=True)
    ]
    return functional.pad(x, list(itertools.chain(*reversed(pads))), value=value)


def convolved(x, layer, kernel, bias):
    """A convolution as PyTorch has it: kernels filters x channels x window."""
    order = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    wide = surrounded(first(x), layer, x.shape[1:], 0.0)
    strides = layer.get("strides") or 1
    z = CONVOLVE[kernel.ndim - 2](
        wide.contiguous(), kernel.permute(*order).contiguous(), bias, stride=strides
    )
    return ACTIVATIONS[layer["activation"]](last(z))


def pooled(x, layer):
    """Pooling as PyTorch has it; means are sums of values over sums of ones."""
    kind, window, strides = layer["kind"], layer["window"], layer["strides"]
    if kind == "max_pool":
        most = getattr(functional, f"max_pool{len(window)}d")
        return last(most(surrounded(first(x), layer, x.shape[1:], -math.inf), window, strides))
    mean = getattr(functional, f"avg_pool{len(window)}d")
    wide, ones = (surrounded(first(a), layer, x.shape[1:], 0.0) for a in (x, torch.ones_like(x)))
    return last(mean(wide, window, strides) / mean(ones, window, strides))


def outputs(layers, weights, x, prefix="layer"):
    """Logits of the layers, one after the other."""
    for number, layer in enumerate(layers, start=1):
        name = f"{prefix}{number}"
        kernel, bias = (weights.get(f"{name}/{part}") for part in ("kernel", "bias"))
        match layer["kind"]:
            case "convolution":
                x = convolved(x, layer, kernel, bias)
            case "max_pool" | "average_pool":
                x = pooled(x, layer)
            case "flatten":
                x = x.flatten(1)
            case "dense":
                x = ACTIVATIONS.get(layer["activation"], lambda z: z)(x @ kernel + bias)
            case "residual":
                block = outputs(layer["layers"], weights, x, f"{name}/")
                x = ACTIVATIONS[layer["activation"]](
                    block + shortcut(layer, weights, x, name, block)
                )
    return x


def shortcut(layer, weights, x, name, block):
    """x or, with one-place windows, every so many places of it."""
    if not layer.get("shortcut"):
        return x
    kernel, bias = weights[f"{name}/shortcut/kernel"], weights[f"{name}/shortcut/bias"]
    for axis in range(1, x.ndim - 1):
        step = math.ceil(x.shape[axis] / block.shape[axis])
        x = x.index_select(axis, torch.arange(0, x.shape[axis], step))
    return x @ kernel[(0,) * (kernel.ndim - 2)] + bias


def agrees(layers, shape, seed, penalty=None):
    """Loss, outputs and gradients are autograd's.

    penalty: what L2 adds to the loss, of the weights as tensors.
    """
    spec = workload(layers, shape=shape, seed=seed)
    weights, x, labels = arrays(spec, shape, seed)
    loss, found = gradients(reference(spec, weights, x, labels), weights, len(x))
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in weights.items()}
    logits = outputs(layers, tensors, torch.tensor(x))
    expected = functional.cross_entropy(logits, torch.tensor(labels))
    if penalty:
        expected = expected + penalty(tensors)
    expected.backward()
    assert loss == pytest.approx(float(expected.detach()), rel=1e-12)
    seen = reference(spec, weights, x, labels).predict(x)
    np.testing.assert_allclose(seen, logits.detach().softmax(1).numpy(), rtol=1e-10, atol=1e-14)
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(
            found[name], tensor.grad.numpy(), rtol=1e-8, atol=1e-12, err_msg=name
        )


@st.composite
def windowed(draw, kind):
    """A shape of one to three axes with channels, and a layer with windows on it."""
    space = draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["same", "valid"]))
    most = {1: 12, 2: 7, 3: 5}[space]
    sizes = draw(st.lists(st.integers(1, most), min_size=space, max_size=space))
    window = [draw(st.integers(1, 4 if padding == "same" else min(4, size))) for size in sizes]
    strides = draw(st.lists(st.integers(1, 3), min_size=space, max_size=space))
    how = {"window": window, "strides": strides, "padding": padding}
    shape = (*sizes, draw(st.integers(1, 3)))
    if kind != "convolution":
        return shape, {"kind": kind, **how}
    activation = draw(st.sampled_from(sorted(ACTIVATIONS)))
    filters = draw(st.integers(1, 3))
    return shape, {"kind": kind, "filters": filters, "activation": activation, **how, **FILLED}


END = [{"kind": "flatten"}, dense(CLASSES)]
SEEDS = st.integers(0, 10**6)


@settings(max_examples=60, derandomize=True)
@given(given_=windowed("convolution"), second=st.booleans(), seed=SEEDS)
@example(given_=((7, 6, 2), convolution(3, [3, 2], strides=[2, 2])), second=True, seed=1)
@example(given_=((4, 6, 5, 1), convolution(2, [3, 3, 3], strides=[2, 1, 2])), second=True, seed=2)
def test_convolutions_are_autograds(given_, second, seed):
    """second: after another convolution, so that the slope at the input counts too."""
    shape, layer = given_
    stem = [convolution(shape[-1], [1] * (len(shape) - 1), strides=None)] if second else []
    agrees([*stem, layer, *END], shape, seed)


@settings(max_examples=60, derandomize=True)
@given(given_=windowed("max_pool"), seed=SEEDS)
@example(
    given_=(
        (7, 8, 2),
        {"kind": "max_pool", "window": [3, 3], "strides": [2, 2], "padding": "same"},
    ),
    seed=1,
)
def test_largest_values_are_autograds(given_, seed):
    """A stem of one weight a channel keeps apart what is apart, whatever its sign."""
    shape, layer = given_
    stem = convolution(shape[-1], [1] * (len(shape) - 1))
    agrees([stem, layer, *END], shape, seed)


@settings(max_examples=60, derandomize=True)
@given(given_=windowed("average_pool"), seed=SEEDS)
@example(
    given_=(
        (7, 8, 2),
        {"kind": "average_pool", "window": [3, 3], "strides": [2, 2], "padding": "same"},
    ),
    seed=1,
)
def test_means_are_autograds(given_, seed):
    shape, layer = given_
    stem = convolution(shape[-1], [1] * (len(shape) - 1))
    agrees([stem, layer, *END], shape, seed)


@settings(max_examples=40, derandomize=True)
@given(
    sizes=st.lists(st.integers(2, 6), min_size=1, max_size=3),
    channels=st.integers(1, 3),
    strides=st.integers(1, 3),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    seed=SEEDS,
)
def test_residual_blocks_are_autograds(sizes, channels, strides, activation, seed):
    space = len(sizes)
    kept = {
        "kind": "residual",
        "activation": activation,
        "layers": [
            convolution(2, [3] * space),
            convolution(channels, [2] * space, "same", "linear"),
        ],
    }
    changed = {
        "kind": "residual",
        "activation": activation,
        "shortcut": "he_normal",
        "layers": [
            convolution(3, [3] * space, strides=[strides] * space),
            convolution(4, [1] * space, "same", "linear"),
        ],
    }
    agrees([kept, changed, *END], (*sizes, channels), seed)


@settings(max_examples=20, derandomize=True)
@given(
    factors=st.lists(st.floats(0, 3), min_size=3, max_size=3),
    seed=SEEDS,
)
def test_penalties_are_sums_of_squares_times_their_factor(factors, seed):
    """Once a batch, not divided by its samples: the slope is twice the factor times the kernel."""
    one, two, three = factors
    layers = [
        convolution(2, [2, 2], l2=one),
        {"kind": "residual", "activation": "tanh", "layers": [convolution(2, [3, 3], l2=two)]},
        {"kind": "flatten"},
        dense(CLASSES, l2=three),
    ]

    def penalty(weights):
        named = {"layer1/kernel": one, "layer2/1/kernel": two, "layer4/kernel": three}
        return sum(factor * (weights[name] ** 2).sum() for name, factor in named.items())

    agrees(layers, (4, 3, 1), seed, penalty)


# --- against finite differences, and by hand


def loss_of(spec, weights, x, y, **declared) -> float:
    """At rate 0: nothing moves."""
    return reference(spec, weights, x, y, **declared).train(np.arange(len(x)), np.zeros(1))


NETWORKS = {
    "a pooled image": (
        (5, 4, 2),
        [
            convolution(3, [3, 2], strides=[2, 1], l2=0.1),
            {"kind": "max_pool", "window": [2, 2], "padding": "same", "strides": [1, 2]},
            {"kind": "average_pool", "window": [2, 2], "padding": "same"},
            *END,
        ],
    ),
    "residual blocks": (
        (4, 5, 1),
        [
            {
                "kind": "residual",
                "activation": "selu",
                "shortcut": "glorot_normal",
                "layers": [
                    convolution(2, [2, 2], strides=[2, 2]),
                    {"kind": "residual", "activation": "tanh", "layers": [convolution(2, [2, 2])]},
                ],
            },
            *END,
        ],
    ),
    "a volume": (
        (3, 2, 4, 1),
        [
            convolution(2, [2, 2, 3], "same", "sigmoid"),
            {"kind": "average_pool", "window": [2, 1, 2]},
            *END,
        ],
    ),
}


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "clipped"])
@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_are_finite_differences(network, loss):
    shape, layers = NETWORKS[network]
    declared = {"categorical_crossentropy": "clipped"} if loss == "clipped" else {}
    spec = workload(layers, shape=shape)
    weights, x, labels = arrays(spec, shape, 5, samples=3)
    _, found = gradients(reference(spec, weights, x, labels, **declared), weights, 3)
    h = 1e-6
    for name, array in weights.items():
        for place in np.ndindex(array.shape):
            sides = []
            for sign in (1, -1):
                moved = {**weights, name: array.copy()}
                moved[name][place] += sign * h
                sides.append(loss_of(spec, moved, x, labels, **declared))
            slope = (sides[0] - sides[1]) / (2 * h)
            assert found[name][place] == pytest.approx(slope, rel=1e-5, abs=2e-8), (name, place)


@pytest.mark.parametrize(
    ("loss", "activation"),
    [("mean_squared_error", "selu"), ("binary_crossentropy", "sigmoid")],
)
def test_an_autoencoder_of_images_is_autograds(loss, activation):
    layers = [convolution(3, [3, 3]), convolution(2, [2, 2], "same", activation)]
    spec = workload(layers, loss, shape=(4, 5, 2))
    weights, x, _ = arrays(spec, (4, 5, 2), 1, samples=3)
    x = (x + 1) / 2
    found = gradients(reference(spec, weights, x, x), weights, 3)
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in weights.items()}
    out, target = outputs(layers, tensors, torch.tensor(x)), torch.tensor(x)
    compare = functional.mse_loss if "mean" in loss else functional.binary_cross_entropy
    expected = compare(out, target)
    expected.backward()
    assert found[0] == pytest.approx(float(expected.detach()), rel=1e-12)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(found[1][name], tensor.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_a_convolution_of_figures_in_the_head():
    """The kernel is not flipped; what is missing is added after rather than before."""
    spec = workload([convolution(1, [2], "same", "linear")], "mean_squared_error", (3, 1))
    weights = {"layer1/kernel": np.array([[[1.0]], [[10.0]]]), "layer1/bias": np.array([0.5])}
    x = np.array([[[1.0], [2.0], [3.0]]])
    subject = reference(spec, weights, x, x)
    assert subject.predict(x).ravel().tolist() == [21.5, 32.5, 3.5]
    spec = workload([convolution(1, [2], "valid", "linear", strides=[2]), *END], shape=(5, 1))
    every = {**spec.initial_weights((5, 1)), **weights}
    x = np.array([[[1.0], [2.0], [3.0], [4.0], [5.0]]])
    subject = reference(spec, every, x, np.zeros(1, int))
    assert subject.parts[0].forward(x, train=False).ravel().tolist() == [21.5, 43.5]


TIED = [[4.0, 4.0, 1.0], [4.0, 2.0, 1.0], [0.0, 1.0, 1.0]]
SLOPES = [[1.0, 2.0], [4.0, 8.0]]
MEANINGS = {
    # windows of 2x2, one place apart: 4 4/4 2, 4 1/2 1, 4 2/0 1, 2 1/1 1
    "first": [[1.0, 2.0, 0.0], [4.0, 8.0, 0.0], [0.0, 0.0, 0.0]],
    "each": [[1.0, 1.0 + 2.0, 0.0], [1.0 + 4.0, 8.0, 0.0], [0.0, 0.0, 0.0]],
    "shared": [[1 / 3, 1 / 3 + 2.0, 0.0], [1 / 3 + 4.0, 8.0, 0.0], [0.0, 0.0, 0.0]],
}
"""Where the slopes of four windows go when the first has three largest values."""


@pytest.mark.parametrize("declared", MEANINGS)
def test_ties_by_hand(declared):
    layer = {"kind": "max_pool", "window": [2, 2], "strides": [1, 1]}
    spec = workload([layer, *END], shape=(3, 3, 1))
    x = np.array(TIED)[None, ..., None]
    weights = spec.initial_weights((3, 3, 1))
    subject = reference(spec, weights, x, np.zeros(1, int), max_pool__ties=declared)
    largest = subject.parts[0]
    assert largest.forward(x, train=True)[0, ..., 0].tolist() == [[4, 4], [4, 2]]
    slope = largest.backward(np.array(SLOPES)[None, ..., None])
    np.testing.assert_allclose(slope[0, ..., 0], MEANINGS[declared], rtol=1e-15)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("first", [[3.0, 0.0], [0.0, 0.0]]),
        ("each", [[3.0, 3.0], [3.0, 3.0]]),
        ("shared", [[0.75, 0.75], [0.75, 0.75]]),
    ],
)
def test_padding_is_never_among_the_largest(declared, expected):
    """Nor where every value is far below zero."""
    layer = {"kind": "max_pool", "window": [3, 3], "strides": [2, 2], "padding": "same"}
    spec = workload([layer, *END], shape=(2, 2, 1))
    x = np.full((1, 2, 2, 1), -1e30)
    subject = reference(
        spec, spec.initial_weights((2, 2, 1)), x, np.zeros(1, int), max_pool__ties=declared
    )
    assert subject.parts[0].forward(x, train=True).ravel().tolist() == [-1e30]
    slope = subject.parts[0].backward(np.full((1, 1, 1, 1), 3.0))
    assert slope[0, ..., 0].tolist() == expected


# --- categorical cross-entropy


def entropy(logits, label, least=0.0) -> float:
    """Of one sample, number by number."""
    powers = [math.exp(z - max(logits)) for z in logits]
    return -math.log(min(max(powers[label] / math.fsum(powers), least), 1 - least))


def classifier(logits, precision="float64"):
    """A dense layer that gives these logits whatever its one input is."""
    spec = workload([dense(len(logits))]).replace(precision=precision)
    kernel, bias = np.zeros((1, len(logits)), precision), np.array(logits, precision)
    return spec, {"layer1/kernel": kernel, "layer1/bias": bias}


@settings(max_examples=60)
@given(
    logits=st.lists(st.floats(-12, 12), min_size=2, max_size=6),
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    declared=st.sampled_from(["logits", "clipped"]),
)
def test_categorical_cross_entropy_by_hand(logits, labels, declared):
    """Mean over the samples; the slope at a logit is p - 1 at the label and p elsewhere."""
    labels = [label % len(logits) for label in labels]
    spec, weights = classifier(logits)
    p = [math.exp(-entropy(logits, place)) for place in range(len(logits))]
    assume(all(1.01e-7 < p[label] < 1 - 1.01e-7 for label in labels))  # nothing is clipped
    x = np.ones((len(labels), 1))
    subject = reference(spec, weights, x, np.array(labels), categorical_crossentropy=declared)
    loss, found = gradients(subject, weights, len(labels))
    expected = math.fsum(entropy(logits, label) for label in labels) / len(labels)
    assert loss == pytest.approx(expected, rel=1e-12, abs=1e-14)
    slopes = [p[place] - labels.count(place) / len(labels) for place in range(len(logits))]
    np.testing.assert_allclose(found["layer1/bias"], slopes, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["layer1/kernel"][0], slopes, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("top", [16.0, 17.0, 40.0, 1000.0])
def test_clipped_cross_entropy_has_no_slope_outside(top, label):
    """With top = 16 the others have 1.1e-7 each and count; the label's own decides, no other."""
    spec, weights = classifier([top, 0.0, 0.0])
    subject = reference(
        spec, weights, np.ones((1, 1)), np.array([label]), categorical_crossentropy="clipped"
    )
    loss, found = gradients(subject, weights, 1)
    p = 1 / (1 + 2 * math.exp(-top)), math.exp(-top), math.exp(-top)
    assert loss == pytest.approx(entropy([top, 0.0, 0.0], label, 1e-7), rel=1e-8)
    inside = 1e-7 <= p[label] <= 1 - 1e-7
    assert inside == (top == 16.0)
    slopes = [p[place] - (place == label) for place in range(3)]
    expected = slopes if inside else [0.0, 0.0, 0.0]
    np.testing.assert_allclose(found["layer1/bias"], expected, rtol=1e-5)


def test_clipping_looks_at_each_sample():
    """Label 0 has all but 4e-18 of the probability and is clipped; the other's counts."""
    spec = workload([dense(2)])
    weights = {"layer1/kernel": np.array([[40.0, 0.0]]), "layer1/bias": np.zeros(2)}
    x, labels = np.array([[1.0], [0.0]]), np.array([0, 1])
    subject = reference(spec, weights, x, labels, categorical_crossentropy="clipped")
    loss, found = gradients(subject, weights, 2)
    assert loss == pytest.approx((-math.log1p(-1e-7) + math.log(2)) / 2, rel=1e-12)
    assert found["layer1/bias"].tolist() == [0.25, -0.25]
    assert found["layer1/kernel"].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("z", [-1e4, -1000.0, 1000.0, 1e4])
def test_extreme_logits(z, precision):
    """No overflow (warnings are errors): the loss is the gap to the largest, the slope p - y."""
    spec, weights = classifier([z, 0.0], precision)
    x = np.ones((1, 1), precision)
    subject = reference(spec, weights, x, np.array([0]))
    p = 1.0 if z > 0 else 0.0
    assert subject.predict(x).tolist() == [[p, 1 - p]]
    loss, found = gradients(subject, weights, 1)
    assert loss == max(-z, 0.0)
    assert found["layer1/bias"].tolist() == [p - 1, 1 - p]


# --- what is random


def test_nothing_is_dropped_or_added_in_prediction_and_at_rate_0():
    x = np.random.default_rng(0).uniform(size=(3, 5))
    for random in ({"kind": "dropout", "rate": 0.9}, {"kind": "gaussian_noise", "deviation": 9.0}):
        spec = workload([random, dense(CLASSES)])
        weights = spec.initial_weights((5,))
        plain = workload([dense(CLASSES)])
        bare = {f"layer1/{part}": weights[f"layer2/{part}"] for part in ("kernel", "bias")}
        expected = reference(plain, bare, x, np.zeros(3, int))
        subject = reference(spec, weights, x, np.zeros(3, int))
        assert np.array_equal(subject.predict(x), expected.predict(x))
        certain = reference(spec.certain(), weights, x, np.zeros(3, int))
        rows = np.arange(3), np.ones(1)
        assert certain.train(*rows) == expected.train(*rows) != subject.train(*rows)
        assert np.array_equal(
            certain.weights()["layer2/kernel"], expected.weights()["layer1/kernel"]
        )


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    spec = workload([{"kind": "dropout", "rate": rate}, dense(CLASSES)])
    x = np.ones((400, 500))
    subject = reference(spec, spec.initial_weights((500,)), x, np.zeros(400, int))
    drop = subject.parts[0]
    out = drop.forward(x, train=True)
    kept = out != 0
    np.testing.assert_allclose(out[kept], 1 / (1 - rate), rtol=1e-14)
    deviation = math.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 5 * deviation
    assert np.array_equal(drop.backward(x), out)  # the slope goes where the values went
    again = drop.forward(x, train=True)
    assert abs((kept == (again != 0)).mean() - (rate**2 + (1 - rate) ** 2)) < 0.01  # drawn anew


def test_noise_is_normal_and_its_slope_one():
    from scipy import stats

    spec = workload([{"kind": "gaussian_noise", "deviation": 0.3}, dense(CLASSES)])
    x = np.full((200, 100), 7.0)
    subject = reference(spec, spec.initial_weights((100,)), x, np.zeros(200, int))
    noise = subject.parts[0].forward(x, train=True) - x
    assert stats.kstest(noise.ravel() / 0.3, "norm").pvalue > 1e-3
    assert np.array_equal(subject.parts[0].backward(x), x)
