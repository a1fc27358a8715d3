"""Running Levelfield as a user would, on a workload that trains in milliseconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from levelfield.results.record import Record, Sentinel
from levelfield.results.store import read_records
from levelfield.run.process import Process
from levelfield.spec.workload import Workload

ADAPTERS = Path(__file__).parent / "adapters"
COMMAND = (sys.executable, "-P", "-m", "levelfield")
CPUS = sorted(os.sched_getaffinity(0))
HANG = 900.0
"""Seconds after which a command that should end within a few has hung."""

SUITE = """\
suite: tiny
repeats: {repeats}
timeout: 120
contenders: [numpy]
workloads:
  - name: tiny
    dataset: digits
    samples: 200
    layers:
      - {{kind: dense, units: 8, activation: relu, kernel: glorot_normal, bias: glorot_normal}}
      - {{kind: dense, units: 64, activation: sigmoid, kernel: glorot_normal, bias: zeros}}
    loss: mean_squared_error
    optimizer: {{kind: adam, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-7}}
    schedule: {{kind: constant, rate: 0.001}}
    batch: 32
    epochs: {epochs}
"""


def _listen() -> None:
    """Let a command be interrupted, even where a script started these tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Place:
    """A folder of a test's own: its suite, caches, scratch; and a mark on all that it starts."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.tmp.mkdir(parents=True, exist_ok=True)

    @property
    def tmp(self) -> Path:
        """Where workers and parents put what is theirs alone."""
        return self.folder / "tmp"

    @property
    def study(self) -> Path:
        return self.folder / "study"

    @property
    def verdicts(self) -> Path:
        return self.folder / "cache" / "verified"

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        own |= {"LEVELFIELD_CACHE": str(self.folder / "cache"), "TMPDIR": str(self.tmp)}
        return {**own, "LEVELFIELD_MARK": self.mark, "PYTHONUNBUFFERED": "1"}

    def suite(self, *, epochs: int = 3, repeats: int = 1) -> str:
        """Write the suite; gives its path."""
        path = self.folder / "tiny.yaml"
        path.write_text(SUITE.format(epochs=epochs, repeats=repeats), encoding="utf-8")
        return str(path)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command; its output is captured unless the options say otherwise."""
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        how |= {"env": self.environ, "cwd": self.folder, "errors": "replace"}
        how["preexec_fn"] = _listen
        return subprocess.Popen([*COMMAND, *words], **{**how, **options})

    def call(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        with self.start(*words, **options) as process:
            try:
                out, err = process.communicate(timeout=HANG)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def run(
        self, *words: str, epochs: int = 3, repeats: int = 1, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """`levelfield run` of the tiny suite into this place's study."""
        suite = self.suite(epochs=epochs, repeats=repeats)
        return self.call("run", suite, "--out", str(self.study), *words, **options)

    def records(self) -> list[Record]:
        return read_records(self.study)[0]

    def sentinels(self) -> list[Sentinel]:
        return read_records(self.study)[1]

    def by_name(self) -> dict[str, Record]:
        """The records of a study that has one of each backend."""
        records = self.records()
        found = {record.backend: record for record in records}
        assert len(found) == len(records)
        return found

    def left(self) -> list[str]:
        """Command lines of the processes still running that descend from this place's commands."""
        return marked(self.mark)

    def scratch(self) -> list[str]:
        """What is left in the folder for temporary files."""
        return sorted(path.name for path in self.tmp.iterdir())


def sleeping(place: Place, seconds: int) -> tuple[dict[str, str], Path]:
    """The environment that tells the sleeper how long to sleep, and the sign that it does."""
    sign = place.folder / "sign"
    own = {"LEVELFIELD_SLEEP": str(seconds), "LEVELFIELD_SIGN": str(sign)}
    return {**place.environ, **own}, sign


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def marked(mark: str) -> list[str]:
    """Command lines of the processes that have a mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def numbers(mark: str, word: str) -> list[int]:
    """Process numbers of those that have a mark and this word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark.encode() in (folder / "environ").read_bytes()
            if marked and word in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def pick(folder: Path, file: str, *names: str) -> str:
    """Write an adapter file with some adapters of ``adapters/FILE.py`` alone; gives its path."""
    lines = ["from levelfield import registry"]
    lines += [
        f"class A{place}(registry.adapter({name!r}, {str(ADAPTERS / f'{file}.py')!r})): pass"
        for place, name in enumerate(names)
    ]
    path = folder / f"picked_{'_'.join(names).replace('-', '_')[:60]}.py"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@contextmanager
def worker(
    *, timeout: float = 120.0, cpus: Sequence[int] = CPUS, **environ: str
) -> Iterator[Process]:
    """A worker process, asked by hand."""
    with Process(cpus=cpus, environ=environ, timeout=timeout) as process:
        yield process


@dataclass
class Desk:
    """Files that a worker is given, and what it gives back as arrays."""

    folder: Path

    def load(self, process: Process, backend: str, *, module: str = "", source: str = "") -> None:
        name = module or f"levelfield.backends.{backend}"
        process.ask("load", backend=backend, module=name, source=source)

    def build(
        self,
        process: Process,
        workload: Workload,
        weights: Mapping[str, np.ndarray],
        *,
        mode: str = "numpy",
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        path = str(self.folder / "initial.npz")
        np.savez(path, **weights)
        how = {"mode": mode, "device": device, "threads": threads}
        process.ask("build", workload=workload.plain(), weights=path, **how)

    def stage(self, process: Process, train: np.ndarray, test: np.ndarray) -> None:
        paths = str(self.folder / "train.npy"), str(self.folder / "test.npy")
        for path, array in zip(paths, (train, test), strict=True):
            np.save(path, array)
        process.ask("stage", train=paths[0], test=paths[1], samples=None)

    def weights(self, process: Process) -> dict[str, np.ndarray]:
        path = str(self.folder / "weights.npz")
        process.ask("weights", path=path)
        with np.load(path) as file:
            return {name: file[name] for name in file.files}

    def predict(self, process: Process, start: int, stop: int) -> np.ndarray:
        path = str(self.folder / "outputs.npy")
        process.ask("predict", start=start, stop=stop, path=path)
        return np.load(path)
