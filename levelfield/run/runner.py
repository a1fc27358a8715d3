"""Runs a suite: prepares, verifies, then times, block by block; every trial becomes a record."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import levelfield
from levelfield import data, registry
from levelfield.errors import UserError
from levelfield.results.record import Record, Sentinel, Verification
from levelfield.results.store import Head, Store, read_head, read_records
from levelfield.run import machine
from levelfield.run.process import Process, WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import Setting, blank
from levelfield.run.trial import run as run_trial
from levelfield.spec.fields import FieldError
from levelfield.spec.plan import Contender, Trial, plan
from levelfield.spec.suite import Suite
from levelfield.spec.workload import Workload
from levelfield.verify import cache
from levelfield.verify.check import Material, Reference, verify

Checked = dict[tuple[str, Contender], Verification]
SENTINEL_SIZE, SENTINEL_REPEATS, SENTINEL_TIMEOUT = 1024, 20, 300.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a suite is run, beside what it says itself."""

    data: Path
    seed: int = 0
    timeout: float
    threads: int
    unverified: bool = False
    quiet: bool = False


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

    def process(self, contender: Contender | None, scratch: Path) -> Process:
        """Start a worker for a contender (or for the sentinel)."""
        environ = {"KERAS_HOME": str(scratch), "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor")}
        environ |= {"TRITON_CACHE_DIR": str(scratch / "triton")}
        if contender is not None:
            environ |= registry.adapter(contender.backend, contender.source).environ
            if contender.device == "cpu":
                environ |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        timeout = self.options.timeout if contender else SENTINEL_TIMEOUT
        return Process(cpus=self.cpus, environ=environ, timeout=timeout)

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


def verify_all(bench: Bench, *, fresh: bool = False) -> Checked:
    """Verify every contender on every workload, two at a time; verdicts are cached."""
    verdicts = cache.Verdicts(data.cache_directory() / "verified")
    pairs = [(w, c) for w in bench.suite.workloads for c in bench.contenders]
    references = {name: Reference(material) for name, material in bench.materials.items()}
    checked: Checked = {}
    workers = _Workers(bench)
    with Progress(steps=len(pairs), quiet=bench.options.quiet) as progress:

        def check(pair: tuple[Workload, Contender]) -> tuple[Verification, bool]:
            workload, contender = pair
            reference = references[workload.name]
            return _check(bench, workers, reference, contender, verdicts, fresh=fresh)

        with ThreadPoolExecutor(max_workers=2) as pool:
            progress.start("verifying")
            try:
                for (workload, contender), (verdict, kept) in zip(
                    pairs, pool.map(check, pairs), strict=True
                ):
                    checked[workload.name, contender] = verdict
                    known = " (known from before)" if kept else ""
                    reason = f": {verdict.reason}" if verdict.reason else ""
                    label = f"verify {contender} on {workload.name}"
                    progress.finish(f"{label}: {verdict.status}{known}{reason}")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                workers.stop()
                raise
    return checked


