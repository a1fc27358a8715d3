"""PyTensor on JAX: where the training set lies."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from levelfield import registry
from levelfield.spec.workload import Workload

dense = {"kind": "dense", "units": 3, "activation": "softmax"}
workload = Workload.build({
    "name": "classifier", "dataset": "digits", "loss": "categorical_crossentropy",
    "layers": [{**dense, "kernel": "glorot_uniform", "bias": "zeros"}],
    "optimizer": {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    "schedule": {"kind": "constant", "rate": 0.1}, "batch": 4, "epochs": 1,
})
x = np.random.default_rng(0).random((10, 5), dtype=np.float32)
adapter = registry.adapter("pytensor")
made = adapter(workload, workload.initial_weights((5,)), mode="jax", device="cpu", threads=1)
made.stage(x, np.arange(10) % 3)
kept = made.step.input_storage + [made.x.container]
import jax
large = [c.storage[0] for c in kept if getattr(c.storage[0], "shape", None) in {(10, 5), (10,)}]
losses = [made.train(np.arange(10), np.full(3, 0.1)) for _ in range(2)]
assert losses[1] < losses[0]
again = [c.storage[0] for c in kept if getattr(c.storage[0], "shape", None) in {(10, 5), (10,)}]
assert all(one is other for one, other in zip(large, again, strict=True)), "nothing was copied"
print(len(large) - 1, all(isinstance(each, jax.Array) for each in large))
"""


def test_the_training_set_is_given_to_jax_once(tmp_path: Path) -> None:
    if find_spec("pytensor") is None:
        pytest.skip("pytensor is not installed")
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path}", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-P", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, env=flags, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "True"], "samples and labels, as JAX's arrays"
