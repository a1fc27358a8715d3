"""A real Spark cluster on this machine: one master and its workers, as processes of their own.

It is started inside the worker of a trial, which is Spark's driver: master, workers, executors and
their Python processes are then in that worker's process tree, end with it and count with it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from levelfield import data
from levelfield.backend import Unsupported
from levelfield.run.clock import START, stat
from levelfield.spec.device import Device

MARKER = "LEVELFIELD_CLUSTER"
"""Variable of every process of a cluster: its owner's number and start, and which of his it is."""
JAVA = 17
"""The oldest Java that Spark 4 runs on."""
UP, DOWN = 180.0, 5.0
"""Seconds that a cluster may take to come up, and its processes to end when asked to."""
KEPT = 10
"""Clusters whose logs are kept."""
SPARE = 0.25
"""Share of the machine's memory that executors leave to everything else."""
LAUNCHER = (
    "import ctypes,os,sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Ends with its parent (PR_SET_PDEATHSIG, SIGKILL), and so does what it becomes."""

_NUMBERS = itertools.count(1)


class ClusterError(RuntimeError):
    """The cluster did not come up, or something of it is gone; the message says what was seen."""


@dataclass
class Cluster:
    """A master and its workers. Use as a context manager; afterwards nothing of it is left."""

    device: Device
    folder: Path
    master: str = ""
    """URL of the master."""
    page: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """By role: ``master``, ``worker 1`` ..."""
    mark: str = field(default_factory=lambda: f"{_self()}:{next(_NUMBERS)}")
    """In the environment of all its processes, and of Spark's driver JVM."""

    @classmethod
    def start(cls, device: Device, folder: Path, *, timeout: float = UP) -> Self:
        """Start master and workers, and wait until they know each other.

        Raises `Unsupported` without a fitting Java, `ClusterError` where it does not come up.
        """
        java()
        sweep()
        folder.mkdir(parents=True, exist_ok=True)
        cluster = cls(device=device, folder=folder)
        os.environ[MARKER] = cluster.mark
        deadline = time.monotonic() + timeout
        try:
            cluster._launch("master", "org.apache.spark.deploy.master.Master")
            cluster.master = cluster._said("master", r"(spark://127\.0\.0\.1:\d+)", deadline)
            port = cluster._said("master", r"service 'MasterUI' on port (\d+)", deadline)
            cluster.page = f"http://127.0.0.1:{port}"
            size = ["--cores", str(device.cores), "--memory", memory(device)]
            for number in range(1, device.executors + 1):
                place = ["--work-dir", str(folder / f"worker-{number}"), cluster.master]
                kind = "org.apache.spark.deploy.worker.Worker"
                cluster._launch(f"worker {number}", kind, *size, *place)
            cluster._registered(deadline)
        except BaseException:
            cluster.close()
            raise
        return cluster

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it down."""
        self.close()

    def close(self) -> None:
        """End every process of the cluster, executors included; may be called twice."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = [p for p in self.processes.values() if p.poll() is None]
            left_over = [pid for pid, mark in _marked() if mark == self.mark]
            for process in left:
                process.send_signal(number)
            if number == signal.SIGKILL:
                for pid in left_over:
                    with contextlib.suppress(OSError):
                        os.kill(pid, number)
            deadline = time.monotonic() + DOWN
            for process in left:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        self.processes.clear()

    def check(self) -> None:
        """Raise `ClusterError` where the master or a worker is gone."""
        for role, process in self.processes.items():
            if process.poll() is not None:
                raise ClusterError(f"the cluster's {role} is gone: {self._end(role)}")

    def starved(self) -> str:
        """What to say where an executor had too little memory; nothing where none had.

        Spark's own error often tells of what came after, so the executors' logs are read.
        """
        for log in sorted(self.folder.glob("worker-*/app-*/*/stderr")):
            said = log.read_text(errors="replace")
            if found := re.search(r"java\.lang\.OutOfMemoryError.*", said):
                size = memory(self.device)
                return f"an executor ran out of its {size} of memory ({found[0].strip()})"
        return ""

    def _launch(self, role: str, kind: str, *words: str) -> None:
        """Start one of its processes on a port of the system's choice."""
        home = spark_home()
        command = [str(home / "bin" / "spark-class"), kind, "--host", "127.0.0.1", "--port", "0"]
        environ = {
            **os.environ, MARKER: self.mark, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1", "PYSPARK_PYTHON": sys.executable,
            "SPARK_DAEMON_MEMORY": "512m",
        }  # fmt: skip
        with self._log(role).open("wb") as log:
            self.processes[role] = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, *command, "--webui-port", "0", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environ,
            )

    def _said(self, role: str, pattern: str, deadline: float) -> str:
        """What a process has written into its log, once it has."""
        while True:
            if found := re.search(pattern, self._log(role).read_text(errors="replace")):
                return found[1]
            self._wait(deadline, f"the cluster's {role} did not start")

    def _registered(self, deadline: float) -> None:
        """Wait until the master knows every worker."""
        wanted = self.device.executors
        while True:
            with contextlib.suppress(OSError, ValueError):
                with urlopen(f"{self.page}/json/", timeout=5) as reply:  # noqa: S310 - our own master
                    alive = json.load(reply)["aliveworkers"]
                if alive >= wanted:
                    return
            self._wait(deadline, f"not all {wanted} workers have registered")

    def _wait(self, deadline: float, what: str) -> None:
        self.check()
        if time.monotonic() > deadline:
            last = list(self.processes)[-1]
            raise ClusterError(f"{what} in time; {last}: {self._end(last)}")
        time.sleep(0.05)

    def _log(self, role: str) -> Path:
        return self.folder / f"{role.replace(' ', '-')}.log"

    def _end(self, role: str) -> str:
        """The last lines of a process' log that are no stack trace."""
        lines = self._log(role).read_text(errors="replace").splitlines()
        told = [line.strip() for line in lines if line.strip() and not line.startswith("\tat ")]
        return " / ".join(told[-2:]) or "it said nothing"


