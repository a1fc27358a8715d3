"""What makes this machine noisy, how bad it is and why, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from levelfield.run.noise.readings import Readings
from levelfield.run.noise.resolution import Resolution

Severity = Literal["noted", "noisy", "severe"]
SEVERITIES: tuple[Severity, ...] = ("severe", "noisy", "noted")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that was seen, how bad it is, and what to do."""

    what: str
    seen: str
    severity: Severity
    reason: str
    """The limit, and why it lies there."""
    advice: str


@dataclass(frozen=True, kw_only=True)
class Limit:
    """From where on a reading is noisy, and severe."""

    what: str
    of: str
    """The reading's name in `Readings`."""
    noisy: float
    severe: float
    unit: Callable[[float], str]
    """A value as it stands in the table."""
    text: Callable[[float], str]
    """And in a sentence."""
    reason: str
    advice: str

    def judged(self, value: float | None) -> Severity | None:
        """How bad a value is; None where it is not, or not known."""
        if value is None or value < self.noisy:
            return None
        return "severe" if value >= self.severe else "noisy"


def percent(value: float) -> str:
    """A share with two digits: 0.034 is 3.4 %."""
    return f"{100 * value:.{1 if abs(value) < 0.0995 else 0}f} %"  # noqa: PLR2004 - 10 % has no tenth


def difference(value: float) -> str:
    """A relative difference: 0.034 is 3.4 %, 2.9 is a factor of 3.9."""
    return percent(value) if value < 1 else f"a factor of {1 + value:.1f}"


def cores(value: float) -> str:
    """Cores in words: 97 % of a core, 2.3 cores."""
    return f"{100 * value:.0f} % of a core" if value < 0.995 else f"{value:.1f} cores"  # noqa: PLR2004 - rounds to 1


def each_second(value: float) -> str:
    """A rate in words."""
    return f"{value:.1f} a second"


LIMITS = (
    Limit(
        what="steal",
        of="stolen",
        noisy=0.01,
        severe=0.05,
        unit=percent,
        text=lambda value: f"{percent(value)} of the processors' time went to other machines",
        reason="what is stolen is waited for: 1 % of it moves times by 1 %, and in bursts",
        advice="use a dedicated or larger instance, another hour, or --schedule duet",
    ),
    Limit(
        what="frequency",
        of="frequency",
        noisy=0.03,
        severe=0.10,
        unit=percent,
        text=lambda value: f"a processor's frequency changed by {percent(value)}",
        reason="a product of matrices takes time inversely to the frequency",
        advice="set the governor to performance, turn turbo off, let the machine warm up and cool",
    ),
    Limit(
        what="throttling",
        of="throttled",
        noisy=0.001,
        severe=0.05,
        unit=percent,
        text=lambda value: f"stopped at the control group's quota for {percent(value)} of the time",
        reason="each stop lasts up to a period (100 ms), as long as a piece of training",
        advice="raise the quota (docker --cpus, Kubernetes limits), or lower --threads below it",
    ),
    Limit(
        what="foreign processes",
        of="foreign",
        noisy=0.05,
        severe=0.50,
        unit=cores,
        text=lambda value: f"{cores(value)} used by processes that are not ours",
        reason="a product waits for its slowest thread: what that one loses, the whole loses",
        advice="end them, or measure when they are done",
    ),
    Limit(
        what="unseen processes",
        of="unnamed",
        noisy=0.05,
        severe=0.50,
        unit=cores,
        text=lambda value: (
            f"{cores(value)} used by processes that are short-lived or cannot be seen"
        ),
        reason="the same as for foreign processes; those of other containers have no name here",
        advice="look from the host (top), or for a build or cron job that starts many processes",
    ),
    Limit(
        what="pressure",
        of="waiting",
        noisy=0.05,
        severe=0.25,
        unit=percent,
        text=lambda value: f"in {percent(value)} of the time some task waited for a processor",
        reason="one worker runs at a time, with a thread a processor: alone it never waits",
        advice="end what else runs, or leave it a core: --threads one less",
    ),
    Limit(
        what="switches",
        of="switches",
        noisy=75.0,
        severe=250.0,
        unit=each_second,
        text=lambda value: f"a thread had to leave its processor {value:.0f} times a second",
        reason="a slice is about 3 ms: 75 of them are up to a fifth of the time; "
        "pools that yield while they wait have reached 40 by themselves",
        advice="end what else runs, or leave it a core: --threads one less",
    ),
    Limit(
        what="swapping",
        of="swapped",
        noisy=1.0,
        severe=100.0,
        unit=each_second,
        text=lambda value: f"{value:.0f} pages a second went to swap or came back",
        reason="a page that has to come from disk takes 0.1 to 10 ms",
        advice="free memory: end what holds it, or train on fewer samples",
    ),
)


