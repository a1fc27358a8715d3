"""A plain workload to be changed in one place, valid workloads at random, and junk."""

from __future__ import annotations

import copy
import re
from typing import Any

from hypothesis import strategies as st

from levelfield.spec.initialisers import FILLS
from levelfield.spec.workload import Workload

DENSE = {"kind": "dense", "units": 8, "activation": "relu", "kernel": "he_normal", "bias": "zeros"}
PLAIN: dict[str, Any] = {
    "name": "tiny",
    "dataset": "digits",
    "samples": None,
    "layers": [DENSE, {**DENSE, "units": 64, "activation": "sigmoid"}],
    "loss": "mean_squared_error",
    "optimizer": {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    "schedule": {"kind": "constant", "rate": 0.001},
    "batch": 32,
    "epochs": 3,
    "seed": 0,
    "precision": "float32",
}
OPTIONAL = {"samples", "seed", "precision"}
PLACES = [
    *PLAIN, "layers[0]", "layers[1]", "layers[0].kind", "layers[1].units", "layers[0].activation",
    "layers[1].kernel", "layers[0].bias", "optimizer.kind", "optimizer.beta1", "optimizer.epsilon",
    "schedule.kind", "schedule.rate",
]  # fmt: skip
"""Paths of keys in the plain workload."""

EVERY = {
    "sgd": {"momentum": 0.5, "nesterov": True},
    "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    "adamax": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    "adagrad": {"accumulator": 0.1, "epsilon": 1e-7},
    "adadelta": {"rho": 0.95, "epsilon": 1e-7},
    "rmsprop": {"rho": 0.9, "momentum": 0.5, "epsilon": 1e-7},
}
"""Every optimizer with its constants."""


def keys(path: str) -> list[str | int]:
    """Return ``["layers", 0, "units"]`` for ``layers[0].units``."""
    return [int(i) if i else key for key, i in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the plain workload with another value, or a value where there was none."""
    plain = copy.deepcopy(PLAIN)
    *outer, last = keys(path)
    place: Any = plain
    for key in outer:
        place = place[key]
    place[last] = value
    return plain


def without(path: str) -> dict[str, Any]:
    """Return the plain workload without a key."""
    plain = copy.deepcopy(PLAIN)
    *outer, last = keys(path)
    place: Any = plain
    for key in outer:
        place = place[key]
    del place[last]
    return plain


def workload(path: str = "name", value: object = "tiny") -> Workload:
    """Return the plain workload, changed in one place, as a `Workload`."""
    made = Workload.build(changed(path, value))
    assert isinstance(made, Workload)
    return made


def junk() -> st.SearchStrategy[Any]:
    """Anything that JSON or YAML could hold, and keys that only Python could."""
    leaves = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
        | st.sampled_from([10**400, -(10**400), "adam", "dense", "1e-3", *PLAIN])
    )  # fmt: skip
    names = st.sampled_from(["kind", "units", "name", "workloads", *PLAIN]) | st.text()
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(names | st.integers() | st.none(), inner, max_size=4)
        ),
        max_leaves=12,
    )


def workloads() -> st.SearchStrategy[Workload]:
    """Every valid workload, in principle."""
    positive = st.floats(0, exclude_min=True, allow_infinity=False)
    decay = st.floats(0, 1, exclude_max=True)
    counts = st.integers(1, 10**9)
    initialiser = st.sampled_from(sorted(FILLS))
    dense = st.fixed_dictionaries(
        {
            "kind": st.just("dense"),
            "units": st.integers(1, 1_000_000),
            "activation": st.sampled_from(["linear", "sigmoid", "tanh", "relu", "selu"]),
            "kernel": initialiser,
            "bias": initialiser,
        }
    )
    values = {"nesterov": st.booleans(), "epsilon": positive, "accumulator": st.floats(0, 1e9)}
    optimizers = st.one_of(
        st.fixed_dictionaries(
            {"kind": st.just(kind), **{name: values.get(name, decay) for name in constants}}
        )
        for kind, constants in EVERY.items()
    )
    return st.fixed_dictionaries(
        {
            "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True),
            "dataset": st.text(),
            "samples": st.none() | counts,
            "layers": st.lists(dense, min_size=1, max_size=4),
            "loss": st.just("mean_squared_error"),
            "optimizer": optimizers,
            "schedule": st.fixed_dictionaries({"kind": st.just("constant"), "rate": positive}),
            "batch": counts,
            "epochs": counts,
            "seed": st.integers(0),
            "precision": st.sampled_from(["float32", "float64"]),
        }
    ).map(Workload.build)
