"""What a user sees while a suite runs: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

REDRAW = 0.5
"""Seconds that pass at least between two epochs shown."""
TWICE, TOLD = 1.96, 0.1
"""Standard deviations that are given or taken (95 %), and the share from which on it is said."""
MINUTES = 90
"""Seconds from which on a time is told in minutes."""


class Progress:
    """Tells what is done, by whom, how long it may still take. Use as a context manager.

    On a terminal the bar is redrawn only when something has happened: while a trial is timed, the
    parent sleeps.
    """

    def __init__(self, *, steps: int, quiet: bool = False) -> None:
        """Begin with so many steps to do; a step is a verification or a trial."""
        self.steps, self.done, self.quiet = steps, 0, quiet
        self._begun = self._shown = time.monotonic()
        self.wander: Callable[[float], float] | None = None
        """Relative standard deviation of so many seconds of work on this machine, if known."""
        self._label, self._told = "", dict[str, str]()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._bar = Progress(
                MofNCompleteColumn(),
                BarColumn(bar_width=20),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                auto_refresh=False,
            )
            self._task = self._bar.add_task("", total=steps)

    def __enter__(self) -> Self:
        """Show the bar, where there is one."""
        self._context: AbstractContextManager[object] = self._bar or nullcontext()
        self._context.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar down."""
        self._context.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        if self.quiet:
            return
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - the user's terminal

    def why(self, status: str, reason: str, *, who: str) -> str:
        """A status with its reason; where that was told before, with whom it was told of."""
        text = f"{status}: {reason}"
        if text not in self._told:
            self._told[text] = who
            return text
        return f"{status}, as {'before' if self._told[text] == who else self._told[text]}"

    def start(self, label: str) -> None:
        """Say what is under way."""
        self._label = label
        self._draw(label)

    def epoch(self, number: int, epochs: int, loss: float) -> None:
        """Say how far the trial under way is; at most twice a second."""
        if time.monotonic() - self._shown > REDRAW:
            self._draw(f"{self._label}  epoch {number}/{epochs}  loss {loss:.4g}")

    def finish(self, text: str) -> None:
        """Count a step as done, with one line about it."""
        self.done += 1
        prefix = "" if self._bar else f"[{self.done}/{self.steps}] "
        eta = "" if self._bar else f"  ({self.eta()} left)"
        self.say(f"{prefix}{text}{eta if self.done < self.steps else ''}")
        self._draw(self._label)

    def eta(self) -> str:
        """Time that the steps to come may take, going by those done and by the machine's noise."""
        each = (time.monotonic() - self._begun) / max(1, self.done)
        left = each * (self.steps - self.done)
        text = f"{left / 60:.0f} min" if left >= MINUTES else f"{left:.0f} s"
        off = TWICE * self.wander(left) if self.wander and left else 0.0
        return f"{text}, give or take {off:.0%}" if off >= TOLD else text

    def _draw(self, text: str) -> None:
        self._shown = time.monotonic()
        if self._bar is not None and self._task is not None:
            eta = f"  ETA {self.eta()}" if self.done else ""
            self._bar.update(self._task, completed=self.done, description=text + eta, refresh=True)
