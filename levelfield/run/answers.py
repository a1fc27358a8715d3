"""What a worker holds and answers: one adapter, its data, and the clock that is read for them.

It needs NumPy and the adapter's own framework, and nothing else of Levelfield's dependencies.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from levelfield.run.clock import Clock, peak_memory
from levelfield.run.messages import Message

if TYPE_CHECKING:
    from levelfield.backend import Array, Backend
    from levelfield.run.cluster import Cluster
    from levelfield.spec.workload import Workload


class Answers:
    """What the parent can ask for; each public method answers one ``do``."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.clock = Clock()
        self.doing = ""
        self.trouble: Exception | None = None
        self.kind: type[Backend]
        self.backend: Backend
        self.workload: Workload
        self.order: Array
        self.ordered = -1
        self.train_set: Array
        self.test_set: Array
        self.targets: Array
        self.test_targets: Array
        self.last: list[Array] = []
        self.machines: Cluster | None = None
        self.built = False
        self.precision = ""

    def load(self, *, backend: str, module: str, source: str) -> Message:
        """Import the adapter, then, on the clock, what it names as its imports."""
        import importlib

        from levelfield import registry

        if source:
            self.kind = registry.adapter(backend, source)
        else:
            self.kind = registry.adapter_in(module, backend)
        with self.clock.running():
            for name in self.kind.imports:
                importlib.import_module(name)
        return {}

    def cluster(self, *, device: str) -> Message:
        """Start the Spark cluster that a device describes; gives it as the adapter is told it."""
        from levelfield.run import cluster
        from levelfield.spec.device import parse

        wanted = parse(device).fitted(len(os.sched_getaffinity(0)))
        if wanted.master:
            return {"device": device}
        with self.clock.running():
            self.machines = cluster.Cluster.start(wanted, cluster.logs())
        shape = f"{wanted.executors}x{wanted.cores}x{cluster.memory(wanted)}"
        return {"device": f"{self.machines.master}/{shape}"}

    def build(
        self, *, workload: Message, weights: str, mode: str, device: str, threads: int
    ) -> Message:
        """Build the adapter with the initial weights, which lie in a file."""
        import numpy as np

        from levelfield.backend import Backend, Unsupported
        from levelfield.spec.device import kind_of
        from levelfield.spec.workload import Workload

        self.workload = Workload.build(workload)  # type: ignore[assignment]
        if self.workload.cycled and self.kind.cycle is Backend.cycle:
            raise Unsupported(self.kind.steady)
        precision, kind = self.workload.precision, kind_of(device)
        if kind not in self.kind.precisions.get(precision, ()):
            raise Unsupported(f"{self.kind.name} does not compute in {precision} on {kind}")
        if self.built:
            self.backend.close()  # a cluster has room for one
        with np.load(weights) as file:
            arrays = {name: file[name] for name in file.files}
        with self.clock.running():
            self.backend = self.kind(
                self.workload, arrays, mode=mode, device=device, threads=threads
            )
        self.built = True
        self.precision = self.backend.computing()
        if self.precision and self.precision != precision:
            raise ValueError(
                f"asked to compute in {precision}, but {self.kind.name} reads back {self.precision}"
            )
        return {}

    def stage(
        self,
        *,
        train: str,
        test: str,
        samples: int | None,
        labels: list[str] | None = None,
        shape: list[int] | None = None,
    ) -> Message:
        """Map the prepared arrays and hand the training set over.

        labels: files of the labels, where they are the targets. shape: in which samples are seen.
        """
        from levelfield.data import open_arrays

        self.train_set, self.test_set = open_arrays((train, test), samples, shape)
        self.targets, self.test_targets = self.train_set, self.test_set
        if labels is not None:
            self.targets, self.test_targets = open_arrays(labels, samples)
        self.ordered = -1
        with self.clock.running():
            self.backend.stage(self.train_set, self.targets)
        return {"samples": len(self.train_set)}

    def train(self, *, epoch: int, start: int = 0, stop: int | None = None) -> Message:
        """Train on a part of an epoch: the samples at these places of its order."""
        order, loss = self._trained(epoch, start, stop)
        return {"loss": self._mean(order) if loss is None else loss}

    def _trained(
        self, epoch: int, start: int = 0, stop: int | None = None
    ) -> tuple[Array, float | None]:
        """The samples that were visited, and what the framework tells of their mean loss."""
        samples, batch = len(self.train_set), self.workload.batch
        stop = samples if stop is None else stop
        if epoch != self.ordered:
            self.order, self.ordered = self.workload.order(epoch, samples), epoch
        order = self.order[start:stop]
        steps = slice(start // batch, -(-stop // batch))
        rates = self.workload.rates(epoch, samples)[steps]
        if (momenta := self.workload.momenta(epoch, samples)) is not None:
            self.backend.cycle(momenta[steps])
        with self.clock.running():
            loss = self.backend.train(order, rates)
        return order, None if loss is None else float(loss)

    def _mean(self, order: Array) -> float:
        """Mean loss of the model as it is now over these training samples: no time of training."""
        from levelfield.run import evaluation

        data = self.train_set, self.targets
        return evaluation.mean(self.backend, self.workload.loss, *data, rows=order)

    def epochs(self, *, first: int, stop: int, seconds: float) -> Message:
        """Train and evaluate whole epochs: one at least, and on until so many seconds are over.

        Short epochs need not wake the parent one by one. Ends at a loss that is not finite.
        ``evaluated`` is empty where the workload asks for nothing after an epoch.
        """
        import math

        trained: list[Message] = []
        evaluated: list[Message] = []
        end = self.clock.now() + seconds
        if self.trouble is not None:
            raise self.trouble
        for epoch in range(first, stop):
            try:
                self.doing = "train"
                order, loss = self._trained(epoch)
                began = self.clock.span
                self.doing = "evaluate"
                ended = self._ended(epoch, order if loss is None else None)
                loss = ended.pop("train_loss", loss)
            except Exception as error:
                if not trained:
                    raise
                self.trouble = error  # told when asked again: the epochs before it are kept
                break
            trained.append({"loss": loss, **began})
            evaluated.append(ended)
            if self.clock.now() >= end or not math.isfinite(loss):
                break
        return {"trained": trained, "evaluated": evaluated}

    def _ended(self, epoch: int, order: Array | None) -> Message:
        """What is evaluated after an epoch, and the seconds of it; empty where that is nothing."""
        test = self.workload.evaluated(epoch)
        if not test and order is None:
            return {}
        return {**self.evaluate(test=test, order=order), **self.clock.span}

    def sweep(self, *, epoch: int, every: int) -> Message:
        """Train an epoch, and tell what each batch was like before its step.

        Gives losses, shares of right answers (null where they were not taken: where the adapter
        cannot tell, each ``every`` batches are predicted first), seconds of either.
        """
        from levelfield.run.sweeping import swept

        rates = self.workload.rates(epoch, len(self.train_set))
        order = self.workload.order(epoch, len(self.train_set))
        labels = self.targets if self.workload.labelled else None
        momenta = self.workload.momenta(epoch, len(self.train_set))
        data, batch = (self.train_set, labels), self.workload.batch
        return swept(self.backend, data, order, rates, batch, every=every, momenta=momenta)

    def steps(
        self, *, order: list[int], rates: list[float], momenta: list[float] | None = None
    ) -> Message:
        """Train on given samples at given rates, and momenta where the workload moves them."""
        import numpy as np

        places = np.array(order, dtype=np.int64)
        if momenta is not None:
            self.backend.cycle(np.array(momenta))
        with self.clock.running():
            loss = self.backend.train(places, np.array(rates))
        return {"loss": self._mean(places) if loss is None else float(loss)}

    def evaluate(self, *, test: bool = True, order: Array | None = None) -> Message:
        """Loss of the whole test set, in float64 from the adapter's predictions; metrics of it.

        test: whether it is looked at. order: training samples whose loss is to be told too, where
        the framework has told none.
        """
        from levelfield.run import evaluation

        told: Message = {}
        with self.clock.running():
            if test:
                data = self.test_set, self.test_targets
                told["loss"], found = evaluation.whole(self.backend, self.workload.loss, *data)
            if order is not None:
                told["train_loss"] = self._mean(order)
        if not test:
            return told
        if self.workload.labelled:
            told["metrics"] = evaluation.measured(found, self.test_targets)
        if self.ordered == self.workload.epochs - 1:
            self.last = found  # of earlier epochs they would only fill the memory
        return told

    def outputs(self, *, path: str, places: list[int]) -> Message:
        """Write what the evaluation after the last epoch gave into a file, if there was one.

        Of an autoencoder the outputs for the test samples at these places, of a classifier the most
        probable class of every sample. Nothing is predicted for it.
        """
        from levelfield.run import evaluation

        if self.last:
            evaluation.write(path, self.last, None if self.workload.labelled else places)
        return {}

    def predict(self, *, start: int, stop: int, path: str) -> Message:
        """Write the predictions for some training samples into a file."""
        import numpy as np

        from levelfield.spec import losses

        np.save(path, losses.numbers(self.backend.predict(self.train_set[start:stop]), "predict"))
        return {}

    def weights(self, *, path: str) -> Message:
        """Write the weights into a file."""
        import numpy as np

        from levelfield.spec import losses

        found = {name: losses.numbers(a, "weights") for name, a in self.backend.weights().items()}
        np.savez(path, **found)  # type: ignore[arg-type]
        return {}

    def barrier(self, *, order: list[int], rates: list[float], repeats: int) -> Message:
        """Time training, and fetching the weights: right after it, and idle."""
        import numpy as np

        from levelfield.run import probes

        sample, how = self.train_set[:1], (np.array(order), np.array(rates))
        return {"readings": probes.barrier(self.clock, self.backend, sample, *how, repeats=repeats)}

    def sentinel(self, *, size: int, repeats: int, precision: str) -> Message:
        """Time a fixed product of two square matrices, after one that warms up."""
        from levelfield.run import probes

        seconds = probes.sentinel(self.clock, size=size, repeats=repeats, precision=precision)
        return {"seconds": seconds}

    def limit(self, *, device: str, precision: str, threads: int) -> Message:
        """What the machine itself can do on a device, as the adapter's framework reaches it."""
        from levelfield.backend import Unsupported
        from levelfield.run.limit import COPIES, PRODUCTS, climbed

        machine = self.kind.machine(device=device, precision=precision, threads=threads)
        if machine is None:
            raise Unsupported(f"{self.kind.name} measures no limit of a machine")
        products = climbed(self.clock, machine.product, PRODUCTS, growth=8)
        copies = climbed(self.clock, machine.copy, COPIES, growth=2)
        return {
            "product_size": products["sizes"],
            "product_seconds": products["seconds"],
            "copy_bytes": copies["sizes"],
            "copy_seconds": copies["seconds"],
        }

    def close(self) -> Message:
        """Let go of everything; tell what can be known only at the end."""
        from levelfield import registry

        told = {"precision": self.precision} if self.precision else {}
        settings = {**told, **self.backend.settings()}
        memory = self.backend.device_memory()
        traffic = {str(name): int(size) for name, size in self.backend.traffic().items()}
        cost = {role: dict(span) for role, span in self.backend.usage().items()}
        with self.clock.running():
            if self.machines is not None:
                from levelfield.run.cluster_usage import usage

                cost = usage(self.machines)
            self.backend.close()
            if self.machines is not None:
                self.machines.close()
        return {
            "settings": settings,
            "device_memory": memory,
            "device_reserved": self.backend.device_reserved(),
            "peak_memory": peak_memory(),
            "cluster": cost,
            "traffic": traffic,
            "versions": {
                "python": platform.python_version(),
                **registry.versions((*self.kind.packages, "numpy")),
            },
            "cpus": sorted(os.sched_getaffinity(0)),
        }