class _Workers:
    """The workers that verify side by side: an interrupt must not wait until they have an end."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._started: list[Process] = []
        self._stopped = threading.Event()

    def start(self, contender: Contender, scratch: Path) -> Process:
        """Start one; it is ended at once where all were to stop."""
        process = self.bench.process(contender, scratch)
        self._started.append(process)
        if self._stopped.is_set():
            process.kill()
        return process

    def stop(self) -> None:
        """End them all, and those that are still to be started."""
        self._stopped.set()
        for process in self._started:
            process.kill()


def run(bench: Bench, folder: Path, *, resume: bool) -> Path:
    """Verify, then time every trial that has no record yet; gives back the study's folder."""
    trials = plan(
        bench.suite.workloads,
        bench.contenders,
        repeats=bench.suite.repeats,
        seed=bench.options.seed,
    )
    with Store(folder) as store:
        done = _begin(store, bench, folder, resume=resume)
        left = [trial for trial in trials if trial.key not in done]
        if not left:
            return folder
        checked = {} if bench.options.unverified else verify_all(bench)
        with Progress(steps=len(left), quiet=bench.options.quiet) as progress:
            for block in sorted({trial.block for trial in left}):
                _mark(store, bench, block, "first", progress)
                for trial in (trial for trial in left if trial.block == block):
                    store.append(_trial(bench, trial, checked, progress))
                _mark(store, bench, block, "last", progress)
    return folder


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
    material = Material(
        workload=workload, train=train, paths=paths, weights=weights, weights_path=weights_path
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


def _check(
    bench: Bench,
    workers: _Workers,
    reference: Reference,
    contender: Contender,
    verdicts: cache.Verdicts,
    *,
    fresh: bool,
) -> tuple[Verification, bool]:
    """The verdict on one contender, and whether it was known from before."""
    adapter = registry.adapter(contender.backend, contender.source)
    if reason := _absent(adapter, contender):
        return Verification(status="unverified", reason=reason), False
    workload, threads = reference.material.workload, bench.options.threads
    how = {"mode": contender.mode, "device": contender.device, "threads": threads}
    digest = bench.settings[workload.name].digest
    key = cache.key(workload, adapter, data=digest, **how, environment=contender.environment)
    kept = None if fresh else verdicts.find(key)
    if kept is not None:
        return kept, True
    with bench.folder() as scratch:
        try:
            verdict = verify(
                reference,
                adapter,
                lambda: workers.start(contender, scratch),
                scratch,
                backend=contender.backend,
                module=contender.module,
                source=contender.source,
                **how,
            )
        except WorkerError as error:
            if error.status == "skipped":
                return Verification(status="unverified", reason=error.reason), False
            bench.broken[workload.name, contender] = error
            return Verification(status="failed", reason=error.reason), False
    verdicts.keep(key, verdict)
    return verdict, False


def _absent(adapter: Any, contender: Contender) -> str:
    """Why a contender cannot even be started here; empty where it can."""
    if contender.device not in adapter.devices:
        return f"{adapter.name} does not run on {contender.device}"
    missing = registry.missing(adapter.packages)
    return f"not installed: {', '.join(missing)}" if missing else ""


def _trial(bench: Bench, trial: Trial, checked: Checked, progress: Progress) -> Record:
    """Run one trial, unless its contender has not earned a clock."""
    contender, workload = trial.contender, trial.workload
    verdict = checked.get((workload.name, contender), Verification(status="unverified"))
    record = blank(trial, bench.settings[workload.name], verdict)
    label = f"{contender} on {workload.name}, repeat {trial.repeat}"
    progress.start(label)
    reason = _absent(registry.adapter(contender.backend, contender.source), contender)
    if verdict.status == "unverified" and (reason or not bench.options.unverified):
        record = replace(record, status="skipped", reason=reason or verdict.reason)
    elif verdict.status == "failed":
        record = replace(record, reason=f"verification failed: {verdict.reason}")
        if error := bench.broken.get((workload.name, contender)):
            record = replace(record, status=error.status, log=error.log)
    else:
        with bench.folder() as scratch:
            record = run_trial(
                trial,
                bench.settings[workload.name],
                bench.process(contender, scratch),
                record,
                lambda epoch, loss: progress.epoch(epoch, workload.epochs, loss),
            )
    progress.finish(f"{label}: {_summary(record)}")
    return record


def _summary(record: Record) -> str:
    if record.status != "ok" or record.total is None:
        return f"{record.status}: {record.reason}"
    steady = sorted(record.epochs.wall[1:] or record.epochs.wall)
    median = steady[len(steady) // 2]
    text = f"{1000 * median:.3g} ms" if median < 1 else f"{median:.3g} s"
    return f"{text} an epoch, test loss {record.epochs.test_loss[-1]:.5g}"


def _mark(store: Store, bench: Bench, block: int, position: Any, progress: Progress) -> None:
    """Time the sentinel beside a block; a study goes on without it where it comes to no end."""
    try:
        store.append(_sentinel(bench, block, position))
    except WorkerError as error:
        progress.say(f"no sentinel {position} in block {block}: {error.reason}")


def _sentinel(bench: Bench, block: int, position: Any) -> Sentinel:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    precision = bench.suite.workloads[0].precision
    with bench.folder() as scratch, bench.process(None, scratch) as process:
        reply = process.ask(
            "sentinel", size=SENTINEL_SIZE, repeats=SENTINEL_REPEATS, precision=precision
        )
    return Sentinel(
        block=block,
        position=position,
        started=started,
        threads=bench.options.threads,
        precision=precision,
        size=SENTINEL_SIZE,
        seconds=tuple(reply["seconds"]),
    )


def _begin(store: Store, bench: Bench, folder: Path, *, resume: bool) -> set[str]:
    """Begin a new study, or go on with one; gives the keys of the trials that have a record."""
    head = _head(bench)
    if not (folder / "study.json").exists():
        if resume:
            raise UserError(
                "no study to resume here", where=str(folder), hint="run without --resume"
            )
        store.begin(head)
        return set()
    known = read_head(folder)
    if not resume:
        raise UserError(
            f"there is a study of suite {known.suite} here already",
            where=str(folder),
            hint="go on with it by --resume, or give another folder with --out",
        )
    if set(known.workloads) != set(head.workloads):
        raise UserError(
            "the study here has other workloads",
            where=str(folder),
            expected="the same suite and --set values as when it was begun",
            hint="give another folder with --out",
        )
    if known.options.get("threads") != head.options["threads"]:
        raise UserError(
            f"the study here was begun with --threads {known.options.get('threads')}",
            where=str(folder),
            expected="the same number of cores for every trial of a study",
            hint="give it again, or another folder with --out",
        )
    if known.machine.get("host") != head.machine.get("host"):
        raise UserError(
            "the study here was begun on another machine",
            where=str(folder),
            hint="give another folder with --out",
        )
    return {record.key for record in read_records(folder)[0]}


def _head(bench: Bench) -> Head:
    workloads = {
        workload.fingerprint: {
            **workload.plain(),
            "flops": workload.flops(bench.shapes[workload.name]),
            "samples": bench.settings[workload.name].samples,
        }
        for workload in bench.suite.workloads
    }
    return Head(
        suite=bench.suite.suite,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        levelfield=levelfield.__version__,
        seed=bench.options.seed,
        repeats=bench.suite.repeats,
        workloads=workloads,
        contenders=tuple(map(str, bench.contenders)),
        options={"threads": bench.options.threads, "timeout": bench.options.timeout},
        machine=machine.describe(),
    )
