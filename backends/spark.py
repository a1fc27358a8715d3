"""What the backends on Spark share: the session, the training set in partitions, the costs."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from levelfield.backend import Array, parse_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Spark:
    """A driver's session on the cluster that a device names.

    device: ``spark://HOST:PORT/EXECUTORSxCORESxMEMORY``; every core runs one task, and every task
    has one partition of the training set.
    """

    def __init__(self, device: str, environ: Mapping[str, str]) -> None:
        """Open the session, or take the one that is open; ``environ``: of the executors."""
        self.device = parse_device(device)
        local = self.device.master.startswith("spark://127.0.0.1:")
        self.ours = "LEVELFIELD_CLUSTER" in os.environ
        os.environ["PYSPARK_PYTHON"] = sys.executable
        if local:
            os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(self.device.master).appName("levelfield")
        for key, value in self._settings(environ, local=local).items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.context = self.session.sparkContext
        self.context.setLogLevel("WARN")
        self.parts: Any = None
        self.bounds: Array = np.zeros(1, dtype=np.int64)

    def _settings(self, environ: Mapping[str, str], *, local: bool) -> dict[str, str]:
        device = self.device
        settings = {
            "spark.executor.cores": str(device.cores),
            "spark.cores.max": str(device.partitions),
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            "spark.local.dir": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - Spark's own default
            "spark.ui.port": "0",
            "spark.ui.showConsoleProgress": "false",
        }
        if device.memory:
            settings["spark.executor.memory"] = device.memory
        if local:
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        given = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environ}
        return settings | {f"spark.executorEnv.{name}": text for name, text in given.items()}

    def spread(self, x: Array, y: Array) -> None:
        """Keep the training set in the executors: contiguous parts, sizes as equal as can be.

        Each part is broadcast to who takes it, in blocks: a task that carries 128 MB is refused,
        and a driver that serialises a little less may run out of memory and wait for ever.
        """
        if self.parts is not None:
            self.parts.unpersist(blocking=True)
        count = self.device.partitions
        self.bounds = np.linspace(0, len(x), count + 1).astype(np.int64)
        pairs = [
            (np.array(x[a:b]), None if y is x else np.array(y[a:b]))
            for a, b in zip(self.bounds, self.bounds[1:], strict=False)
        ]
        held = [self.context.broadcast(pair) for pair in pairs]
        sources = [self.context.parallelize([0], 1).map(_Held(each)) for each in held]
        self.parts = self.context.union(sources).cache()
        sizes = self.parts.map(_size).collect()
        if sizes != np.diff(self.bounds).tolist():
            raise RuntimeError(f"Spark made partitions of {sizes} samples")
        for each in held:
            each.unpersist()  # the driver keeps it, for an executor that is lost

    def sizes(self, order: Array) -> list[int]:
        """How many of these samples every partition holds."""
        return [int(n) for n in np.histogram(order, bins=self.bounds)[0]] if len(order) else []

    def rows(self, order: Array) -> Any:
        """An RDD of (x, y) rows: every partition's own among these samples, in their order."""
        return self.parts.mapPartitionsWithIndex(_Rows(self.context.broadcast(order), self.bounds))

    def settings(self) -> dict[str, str | int | bool]:
        """What Spark really runs with."""
        known = self.context.getConf()
        return {
            "spark": str(self.context.version),
            "executors": self.device.executors,
            "cores of an executor": int(known.get("spark.executor.cores", "0")),
            "memory of an executor": str(known.get("spark.executor.memory", "1g")),
            "partitions": self.device.partitions,
        }

    def usage(self) -> dict[str, dict[str, float]]:
        """CPU seconds of the executors of a cluster that exists, read by a job on each of them.

        Executors belong to one session: all they have used was used for it. Nothing on a cluster of
        our own, which is in the process tree.
        """
        if self.ours:
            return {}
        tasks = 4 * self.device.partitions  # enough that no executor goes without
        found = dict(self.context.parallelize(range(tasks), tasks).map(_probe).collect())
        return {
            role: {key: sum(costs[role][key] for costs in found.values()) for key in PARTS}
            for role in ("executors", "executors' Python")
        }

    def traffic(self) -> dict[str, int]:
        """Bytes that the executors have moved so far, as Spark's pages tell them.

        Taken from where the pages take them: the first of them takes seconds to be made.
        """
        from py4j.protocol import Py4JError

        wanted = {"shuffleReadBytes": "shuffle read", "shuffleWriteBytes": "shuffle written"}
        wanted |= {"inputBytes": "read from caches", "resultSize": "results to the driver"}
        told = dict.fromkeys(wanted.values(), 0)
        try:
            gateway = self.context._gateway  # noqa: SLF001 - Python has no way of its own to ask
            store = self.context._jsc.sc().statusStore()  # noqa: SLF001
            quantiles = gateway.new_array(gateway.jvm.double, 0)
            stages = store.stageList(None, False, False, quantiles, None)  # noqa: FBT003 - Scala's
            for place in range(stages.size()):
                stage = stages.apply(place)
                for key, name in wanted.items():
                    told[name] += int(getattr(stage, key)())
        except Py4JError:
            return {}
        return told

    def stop(self) -> None:
        """End the session; may be called twice."""
        self.session.stop()


class _Held:
    """Gives what was broadcast; pickled to the executors by its name."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def __call__(self, _: int) -> Any:
        return self.given.value


class _Rows:
    """Picks a partition's rows; pickled to the executors by its name."""

    def __init__(self, order: Any, bounds: Array) -> None:
        self.order, self.bounds = order, bounds

    def __call__(self, index: int, parts: Iterator[Any]) -> Iterator[tuple[Array, Array]]:
        first, last = self.bounds[index], self.bounds[index + 1]
        order = self.order.value
        for x, y in parts:
            for place in order[(order >= first) & (order < last)] - first:
                yield x[place], (x if y is None else y)[place]


PARTS = ("user", "system", "wall")


def _probe(_: int) -> tuple[tuple[str, int], dict[str, dict[str, float]]]:
    """Which executor this task runs in, and what it and its Python processes have used so far."""
    daemon = os.getppid()
    jvm = _stat(daemon)[0]
    with open(f"/proc/{daemon}/task/{daemon}/children") as file:  # noqa: PTH123 - in a task
        forked = [int(word) for word in file.read().split()]
    workers = [_stat(daemon, waited=True), *map(_stat, (daemon, *forked))]
    python = {key: sum(each[n] for each in workers) for n, key in enumerate(PARTS[:2], start=1)}
    _, user, system, wall = _stat(jvm)
    costs = {
        "executors": {"user": user, "system": system, "wall": wall},
        "executors' Python": {**python, "wall": _stat(daemon)[3]},
    }
    return (socket.gethostname(), jvm), costs


def _stat(pid: int, *, waited: bool = False) -> tuple[int, float, float, float]:
    """Parent, user and system seconds (or of the children waited for), age: from ``/proc``."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:  # noqa: PTH123 - in a task
            fields = file.read().rpartition(")")[2].split()
        with open("/proc/uptime") as file:  # noqa: PTH123
            up = float(file.read().split()[0])
    except OSError:
        return 0, 0.0, 0.0, 0.0
    tick = os.sysconf("SC_CLK_TCK")
    user, system = (int(field) / tick for field in fields[13 if waited else 11 :][:2])
    return int(fields[1]), user, system, up - int(fields[19]) / tick


def _size(part: Sequence[Any]) -> int:
    return len(part[0])
