"""Duet: live workers take turns at equal pieces of training, so that all see the same machine.

In each round every worker trains the same piece, in an order drawn anew; meanwhile the others are
stopped (SIGSTOP), so that no thread pool of theirs spins. Telling the pools to wait passively would
do that too, and would make them slower at their own turn: small layers of PyTorch by half and more.
What a worker uses between its turns is recorded all the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from levelfield.results.record import Pieces, Record
from levelfield.run import pieces
from levelfield.run.bench import Bench
from levelfield.run.keeping import Keeper
from levelfield.run.messages import Message
from levelfield.run.pieces import WHOLE, Piece
from levelfield.run.process import Process, WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import Notes, Setting, closed, concluded, opened, written
from levelfield.spec.plan import Trial

RESTLESS = 0.2
"""Share of a core that a worker may use between its turns before it is told. A few percent go into
messages and into threads that spin until they are stopped, before anybody else has the turn; more
means that something of it was not stopped: a helper that left its process group."""
ENDLESS = 1e9
COLUMNS = ("round", "position", "epoch", "steps", "wall", "user", "system", "idle")


@dataclass
class Seat:
    """One live worker of a duet, and what it has shown so far."""

    trial: Trial
    start: Callable[[], Process]
    record: Record
    outputs: Path | None = None
    """The file that the worker is to write what its model gave into."""
    notes: Notes = field(default_factory=Notes)
    pieces: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    facts: dict[str, Any] = field(default_factory=dict)
    """The end of the trial; empty while the worker plays."""
    stack: ExitStack = field(default_factory=ExitStack)
    done: int = 0
    """Whole epochs."""
    _epoch: list[tuple[Message, int]] = field(default_factory=list)
    _process: Process | None = None

    @property
    def process(self) -> Process:
        """The worker, started when it is first asked for."""
        if self._process is None:
            self._process = self.stack.enter_context(self.start())
        return self._process

    def play(self, piece: Piece, *, number: int, position: int, evaluate: bool) -> float:
        """Train one piece in the round of this number; gives its seconds.

        Where nothing is evaluated it asks for what workers of every commit can do: ``train``.
        """
        if piece.epochs > 1 and evaluate:
            stop = piece.epoch + piece.epochs
            reply = self.process.ask("epochs", first=piece.epoch, stop=stop, seconds=ENDLESS)
            span = {**_summed(reply["trained"]), "idle": reply["trained"][0]["idle"]}
            self.done = self.notes.epochs(self.done, reply)
        else:
            asked = range(piece.epoch, piece.epoch + piece.epochs)
            part = {"start": piece.start, "stop": piece.stop}
            spans = [self.process.ask("train", epoch=epoch, **part) for epoch in asked]
            span = {**_summed(spans), "idle": spans[0].get("idle", math.nan)}
            if evaluate:
                self._epoch.append((spans[0], piece.stop - piece.start))
        where: list[float] = [number, position, piece.epoch + 1, piece.steps]
        row = where + [span[name] for name in ("wall", "user", "system", "idle")]
        for name, value in zip(COLUMNS, row, strict=True):
            self.pieces[name].append(value)
        return float(span["wall"])

    def evaluate(self) -> None:
        """Close an epoch that was trained in parts: its sums, and its test loss off the clock."""
        if not self._epoch:
            return
        spans, samples = zip(*self._epoch, strict=True)
        self._epoch = []
        loss = math.fsum(s["loss"] * n for s, n in zip(spans, samples, strict=True)) / sum(samples)
        trained = {**_summed(spans), "loss": loss}
        self.notes.note("steady epochs" if self.done else "first epoch", trained)
        due = self.trial.workload.evaluated(self.done)
        self.notes.epoch(trained, self.process.ask("evaluate") if due else {})
        self.done += 1

    def leave(self, setting: Setting) -> None:
        """Have the worker say what is known at the end, and end by itself."""
        self.facts = {"status": "ok", **closed(self.process, self.notes)}
        written(self.process, setting, self.outputs)
        self.stack.close()

    @property
    def finite(self) -> bool:
        """Whether its losses are still numbers."""
        return not self.notes.trouble()

    def idle_share(self, turns: float) -> float:
        """CPU it used while others trained for so many seconds, as a share of a core."""
        return math.fsum(self.pieces["idle"]) / turns if turns > 0 else 0.0

    def ended(self) -> Record:
        """The record, once the worker is gone."""
        columns = {name: tuple(column) for name, column in self.pieces.items()}
        record = replace(self.record, pieces=Pieces(**columns))
        facts = self.facts or {"status": "failed", "reason": "the duet was broken off"}
        return concluded(record, self.notes, self.process, facts)


class Duet:
    """Seats around one table. Use as a context manager: afterwards no worker is left."""

    def __init__(self, seats: Sequence[Seat], *, setting: Setting, seed: str) -> None:
        """Seat the workers; ``seed`` is of the orders within the rounds."""
        self.seats, self.setting = tuple(seats), setting
        self._random = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._round = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End whoever still plays: killed where something went wrong, else let go."""
        with ExitStack() as rest:
            for seat in self.playing:
                rest.callback(seat.stack.__exit__, kind, error, trace)
                if kind is None:
                    rest.callback(seat.process.resume)

    @property
    def playing(self) -> list[Seat]:
        """Those whose workers are alive."""
        return [seat for seat in self.seats if not seat.facts]

    def open(self) -> None:
        """Have every worker load, build and stage, one after the other."""
        for seat in self.playing:
            self._safely(seat, lambda s: opened(s.trial, self.setting, s.process, s.notes))

    def calibrate(self) -> int:
        """Deal out whole epochs first; gives the steps of a piece from then on."""
        workload, samples = self.seats[0].trial.workload, self.setting.samples
        whole = workload.steps(samples)
        for piece in pieces.pieces(workload, samples, steps=whole, first=0, last=self.whole):
            self.play(piece)
        seconds = [seat.notes.columns["wall"][-1] for seat in self.playing if seat.done]
        return pieces.size([max(s, 1e-6) for s in seconds], whole) if seconds else whole

    @property
    def whole(self) -> int:
        """Epochs that are dealt out whole to calibrate."""
        return min(WHOLE, self.seats[0].trial.workload.epochs)

    def rest(self, steps: int) -> list[Piece]:
        """The pieces after calibration, up to the workload's last epoch."""
        workload, samples = self.seats[0].trial.workload, self.setting.samples
        return pieces.pieces(workload, samples, steps=steps, first=self.whole, last=workload.epochs)

    def endless(self, steps: int, *, first: int) -> Iterator[Piece]:
        """Pieces without end, from this epoch (from 0) on."""
        workload, samples = self.seats[0].trial.workload, self.setting.samples
        return pieces.endless(workload, samples, steps=steps, first=first)

    def play(self, piece: Piece, *, evaluate: bool = True) -> dict[int, float]:
        """One round: everybody trains the piece; seconds by the number of the seat."""
        self._round += 1
        order = self._random.sample(self.playing, len(self.playing))
        seconds = {}
        for position, seat in enumerate(order):
            play = partial(
                Seat.play, piece=piece, number=self._round, position=position, evaluate=evaluate
            )
            taken = self._safely(seat, play)
            if taken is not None:
                seconds[self.seats.index(seat)] = taken
        if piece.ends and evaluate:
            for seat in self.playing:
                self._safely(seat, Seat.evaluate)
                if not seat.facts and not seat.finite:
                    self.close([seat])
        return seconds

    def close(self, seats: Iterable[Seat] | None = None) -> None:
        """Have workers (all of them) say what is known at the end, and leave."""
        for seat in self.playing if seats is None else seats:
            self._safely(seat, lambda seat: seat.leave(self.setting))

    def _safely(self, seat: Seat, what: Callable[[Seat], Any]) -> Any:
        """Do it; a worker that cannot leaves the table, and the others go on."""
        try:
            seat.process.resume()
            done = what(seat)
        except WorkerError as error:
            seat.facts = {"status": error.status, "reason": error.reason}
            seat.stack.__exit__(WorkerError, error, None)
            return None
        if not seat.facts:
            seat.process.pause()
        return done


