"""The answer of `levelfield doctor --noise` as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from levelfield.run.doctor import table
from levelfield.run.noise import BUDGET, Noise
from levelfield.run.noise.findings import LIMITS, difference, percent
from levelfield.run.noise.resolution import LEVEL, POWER, TRIALS

AIMS = (0.05, 0.02, 0.01)
"""Differences for which the text says how long a duet takes."""


def describe(noise: Noise) -> str:
    """What can be seen here, what was read, what was found and what to do about it."""
    parts = [_headline(noise), _readings(noise), *_findings(noise)]
    if noise.readings.absent:
        missing = [f"  {name}: {why}" for name, why in sorted(noise.readings.absent.items())]
        parts.append("\n".join(["not read:", *missing]))
    return "\n\n".join(parts)


def _headline(noise: Noise) -> str:
    found, minutes = noise.resolution, f"{BUDGET / 60:.0f} minutes"
    times = BUDGET / found.seconds
    how = f"extrapolated {times:.0f} times" if times > 1.5 else "not extrapolated"  # noqa: PLR2004 - about once
    seen = (
        f"Differences under {difference(noise.blocks_resolution)} cannot be seen here in "
        f"{minutes}; with --schedule duet {difference(noise.duet_resolution)}."
    )
    meant = (
        f"(From {found.seconds:.0f} s, {how}: the smallest difference that is found with "
        f"probability {POWER:.0%} at {LEVEL:.0%} confidence; blocks of {TRIALS} trials.)"
    )
    lines = [seen, meant]
    if waits := [text for aim in AIMS if (text := _wait(noise, aim))]:
        lines.append(f"A duet sees {', '.join(waits)}.")
    return "\n".join(lines)


def _wait(noise: Noise, aim: float) -> str:
    seconds = noise.resolution.duet_seconds(aim)
    if seconds is None:
        return ""
    shown = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"  # noqa: PLR2004 - minutes from here
    return f"{percent(aim)} in {shown}"


def _readings(noise: Noise) -> str:
    severities = {each.what: each.severity for each in noise.findings}
    rows = [(what, seen, severities.get(what, "")) for what, seen in _rows(noise)]
    return table(("reading", "seen", "judged"), rows)


def _rows(noise: Noise) -> Iterator[tuple[str, str]]:
    found, seen = noise.resolution, noise.readings
    yield "pieces", f"{2 * found.pairs} of {1000 * found.piece:.0f} ms on {seen.cores} cores"
    yield "one piece and another", f"differ by {percent(found.spread)} (standard deviation)"
    yield "slow noise", f"readings hang together over {found.correlation:.1f} s"
    yield "two side by side", f"differ by {percent(found.pair_spread)} (standard deviation)"
    yield "luck of processes", f"the two workers differ by {percent(abs(found.offset))} (median)"
    for limit in LIMITS:
        yield limit.what, _shown(getattr(seen, limit.of), limit.unit)
    yield "load", _shown(seen.load, lambda value: f"{value:.1f} before")
    yield "quota", "-" if seen.quota is None else f"{seen.quota:g} cores"
    yield "governor", seen.governor or "-"
    yield "turbo", {True: "on", False: "off", None: "-"}[seen.turbo]
    yield "hyperthreads", seen.siblings or "-"
    yield "swap", _shown(seen.swap, lambda value: f"{value / 2**20:.0f} MiB")


def _shown(value: float | None, text: Callable[[float], str]) -> str:
    return "-" if value is None else text(value)


def _findings(noise: Noise) -> Iterator[str]:
    for each in noise.findings:
        yield (
            f"{each.severity}: {each.what}: {each.seen}\n  why: {each.reason}\n  try: {each.advice}"
        )