def logs() -> Path:
    """A fresh folder in the cache for the logs of a cluster; those of the last few are kept."""
    clusters = data.cache_directory() / "clusters"
    clusters.mkdir(parents=True, exist_ok=True)
    for old in sorted(clusters.iterdir())[: -KEPT + 1]:
        shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%d-%H%M%S')}-", dir=clusters))


def memory(device: Device) -> str:
    """Memory of each executor: what the device says, else a fair share of the machine's, in MiB."""
    if device.memory:
        return device.memory
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # The heap of the JVM is half of a share: the data live in its Python processes.
    share = int((1 - SPARE) * total / device.executors / 2**20 / 2)
    return f"{max(512, min(share, 4096))}m"


def spark_home() -> Path:
    """Where pyspark is installed, with Spark itself inside."""
    found = util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise Unsupported("pyspark is not installed")
    return Path(found.origin).parent


def java() -> str:
    """The version of the Java that Spark would take; raise `Unsupported` where it cannot."""
    home = os.environ.get("JAVA_HOME", "")
    command = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    try:
        done = subprocess.run(
            [command or "java", "-version"], capture_output=True, text=True, check=False
        )
    except OSError:
        where = f"JAVA_HOME is {home}, which has none" if home else "none is on the PATH"
        raise Unsupported(f"Spark needs Java {JAVA} or later, and {where}") from None
    found = re.search(r'version "(?:1\.)?(\d+)[^"]*"', done.stderr + done.stdout)
    if found is None or int(found[1]) < JAVA:
        said = found[0] if found else "one that does not tell its version"
        raise Unsupported(f"Spark needs Java {JAVA} or later; found {said} ({command})")
    return found[0]


def sweep() -> list[int]:
    """End what is left of clusters whose owner is gone without taking them down (kill -9)."""
    left = [pid for pid, owner in _marked() if not _lives(owner)]
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return left


def _self() -> str:
    return f"{os.getpid()}:{_started(os.getpid())}"


def _started(pid: int) -> str:
    """When a process was started, in ticks since boot: tells it from one with its number later."""
    return stat(pid)[START]


def _lives(owner: str) -> bool:
    pid, started, *_ = owner.split(":")
    try:
        return _started(int(pid)) == started
    except (OSError, ValueError):
        return False


def _marked() -> Iterator[tuple[int, str]]:
    """Processes of clusters, with their marks."""
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with contextlib.suppress(OSError):
                environ = (place / "environ").read_bytes().split(b"\0")
                found = [word for word in environ if word.startswith(MARKER.encode() + b"=")]
                if found:
                    yield int(place.name), found[0].decode().partition("=")[2]


__all__ = ["Cluster", "ClusterError", "java", "logs", "memory", "spark_home", "sweep"]
