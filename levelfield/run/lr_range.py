"""The learning-rate range test: sweeps of every contender, workload and seed; bounds of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from levelfield import registry
from levelfield.errors import UserError, unknown
from levelfield.results.record import Verification
from levelfield.results.store import check_writable
from levelfield.results.sweep import FILE, Sweep
from levelfield.run.bench import Bench, Options, bench
from levelfield.run.gate import verify_all
from levelfield.run.process import Process, WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import Notes, closed, opened
from levelfield.spec.optimizers import Optimizer
from levelfield.spec.plan import Contender, Trial
from levelfield.spec.schedules import Schedule
from levelfield.spec.suite import Suite
from levelfield.spec.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Range:
    """What is swept."""

    low: float
    high: float
    epochs: int
    seeds: int
    scale: Literal["linear", "exponential"] = "exponential"
    optimizers: tuple[str, ...] = ()
    """Kinds that take the place of the workloads' own, each with its example's constants."""
    every: int = 16
    """Batches from one accuracy to the next where the adapter does not tell them by itself."""

    def __post_init__(self) -> None:
        """Refuse a range that does not rise."""
        if not 0 < self.low < self.high:
            raise UserError(
                f"got {self.low:g} to {self.high:g}",
                where="--low, --high",
                expected="rates above zero, the first the lower one",
            )

    def workloads(self, suite: Suite) -> list[Workload]:
        """The suite's workloads, with the range as their schedule and each of the optimizers."""
        schedule = Schedule.choose(
            {"kind": self.scale, "low": self.low, "high": self.high, "epochs": self.epochs}
        )
        found = []
        for workload in suite.workloads:
            for name, optimizer in self._optimizers(workload):
                found.append(
                    workload.replace(
                        name=name, optimizer=optimizer, schedule=schedule, epochs=self.epochs
                    )
                )
        return found

    def _optimizers(self, workload: Workload) -> Iterable[tuple[str, Optimizer]]:
        if not self.optimizers:
            return [(workload.name, workload.optimizer)]
        known = Optimizer.kinds()
        return [(f"{workload.name}-{kind}", _optimizer(kind, known)) for kind in self.optimizers]


def _optimizer(kind: str, known: Mapping[str, Any]) -> Optimizer:
    from levelfield.spec import document

    if kind not in known:
        raise unknown("optimizer", kind, known, where="--optimizers")
    made = Optimizer.choose(document.scalar(known[kind].example))
    assert isinstance(made, Optimizer)  # noqa: S101 - for the type checker
    return made


def run(
    suite: Suite, contenders: Sequence[Contender], options: Options, swept: Range, folder: Path
) -> list[Sweep]:
    """Verify every contender once, then sweep each seed; every sweep is appended to a file."""
    path = folder / FILE
    if path.exists():
        raise UserError(
            "there is a range test here already",
            where=str(folder),
            hint="give another folder with --out",
        )
    check_writable(folder)
    first = swept.workloads(suite)
    seeded = [
        workload.replace(name=f"{workload.name}.seed{seed}", seed=seed)
        for seed in range(swept.seeds)
        for workload in first
    ]
    whole = replace(suite, workloads=tuple(seeded))
    found: list[Sweep] = []
    with bench(whole, contenders, options) as made:
        once = replace(made, suite=replace(suite, workloads=tuple(seeded[: len(first)])))
        checked = {} if options.unverified else verify_all(once)
        steps = len(seeded) * len(contenders)
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file, _progress(steps, options) as progress:
            for workload in seeded:
                name = workload.name.rpartition(".seed")[0]
                for contender in contenders:
                    verdict = checked.get((f"{name}.seed0", contender))
                    begun = _blank(name, workload, contender, verdict, made)
                    sweep = _swept(made, workload, contender, begun, swept, progress)
                    found.append(sweep)
                    file.write(sweep.line() + "\n")
                    file.flush()
                    progress.finish(f"{contender} on {name}, seed {sweep.seed}: {_told(sweep)}")
    return found


def _progress(steps: int, options: Options) -> Progress:
    return Progress(steps=steps, quiet=options.quiet)


