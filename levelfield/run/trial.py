"""One trial from start to end: the conversation with its worker, and the record it leaves."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from levelfield.results.outputs import Originals
from levelfield.results.record import Epochs, Record, Span, Verification
from levelfield.run.messages import Message
from levelfield.run.meters import Meters
from levelfield.run.process import MemoryLimitError, Process, WorkerError
from levelfield.spec.device import clustered, parse
from levelfield.spec.plan import Trial

Tell = Callable[[int, float], None]
"""Called as epochs end with the last one's number (from 1) and its training loss."""
WAKE = 0.2
"""Seconds of short epochs that a worker trains before it wakes its parent."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What every trial of a workload is given."""

    train: str
    test: str
    weights: str
    samples: int
    digest: str
    threads: int
    compile_cache: str = "fresh"
    labels: tuple[str, str] | None = None
    """Files of the labels, where they are what is trained for."""
    shape: tuple[int, ...] | None = None
    """In which samples are seen, where the first kernel does not tell."""
    given: Originals | None = field(default=None, compare=False)
    """The test samples whose outputs are kept."""

    @property
    def arrays(self) -> dict[str, Any]:
        """What a worker is told of its arrays."""
        return told_arrays((self.train, self.test), self.labels, self.shape)


def told_arrays(
    paths: tuple[str, str], labels: tuple[str, str] | None, shape: tuple[int, ...] | None
) -> dict[str, Any]:
    """What a worker is told of its arrays; what is usual is not said, for workers of old code."""
    told: dict[str, Any] = {"train": paths[0], "test": paths[1]}
    if labels is not None:
        told["labels"] = labels
    if shape is not None:
        told["shape"] = shape
    return told


def blank(trial: Trial, setting: Setting, checked: Verification | None) -> Record:
    """The record of a trial before anything has happened."""
    who, workload = trial.contender, trial.workload
    return Record(
        key=trial.key,
        workload=workload.name,
        fingerprint=workload.fingerprint,
        backend=who.backend,
        mode=who.mode,
        device=who.device,
        environment=who.environment,
        repeat=trial.repeat,
        block=trial.block,
        position=trial.position,
        status="failed",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        threads=setting.threads,
        samples=setting.samples,
        data=setting.digest,
        settings={"compile_cache": "warm"} if setting.compile_cache == "warm" else {},
        verification=checked,
    )


def run(
    trial: Trial,
    setting: Setting,
    process: Process,
    record: Record,
    tell: Tell,
    outputs: Path | None = None,
    meters: Meters | None = None,
) -> Record:
    """Run a trial in its worker; whatever happens becomes the record's status and reason.

    outputs: the file that the worker is to write what its model gave into. meters: what is read of
    the machine meanwhile.
    """
    meters = meters or Meters([])
    notes = Notes(mark=meters.mark)
    facts: dict[str, Any] = {"status": "ok"}
    try:
        with meters, process:
            facts |= _converse(trial, setting, process, notes, tell)
            written(process, setting, outputs)
    except WorkerError as error:
        reason = error.reason
        if isinstance(error, MemoryLimitError):
            reason += f" at epoch {len(notes.columns['loss']) + 1}"
        facts |= {"status": error.status, "reason": reason}
    return concluded(replace(record, **meters.facts()), notes, process, facts)


def concluded(record: Record, notes: Notes, process: Process, facts: Mapping[str, Any]) -> Record:
    """The record of a trial whose worker is gone."""
    facts = dict(facts)
    if facts["status"] == "ok" and (reason := notes.trouble()):
        facts |= {"status": "failed", "reason": reason}
    if facts["status"] != "ok":
        facts["log"] = process.tail
    facts["settings"] = {**record.settings, **facts.get("settings", {})}
    epochs = notes.taken()
    facts["metrics"] = {name: tuple(column) for name, column in notes.metrics.items()}
    facts["total"] = whole(process.total, facts.get("cluster", {}))
    return replace(record, phases=notes.phases(), epochs=epochs, **facts)


def whole(total: Span | None, cluster: Mapping[str, Span]) -> Span | None:
    """The process tree's seconds, and at least those that were read role by role.

    Spark's Python processes end in ways that leave nobody to count them.
    """
    if total is None:
        return None
    user = math.fsum(span.user for span in cluster.values())
    system = math.fsum(span.system for span in cluster.values())
    return replace(total, user=max(total.user, user), system=max(total.system, system))


