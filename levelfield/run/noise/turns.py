"""Two equal workers that take turns at a fixed piece of work, a product of matrices."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from levelfield.errors import UserError
from levelfield.run.clock import children
from levelfield.run.pieces import AIM
from levelfield.run.process import Process, WorkerError

SIZE = 512
"""Rows of the matrices: making them takes 3 ms a piece, a product of two 1 to 10 ms."""
TRIED, MOST = 8, 1000
"""Products that calibrate a piece, and that it has at most."""


class Turns(Protocol):
    """Whoever can be measured: two workers, or what simulates them."""

    @property
    def cpus(self) -> Sequence[int]:
        """The processors that the workers use."""

    @property
    def pids(self) -> Sequence[int]:
        """Their process ids."""

    def play(self, who: int) -> float:
        """One piece by worker 0 or 1, while the other is stopped: its seconds."""


class Pair:
    """Two live workers. Use as a context manager: afterwards none is left."""

    def __init__(self, cpus: Sequence[int], *, timeout: float) -> None:
        """They run on these processors, and have so many seconds to live."""
        self.cpus = tuple(cpus)
        self.pids: tuple[int, ...] = ()
        self._timeout, self._repeats = timeout, TRIED
        self._workers: list[Process] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start them, warm them up, and find the length of a piece."""
        known = set(children(os.getpid()))
        with ExitStack() as stack:
            for _ in range(2):
                worker = Process(cpus=self.cpus, environ={}, timeout=self._timeout)
                self._workers.append(stack.enter_context(worker))
            self.pids = tuple(set(children(os.getpid())) - known)
            self._calibrate()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End them; one that is stopped could not end by itself."""
        for worker in self._workers:
            worker.resume()
        self._stack.__exit__(kind, error, trace)

    def play(self, who: int) -> float:
        """One piece by worker 0 or 1; its seconds."""
        worker = self._workers[who]
        worker.resume()
        try:
            reply = worker.ask("sentinel", size=SIZE, repeats=self._repeats, precision="float32")
        except WorkerError as error:
            raise UserError(
                f"a worker came to no end: {error.reason}",
                where="doctor --noise",
                hint="levelfield doctor tells whether NumPy can run here",
            ) from None
        worker.pause()
        return math.fsum(reply["seconds"])

    def _calibrate(self) -> None:
        """Find how many products take `AIM` as the machine is now.

        By the least of their seconds pieces were ten times as long beside a neighbour, for whom a
        product's threads wait, and left too few turns.
        """
        self.play(0)
        each = statistics.median(self.play(who) for who in (1, 0, 1, 0, 1)) / TRIED
        self._repeats = max(1, min(MOST, round(AIM / max(each, 1e-9))))
        for who in (0, 1):
            self.play(who)
