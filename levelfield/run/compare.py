"""Two codes (commits, environments) of the same contenders, compared in duet on this machine.

Sessions of fresh worker pairs follow one another, pair by pair, until every pair has its verdict or
the budget is spent. Both sides are verified first: a wrong computation has no speed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from levelfield import registry
from levelfield.results.pairs import Session, session
from levelfield.results.record import Pieces, Record
from levelfield.results.summary import Result
from levelfield.results.verdict import Looks, Verdict
from levelfield.run.bench import Bench, Code
from levelfield.run.duet import Duet, Seat, restless
from levelfield.run.neighbours import Neighbours
from levelfield.run.process import WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import blank
from levelfield.spec.plan import Contender, Trial
from levelfield.spec.workload import Workload
from levelfield.verify.check import verify
from levelfield.verify.reference import Reference

SHORTEST, FEWEST = 4.0, 8
"""Seconds that a session plays at least, and sessions that a pair should get."""
CROWDED, PATIENCE = 0.5, 3
"""Share of all processors that others may use before nothing is said, once so many sessions have
seen it: what is measured then is how the system divides the processors among strangers."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two that are compared: its name in tables, and the code its workers run."""

    label: str
    code: Code


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is asked: a difference beyond ``threshold`` (0.03 for 3 %), at a confidence."""

    threshold: float
    confidence: float
    budget: float
    """Seconds for everything, verification included."""


@dataclass
class Match:
    """A contender on a workload, base against head: what has been seen so far."""

    workload: Workload
    contender: Contender
    looks: Looks
    sessions: list[Session] = field(default_factory=list)
    spent: float = 0.0
    doubts: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    steps: int = 0
    """Of a piece, once calibrated."""
    foreign: list[float] = field(default_factory=list)
    """Of each session: the share of all processors that others used."""
    opening: float = 0.0
    """Seconds that its last session took before it could play."""

    @property
    def label(self) -> str:
        """The contender and its workload."""
        return f"{self.contender} on {self.workload.name}"

    def fail(self, reason: str) -> None:
        """Give up: it could not be measured."""
        self.verdict = self.looks.none(reason, sessions=self.sessions, seconds=self.spent)


def compare(bench: Bench, sides: tuple[Side, Side], rule: Rule, progress: Progress) -> list[Result]:
    """Verify both sides, then measure every contender of the suite on every workload."""
    deadline = time.monotonic() + rule.budget
    count = len(bench.suite.workloads) * len(bench.contenders)
    matches = [
        Match(
            workload,
            contender,
            Looks(threshold=rule.threshold, confidence=rule.confidence, comparisons=count),
        )
        for workload in bench.suite.workloads
        for contender in bench.contenders
    ]
    for match in matches:
        progress.start(f"verifying {match.label}")
        for reason in _wrong(bench, sides, match):
            match.fail(reason)
    _measure(bench, sides, matches, deadline, progress)
    return [
        Result(
            workload=match.workload.name,
            contender=str(match.contender),
            base=sides[0].label,
            head=sides[1].label,
            verdict=match.verdict,
            sessions=tuple(match.sessions),
            doubts=tuple(dict.fromkeys(match.doubts)),
        )
        for match in matches
        if match.verdict is not None
    ]


def _wrong(bench: Bench, sides: tuple[Side, Side], match: Match) -> Iterator[str]:
    """Why a match cannot be played: a side that is missing something, or computes another thing."""
    contender = match.contender
    for side in sides:
        if reason := bench.absent(contender, side.code.home):
            yield f"{side.label}: {reason}" if side.code.home else reason
            return
    adapter = registry.adapter(contender.backend, contender.source)
    reference = Reference(bench.materials[match.workload.name])
    for side in sides:
        with bench.folder() as scratch:
            try:
                checked = verify(
                    reference,
                    adapter,
                    partial(bench.process, contender, scratch, code=side.code),
                    scratch,
                    backend=contender.backend,
                    module=contender.module,
                    source=contender.source,
                    mode=contender.mode,
                    device=contender.device,
                    threads=bench.options.threads,
                )
            except WorkerError as error:
                yield f"{side.label}: {error.reason}"
                return
        if checked.status != "passed":
            yield f"{side.label}: verification failed: {checked.reason}"
            return


def _measure(
    bench: Bench,
    sides: tuple[Side, Side],
    matches: Sequence[Match],
    deadline: float,
    progress: Progress,
) -> None:
    """Play sessions in turns until every match has a verdict.

    The time is shared equally among those that have none yet: who is done leaves his to the others.
    """
    number = 0
    while left := [match for match in matches if match.verdict is None]:
        number += 1
        for match in left:
            waiting = sum(other.verdict is None for other in matches)
            share = match.spent + max(1.0, (deadline - time.monotonic()) / waiting)
            _session(bench, sides, match, share, number, progress)


def _session(
    bench: Bench,
    sides: tuple[Side, Side],
    match: Match,
    share: float,
    number: int,
    progress: Progress,
) -> None:
    """Play one session of a match, and look whether that is enough."""
    began = time.monotonic()
    progress.start(f"{match.label}, session {number}")
    with ExitStack() as folders, Neighbours() as neighbours:
        seats = [
            Seat(
                _trial(match, number, position),
                partial(
                    bench.process,
                    match.contender,
                    folders.enter_context(bench.folder()),
                    company=2,
                    code=side.code,
                ),
                _blank(bench, match, number, position),
            )
            for position, side in enumerate(sides)
        ]
        seed = f"{bench.options.seed}/{match.label}/{number}"
        with Duet(seats, setting=bench.settings[match.workload.name], seed=seed) as table:
            table.open()
            first = 0 if match.steps else table.whole
            match.steps = match.steps or table.calibrate()
            match.opening = time.monotonic() - began
            end = time.monotonic() + _length(match, share)
            for piece in table.endless(match.steps, first=first):
                table.play(piece, evaluate=False)
                if len(table.playing) < len(seats) or time.monotonic() >= end:
                    break
            table.close()
    match.spent += time.monotonic() - began
    _judge(match, sides, seats, share, neighbours.share, progress)


def _length(match: Match, share: float) -> float:
    """Seconds that a session plays: longer than it took to open, short enough to have several."""
    wanted = max(1.5 * match.opening, 2 * SHORTEST)
    most = max(share / FEWEST - match.opening, match.opening)
    left = share - match.spent - match.opening
    return max(SHORTEST, min(wanted, most, left))


def _judge(
    match: Match,
    sides: tuple[Side, Side],
    seats: Sequence[Seat],
    share: float,
    foreign: float | None,
    progress: Progress,
) -> None:
    for side, seat in zip(sides, seats, strict=True):
        if seat.facts.get("status") != "ok":
            match.fail(f"{side.label}: {seat.facts.get('reason')}")
            return
    match.doubts += restless(seats)
    pairs = session(*(_pieces(seat) for seat in seats))
    if len(pairs):
        match.sessions.append(pairs)
    match.foreign.append(foreign or 0.0)
    # Another session would take as long as the last: what it cannot be fitted into is the end.
    each = match.spent / max(1, len(match.foreign))
    done = 1.0 if match.spent + each > share else match.spent / share
    if (busy := statistics.fmean(match.foreign)) > CROWDED:
        if len(match.foreign) >= PATIENCE:
            match.fail(
                f"other processes used {busy:.0%} of the processors meanwhile; "
                "end them, or measure when they are gone"
            )
    else:
        match.verdict = match.looks.answer(done, match.sessions, seconds=match.spent)
    if match.verdict:
        progress.finish(f"{match.label}: {match.verdict.sentence}")


def _pieces(seat: Seat) -> Pieces:
    return Pieces(**{name: tuple(column) for name, column in seat.pieces.items()})


def _trial(match: Match, number: int, position: int) -> Trial:
    return Trial(
        workload=match.workload,
        contender=match.contender,
        repeat=number,
        block=number,
        position=position,
    )


def _blank(bench: Bench, match: Match, number: int, position: int) -> Record:
    setting = bench.settings[match.workload.name]
    return blank(_trial(match, number, position), setting, None)