def findings(readings: Readings, resolution: Resolution) -> tuple[Finding, ...]:
    """Everything that was found, the worst first."""
    found = [*disturbances(readings), *_settings(readings), *_spread(resolution)]
    return tuple(sorted(found, key=lambda each: SEVERITIES.index(each.severity)))


def disturbances(readings: Readings) -> Iterator[Finding]:
    """The readings that are beyond their limits."""
    for limit in LIMITS:
        value: float | None = getattr(readings, limit.of)
        severity = limit.judged(value)
        if severity and value is not None:
            names = _names(readings) if limit.of == "foreign" else ""
            yield Finding(
                what=limit.what,
                seen=limit.text(value) + names,
                severity=severity,
                reason=f"noisy from {_bare(limit.noisy)}, severe from {_bare(limit.severe)}: "
                f"{limit.reason}",
                advice=limit.advice,
            )


def _names(readings: Readings) -> str:
    named = [each for each in readings.named or () if each.cores >= 0.01]  # noqa: PLR2004 - 1 %
    return ": " + ", ".join(f"{n.name} (pid {n.pid}) {cores(n.cores)}" for n in named)


def _bare(limit: float) -> str:
    return f"{limit:g} a second" if limit >= 1 else f"{100 * limit:g} %"


def _settings(readings: Readings) -> Iterator[Finding]:
    """What does no harm by itself, but lets times change."""
    load, count = readings.load, readings.cores
    if load is not None and load >= 0.5 * count:
        yield Finding(
            what="load",
            seen=f"{load:.1f} tasks ran in the minute before, on {count} cores",
            severity="noisy" if load >= count else "noted",
            reason="noted from half a task a core, noisy from one: they may come back",
            advice="wait for a minute and measure again",
        )
    if readings.quota is not None and readings.quota < count:
        yield Finding(
            what="quota",
            seen=f"the control group may use {readings.quota:g} of {count} cores",
            severity="severe",
            reason="more threads than the quota allows are stopped in the middle of every period",
            advice=f"raise the quota, or --threads {max(1, int(readings.quota))}",
        )
    if readings.siblings == "inside":
        yield Finding(
            what="hyperthreads",
            seen="two of the processors used are threads of the same core",
            severity="noted",
            reason="they share its arithmetic units: a second thread adds little, and unevenly",
            advice="bind the run to one thread a core (taskset), or turn SMT off",
        )
    if readings.siblings == "outside":
        yield Finding(
            what="hyperthreads",
            seen="the cores used have second threads that others may use",
            severity="noted",
            reason="a neighbour on the second thread takes up to half of a core, and is no steal",
            advice="keep them free (cpuset), or turn SMT off",
        )
    if readings.governor not in {None, "performance"}:
        yield Finding(
            what="governor",
            seen=f"the frequency governor is {readings.governor}",
            severity="noted",
            reason="all others than performance follow the load, which idle turns of a duet lower",
            advice="cpupower frequency-set -g performance",
        )
    if readings.turbo:
        yield Finding(
            what="turbo",
            seen="turbo is on",
            severity="noted",
            reason="how far it goes depends on heat and on how many cores are busy",
            advice="echo 1 > .../cpu/intel_pstate/no_turbo, or echo 0 > .../cpu/cpufreq/boost",
        )
    if readings.swap:
        yield Finding(
            what="swap",
            seen=f"{readings.swap / 2**20:.0f} MiB lie in swap",
            severity="noted",
            reason="whoever needs them next waits for the disk",
            advice="free memory, then swapoff -a and swapon -a",
        )


def _spread(resolution: Resolution) -> Iterator[Finding]:
    """What the workers' own times show."""
    if not resolution.settled:
        yield Finding(
            what="slow noise",
            seen=f"readings hang together over {resolution.correlation:.1f} s",
            severity="noisy",
            reason="from a fiftieth of the measurement on it is unknown how longer runs average it",
            advice="--seconds 300 shows more of it; --schedule duet sees through it",
        )
    if resolution.luck:
        yield Finding(
            what="luck of processes",
            seen=f"two equal workers differ by {percent(abs(resolution.luck))}, beyond their noise",
            severity="noted",
            reason="where memory lies differs from process to process (Mytkowicz et al., 2009)",
            advice="compare several pairs of fresh processes: --repeats 8, or levelfield compare",
        )
