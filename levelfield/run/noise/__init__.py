"""`levelfield doctor --noise`: the smallest difference that can be seen on this machine.

Two equal workers take turns at a fixed piece of work. How much one piece differs from those around
it says what runs one after the other resolve; how much the two of a round differ, what a duet does.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from levelfield.data import cache_directory
from levelfield.errors import UserError
from levelfield.fetch import CACHE, writing
from levelfield.results.lines import made, plain
from levelfield.run import machine
from levelfield.run.noise.findings import Finding, difference, disturbances, findings
from levelfield.run.noise.readings import Readings
from levelfield.run.noise.resolution import (
    FEWEST,
    Resolution,
    resolution,
)
from levelfield.run.noise.system import System

if TYPE_CHECKING:
    from levelfield.run.noise.turns import Turns

SHORTEST, LONGEST, USUAL = 5.0, 600.0, 30.0
"""Seconds that can be asked for, and that are measured unless others are."""
BUDGET = 300.0
"""Seconds of the comparison that the answer is about."""
PATIENCE = 4.0
"""How many times the seconds asked for may pass until there are turns enough: a machine that is
too busy to give them is the one whose answer matters most."""
RECENT = timedelta(days=1)
"""Age up to which an answer is remembered: neighbours change by the hour, machines by the month."""
COARSE = 0.05
"""Resolution from which on a run is warned about: backends that are alike differ by less."""
GLANCE = 1.0
"""Seconds between two readings of the frequency."""
FORMAT = 1
FILE = "noise.json"


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What one measurement of this machine showed."""

    host: str
    """Fingerprint of the machine."""
    when: str
    """When it was measured, in ISO 8601."""
    pairs: tuple[tuple[float, ...], ...]
    """Seconds of the first and of the second worker's piece, a pair a round."""
    first: tuple[int, ...]
    """Which worker, 0 or 1, had the first turn of each round."""
    resolution: Resolution
    readings: Readings
    findings: tuple[Finding, ...]

    @property
    def blocks_resolution(self) -> float:
        """Smallest difference that blocks show in five minutes, 0.04 for 4 %."""
        return self.resolution.blocks(BUDGET)

    @property
    def duet_resolution(self) -> float:
        """Smallest difference that a duet shows in five minutes."""
        return self.resolution.duet(BUDGET)

    @property
    def age(self) -> timedelta:
        """Time since the measurement."""
        return datetime.now(UTC) - datetime.fromisoformat(self.when)


def doctor(seconds: float = USUAL) -> str:
    """Measure, remember, and say in words what can be seen here."""
    from levelfield.run.noise.turns import Pair
    from levelfield.run.noise.words import describe

    if not SHORTEST <= seconds <= LONGEST:
        expected = f"{SHORTEST:g} to {LONGEST:g}"
        raise UserError(f"got {seconds:g}", where="--seconds", expected=expected)
    cpus = sorted(os.sched_getaffinity(0))
    with Pair(cpus, timeout=60 + 2 * PATIENCE * seconds) as turns:
        noise = measure(turns, System(), seconds=seconds)
    remember(noise)
    return describe(noise)


def measure(turns: Turns, system: System, *, seconds: float, seed: int = 0) -> Noise:
    """Let two workers take turns for so many seconds of the system's clock; judge what was seen.

    ``seed``: of the order within the rounds. Raises `UserError` where too few turns were had.
    """
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    pairs: list[tuple[float, float]] = []
    first: list[int] = []
    frequencies: list[tuple[float, ...]] = []
    glance = _glances(system, turns.cpus, frequencies)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    before = system.snapshot(turns.pids)
    end, last = before.clock + seconds, before.clock + PATIENCE * seconds
    while (now := system.clock()) < end or (len(pairs) < FEWEST and now < last):
        glance()
        first.append(order.randrange(2))
        spans = {who: turns.play(who) for who in (first[-1], 1 - first[-1])}
        pairs.append((spans[0], spans[1]))
    after = system.snapshot(turns.pids)
    readings = system.readings(before, after, turns.cpus, frequencies)
    if len(pairs) < FEWEST:
        raise _too_few(len(pairs), after.clock - before.clock, readings)
    found = resolution(pairs, first, seconds=after.clock - before.clock)
    return Noise(
        host=machine.host(),
        when=when,
        pairs=tuple(pairs),
        first=tuple(first),
        resolution=found,
        readings=readings,
        findings=findings(readings, found),
    )


def _too_few(pairs: int, seconds: float, readings: Readings) -> UserError:
    """An error that tells what kept the workers from their turns, as far as that was seen."""
    seen = "; ".join(each.seen for each in disturbances(readings) if each.severity == "severe")
    return UserError(
        f"the workers had {pairs} turns each in {seconds:.0f} s" + (f" ({seen})" if seen else ""),
        where="doctor --noise",
        expected=f"{FEWEST} at least, to say anything",
        hint="end what else runs, or give more --seconds",
    )


def _glances(
    system: System, cpus: Sequence[int], found: list[tuple[float, ...]]
) -> Callable[[], None]:
    """What looks at the frequency between turns, once a `GLANCE`; where it cannot, never again."""
    due = system.clock()

    def glance() -> None:
        nonlocal due
        if system.clock() < due:
            return
        due = system.clock() + GLANCE
        try:
            found.append(system.frequencies(cpus))
        except (OSError, ValueError):
            due = float("inf")

    return glance


def remember(noise: Noise) -> None:
    """Keep an answer in the cache folder, for `remembered`."""
    folder = cache_directory()
    part = folder / f".{FILE}.{os.getpid()}"
    with writing(folder, CACHE):
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"format": FORMAT, **plain(noise)}), encoding="utf-8")
        part.replace(folder / FILE)


def remembered() -> Noise | None:
    """The last answer, if it is of this host and recent; None, too, where it cannot be read."""
    try:
        facts = json.loads((cache_directory() / FILE).read_text(encoding="utf-8"))
        if facts.pop("format") != FORMAT:
            return None
        noise: Noise = made(facts, Noise)
        recent = timedelta(minutes=-1) <= noise.age <= RECENT
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, UserError):
        return None
    return noise if recent and noise.host == machine.host() else None


def warning(noise: Noise) -> str:
    """A sentence for whoever is about to measure here, or nothing where the machine is quiet."""
    severe = [each for each in noise.findings if each.severity == "severe"]
    if noise.blocks_resolution < COARSE and not severe:
        return ""
    hours = noise.age / timedelta(hours=1)
    ago = f"{hours:.0f} h ago" if hours >= 1 else f"{60 * hours:.0f} min ago"
    text = (
        f"differences under {difference(noise.blocks_resolution)} could not be seen here in "
        f"{BUDGET / 60:.0f} minutes {ago}; with --schedule duet {difference(noise.duet_resolution)}"
    )
    if severe:
        text += f" ({severe[0].seen})"
    return f"{text}. See levelfield doctor --noise."
