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
from levelfield.run import gpu, homes, keeping, trees
from levelfield.run.environment import CURRENT, Environment
from levelfield.run.process import Process, WorkerError
from levelfield.run.progress import Progress
from levelfield.run.scratch import scratch as fresh_folder
from levelfield.run.trial import Setting
from levelfield.spec.device import kind_of
from levelfield.spec.fields import FieldError
from levelfield.spec.plan import Contender
from levelfield.spec.suite import Suite
from levelfield.spec.workload import Workload
from levelfield.verify.reference import Material

SENTINEL_TIMEOUT = 300.0
Schedule = Literal["blocks", "duet"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a suite is run, beside what it says itself."""

    data: Path
    seed: int = 0
    timeout: float
    memory: int | None = None
    """Bytes that a trial's processes may hold together."""
    threads: int
    schedule: Schedule = "blocks"
    unverified: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Code:
    """Which code a worker runs: an environment, and a folder that its modules are found in first.

    By default its contender's environment, and this process's own code.
    """

    home: Environment | None = None
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
    environments: Mapping[str, Environment] = field(default_factory=dict)
    unmade: Mapping[str, str] = field(default_factory=dict)
    """Why there is none, by the environment's name."""
    broken: dict[tuple[str, Contender], WorkerError] = field(default_factory=dict)
    """By workload's name and contender: how verification came to no end."""

    @property
    def cpus(self) -> list[int]:
        """The processors that workers are bound to."""
        return sorted(os.sched_getaffinity(0))[: self.options.threads]

    def home(self, contender: Contender | None) -> Environment:
        """The environment that a contender's workers run in; the sentinel's is the one at hand."""
        name = CURRENT if contender is None else contender.environment
        return self.environments.get(name, Environment(name=name))

    def absent(self, contender: Contender, home: Environment | None = None) -> str:
        """Why a contender cannot even be started here; empty where it can.

        ``home``: the environment it would run in, if not its own.
        """
        adapter = registry.adapter(contender.backend, contender.source)
        kind = kind_of(contender.device)
        if kind not in adapter.devices:
            return f"{adapter.name} does not run on {contender.device}"
        if kind not in adapter.only.get(contender.mode, adapter.devices):
            return f"{adapter.name} has no mode {contender.mode} on {contender.device}"
        if kind == "cuda" and (gone := gpu.here().absent(contender.device)):
            return gone
        if home is None and (reason := self.unmade.get(contender.environment)):
            return reason
        missing = (home or self.home(contender)).missing(adapter.packages)
        return f"not installed: {', '.join(missing)}" if missing else ""

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
        code = code or Code()
        home = code.home or self.home(contender)
        caches = self._caches(home, scratch)
        environ = {"KERAS_HOME": str(scratch), "TMPDIR": str(scratch)}
        environ["TORCHINDUCTOR_CACHE_DIR"] = str(caches / "inductor")
        environ["TRITON_CACHE_DIR"] = str(caches / "triton")
        if contender is not None:
            given = registry.adapter(contender.backend, contender.source).environ
            environ |= {k: v.replace("{caches}", str(caches)) for k, v in given.items()}
            environ |= gpu.environ(contender.device, gpu.here())
        # The interpreter at hand is what it is by its own search path too.
        folders = [str(code.path or home.path or "")]
        folders += [os.environ.get("PYTHONPATH", "")] if home.python == sys.executable else []
        if any(folders):
            environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
        timeout = company * self.options.timeout if contender else SENTINEL_TIMEOUT
        return Process(
            cpus=self.cpus,
            environ=environ,
            timeout=timeout,
            python=home.python,
            memory=self.options.memory if contender else None,
        )

    def _caches(self, home: Environment, scratch: Path) -> Path:
        """Where frameworks keep what they compile: the worker's own folder, or one that lasts."""
        if self.suite.compile_cache == "fresh":
            return scratch
        lasting = data.cache_directory() / "compiled" / (home.lock or "unlocked")
        lasting.mkdir(parents=True, exist_ok=True)
        return lasting

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
    with fresh_folder() as scratch:
        materials, settings, shapes = {}, {}, {}
        with Progress(steps=0, quiet=options.quiet) as progress:
            for workload in suite.workloads:
                made = _prepare(
                    workload, options, scratch, progress, compile_cache=suite.compile_cache
                )
                materials[workload.name], settings[workload.name], shapes[workload.name] = made
            found, unmade = homes.homes(who, progress)
        own = (
            trees.own(scratch) if any(e.python != sys.executable for e in found.values()) else None
        )
        found = {name: home.given(own) for name, home in found.items()}
        yield Bench(
            suite=suite,
            contenders=tuple(who),
            materials=materials,
            settings=settings,
            shapes=shapes,
            options=options,
            scratch=scratch,
            environments=found,
            unmade=unmade,
        )


def _prepare(
    workload: Workload, options: Options, scratch: Path, progress: Progress, *, compile_cache: str
) -> tuple[Material, Setting, tuple[int, ...]]:
    try:
        source = registry.dataset(workload.dataset)
        workload.check_shapes(source.shape, len(source.classes))
        samples = data.check_samples(source, workload.samples)
    except FieldError as error:
        where = f"workload {workload.name}" + (f", {error.where}" if error.where else "")
        raise UserError(error.seen, where, error.expected, error.hint) from None
    prepared = data.prepare(
        source,
        precision=workload.dtype,
        data=options.data,
        announce=progress.say,
        preprocess=workload.preprocess,
    )
    paths, labels, targets = _texts(prepared.paths), None, None
    shape = workload.placed(source.shape).input_shape
    train, _ = data.open_arrays(paths, workload.samples, shape)
    if workload.labelled and prepared.labels:
        labels = _texts(prepared.labels)
        targets, _ = data.open_arrays(labels, workload.samples)
    weights = workload.initial_weights(source.shape)
    weights_path = str(scratch / f"{workload.fingerprint}.npz")
    np.savez(weights_path, **weights)  # type: ignore[arg-type]
    # A batch beyond all samples is one step an epoch; verification need not fill it by repetition.
    # What is random in layers has no reference: it is left out, and checked apart.
    fitted = workload.certain().placed(source.shape).replace(batch=min(workload.batch, samples))
    material = Material(
        workload=fitted,
        train=train,
        paths=paths,
        weights=weights,
        weights_path=weights_path,
        targets=targets,
        random=tuple(workload.random_layers()),
        labels=labels,
    )
    setting = Setting(
        train=paths[0],
        test=paths[1],
        weights=weights_path,
        samples=samples,
        digest=prepared.digest,
        threads=options.threads,
        compile_cache=compile_cache,
        labels=labels,
        shape=shape,
        given=keeping.originals(workload, source, prepared),
    )
    return material, setting, source.shape


def _texts(paths: tuple[Path, Path]) -> tuple[str, str]:
    return str(paths[0]), str(paths[1])
