"""GPUs without one: what is found, chosen and told, by a stand-in for the driver's library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gpus
import pytest
from gpus import Card, Nvml

from levelfield import registry
from levelfield.run import gpu
from levelfield.spec import plan

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _no_device_files(monkeypatch):
    monkeypatch.setattr(gpu, "nodes", lambda: False)


def look(*cards: Card, visible: str | None = None, **how) -> gpu.Found:
    environ = {} if visible is None else {gpu.VISIBLE: visible}
    return gpu.look(environ, Nvml(*cards, **how))


def test_gpus_are_counted_as_the_bus_does():
    found = look(Card(name=b"NVIDIA A"), Card(uuid="GPU-1", name="NVIDIA B"), driver=b"580.95")
    assert [(each.place, each.name) for each in found.gpus] == [
        ("0", "NVIDIA A"),
        ("1", "NVIDIA B"),
    ]
    assert (found.driver, found.reason) == ("580.95", "")
    assert found.gpus[0].memory == 80 * 2**30
    assert found.gpus[0].power_limit == 700.0
    assert str(found) == "0: NVIDIA A, 1: NVIDIA B"
    assert found.absent("cuda") == found.absent("cuda:1") == ""
    assert found.absent("cuda:2") == "no GPU 2: this machine has 0: NVIDIA A, 1: NVIDIA B"


@pytest.mark.parametrize(
    ("visible", "places"),
    [
        ("1", ["1"]),
        ("1,0", ["1", "0"]),
        ("GPU-b, 0", ["GPU-b", "0"]),
        ("0,7,1", ["0"]),  # as CUDA does: nothing after one that is not there
    ],
)
def test_visible_devices_narrow_and_reorder(visible, places):
    found = look(Card(uuid="GPU-a"), Card(uuid="GPU-b"), visible=visible)
    assert [each.place for each in found.gpus] == places
    last = len(places) - 1
    assert gpu.environ(f"cuda:{last}", found)[gpu.VISIBLE] == places[last]


def test_a_power_limit_that_is_not_told_is_none():
    card = Card(answers={"limit": [gpus.NVMLError_NotSupported()]})
    assert look(card).gpus[0].power_limit is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda: look(broken=gpus.NVMLError_LibraryNotFound()), "NVML Shared Library Not Found"),
        (lambda: look(), "driver 580.1 sees none"),
        (lambda: look(Card(), visible=""), "CUDA_VISIBLE_DEVICES= hides all 1 GPUs"),
    ],
)
def test_why_there_is_none(found, words):
    seen = found()
    assert not seen.gpus
    assert words in seen.reason
    assert seen.absent("cuda").startswith("no GPU: looked for") or "hides" in seen.absent("cuda")


def test_where_nvml_cannot_tell_cuda_itself_is_asked(monkeypatch):
    monkeypatch.setattr(gpu, "nodes", lambda: True)
    found = look(broken=gpus.NVMLError_LibraryNotFound())
    assert (found.gpus, found.reason, found.absent("cuda:3")) == ((), "", "")
    assert gpu.environ("cuda:3", found)[gpu.VISIBLE] == "3"


def test_a_worker_sees_one_gpu_or_none():
    found = look(Card(), Card(uuid="GPU-1"))
    assert gpu.environ("cuda:1", found)[gpu.VISIBLE] == "1"
    assert gpu.environ("cuda:1", found)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert gpu.environ("cpu", found) == {gpu.VISIBLE: "", "JAX_PLATFORMS": "cpu"}
    assert gpu.environ("spark:2x1", found) == {}


def test_modes_that_one_kind_of_device_has_are_taken_there_alone():
    adapters = registry.backends()

    def chosen(*wanted: str, **how) -> list[str]:
        return [str(each) for each in plan.contenders(wanted, adapters, **how)]

    assert chosen("torch/*") == ["torch/eager", "torch/compile"]
    assert chosen("torch/*@cuda:1")[-1] == "torch/reduce-overhead@cuda:1"
    both = chosen("torch/*", "pytensor/*", device="cpu,cuda")
    assert both == [
        "torch/eager", "torch/eager@cuda", "torch/compile", "torch/compile@cuda",
        "torch/reduce-overhead@cuda", "pytensor/numba", "pytensor/jax", "pytensor/jax@cuda",
    ]  # fmt: skip
    assert chosen("torch", modes=["all"], device="cuda") == [
        "torch/eager@cuda", "torch/compile@cuda", "torch/reduce-overhead@cuda",
    ]  # fmt: skip
    assert chosen("torch/reduce-overhead") == ["torch/reduce-overhead"]  # skipped, with a reason


def test_a_gpu_has_environments_of_its_own():
    found = plan.contenders(["torch", "keras-jax"], registry.backends(), device="cpu,cuda")
    assert [(each.device, each.environment) for each in found] == [
        ("cpu", "main"), ("cuda", "torch-cuda"), ("cpu", "main"), ("cuda", "jax-cuda"),
    ]  # fmt: skip
    (here,) = plan.contenders(["jax"], registry.backends(), device="cuda", environment="current")
    assert here.environment == "current"


@pytest.mark.skipif(gpu.nodes(), reason="this machine has a GPU")
@pytest.mark.parametrize("session", ["bench-gpu", "test-gpu"])
def test_sessions_that_need_a_gpu_end_at_once_with_a_status_of_their_own(session, tmp_path):
    code = (
        "import importlib.util, sys, types\n"
        "class Any(types.ModuleType):\n"
        "    def __getattr__(self, name): return Any(name)\n"
        "    def __call__(self, *given, **how): return given[0] if callable(given and given[0]) "
        "and not isinstance(given[0], Any) else Any('x')\n"
        "sys.modules['nox'] = Any('nox')\n"
        f"spec = importlib.util.spec_from_file_location('noxfile', {str(ROOT / 'noxfile.py')!r})\n"
        "made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)\n"
        "made.without_gpu(types.SimpleNamespace(log=print))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PATH": ""},
    )  # fmt: skip
    assert (done.returncode, len(done.stdout.splitlines())) == (4, 1), done.stderr
    assert "looked for /dev/nvidia0 ... and nvidia-smi, found neither" in done.stdout
