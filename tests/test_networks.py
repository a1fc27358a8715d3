"""Networks that nobody chose, verified as a user's would be: honest adapters pass, whatever comes.

``NETWORKS=100:300`` looks further: at the networks of these numbers, in every adapter for CPUs.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, nullcontext

import networks
import numpy as np
import pytest
from levelfield.backends.numpy import Numpy
from running import CPUS

from levelfield import registry
from levelfield.run.bench import Options, bench
from levelfield.run.process import WorkerError
from levelfield.spec import plan
from levelfield.spec.optimizers import SGD
from levelfield.spec.suite import Suite
from levelfield.verify.check import verify
from levelfield.verify.reference import Reference

FEW = {"numpy": "0:12", "torch": "0:24", "tensorflow": "0:10", "jax": "0:4"}
"""By adapter: which networks. What compiles is slow; other adapters have their layers' tests."""
SGD_PLAIN = SGD(momentum=0.0, nesterov=False)
ASKED = os.environ.get("NETWORKS")


def numbers(name: str) -> range:
    first, last = (ASKED or FEW[name]).split(":")
    return range(int(first), int(last))


def test_a_number_means_the_same_network_and_all_kinds_come():
    made = [networks.network(number) for number in range(60)]
    assert made[7] == networks.network(7)
    seen = {layer.kind for workload in made for layer in workload.layers}
    assert seen == networks.kinds()
    assert len({workload.fingerprint for workload in made}) == 60


@pytest.mark.parametrize("number", range(150))
def test_the_references_gradients_are_the_slopes_of_its_loss(number):
    """Central differences along a direction at random, away from kinks and ties."""
    workload = networks.network(number).certain()
    workload = workload.replace(precision="float64", batch=6, optimizer=SGD_PLAIN)
    rng, shape = np.random.default_rng(number), tuple(workload.input_shape)
    x = rng.random((6, *shape))
    y = rng.integers(0, networks.CLASSES, 6) if workload.labelled else x
    first = workload.initial_weights(shape).items()
    weights = {name: array + rng.normal(0, 0.3, array.shape) for name, array in first}
    along = {name: rng.normal(size=array.shape) for name, array in weights.items()}

    def stepped(distance, rate):
        """Loss, and weights after one step at this rate."""
        given = {name: array + distance * along[name] for name, array in weights.items()}
        made = Numpy(workload, given, mode="numpy", device="cpu", threads=1)
        made.stage(x, y)
        return made.train(np.arange(6), np.array([rate])), made.weights()

    after = stepped(0.0, 1.0)[1]
    slope = sum(np.vdot(weights[name] - after[name], along[name]) for name in weights)
    rises = [  # a kink may lie within the wider one
        (stepped(d, 0.0)[0] - stepped(-d, 0.0)[0]) / (2 * d) for d in (1e-5, 1e-6)
    ]
    assert any(rise == pytest.approx(slope, rel=1e-4, abs=1e-7) for rise in rises)


def names() -> list[str]:
    return [
        n
        for n, made in registry.backends().items()
        if "cpu" in made.devices and (ASKED or n in FEW)
    ]


@pytest.mark.parametrize("name", names())
def test_an_honest_adapter_passes(name, tmp_path):
    (contender,) = plan.contenders([name], registry.backends())
    adapter, made = registry.adapter(name), [networks.network(n) for n in numbers(name)]
    suite = Suite(
        suite="networks", repeats=1, timeout=300, contenders=(name,), workloads=tuple(made)
    )
    how = Options(data=tmp_path, timeout=3600, threads=len(CPUS), quiet=True)
    wrong, seen = {}, 0
    facts = {"backend": name, "module": contender.module, "source": contender.source}
    facts |= {"mode": contender.mode, "device": "cpu", "threads": len(CPUS)}
    with bench(suite, [contender], how) as ready, ExitStack() as stack:
        process = stack.enter_context(ready.process(contender, tmp_path))
        for workload in made:
            reference = Reference(ready.materials[workload.name])
            try:
                verdict = verify(
                    reference, adapter, lambda: nullcontext(process), tmp_path, **facts
                )
            except WorkerError as error:
                if error.status != "skipped":
                    raise
                continue  # PyTorch pads a pooling by half its window at most
            seen += 1
            if verdict.status != "passed":
                wrong[workload.name] = verdict.reason
    assert seen > len(made) / 2
    assert not wrong
