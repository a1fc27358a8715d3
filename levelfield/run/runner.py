"""Runs a suite: verifies, then times, block by block; every trial becomes a record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import levelfield
from levelfield import registry
from levelfield.errors import UserError
from levelfield.results import against
from levelfield.results.record import Record, Sentinel, Verification
from levelfield.results.store import HEAD, Head, Store, check_writable, read_head, read_records
from levelfield.run import limits, machine, meters, noise, trees
from levelfield.run.bench import Bench, Options
from levelfield.run.duet import duet
from levelfield.run.gate import Checked, verify_all
from levelfield.run.keeping import Keeper
from levelfield.run.process import WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import blank
from levelfield.run.trial import run as run_trial
from levelfield.spec.device import clustered
from levelfield.spec.plan import Trial, plan
from levelfield.spec.suite import Suite

SENTINEL_SIZE, SENTINEL_REPEATS = 1024, 20


def check(folder: Path, suite: Suite, options: Options, *, resume: bool) -> None:
    """Refuse a folder that no study can be begun or resumed in, before anything is prepared."""
    there = (folder / HEAD).exists()
    if resume and not there:
        raise UserError("no study to resume here", where=str(folder), hint="run without --resume")
    if there and not resume:
        raise UserError(
            f"there is a study of suite {read_head(folder).suite} here already",
            where=str(folder),
            hint="go on with it by --resume, or give another folder with --out",
        )
    check_writable(folder)
    if there:
        _same(read_head(folder), suite, options, folder)


def kept(folder: Path) -> str:
    """What an interrupted run has left, and how to go on with it."""
    if not (folder / HEAD).exists():
        return "nothing was recorded yet"
    return (
        f"what was recorded is kept in {folder}\n"
        f"  try: the same command with --resume --out {shlex.quote(str(folder))} to go on"
    )


def run(bench: Bench, folder: Path, *, resume: bool) -> Path:
    """Verify, then time every trial that has no record yet; gives back the study's folder."""
    trials = plan(
        bench.suite.workloads,
        bench.contenders,
        repeats=bench.suite.repeats,
        seed=bench.options.seed,
    )
    with Store(folder) as store:
        check(
            folder, bench.suite, bench.options, resume=resume
        )  # again: another process may have begun a study meanwhile
        done = _begin(store, bench, folder)
        left = [trial for trial in trials if trial.key not in done]
        if not left:
            return folder
        checked = {} if bench.options.unverified else verify_all(bench)
        with Progress(steps=len(left), quiet=bench.options.quiet) as progress:
            if known := noise.remembered():
                progress.wander = known.resolution.wander
                if text := noise.warning(known):
                    progress.say(text)
            for limit in limits.measure(bench, progress, known=read_records(folder).limits):
                store.append(limit)
            keeper = Keeper(folder, progress)
            for block in sorted({trial.block for trial in left}):
                _mark(store, bench, block, "first", progress)
                for group in groups(bench, [trial for trial in left if trial.block == block]):
                    for record in _played(bench, group, checked, keeper):
                        store.append(record)
                _mark(store, bench, block, "last", progress)
    return folder


def groups(bench: Bench, trials: Sequence[Trial]) -> list[list[Trial]]:
    """Who is alive together: in blocks everybody alone, in a duet all of a workload's contenders.

    A cluster cannot wait in the middle of an epoch: its trials run alone also in a duet.
    """
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        alone = bench.options.schedule == "blocks" or clustered(trial.contender.device)
        found.setdefault(trial.key if alone else trial.workload.name, []).append(trial)
    return list(found.values())


def _played(
    bench: Bench, group: Sequence[Trial], checked: Checked, keeper: Keeper
) -> Iterator[Record]:
    """Run a group's trials, but for those whose contender has not earned a clock."""
    admitted, progress = [], keeper.progress
    for trial in group:
        record, welcome = _admitted(bench, trial, checked)
        if welcome:
            admitted.append((trial, record))
        else:
            yield _told(record, trial, progress)
    if len(admitted) > 1:
        played = duet(bench, admitted, progress, keeper)
        for record, (trial, _) in zip(played, admitted, strict=True):
            yield _told(record, trial, progress)
        return
    for trial, record in admitted:
        if bench.options.schedule == "duet":
            progress.say(f"{trial.contender} runs alone: there is nobody to take turns with")
        yield _told(_alone(bench, trial, record, keeper), trial, progress)


