"""The record: the raw facts of one trial, as one line of JSON. Nothing derived is ever stored."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from levelfield.errors import UserError
from levelfield.results.lines import lined, made, parsed

Status = Literal["ok", "skipped", "failed", "timeout"]
PHASES = (
    "import",
    "cluster",
    "build",
    "stage",
    "first epoch",
    "steady epochs",
    "evaluate",
    "close",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Seconds of a span of time: on the wall, and of the whole process tree in user and system."""

    wall: float
    user: float
    system: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Epochs:
    """One column a quantity, one place an epoch, in order; seconds of training alone.

    ``loss``: mean over the epoch's samples, each taken before the step it led to. ``test_loss``:
    of the whole test set after an epoch, taken off the clock; after each unless ``tested`` tells
    others.
    """

    wall: tuple[float, ...] = ()
    user: tuple[float, ...] = ()
    system: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    test_loss: tuple[float, ...] = ()
    tested: tuple[int, ...] = ()
    """The epochs, from 1, that ``test_loss`` and the metrics have a place for; empty: each, or none
    of those that came to an end."""

    @property
    def whole(self) -> bool:
        """Whether every column has a place for every epoch, or every one that was tested."""
        count, columns = len(self.wall), (self.user, self.system, self.loss)
        if any(len(column) != count for column in columns):
            return False
        if not self.tested:
            return len(self.test_loss) in {0, count}
        rising = all(a < b for a, b in pairwise((0, *self.tested, count + 1)))
        return rising and len(self.tested) == len(self.test_loss)

    @property
    def ended(self) -> bool:
        """Whether there is a test loss after the last epoch."""
        count, tested = len(self.wall), self.tested
        return tested[-1] == count if tested else len(self.test_loss) == count

    def spread(self, values: Sequence[float]) -> tuple[float, ...]:
        """Values of the test set with a place an epoch: NaN after those that none is known of."""
        every = range(1, len(self.wall) + 1)
        if len(values) == len(every):
            return tuple(values)
        known = dict(zip(self.tested or every, values, strict=False))
        return tuple(known.get(epoch, math.nan) for epoch in every)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """The pieces of a trial in a duet, one place a piece; empty for a trial in blocks.

    All workers of a session train the same ``steps`` in the same ``round``, at a ``position`` in it
    that is drawn anew each time. ``epoch``: the (first) epoch of the workload's that it belongs to,
    from 1. ``idle``: CPU seconds that the worker used while the others had their turns.
    """

    round: tuple[int, ...] = ()
    position: tuple[int, ...] = ()
    epoch: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    wall: tuple[float, ...] = ()
    user: tuple[float, ...] = ()
    system: tuple[float, ...] = ()
    idle: tuple[float, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every column has a place for every piece."""
        return len({len(getattr(self, f.name)) for f in dataclasses.fields(self)}) == 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """How a GPU fared while a trial ran: one column a quantity, one place a sample; null: not read.

    A column that could not be read at all is empty, and ``Record.unread`` says why.
    """

    seconds: tuple[float, ...] = ()
    """Since the trial's start."""
    utilisation: tuple[float, ...] = ()
    """Share of the time in which something was being computed, over the driver's own last period: a
    sixth of a second to a second, by product."""
    sm_clock: tuple[float, ...] = ()
    """Of the multiprocessors, in hertz."""
    memory_clock: tuple[float, ...] = ()
    temperature: tuple[float, ...] = ()
    """Degrees Celsius."""
    power: tuple[float, ...] = ()
    """Watts; on recent GPUs the mean of about a second."""
    throttled: tuple[float, ...] = ()
    """Why the clocks are lower than they could be: a sum of powers of two, as NVML defines them."""
    memory: tuple[float, ...] = ()
    """Bytes of the GPU's memory that the trial's own processes held."""

    @property
    def whole(self) -> bool:
        """Whether every column that is not empty has a place for every sample."""
        return len({len(getattr(self, f.name)) for f in dataclasses.fields(self)} - {0}) <= 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One comparison with the float64 reference: what differed, how much, what was allowed."""

    level: str
    part: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the difference is allowed; a value that is not a number never is."""
        return self.value <= self.limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What a backend means by a name that libraries define differently; the reference follows."""

    name: str
    meaning: str
    formula: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What verification said of a contender on a workload; ``reason`` says why it could not."""

    status: Literal["passed", "failed", "unverified"]
    figures: tuple[Figure, ...] = ()
    semantics: tuple[Meaning, ...] = ()
    """Where the backend declares another meaning than the published one, on this workload."""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The facts of one trial: one workload, one contender, one repeat, one fresh process."""

    key: str
    """Of the trial: the same trial of the same plan has the same key."""
    workload: str
    fingerprint: str
    backend: str
    mode: str
    device: str
    environment: str
    repeat: int
    block: int
    position: int
    """Place within the block's shuffled order, from 0."""
    status: Status
    reason: str = ""
    started: str = ""
    """UTC, ISO 8601."""
    threads: int = 0
    cpus: tuple[int, ...] = ()
    """The processors the worker was really bound to, as it read them back."""
    lock: str = ""
    """First digits of the SHA-256 of the environment's lock file; empty where it is not locked."""
    samples: int = 0
    """Training samples an epoch visits."""
    data: str = ""
    """First digits of the SHA-256 of the prepared data."""
    phases: Mapping[str, Span] = field(default_factory=dict)
    epochs: Epochs = Epochs()
    metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of a classifier's whole test set, by name (accuracy, ROC AUC ...): a place a test loss."""
    session: str = ""
    """Of a duet: the trials of one session were alive together. Empty for a trial in blocks."""
    pieces: Pieces = Pieces()
    total: Span | None = None
    """Whole process tree from start to end, as the ``time`` command would give it."""
    peak_memory: int | None = None
    """Bytes: VmHWM of the worker process."""
    device_memory: int | None = None
    """Bytes: the most that the framework used of its device's own memory."""
    device_reserved: int | None = None
    """Bytes: the most that it had taken of it, used or not."""
    energy: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Joules by source (``gpu``, ``processors``) and phase; evaluations are in their epochs' phase.

    Of the whole GPU and of all processors: others' work, and rest, are in it.
    """
    readings: Readings = Readings()
    unread: Mapping[str, str] = field(default_factory=dict)
    """By reading: why it is not there."""
    foreign: tuple[str, ...] = ()
    """Processes of others that were seen on the trial's GPU, in words."""
    cluster: Mapping[str, Span] = field(default_factory=dict)
    """Of a Spark trial: what its processes used, by role; ``wall`` is the time since their start.
    """
    cluster_memory: Mapping[str, int] = field(default_factory=dict)
    """Of a cluster that was made for the trial: bytes, by role, the sum of its processes' peaks."""
    traffic: Mapping[str, int] = field(default_factory=dict)
    """Bytes that a cluster moved, by kind, where it tells."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    verification: Verification | None = None
    log: str = ""
    """The end of what the worker wrote to its standard streams, kept when it did not end well."""

    @property
    def clustered(self) -> bool:
        """Whether it ran on a Spark cluster."""
        return self.device.startswith("spark:")

    def line(self) -> str:
        """Return the record as one line of JSON, with its schema's version."""
        return lined("trial", self)

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Record:
        """Build a record from the JSON of its line; raise `UserError` where that is impossible."""
        record: Record = parsed("trial", facts, cls)
        if not (record.epochs.whole and record.pieces.whole and record.readings.whole):
            raise UserError("not a trial's record: columns of several lengths")
        if record.status == "ok" and not record.epochs.ended:
            raise UserError("not a trial's record: it ended well, without a test loss at its end")
        return record


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentinel:
    """A fixed matrix product timed around a block: shows drift, and the machine's own rate."""

    block: int
    position: Literal["first", "last"]
    started: str
    threads: int
    precision: str
    size: int
    """The product of two square matrices of this many rows: 2 x size ^ 3 operations."""
    seconds: tuple[float, ...]

    def line(self) -> str:
        """Return the sentinel's readings as one line of JSON."""
        return lined("sentinel", self)

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Sentinel:
        """Build from the JSON of its line; raise `UserError` where that is impossible."""
        sentinel: Sentinel = parsed("sentinel", facts, cls)
        return sentinel


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What the machine itself can do on a device, by one framework: products and copies.

    Raw seconds of each size, so that the best rate is the reader's to find.
    """

    device: str
    precision: str
    """That the products were computed in."""
    backend: str
    threads: int
    started: str = ""
    product_size: tuple[int, ...] = ()
    """Rows of two square matrices: 2 x size ^ 3 operations."""
    product_seconds: tuple[float, ...] = ()
    """Of one product, on average over several in a row that are waited for together."""
    copy_bytes: tuple[int, ...] = ()
    """Bytes read; as many are written."""
    copy_seconds: tuple[float, ...] = ()
    reason: str = ""
    """Why there is nothing; empty where there is."""

    @property
    def rate(self) -> float:
        """Floating-point operations a second, at the best size; NaN where none was timed."""
        pairs = zip(self.product_size, self.product_seconds, strict=True)
        return max((2 * size**3 / t for size, t in pairs if t > 0), default=math.nan)

    @property
    def bandwidth(self) -> float:
        """Bytes read and written a second, at the best size; NaN where none was timed."""
        pairs = zip(self.copy_bytes, self.copy_seconds, strict=True)
        return max((2 * size / t for size, t in pairs if t > 0), default=math.nan)

    def line(self) -> str:
        """Return the readings as one line of JSON."""
        return lined("limit", self)

    @classmethod
    def parse(cls, facts: Mapping[str, Any]) -> Limit:
        """Build from the JSON of its line; raise `UserError` where that is impossible."""
        limit: Limit = parsed("limit", facts, cls)
        return limit


def parse_verification(facts: object) -> Verification:
    """Build a verification from its JSON; raise `TypeError` where that is impossible."""
    verification: Verification = made(facts, Verification)
    return verification
