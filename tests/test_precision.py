"""Precisions: what a workload's arrays are kept in, what is computed in, and what is read back."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from running import ADAPTERS, Desk, Place, worker
from specs import workload as plain

from levelfield import registry
from levelfield.run.process import WorkerError
from levelfield.spec.fields import FieldError
from levelfield.spec.precision import EPS, dtype
from levelfield.verify import levels
from levelfield.verify.tolerances import TOLERANCES

PRECISIONS = ("float32", "float64", "tf32", "bfloat16", "float16")


def rounded(value: float, bits: int) -> float:
    """A number with so many bits after the leading one."""
    mantissa, exponent = np.frexp(value)
    return float(np.ldexp(np.round(mantissa * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent))


@pytest.mark.parametrize(("precision", "bits"), [("tf32", 10), ("float16", 10), ("bfloat16", 7)])
def test_the_step_to_the_next_number(precision, bits):
    eps = EPS[precision]
    assert rounded(1 + eps, bits) == 1 + eps
    assert rounded(1 + eps / 4, bits) == 1.0


def test_it_is_numpys_where_numpy_has_the_type():
    for precision in ("float16", "float32", "float64"):
        assert EPS[precision] == float(np.finfo(precision).eps)


def test_weights_stay_float32_below_it():
    for precision in PRECISIONS:
        made = plain().replace(precision=precision)
        kinds = {array.dtype.name for array in made.initial_weights((64,)).values()}
        assert kinds == {dtype(precision)} == {made.dtype}
        assert (made.dtype == "float64") == (precision == "float64")


def test_each_is_another_computation():
    prints = {plain().replace(precision=precision).fingerprint for precision in PRECISIONS}
    assert len(prints) == len(PRECISIONS)
    with pytest.raises(FieldError, match="float8"):
        plain().replace(precision="float8")


def test_tolerances_grow_with_the_rounding():
    ordered = sorted(
        PRECISIONS, key=lambda precision: (EPS[precision], TOLERANCES[precision]["forward"])
    )
    for level in ("forward", "gradient", "optimizer", "epoch"):
        limits = [TOLERANCES[precision][level] for precision in ordered]
        assert limits == sorted(limits), level
        assert limits[-1] < 1


def test_yardsticks_of_coarse_precisions_are_shaken_by_their_own_rounding():
    weights = {"a": np.ones(20_000, np.float32)}
    for precision, shake in (("float32", 8.0), ("bfloat16", 1.0)):
        found = levels.shaken(weights, precision=precision, number=0)["a"] - 1
        assert np.std(found) == pytest.approx(shake * EPS[precision], rel=0.2)


def needs(backend: str) -> None:
    """Skip where one of ``keras-torch``'s modules is not installed."""
    for module in backend.split("-"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


def built(process, tmp_path, backend: str, precision: str, *, device="cpu", source=""):
    desk, workload = Desk(tmp_path), plain().replace(precision=precision)
    adapter = registry.adapter(backend, source)
    desk.load(process, backend, module=adapter.__module__, source=source)
    weights = workload.initial_weights((64,))
    desk.build(process, workload, weights, mode=adapter.modes[0], device=device)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax", "tensorflow"])
def test_what_a_framework_does_not_compute_in_is_unsupported(tmp_path, backend):
    needs(backend)
    with worker() as process, pytest.raises(WorkerError, match="in tf32 on cpu") as caught:
        built(process, tmp_path, backend, "tf32")
    assert caught.value.status == "skipped"


def test_a_mismatch_refuses_the_trial(tmp_path):
    wrong = str(ADAPTERS / "wrong.py")
    with worker() as process, pytest.raises(WorkerError) as caught:
        built(process, tmp_path, "coarse", "float32", source=wrong)
    assert caught.value.status == "failed"
    assert "asked to compute in float32, but coarse reads back tf32" in caught.value.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        ("torch", "bfloat16"),
        ("torch", "float16"),
        ("jax", "bfloat16"),
        ("tensorflow", "bfloat16"),
        ("keras-torch", "bfloat16"),
    ],
)
def test_coarse_precisions_are_verified_and_told(tmp_path, backend, precision):
    needs(backend)
    place = Place(tmp_path)
    words = ("--backends", backend, "--environment", "current", "--set", f"precision={precision}")
    done = place.run(*words, epochs=2)
    assert done.returncode == 0, done.stderr
    (record,) = place.records()
    assert record.verification is not None
    assert record.verification.status == "passed", record.verification.reason
    assert record.settings["precision"] == precision
    forward = max(f.value for f in record.verification.figures if f.level == "forward")
    assert EPS[precision] / 100 < forward  # coarser than float32 could be: it was really used


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow", "keras-jax"])
def test_float32_is_read_back(tmp_path, backend):
    needs(backend)
    keras = {"KERAS_BACKEND": backend.partition("-")[2]} if "-" in backend else {}
    with worker(JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="", **keras) as process:
        built(process, tmp_path, backend, "float32")
        assert process.ask("close")["settings"]["precision"] == "float32"


def test_a_wrong_precision_is_told_before_anything_runs(tmp_path):
    place = Place(tmp_path)
    done = place.run("--set", "precision=fp16")
    assert done.returncode == 2
    assert "bfloat16" in done.stderr
    assert not place.study.exists()
