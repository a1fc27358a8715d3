"""What Levelfield costs over a bare script: the same training in both, epoch by epoch in turns.

    python benchmarks/adapter_tax.py [--model cnn] [--device cuda] [--samples 10000] [--rounds 15]
        [CONTENDER ...]

For each backend's fast mode a bare, idiomatic script (``benchmarks/bare/``) and Levelfield's own
worker are alive at once; in each round both train one epoch of the thesis network on MNIST (or of
B2FL16 on images of CIFAR-10, ``--model cnn``), in random order. What a layout is worth:
``--model cnn --bare=--contiguous torch/eager``. Printed: the median of the rounds'
ratios, with its quartiles, and the best steady epoch as a share of the machine's own
matrix-multiply rate: NumPy's in the same rounds, on a GPU the framework's own before them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from levelfield import data, registry
from levelfield.run import gpu, trees
from levelfield.run.environment import Environment
from levelfield.run.homes import homes
from levelfield.run.process import Process, worker_environ
from levelfield.run.progress import Progress
from levelfield.run.trial import told_arrays
from levelfield.spec import suite
from levelfield.spec.plan import contenders
from levelfield.spec.workload import Workload

BARE = Path(__file__).parent / "bare"
PAIRS = {
    "numpy/numpy": ("numpy_plain.py", {}, []),
    "torch/eager": ("torch_fused.py", {}, []),
    "torch/compile": ("torch_fused.py", {}, ["--compile"]),
    "jax/scan": ("jax_scan.py", {}, []),
    "tensorflow/xla": ("tensorflow_graph.py", {}, ["--xla"]),
    "tensorflow/graph": ("tensorflow_graph.py", {}, []),
    "keras-tensorflow/tuned": ("keras_fit.py", {"KERAS_BACKEND": "tensorflow"}, None),
    "keras-jax/tuned": ("keras_fit.py", {"KERAS_BACKEND": "jax"}, None),
    "keras-torch/tuned": ("keras_fit.py", {"KERAS_BACKEND": "torch"}, None),
    "theano/fast_run": ("theano_plain.py", {}, []),
    "keras-theano/default": ("keras_theano.py", {"KERAS_BACKEND": "theano"}, []),
}
CNN = {
    "torch/eager": ("cnn_torch.py", {}, []),
    "torch/compile": ("cnn_torch.py", {}, ["--compile"]),
    "jax/jit": ("cnn_jax.py", {}, []),
    "jax/scan": ("cnn_jax.py", {}, ["--scan"]),
    "tensorflow/graph": ("cnn_tensorflow.py", {}, []),
    "tensorflow/xla": ("cnn_tensorflow.py", {}, ["--xla"]),
    "keras-tensorflow/default": ("cnn_keras.py", {"KERAS_BACKEND": "tensorflow"}, ["{}"]),
    "keras-jax/default": ("cnn_keras.py", {"KERAS_BACKEND": "jax"}, ["{}"]),
    "keras-torch/tuned": ("cnn_keras.py", {"KERAS_BACKEND": "torch"}, None),
}
WARM = 3
ENVIRONMENT = os.environ.get("LEVELFIELD_ENVIRONMENT", "")
"""As for `levelfield run`: ``current``, or the one that the adapter names."""


def main() -> None:
    """Measure every pair that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=["dense", "cnn"], default="dense")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--bare", default="", help="further words for the bare scripts")
    parser.add_argument("contenders", nargs="*")
    options = parser.parse_args()
    cnn = options.model == "cnn"
    pairs, samples = CNN if cnn else PAIRS, options.samples or (2_000 if cnn else 10_000)
    workload = b2fl16() if cnn else suite.load(registry.suites() / "autoencoder.yaml").workloads[0]
    workload = workload.replace(samples=samples)
    source = registry.dataset(workload.dataset)
    workload = workload.placed(source.shape)
    prepared = data.prepare(
        source,
        precision="float32",
        data=data.data_directory(None),
        announce=print,
        preprocess=workload.preprocess,
    )
    flops = workload.flops(source.shape) * samples
    print(f"{'contender':24}  ratio     quartiles   ours s   bare s  of rate")
    for name in options.contenders or pairs:
        script, environ, words = pairs[name]
        words = tuning(name) if words is None else words
        pair = (script, environ, [*words, *options.bare.split()])
        ours, bare, rate = measure(
            name, pair, workload, prepared, rounds=options.rounds, device=options.device
        )
        ratios = [a / b for a, b in zip(ours, bare, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        share = flops / statistics.median(ours) / rate
        print(
            f"{name:24} {middle:6.3f} {low:7.3f}-{high:.3f} {statistics.median(ours):8.3f} "
            f"{statistics.median(bare):8.3f} {share:8.0%}",
            flush=True,
        )


def tuning(name: str) -> list[str]:
    """What our mode gives Keras, for the bare script to give it too."""
    adapter = registry.adapter(name.partition("/")[0])
    return [json.dumps(dict(adapter.tuning))]  # type: ignore[attr-defined]


def b2fl16() -> Workload:
    """The published network of two blocks and sixteen first filters, on CIFAR-10's images."""
    return Workload.build(
        {
            "name": "B2FL16",
            "dataset": "cifar10:train=2000,test=500",
            "preprocess": "centred",
            "cnn": {"blocks": 2, "first_filters": 16},
            "loss": "categorical_crossentropy",
            "optimizer": {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
            "schedule": {"kind": "constant", "rate": 0.001},
            "batch": 100,
            "epochs": 1,
        }
    )  # type: ignore[return-value]


def measure(
    name: str,
    pair: tuple[str, dict[str, str], list[str]],
    workload: Workload,
    prepared: data.Prepared,
    *,
    rounds: int,
    device: str,
) -> tuple[list[float], list[float], float]:
    """Seconds of every epoch, ours and bare, and the best matrix product's operations a second."""
    backend, mode = name.split("/")
    script, extra, words = pair
    paths = (str(prepared.paths[0]), str(prepared.paths[1]))
    labels = None
    if workload.labelled and prepared.labels:
        labels = (str(prepared.labels[0]), str(prepared.labels[1]))
    arrays = told_arrays(paths, labels, workload.input_shape)
    adapter = registry.adapter(backend)
    cpus = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        weights = f"{scratch}/weights.npz"
        np.savez(weights, **workload.initial_weights(prepared.shape))  # type: ignore[arg-type]
        home = where(name, device, Path(scratch))
        given = {key: text.replace("{caches}", scratch) for key, text in adapter.environ.items()}
        kind = device.partition(":")[0]
        environ = {**given, **gpu.environ(device, gpu.here()), "DEVICE": kind}
        path = {"PYTHONPATH": str(home.path)} if home.path else {}
        command = [home.python, str(BARE / script), paths[0], str(workload.samples), *words]
        with (
            Process(
                cpus=cpus, environ={**environ, **path}, timeout=3600, python=home.python
            ) as process,
            Process(cpus=cpus, environ={}, timeout=3600) as sentinel,
            subprocess.Popen(
                command,
                env=worker_environ(threads=len(cpus), extra={**extra, **environ}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as other,
        ):
            process.ask("load", backend=backend, module=adapter.__module__, source="")
            process.ask(
                "build",
                workload=workload.plain(),
                weights=weights,
                mode=mode,
                device=kind,
                threads=len(cpus),
            )
            limit = None
            if kind != "cpu":
                how = {"device": kind, "precision": workload.precision, "threads": len(cpus)}
                limit = process.ask("limit", **how)
            process.ask("stage", **arrays, samples=workload.samples)
            seconds: dict[str, list[float]] = {"ours": [], "bare": [], "matmul": []}
            for number in range(WARM + rounds):
                for who in random.sample(["ours", "bare"], 2):
                    if who == "ours":
                        seconds[who].append(process.ask("train", epoch=number)["wall"])
                    else:
                        seconds[who].append(epoch(other))
                product = sentinel.ask("sentinel", size=1024, repeats=5, precision="float32")
                seconds["matmul"] += product["seconds"]
            other.stdin.close()  # type: ignore[union-attr]
    rate = 2 * 1024**3 / min(seconds["matmul"])
    if limit is not None:
        pairs = zip(limit["product_size"], limit["product_seconds"], strict=True)
        rate = max(2 * size**3 / taken for size, taken in pairs)
    return seconds["ours"][WARM:], seconds["bare"][WARM:], rate


def where(name: str, device: str, scratch: Path) -> Environment:
    """The environment that a contender lives in, made first where it must be."""
    backends = registry.backends()
    (who,) = contenders([name], backends, device=device, environment=ENVIRONMENT)
    kept = who.environment
    found, unmade = homes([who], Progress(steps=0))
    if unmade:
        sys.exit(f"{name}: {unmade[kept]}")
    other = found[kept].python != sys.executable
    return found[kept].given(trees.own(scratch) if other else None)


def epoch(process: subprocess.Popen[str]) -> float:
    """Have a bare script train one epoch; gives its seconds."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline().split()[0])


if __name__ == "__main__":
    main()
