"""Elephas: Keras on TensorFlow, trained by the executors of a Spark cluster."""

from __future__ import annotations

import socket
from contextlib import redirect_stdout
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from levelfield.backend import EXACT, Unsupported

from .keras_layers import one_hot
from .keras_tensorflow import KerasTensorFlow
from .spark import Spark
from .tensorflow_layers import KERNELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levelfield.backend import Array, Weights, Workload

THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""Of a task, which has one core."""


class Elephas(KerasTensorFlow):
    """Every partition trains its own copy of the model, with an optimizer of its own.

    ``synchronous``: the driver averages the copies after each round. ``asynchronous``: each adds
    its change to a parameter server after a round, or, in the modes that end in ``-batch``, after
    every batch; ``hogwild``: the same without locks. A round is a run of steps at one rate, an
    epoch as a rule; each begins with a fresh optimizer.
    """

    name = "elephas"
    spoken = "Elephas"
    over = "keras-tensorflow"
    modes = ("synchronous", "asynchronous", "asynchronous-batch", "hogwild", "hogwild-batch")
    devices = frozenset({"spark"})
    environment = "elephas"
    environments: ClassVar = {}
    semantics: ClassVar = {**KerasTensorFlow.semantics, **KERNELS}
    semantics_in: ClassVar = {}
    precisions = EXACT
    packages = ("elephas", "pyspark", "keras", "tensorflow")
    imports = ("tensorflow", "keras", "pyspark", "elephas")
    distributed: ClassVar = {
        mode: "averaged" if mode == "synchronous" else "asynchronous" for mode in modes
    }

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build the driver's model, and open the session."""
        steps = workload.rates(0, 8 * workload.batch)
        if steps.min() != steps.max():
            raise Unsupported("Elephas keeps one learning rate for a round, an epoch as a rule")
        super().__init__(workload, weights, mode="default", device=device, threads=threads)
        self.mode = mode
        environ = {**self.environ, **THREADS, "CUDA_VISIBLE_DEVICES": ""}
        self.spark = Spark(device, environ)

    def stage(self, x: Array, y: Array) -> None:
        """Spread the training set over the executors."""
        self.spark.spread(x, y if y is x else one_hot(y, self.workload))

    def train(self, order: Array, rates: Array) -> None:
        """Train rounds; the loss is the driver's model's, evaluated after them by the engine."""
        batch, start = self.workload.batch, 0
        for rate, run in groupby(rates.tolist()):
            rows = order[start : start + batch * len(list(run))]
            start += len(rows)
            sizes = self.spark.sizes(rows)
            if min(sizes) <= batch:
                raise RuntimeError(
                    f"partitions of {sizes} samples and batches of {batch}: Elephas passes over a "
                    "partition that has no more samples than a batch, and counts it in the mean"
                )
            self.model.optimizer.learning_rate = rate
            with redirect_stdout(None):
                self._trainer().fit(
                    self.spark.rows(rows), epochs=1, batch_size=batch, shuffle=False, verbose=0
                )

    def trace(self, order: Array, rates: Array) -> None:
        """The driver's model does not train."""
        del order, rates

    def _trainer(self):  # type: ignore[no-untyped-def]
        from elephas.spark_model import AsynchronousSparkModel, SparkModel

        batch = self.workload.batch
        if self.mode == "synchronous":
            return SparkModel(self.model, batch_size=batch)
        mode, _, frequency = self.mode.partition("-")
        return AsynchronousSparkModel(
            self.model, batch_size=batch, mode=mode, frequency=frequency or "epoch", port=_port()
        )

    def settings(self) -> Mapping[str, str | int | bool]:
        """Keras' settings and Spark's."""
        return {**super().settings(), **self.spark.settings()}

    def usage(self) -> Mapping[str, Mapping[str, float]]:
        """CPU seconds of executors that are not ours."""
        return self.spark.usage()

    def traffic(self) -> Mapping[str, int]:
        """Bytes that Spark has moved."""
        return self.spark.traffic()

    def close(self) -> None:
        """End the session."""
        self.spark.stop()


def _port() -> int:
    """A free port: Elephas' own default may be taken."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port
