"""PyTorch on Spark: data-parallel training by Spark's own `TorchDistributor`."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from multiprocessing.connection import Listener
from queue import Queue
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from levelfield.backend import Array, Backend, Weights, Workload

from . import spark_torch_peer as peer
from .spark import Spark
from .torch_layers import activation, build, canonical, named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

END = 30.0
"""Seconds that the processes have to end."""


class SparkTorch(Backend):
    """One process a core of the cluster, alive for the whole training, as `TorchDistributor` runs.

    Every global batch is split among them, gradients are averaged by DistributedDataParallel
    (gloo): synchronous SGD, the same as one process computes. The driver deals out the work through
    a connection to each.
    """

    name = "spark-torch"
    spoken = "PyTorch on Spark"
    over = "torch"
    modes = ("distributor",)
    devices = frozenset({"spark"})
    packages = ("pyspark", "torch", "pyarrow", "pandas")
    imports = ("torch", "pyspark")
    semantics: ClassVar = {"adamax.epsilon": "inside the maximum"}

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Open the session, build the driver's copy of the model, start the processes."""
        del mode
        import torch
        from pyspark.ml.torch.distributor import TorchDistributor

        torch.set_num_threads(threads)
        self.torch, self.workload = torch, workload
        self.model = build(torch, workload, weights).eval()
        self.activate = activation(torch, workload)
        self.parameters = named(self.model, weights)
        self.stale, self.failure = False, ""
        self.arrivals: Queue[Connection | None] = Queue()
        self.peers: list[Connection] = []
        self.spark = Spark(device, {})
        count = self.spark.device.partitions
        host = self.spark.context.getConf().get("spark.driver.host") or "127.0.0.1"
        key = secrets.token_bytes(32)
        self.listener = Listener((host, 0), authkey=key)
        run = TorchDistributor(num_processes=count, local_mode=False, use_gpu=False).run
        given = {name: np.asarray(array) for name, array in weights.items()}
        words = (peer.train, self.listener.address, key, workload, given)
        self.thread = threading.Thread(target=self._run, args=(run, words), daemon=True)
        self.thread.start()
        threading.Thread(target=self._accept, args=(count,), daemon=True).start()
        for _ in range(count):
            if (arrived := self.arrivals.get()) is None:
                raise RuntimeError(self._gone())
            self.peers.append(arrived)

    def _run(self, run: Any, words: tuple[Any, ...]) -> None:
        try:
            run(*words)
        except Exception as error:  # noqa: BLE001 - told by whoever waits for an answer
            self.failure = str(error)
        self.arrivals.put(None)

    def _accept(self, count: int) -> None:
        with suppress(OSError):  # closed before all have come
            for _ in range(count):
                self.arrivals.put(self.listener.accept())

    def _ask(self, do: str, **facts: Any) -> Any:
        """Deal a piece of work out to every process, wait for them all; the first one's answer."""
        try:
            for each in self.peers:
                each.send((do, facts))
            first, *_ = [each.recv() for each in self.peers]
        except (EOFError, OSError):
            raise RuntimeError(self._gone()) from None
        return first

    def _gone(self) -> str:
        self.thread.join(END)
        return f"the processes of TorchDistributor are gone: {self.failure[-300:] or 'no word'}"

    def stage(self, x: Array, y: Array) -> None:
        """Give the whole training set to every process: the order may send any sample anywhere."""
        self._ask("stage", x=np.asarray(x), y=None if y is x else np.asarray(y))

    def cycle(self, momenta: Array) -> None:
        """Every process takes the same ones."""
        self._ask("cycle", momenta=momenta)

    def train(self, order: Array, rates: Array) -> float:
        """Visit the samples, every batch split among the processes."""
        loss: float = self._ask("train", order=order, rates=rates)
        self.stale = True
        return loss

    def predict(self, x: Array) -> Array:
        """Outputs of the driver's copy."""
        if self.stale:
            self.weights()
        with self.torch.inference_mode():
            outputs: Array = self.activate(self.model(self.torch.tensor(x))).numpy()
        return outputs

    def weights(self) -> Weights:
        """Those of the processes, which all have the same; kernels turned to inputs x outputs."""
        with self.torch.no_grad():
            for tensor, array in zip(self.parameters.values(), self._ask("weights"), strict=True):
                tensor.copy_(self.torch.from_numpy(array))
        self.stale = False
        return {name: canonical(tensor) for name, tensor in self.parameters.items()}

    def settings(self) -> Mapping[str, str | int | bool]:
        """What Spark runs with, and the processes' threads."""
        return {**self.spark.settings(), "threads of a process": self._ask("threads")}

    def usage(self) -> Mapping[str, Mapping[str, float]]:
        """CPU seconds of executors that are not ours."""
        return self.spark.usage()

    def traffic(self) -> Mapping[str, int]:
        """Bytes that Spark has moved; what gloo exchanges is not Spark's."""
        return self.spark.traffic()

    def close(self) -> None:
        """Let the processes end, then the session."""
        for each in self.peers:
            with suppress(OSError):
                each.send(("stop", {}))
        self.peers.clear()
        self.thread.join(END)
        self.listener.close()
        self.spark.stop()
