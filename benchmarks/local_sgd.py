"""Why Elephas' error can rise with the epochs: local SGD with and without the optimizer's memory.

    python benchmarks/local_sgd.py [--suite quick] [--epochs 400] [--partitions 1 4 8]

The reference's own simulation (`levelfield.verify.distributed.Averaged`) trains a suite's first
workload in k partitions whose optimizers start afresh in every epoch, as Elephas' do, and in k that
keep their optimizers' memory. Printed: the test loss after some epochs, and the lowest.
"""

from __future__ import annotations

import argparse

import numpy as np

from levelfield import data, registry
from levelfield.spec import losses, suite
from levelfield.verify.distributed import Averaged


def main() -> None:
    """Train every variant and print its losses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--partitions", type=int, nargs="*", default=[1, 4, 8])
    options = parser.parse_args()
    workload = suite.load(suite.find(options.suite, registry.suites())).workloads[0]
    source = registry.dataset(workload.dataset)
    prepared = data.prepare(
        source, precision="float32", data=data.data_directory(None), announce=print
    )
    paths = (str(prepared.paths[0]), str(prepared.paths[1]))
    train, test = (np.asarray(a) for a in data.open_arrays(paths, options.samples))
    weights = workload.initial_weights(source.shape)
    kind = registry.adapter("numpy")
    shown = sorted({1, 10, 20, 50, 100, 200, options.epochs} & set(range(1, options.epochs + 1)))
    print("partitions  memory  " + "".join(f"{f'epoch {e}':>10}" for e in shown) + "    lowest")
    for count in options.partitions:
        for keep in (True, False):
            model = Averaged(kind, workload, weights, partitions=count, keep=keep)
            model.stage(train, train)
            seen = []
            for epoch in range(options.epochs):
                order = workload.order(epoch, len(train))
                model.train(order, workload.rates(epoch, len(train)))
                seen.append(losses.mean(workload.loss, model.predict(test[:2000]), test[:2000]))
            lowest = int(np.argmin(seen))
            cells = "".join(f"{seen[e - 1]:10.5f}" for e in shown)
            what = "kept" if keep else "fresh"
            print(f"{count:10}  {what:6}  {cells}  {seen[lowest]:.5f} in {lowest + 1}", flush=True)


if __name__ == "__main__":
    main()
