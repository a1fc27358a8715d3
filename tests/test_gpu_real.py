"""On a real GPU: verified in every precision, read, measured. `nox -s test-gpu` runs these."""

from __future__ import annotations

import importlib.util
import math

import pytest
from running import Place

from levelfield.results.store import read_records
from levelfield.run import gpu

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.alone,
    pytest.mark.skipif(
        bool(gpu.here().reason) or not gpu.here().gpus, reason=f"needs a GPU: {gpu.here()}"
    ),
]
CUDA = {"jax": ("jax_cuda12_plugin", "jax_cuda13_plugin"), "torch": ("nvidia",)}
"""What an interpreter has whose framework computes on a GPU."""


def here(backend: str) -> tuple[str, ...]:
    """Options for the interpreter at hand, where its framework knows CUDA; else for its lock's."""
    able = any(map(importlib.util.find_spec, CUDA[backend])) and importlib.util.find_spec(backend)
    slow = ("--timeout", "600")  # CUDA starts and Triton compiles, in empty caches
    return ("--device", "cuda", *slow, *(("--environment", "current") if able else ()))


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_every_mode_is_verified_in_every_precision(tmp_path, backend, precision):
    place = Place(tmp_path)
    words = ("--backends", backend, "--modes", "all", "--set", f"precision={precision}")
    done = place.run(*here(backend), *words, epochs=4)
    assert done.returncode == 0, done.stderr
    for record in place.records():
        assert record.status == "ok", f"{record.mode}: {record.reason}\n{record.log}"
        assert record.verification is not None
        assert record.verification.status == "passed", record.verification.reason
        assert record.settings["precision"] == precision
        assert not record.settings.get("CUDA graphs left out")
        # What was read back is a switch: whether products obey it is seen in what they round.
        worst = max(f.value for f in record.verification.figures if f.level == "gradient")
        assert (worst > 1e-5) == (precision != "float32"), worst


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_what_is_read_of_the_gpu(tmp_path, backend):
    place = Place(tmp_path)
    done = place.run(*here(backend), "--backends", backend, "--set", "samples=1500", epochs=60)
    assert done.returncode == 0, done.stderr
    (record,) = place.records()
    assert record.device_memory or "memory" in record.unread
    assert record.readings.seconds
    if "energy of the gpu" not in record.unread:
        spent = record.energy["gpu"]
        assert {"import", "build", "stage", "first epoch", "steady epochs"} <= spent.keys()
        assert all(joules >= 0 for joules in spent.values())
        assert record.total is not None
        watts = math.fsum(spent.values()) / record.total.wall
        limit = gpu.here().gpus[0].power_limit or 2000.0
        assert 1.0 < watts < 1.2 * limit
    limits = read_records(place.study).limits
    assert limits
    assert not [limit.reason for limit in limits if limit.reason]
    assert all(limit.rate > 1e11 for limit in limits)
    assert all(limit.bandwidth > 1e10 for limit in limits)


def test_a_gpu_that_is_not_there_is_told(tmp_path):
    place = Place(tmp_path)
    done = place.run("--environment", "current", "--device", "cuda:31", "--backends", "torch")
    assert done.returncode == 1
    assert "no GPU 31: this machine has 0:" in place.records()[0].reason