def _summed(spans: Iterable[Mapping[str, float]]) -> dict[str, float]:
    spans = list(spans)
    return {name: math.fsum(span[name] for span in spans) for name in ("wall", "user", "system")}


def duet(
    bench: Bench, group: Sequence[tuple[Trial, Record]], progress: Progress, keeper: Keeper
) -> list[Record]:
    """Play one session: all epochs of a workload, by all its contenders; their records."""
    workload, first = group[0][0].workload, group[0][0]
    name = f"{bench.options.seed}/{workload.name}/{first.block}"
    with ExitStack() as folders:
        seats = []
        for each, record in group:
            scratch = folders.enter_context(bench.folder())
            start = partial(bench.process, each.contender, scratch, company=len(group))
            file = keeper.file(each, scratch)
            seats.append(Seat(each, start, replace(record, session=name), file))
        progress.start(
            f"{len(seats)} contenders in turns on {workload.name}, repeat {first.repeat}"
        )
        setting = bench.settings[workload.name]
        with Duet(seats, setting=setting, seed=name) as table:
            table.open()
            steps = table.calibrate()
            for piece in table.rest(steps):
                table.play(piece)
                if piece.ends and table.playing:
                    loss = table.playing[0].notes.columns["loss"][-1]
                    progress.epoch(piece.epoch + piece.epochs, workload.epochs, loss)
            table.close()
        records = [seat.ended() for seat in seats]
        for seat, record in zip(seats, records, strict=True):
            keeper.keep(seat.trial, record, setting, seat.outputs)
    for text in restless(seats):
        progress.say(text)
    return records


def restless(seats: Sequence[Seat]) -> Iterator[str]:
    """A sentence on every worker that did not sleep while the others had their turns."""
    walls = [math.fsum(seat.pieces["wall"]) for seat in seats]
    for seat, own in zip(seats, walls, strict=True):
        share = seat.idle_share(math.fsum(walls) - own)
        if share > RESTLESS:
            yield (
                f"{seat.trial.contender} used {share:.1%} of a core while others had their turns: "
                "the duet's ratios may be off by as much"
            )
