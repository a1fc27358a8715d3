"""Everything made ready for a suite: options, prepared data, initial weights, workers' environs."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from levelfield import data, registry
from levelfield.errors import UserError
from levelfield.run.process import Process, WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import Setting
from levelfield.spec.fields import FieldError
from levelfield.spec.plan import Contender
from levelfield.spec.suite import Suite
from levelfield.spec.workload import Workload
from levelfield.verify.check import Material

SENTINEL_TIMEOUT = 300.0
Schedule = Literal["blocks", "duet"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a suite is run, beside what it says itself."""

    data: Path
    seed: int = 0
    timeout: float
    threads: int
    schedule: Schedule = "blocks"
    unverified: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Code:
    """Which code a worker runs: an interpreter, and a folder that its modules are found in first.

    By default this process's own.
    """

    python: str = sys.executable
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything made ready for a suite: contenders, prepared data, initial weights, a scratch."""

    suite: Suite
    contenders: tuple[Contender, ...]
    materials: Mapping[str, Material]
    """By the workload's name."""
    settings: Mapping[str, Setting]
    shapes: Mapping[str, tuple[int, ...]]
    options: Options
    scratch: Path
    broken: dict[tuple[str, Contender], WorkerError] = field(default_factory=dict)
    """By workload's name and contender: how verification came to no end."""

    @property
    def cpus(self) -> list[int]:
        """The processors that workers are bound to."""
        return sorted(os.sched_getaffinity(0))[: self.options.threads]

    def process(
        self,
        contender: Contender | None,
        scratch: Path,
        *,
        company: int = 1,
        code: Code | None = None,
    ) -> Process:
        """Start a worker for a contender (or for the sentinel), one of so many that live together.

        Those that live together have each other's time too.
        """
        environ = {"KERAS_HOME": str(scratch), "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor")}
        environ |= {"TRITON_CACHE_DIR": str(scratch / "triton"), "TMPDIR": str(scratch)}
        if contender is not None:
            environ |= registry.adapter(contender.backend, contender.source).environ
            if contender.device == "cpu":
                environ |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        code = code or Code()
        if code.path:
            environ["PYTHONPATH"] = str(code.path)
        timeout = company * self.options.timeout if contender else SENTINEL_TIMEOUT
        return Process(cpus=self.cpus, environ=environ, timeout=timeout, python=code.python)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder for one worker: its compile caches begin empty."""
        path = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def bench(suite: Suite, who: Sequence[Contender], options: Options) -> Iterator[Bench]:
    """Prepare data and initial weights of every workload; clean up afterwards."""
    if not 1 <= options.threads <= len(os.sched_getaffinity(0)):
        count = len(os.sched_getaffinity(0))
        raise UserError(
            f"got {options.threads}", where="--threads", expected=f"1 to {count}, the cores here"
        )
    scratch = Path(tempfile.mkdtemp(prefix="levelfield-"))
    try:
        materials, settings, shapes = {}, {}, {}
        with Progress(steps=0, quiet=options.quiet) as progress:
            for workload in suite.workloads:
                made = _prepare(workload, options, scratch, progress)
                materials[workload.name], settings[workload.name], shapes[workload.name] = made
        yield Bench(
            suite=suite,
            contenders=tuple(who),
            materials=materials,
            settings=settings,
            shapes=shapes,
            options=options,
            scratch=scratch,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _prepare(
    workload: Workload, options: Options, scratch: Path, progress: Progress
) -> tuple[Material, Setting, tuple[int, ...]]:
    try:
        source = registry.dataset(workload.dataset)
        workload.check_shapes(source.shape)
        samples = data.check_samples(source, workload.samples)
    except FieldError as error:
        where = f"workload {workload.name}" + (f", {error.where}" if error.where else "")
        raise UserError(error.seen, where, error.expected, error.hint) from None
    prepared = data.prepare(
        source, precision=workload.precision, data=options.data, announce=progress.say
    )
    paths = (str(prepared.paths[0]), str(prepared.paths[1]))
    train, _ = data.open_arrays(paths, workload.samples)
    weights = workload.initial_weights(source.shape)
    weights_path = str(scratch / f"{workload.fingerprint}.npz")
    np.savez(weights_path, **weights)  # type: ignore[arg-type]
    # A batch beyond all samples is one step an epoch; verification need not fill it by repetition.
    fitted = workload.replace(batch=min(workload.batch, samples))
    material = Material(
        workload=fitted, train=train, paths=paths, weights=weights, weights_path=weights_path
    )
    setting = Setting(
        train=paths[0],
        test=paths[1],
        weights=weights_path,
        samples=samples,
        digest=prepared.digest,
        threads=options.threads,
    )
    return material, setting, source.shape
