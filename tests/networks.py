"""Networks drawn at random, of every kind of layer, optimizer and schedule: nobody chose them."""

from __future__ import annotations

from math import prod
from random import Random
from typing import Any

from levelfield.spec import document
from levelfield.spec.fields import FieldError
from levelfield.spec.initialisers import FILLS
from levelfield.spec.layers import Layer
from levelfield.spec.optimizers import Optimizer
from levelfield.spec.schedules import Schedule
from levelfield.spec.workload import Workload

ACTIVATIONS = ("linear", "sigmoid", "tanh", "relu", "selu")
SHAPES = ((6,), (11,), (9, 2), (7, 6, 1), (6, 8, 3), (4, 5, 4, 2), (5, 3, 4, 1))
"""Of a sample, channels last: no axis, one, two and three axes in space."""
CONSTANTS: dict[str, list[Any]] = {
    "momentum": [0.0, 0.5, 0.9],
    "nesterov": [False, True],
    "epsilon": [1e-7, 1e-3],
    "accumulator": [0.0, 0.1],
}
CLASSES, TRAIN, TEST, EPOCHS = 4, 60, 12, 2


def network(number: int) -> Workload:
    """Return the network of this number: always the same one, valid for its own data set."""
    dice = Random(number)
    while True:
        facts = _facts(dice, number)
        try:
            workload = Workload.build(facts)
            workload.check_shapes((prod(facts["input_shape"]),), _classes(facts))
        except FieldError:
            continue  # a window beyond its input, say
        return workload


def _classes(facts: dict[str, Any]) -> int:
    return CLASSES if facts["loss"] == "categorical_crossentropy" else 0


def _facts(dice: Random, number: int) -> dict[str, Any]:
    shape = dice.choice(SHAPES)
    loss = dice.choice(["mean_squared_error", "binary_crossentropy", "categorical_crossentropy"])
    labelled = loss == "categorical_crossentropy"
    size = f"features={prod(shape)},train={TRAIN},test={TEST},seed={number % 7}"
    return {
        "name": f"network-{number}",
        "dataset": f"synthetic:{size}" + (f",labels={CLASSES}" if labelled else ""),
        "input_shape": list(shape),
        "layers": _layers(dice, shape, loss),
        "loss": loss,
        "optimizer": _example(dice, Optimizer),
        "schedule": _example(dice, Schedule),
        "batch": dice.choice([1, 7, 20, 60, 100]),
        "epochs": EPOCHS,
        "seed": number,
    }


def _example(dice: Random, kind: Any) -> dict[str, Any]:
    """One of a kind as `levelfield list` gives an example of it, with other constants."""
    known = kind.kinds()
    made = document.scalar(known[dice.choice(sorted(known))].example)
    return {key: dice.choice(CONSTANTS.get(key, [value])) for key, value in made.items()}


def _layers(dice: Random, shape: tuple[int, ...], loss: str) -> list[dict[str, Any]]:
    axes = len(shape) - 1
    layers = [_layer(dice, axes) for _ in range(dice.randint(0, 3))]
    if loss == "categorical_crossentropy":
        ending = [{"kind": "flatten"}, _dense(dice, CLASSES, "softmax")]
        return layers + (ending if axes else ending[1:])
    last = "sigmoid" if loss == "binary_crossentropy" else dice.choice(ACTIVATIONS)
    if not axes:
        return [*layers, _dense(dice, shape[-1], last)]
    kept = [_kept(layer) for layer in layers]  # an autoencoder of images keeps their size
    if dice.random() < 0.3:
        ending = _residual(dice, axes)
        ending["layers"][-1]["filters"] = shape[-1]
        return [*kept, {**ending, "activation": last}]
    return [*kept, {**_convolution(dice, axes, last), "filters": shape[-1], **_whole(axes)}]


def _layer(dice: Random, axes: int) -> dict[str, Any]:
    if dice.random() < 0.15:
        rare = {"dropout": {"rate": 0.25}, "gaussian_noise": {"deviation": 0.1}}
        kind = dice.choice(sorted(rare))
        return {"kind": kind, **rare[kind]}
    if not axes:
        return _dense(dice, dice.choice([1, 5, 16]), dice.choice(ACTIVATIONS))
    match dice.choice(["convolution", "max_pool", "average_pool", "residual"]):
        case "convolution":
            return _convolution(dice, axes, dice.choice(ACTIVATIONS))
        case "residual":
            return _residual(dice, axes)
        case kind:
            return _pool(dice, axes, kind)


def _kept(layer: dict[str, Any]) -> dict[str, Any]:
    """The same layer, but as many places after it as before."""
    if layer["kind"] in {"dropout", "gaussian_noise", "residual"}:
        return layer
    return {**layer, **_whole(len(layer["window"]))}


def _whole(axes: int) -> dict[str, Any]:
    return {"strides": [1] * axes, "padding": "same"}


def _filled(dice: Random) -> dict[str, Any]:
    """First weights of any kind; often zeros: sums of them are equal, or where slopes jump."""
    if dice.random() < 0.15:
        return {"kernel": "zeros", "bias": "zeros"}
    bias = dice.choice([*sorted(FILLS), "zeros"])
    return {"kernel": dice.choice(sorted(FILLS)), "bias": bias}


def _dense(dice: Random, units: int, activation: str) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **_filled(dice)}


def _convolution(dice: Random, axes: int, activation: str) -> dict[str, Any]:
    return {
        "kind": "convolution",
        "filters": dice.choice([1, 3, 4]),
        "window": [dice.randint(1, 3) for _ in range(axes)],
        "strides": [dice.randint(1, 2) for _ in range(axes)],
        "padding": dice.choice(["same", "valid"]),
        "activation": activation,
        **({"l2": 0.01} if dice.random() < 0.2 else {}),
        **_filled(dice),
    }


def _residual(dice: Random, axes: int) -> dict[str, Any]:
    inner = [
        {**_convolution(dice, axes, dice.choice(ACTIVATIONS)), **_whole(axes)}
        for _ in range(dice.randint(1, 2))
    ]
    return {
        "kind": "residual",
        "layers": inner,
        "activation": dice.choice(ACTIVATIONS),
        "shortcut": dice.choice(["glorot_normal", "he_normal"]),
    }


def _pool(dice: Random, axes: int, kind: str) -> dict[str, Any]:
    made = {"kind": kind, "window": [dice.randint(1, 3) for _ in range(axes)]}
    if dice.random() < 0.5:
        made["strides"] = [dice.randint(1, 2) for _ in range(axes)]
    if dice.random() < 0.5:
        made["padding"] = dice.choice(["same", "valid"])
    return made


def kinds() -> set[str]:
    """Every kind of layer that there is."""
    return set(Layer.kinds())
