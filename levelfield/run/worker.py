"""The child of a trial: holds one adapter, does what the parent deals out, reads the clock.

Started as ``python -P -m levelfield.run.worker IN OUT CPUS``; it needs NumPy and the adapter's own
framework, and nothing else of Levelfield's dependencies.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from levelfield.run.clock import Clock, peak_memory
from levelfield.run.messages import Lines, Message, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from levelfield.backend import Array, Backend
    from levelfield.run.cluster import Cluster
    from levelfield.spec.workload import Workload

CHUNK = 10_000
"""Samples in one call of `predict` when the test set is evaluated."""


class Worker:
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
        return {"loss": self.evaluated(order) if loss is None else loss}

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

    def evaluated(self, order: Array) -> float:
        """Mean loss of the model as it is now over these training samples: no time of training."""
        from levelfield.spec import losses

        total = 0.0
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            x, y = self.train_set[rows], self.targets[rows]
            total += losses.mean(self.workload.loss, self.backend.predict(x), y) * len(x)
        return total / len(order)

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
        return {"loss": self.evaluated(places) if loss is None else float(loss)}

    def evaluate(self, *, test: bool = True, order: Array | None = None) -> Message:
        """Loss of the whole test set, in float64 from the adapter's predictions; metrics of it.

        test: whether it is looked at. order: training samples whose loss is to be told too, where
        the framework has told none.
        """
        from levelfield.spec import losses

        total, outputs, told = 0.0, [], {}
        with self.clock.running():
            for start in range(0, len(self.test_set) if test else 0, CHUNK):
                x, y = (a[start : start + CHUNK] for a in (self.test_set, self.test_targets))
                outputs.append(self.backend.predict(x))
                total += losses.mean(self.workload.loss, outputs[-1], y) * len(x)
            if order is not None:
                told["train_loss"] = self.evaluated(order)
        if not test:
            return told
        if self.ordered == self.workload.epochs - 1:
            self.last = outputs  # of earlier epochs they would only fill the memory
        return {"loss": total / len(self.test_set), **told, **self._measured(outputs)}

    def _measured(self, outputs: list[Array]) -> Message:
        """The metrics of the whole test set, where its samples have labels."""
        if not self.workload.labelled:
            return {}
        import numpy as np

        from levelfield.metrics import measured

        return {"metrics": measured(np.concatenate(outputs), np.asarray(self.test_targets))}

    def outputs(self, *, path: str, places: list[int]) -> Message:
        """Write what the evaluation after the last epoch gave into a file, if there was one.

        Of an autoencoder the outputs for the test samples at these places, of a classifier the most
        probable class of every sample. Nothing is predicted for it.
        """
        import numpy as np

        if self.last and self.workload.labelled:
            answers = [np.asarray(part).argmax(axis=1) for part in self.last]
            np.savez(path, answers=np.concatenate(answers))
        elif self.last:
            rows = [np.asarray(self.last[place // CHUNK])[place % CHUNK] for place in places]
            np.savez(path, rebuilt=np.stack(rows))
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
        """Seconds of training, of fetching the weights right after it, and of fetching them idle.

        If `train` returned before the device was idle, the first fetch has to wait for the rest.
        The other one follows another training, and a prediction, which needs all that the training
        has left undone: weights that were fetched already would cost less, for JAX keeps what it
        has copied from a device.
        """
        import numpy as np

        def timed(call: Callable[[], object]) -> float:
            with self.clock.running():
                call()
            return self.clock.span["wall"]

        def train() -> object:
            return self.backend.train(np.array(order), np.array(rates))

        sample, readings = self.train_set[:1], []
        self.backend.predict(sample)  # what it compiles is ready now
        for _ in range(repeats):
            spans = [timed(train), timed(self.backend.weights)]
            train()
            self.backend.predict(sample)
            readings.append([*spans, timed(self.backend.weights)])
        return {"readings": readings}

    def sentinel(self, *, size: int, repeats: int, precision: str) -> Message:
        """Time a fixed product of two square matrices, after one that warms up."""
        import numpy as np

        a, b = (
            np.random.Generator(np.random.PCG64(seed))
            .uniform(-1, 1, (size, size))
            .astype(precision)
            for seed in (1, 2)
        )
        out = a @ b
        seconds = []
        for _ in range(repeats):
            with self.clock.running():
                np.matmul(a, b, out=out)
            seconds.append(self.clock.span["wall"])
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


def told(error: BaseException) -> str:
    """An exception's message as it may stand in a table: one line, printable, not endless."""
    try:
        text = " ".join(str(error).split())[:500]
    except Exception:  # noqa: BLE001 - an adapter's exception may do anything
        return "(its message cannot be read)"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def answer(worker: Worker, message: Message) -> Message:
    """Do what a message asks; turn whatever is raised into an answer."""
    from levelfield.backend import Unsupported

    do = message.pop("do")
    worker.clock.span = {}
    worker.doing = do if worker.trouble is None else worker.doing
    try:
        facts: Message = getattr(worker, do)(**message)
    except Unsupported as error:
        return {"error": "unsupported", "reason": told(error)}
    except MemoryError as error:
        reason = f"out of memory in {worker.doing}: {told(error)}".rstrip(": ")
        return {"error": "failed", "reason": reason}
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything
        traceback.print_exc()
        starved = worker.machines.starved() if worker.machines else ""
        said = f"{starved}; {told(error)}" if starved else told(error)
        reason = f"{type(error).__name__} in {worker.doing}: {said}"
        return {"error": "failed", "reason": reason}
    return {"ok": do, **worker.clock.span, **facts}


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent is gone, however it went."""
    import ctypes

    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main(arguments: list[str]) -> None:
    """Answer messages until the parent closes its end."""
    asked, answered = int(arguments[0]), int(arguments[1])
    os.sched_setaffinity(0, map(int, arguments[2].split(",")))
    die_with_parent(int(arguments[3]))
    for descriptor in (asked, answered):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its signature
    worker, lines = Worker(), Lines()
    while data := os.read(asked, 1 << 20):
        for message in lines.feed(data):
            send(answered, answer(worker, message))
            sys.stdout.flush()
            sys.stderr.flush()
    leave()


def leave() -> None:
    """End now where threads of a framework's would keep the interpreter waiting for ever.

    A worker that verified a backend on a cluster is not asked to close it: its parent ends all.
    """
    import threading

    main_thread = threading.main_thread()
    others = [each for each in threading.enumerate() if each is not main_thread]
    if any(not each.daemon for each in others):
        os._exit(0)


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path.cwd()]
    main(sys.argv[1:])