def _blank(
    name: str,
    workload: Workload,
    contender: Contender,
    verdict: Verification | None,
    made: Bench,
) -> Sweep:
    source = registry.dataset(workload.dataset)
    reason = made.absent(contender)
    status: Literal["skipped", "failed"] = "skipped" if reason else "failed"
    if not reason and verdict is not None and verdict.status != "passed":
        reason = verdict.reason
        status = "skipped" if verdict.status == "unverified" else "failed"
    return Sweep(
        workload=name,
        fingerprint=workload.replace(seed=0, name=name).fingerprint,
        optimizer=workload.optimizer.kind,
        backend=contender.backend,
        mode=contender.mode,
        device=contender.device,
        environment=contender.environment,
        seed=workload.seed,
        status=status,
        reason=reason,
        classes=len(source.classes) if workload.labelled else 0,
        batch=workload.batch,
        verification=verdict,
    )


def _swept(
    made: Bench,
    workload: Workload,
    contender: Contender,
    begun: Sweep,
    swept: Range,
    progress: Progress,
) -> Sweep:
    """One sweep; whatever happens becomes its status and reason."""
    if begun.reason:
        return begun
    progress.start(f"{contender} on {begun.workload}, seed {begun.seed}")
    trial = Trial(workload=workload, contender=contender, repeat=1, block=0, position=0)
    notes, columns = Notes(), _Columns()
    facts: dict[str, Any] = {"status": "ok"}
    try:
        with made.folder() as scratch, made.process(contender, scratch) as process:
            setting = made.settings[workload.name]
            opened(trial, setting, process, notes)
            start = time.monotonic()
            _epochs(
                process, workload, swept, columns, lambda e, x: progress.epoch(e, swept.epochs, x)
            )
            columns.seconds["sweep"] = time.monotonic() - start
            ended = closed(process, notes)
            facts |= {key: ended[key] for key in ("peak_memory", "device_memory")}
    except WorkerError as error:
        facts |= {"status": error.status, "reason": error.reason}
    samples = made.settings[workload.name].samples
    rates = [rate for epoch in range(swept.epochs) for rate in workload.rates(epoch, samples)]
    return replace(begun, **facts, **columns.whole(rates))


def _epochs(
    process: Process,
    workload: Workload,
    swept: Range,
    columns: _Columns,
    tell: Callable[[int, float], None],
) -> None:
    for epoch in range(workload.epochs):
        reply = process.ask("sweep", epoch=epoch, every=swept.every)
        columns.take(reply)
        if any(loss is None for loss in reply["losses"]) and not _untold(reply["losses"]):
            return
        ended = process.ask("evaluate")
        columns.evaluated(ended)
        tell(epoch + 1, float(ended["loss"]))


def _untold(losses: Sequence[float | None]) -> bool:
    """Whether the framework tells no losses at all, as one on a cluster does."""
    return all(loss is None for loss in losses)


class _Columns:
    """What has been seen, so that a sweep that fails keeps what it had."""

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self.test_loss: list[float] = []
        self.test_accuracy: list[float] = []
        self.seconds = {"train": 0.0, "accuracy": 0.0, "evaluate": 0.0}

    def take(self, reply: Mapping[str, Any]) -> None:
        """One epoch."""
        self.loss += [math.nan if value is None else value for value in reply["losses"]]
        self.accuracy += [math.nan if value is None else value for value in reply["accuracies"]]
        self.seconds["train"] += reply["train"]
        self.seconds["accuracy"] += reply["accuracy"]

    def evaluated(self, reply: Mapping[str, Any]) -> None:
        """The test set after it."""
        self.test_loss.append(reply["loss"])
        self.test_accuracy.append(reply.get("metrics", {}).get("accuracy", math.nan))
        self.seconds["evaluate"] += reply["wall"]

    def whole(self, rates: Sequence[float]) -> dict[str, Any]:
        """Columns of the length of the sweep: what was not reached is not a number."""
        rest = (math.nan,) * (len(rates) - len(self.loss))
        return {
            "rates": tuple(rates),
            "loss": (*self.loss, *rest),
            "accuracy": (*self.accuracy, *rest),
            "test_loss": tuple(self.test_loss),
            "test_accuracy": tuple(self.test_accuracy),
            "seconds": dict(self.seconds),
        }


def _told(sweep: Sweep) -> str:
    if sweep.status != "ok":
        return f"{sweep.status}: {sweep.reason}"
    if sweep.test_accuracy and math.isfinite(sweep.test_accuracy[-1]):
        return f"test accuracy {sweep.test_accuracy[-1]:.3f} after the sweep"
    return f"test loss {sweep.test_loss[-1]:.4g} after the sweep" if sweep.test_loss else "diverged"