def _alone(bench: Bench, trial: Trial, record: Record, keeper: Keeper) -> Record:
    progress, setting = keeper.progress, bench.settings[trial.workload.name]
    progress.start(_label(trial))
    epochs = trial.workload.epochs
    with bench.folder() as scratch:
        file = keeper.file(trial, scratch)
        process = bench.process(trial.contender, scratch)
        done = run_trial(
            trial,
            setting,
            process,
            record,
            lambda epoch, loss: progress.epoch(epoch, epochs, loss),
            file,
            meters.of(trial.contender.device, process.tree),
        )
        keeper.keep(trial, done, setting, file)
    return done


def _admitted(bench: Bench, trial: Trial, checked: Checked) -> tuple[Record, bool]:
    """The record to begin with, and whether the trial may be timed."""
    contender, workload = trial.contender, trial.workload
    verdict = checked.get((workload.name, contender), Verification(status="unverified"))
    record = blank(trial, bench.settings[workload.name], verdict)
    record = replace(record, lock=bench.home(contender).lock)
    reason = bench.absent(contender)
    if verdict.status == "unverified" and (reason or not bench.options.unverified):
        return replace(record, status="skipped", reason=reason or verdict.reason), False
    if verdict.status == "failed":
        record = replace(record, reason=f"verification failed: {verdict.reason}")
        if error := bench.broken.get((workload.name, contender)):
            record = replace(record, status=error.status, log=error.log)
        return record, False
    return record, True


def _label(trial: Trial) -> str:
    return f"{trial.contender} on {trial.workload.name}, repeat {trial.repeat}"


def _told(record: Record, trial: Trial, progress: Progress) -> Record:
    ended = _summary(record)
    if record.status == "skipped":
        ended = progress.why(record.status, record.reason, who=str(trial.contender))
    progress.finish(f"{_label(trial)}: {ended}")
    return record


def _summary(record: Record) -> str:
    if record.status != "ok" or record.total is None:
        return f"{record.status}: {record.reason}"
    seconds = against.typical([record])
    text = f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
    return f"{text} an epoch, test loss {record.epochs.test_loss[-1]:.5g}"


def _mark(store: Store, bench: Bench, block: int, position: Any, progress: Progress) -> None:
    """Time the sentinel beside a block; a study goes on without it where it comes to no end."""
    try:
        store.append(_sentinel(bench, block, position))
    except WorkerError as error:
        progress.say(f"no sentinel {position} in block {block}: {error.reason}")


def _sentinel(bench: Bench, block: int, position: Any) -> Sentinel:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    precision = bench.suite.workloads[0].dtype
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


def _same(known: Head, suite: Suite, options: Options, folder: Path) -> None:
    """Refuse to go on with a study that was begun otherwise: its trials would not be comparable."""
    if set(known.workloads) != {workload.fingerprint for workload in suite.workloads}:
        raise UserError(
            "the study here has other workloads",
            where=str(folder),
            expected="the same suite and --set values as when it was begun",
            hint="give another folder with --out",
        )
    for name, value, option, what, usual in (
        ("threads", options.threads, "--threads ", "number of cores", None),
        ("schedule", options.schedule, "--schedule ", "schedule", "blocks"),
        ("compile_cache", suite.compile_cache, "--set compile_cache=", "compile cache", "fresh"),
    ):
        begun = known.options.get(name, usual)
        if begun != value:
            raise UserError(
                f"the study here was begun with {option}{begun}",
                where=str(folder),
                expected=f"the same {what} for every trial of a study",
                hint="give it again, or another folder with --out",
            )
    if known.machine.get("host") != machine.host():
        raise UserError(
            "the study here was begun on another machine",
            where=str(folder),
            hint="give another folder with --out",
        )


def _begin(store: Store, bench: Bench, folder: Path) -> set[str]:
    """Begin a new study, or go on with one; gives the keys of the trials that have a record."""
    if not (folder / HEAD).exists():
        store.begin(_head(bench))
        return set()
    return {record.key for record in read_records(folder).records}


def _head(bench: Bench) -> Head:
    workloads = {
        workload.fingerprint: {
            **workload.plain(),
            "flops": workload.flops(bench.shapes[workload.name]),
            "traffic": workload.traffic(bench.shapes[workload.name]),
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
        options={
            "threads": bench.options.threads,
            "timeout": bench.options.timeout,
            "schedule": bench.options.schedule,
            "compile_cache": bench.suite.compile_cache,
        },
        machine=machine.describe(),
        backends={
            who.backend: registry.description(registry.adapter(who.backend, who.source))
            for who in bench.contenders
        },
        commit=trees.running(),
    )