@dataclass
class Notes:
    """Readings as they come in, so that a trial that fails keeps what it had."""

    mark: Callable[[str], None] = lambda phase: None  # noqa: ARG005
    """Called when a phase has ended, or a part of it."""
    spans: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    columns: dict[str, list[float]] = field(
        default_factory=lambda: {
            name: [] for name in ("wall", "user", "system", "loss", "test_loss")
        }
    )
    tested: list[int] = field(default_factory=list)
    """The epochs, from 1, after which the test set was looked at."""
    metrics: dict[str, list[float]] = field(default_factory=dict)

    def note(self, phase: str, reply: Message) -> Message:
        """Take in a span of a phase."""
        self.spans.setdefault(phase, []).append(reply)
        return reply

    def epochs(self, done: int, reply: Message) -> int:
        """Take in whole epochs; so many were done before. Gives how many are done now."""
        for trained, evaluated in zip(reply["trained"], reply["evaluated"], strict=True):
            self.note("steady epochs" if done else "first epoch", trained)
            self.epoch(trained, evaluated)
            done += 1
        return done

    def epoch(self, trained: Mapping[str, float], evaluated: Message) -> None:
        """Take in one epoch's readings; ``evaluated``: empty where nothing was."""
        for name in ("wall", "user", "system", "loss"):
            self.columns[name].append(trained[name])
        if not evaluated:
            return
        self.note("evaluate", evaluated)
        if "loss" not in evaluated:
            return  # of the training set alone
        self.tested.append(len(self.columns["loss"]))
        self.columns["test_loss"].append(evaluated["loss"])
        for name, value in evaluated.get("metrics", {}).items():
            self.metrics.setdefault(name, []).append(value)

    def taken(self) -> Epochs:
        """The epochs' columns, as a record keeps them."""
        columns = {name: tuple(column) for name, column in self.columns.items()}
        each = len(self.tested) == len(self.columns["loss"])
        return Epochs(**columns, tested=() if each else tuple(self.tested))

    def trouble(self) -> str:
        """What is wrong with the losses; empty where nothing is."""
        every = range(1, len(self.columns["loss"]) + 1)
        kinds = (("loss", "training", every), ("test_loss", "test", self.tested))
        for column, name, epochs in kinds:
            for epoch, value in zip(epochs, self.columns[column], strict=True):
                if not math.isfinite(value):
                    return f"the {name} loss was not a finite number from epoch {epoch} on"
        return ""

    def phases(self) -> dict[str, Span]:
        """Every phase's seconds, summed over its spans."""
        return {
            phase: Span(
                wall=math.fsum(s["wall"] for s in spans),
                user=math.fsum(s["user"] for s in spans),
                system=math.fsum(s["system"] for s in spans),
            )
            for phase, spans in self.spans.items()
        }


def opened(trial: Trial, setting: Setting, process: Process, notes: Notes) -> None:
    """Have a worker load, build and stage what it is to train."""
    who, workload = trial.contender, trial.workload
    loaded = process.ask("load", backend=who.backend, module=who.module, source=who.source)
    notes.note("import", loaded)
    notes.mark("import")
    device = ready(who.device, process, notes)
    built = process.ask(
        "build",
        workload=workload.plain() | ({"input_shape": setting.shape} if setting.shape else {}),
        weights=setting.weights,
        mode=who.mode,
        device=device,
        threads=setting.threads,
    )
    notes.note("build", built)
    notes.mark("build")
    staged = process.ask("stage", **setting.arrays, samples=workload.samples)
    notes.note("stage", staged)
    notes.mark("stage")


def ready(device: str, process: Process, notes: Notes | None = None) -> str:
    """Have a worker start the cluster that a device describes; gives what the adapter is told."""
    if not clustered(device):
        return parse(device).kind  # of several GPUs it sees but one
    reply = process.ask("cluster", device=device)
    if notes and "wall" in reply:
        notes.note("cluster", reply)
        notes.mark("cluster")
    return str(reply["device"])


def closed(process: Process, notes: Notes) -> dict[str, Any]:
    """Have a worker let go of everything; gives what can be known only then."""
    reply = notes.note("close", process.ask("close"))
    notes.mark("close")
    kept = ("settings", "device_memory", "device_reserved", "peak_memory", "versions", "traffic")
    facts = {name: reply[name] for name in kept if name in reply}
    memory = {
        r: int(span.pop("memory")) for r, span in reply["cluster"].items() if "memory" in span
    }
    cluster = {role: Span(**span) for role, span in reply["cluster"].items()}
    facts |= {"cluster": cluster, "cluster_memory": memory}
    return {**facts, "cpus": tuple(reply["cpus"])}


def written(process: Process, setting: Setting, path: Path | None) -> None:
    """Have a worker write what its model gave, after everything that is measured.

    What goes wrong here is nothing to the trial: there is no file then, or half of one.
    """
    if path is not None and setting.given is not None:
        with contextlib.suppress(WorkerError):
            process.ask("outputs", path=str(path), places=setting.given.places.tolist())


def _converse(
    trial: Trial, setting: Setting, process: Process, notes: Notes, tell: Tell
) -> dict[str, Any]:
    opened(trial, setting, process, notes)
    workload = trial.workload
    epoch, finite = 0, True
    while epoch < workload.epochs and finite:
        # The first by itself, so that a compilation does not hide how long the others take.
        seconds = WAKE if epoch else 0.0
        reply = process.ask("epochs", first=epoch, stop=workload.epochs, seconds=seconds)
        notes.mark("steady epochs" if epoch else "first epoch")
        epoch = notes.epochs(epoch, reply)
        loss = notes.columns["loss"][-1]
        tell(epoch, loss)
        finite = math.isfinite(loss)
    return closed(process, notes)
