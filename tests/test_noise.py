"""`doctor --noise` on simulated machines: quiet, robbed, throttled, beside a neighbour."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from levelfield.errors import UserError
from levelfield.run import noise as doctor
from levelfield.run.clock import TICK
from levelfield.run.noise import measure, remember, remembered, warning
from levelfield.run.noise.findings import LIMITS
from levelfield.run.noise.system import System
from levelfield.run.noise.words import describe

CPU = "sys/devices/system/cpu"
HOSTILE = "a) S 1 (b\n\x1b[31m\u202e"


@dataclass(kw_only=True)
class Machine:
    """Two cores, a clock, and what disturbs: it turns as many /proc files as it is asked for."""

    spread: float = 0.005
    """Of the logarithm of a piece's seconds."""
    steal: float = 0.0
    """Share of both processors' time."""
    quota: float | None = None
    """Cores."""
    neighbour: float = 0.0
    """Cores that somebody else uses, by turns of a second."""
    unseen: float = 0.0
    """Cores that nobody known uses."""
    slow: float = 0.0
    """The second worker's pace, less that of the first."""
    frequencies: tuple[int, ...] = (2_000_000,)
    """kHz, one a second, in turns."""
    clock: float = 1000.0
    cpus: tuple[int, ...] = (0, 1)
    pids: tuple[int, ...] = (1001, 1002)
    spent: list[float] = field(default_factory=lambda: [0.0, 0.0])
    stopped: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def play(self, who: int) -> float:
        seconds = 0.1 * math.exp(self.random.gauss(self.slow * who, self.spread))
        self.spent[who] += 2 * seconds
        if self.steal and self.random.random() < 0.2:  # in bursts
            seconds += 5 * 0.1 * self.steal / (1 - self.steal)
        if self.quota is not None:
            stop = max(0.0, seconds * (2 / self.quota - 1)) * self.random.uniform(0.5, 1.5)
            self.stopped += stop
            seconds += stop
        if self.neighbour and int(self.clock) % 2:
            seconds *= 1 + self.neighbour
        self.clock += seconds
        return seconds

    def text(self, name: str) -> str:
        ran = self.clock - 1000.0
        theirs = ran * self.neighbour
        stolen = 2 * ran * self.steal
        busy = sum(self.spent) + theirs + ran * self.unseen
        tasks = {
            1000: ("levelfield", 1, 0.0),
            1001: ("python", 1000, self.spent[0]),
            1002: ("python", 1000, self.spent[1]),
            4242: (HOSTILE, 1, theirs),
        }
        if name.startswith("proc/") and name.endswith("/stat") and name != "proc/stat":
            comm, parent, seconds = tasks[int(name.split("/")[1])]
            rest = f"{round(seconds * TICK)} 0 0 0 20 0 1 0 77 0 0"
            return f"{name.split('/')[1]} ({comm}) R {parent} 1 1 0 -1 0 0 0 0 0 {rest}"
        quota = "max" if self.quota is None else str(int(self.quota * 100_000))
        files = {
            "proc/stat": f"cpu  {round(busy * TICK)} 0 0 9 0 0 0 {round(stolen * TICK)} 0 0\n"
            "cpu0 0 0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\n",
            "proc/loadavg": "0.10 0.10 0.10 1/100 4242\n",
            "proc/pressure/cpu": f"some avg10=0.00 total={round(1e6 * theirs / 2)}\n",
            "proc/self/cgroup": "0::/\n",
            "proc/meminfo": "SwapTotal: 0 kB\nSwapFree: 0 kB\n",
            "proc/vmstat": "pswpin 5\npswpout 5\n",
            "sys/fs/cgroup/cpu.max": f"{quota} 100000\n",
            "sys/fs/cgroup/cpu.stat": f"nr_throttled 0\nthrottled_usec {int(1e6 * self.stopped)}\n",
            f"{CPU}/intel_pstate/no_turbo": "1\n",
        }
        for cpu in (0, 1):
            kilohertz = self.frequencies[int(ran) % len(self.frequencies)]
            files[f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq"] = f"{kilohertz}\n"
            files[f"{CPU}/cpu{cpu}/cpufreq/scaling_governor"] = "performance\n"
            files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu}\n"
        for pid in (1001, 1002):
            files[f"proc/{pid}/task/{pid}/status"] = "nonvoluntary_ctxt_switches:\t3\n"
        if name not in files:
            raise FileNotFoundError(2, "No such file or directory", f"/{name}")
        return files[name]


@dataclass(frozen=True, kw_only=True)
class Simulated(System):
    machine: Machine

    def read(self, name: str) -> str:
        return self.machine.text(name)

    def names(self, folder: str) -> list[str]:
        if folder == "proc":
            return ["1000", "1001", "1002", "4242", "self", "stat"]
        return [folder.split("/")[1]]  # a worker's one thread


def seen(seconds: float = 30.0, **disturbed):
    machine = Machine(**disturbed)
    system = Simulated(machine=machine, clock=lambda: machine.clock, own=1000)
    return measure(machine, system, seconds=seconds)


def judged(noise) -> dict[str, str]:
    return {each.what: each.severity for each in noise.findings}


def test_a_quiet_machine():
    noise = seen()
    assert judged(noise) == {}
    assert noise.resolution.pairs == pytest.approx(150, abs=2)
    assert noise.resolution.spread == pytest.approx(0.005, rel=0.2)
    assert noise.resolution.pair_spread == pytest.approx(0.005 * math.sqrt(2), rel=0.2)
    assert noise.duet_resolution < noise.blocks_resolution < 0.01
    assert noise.readings.foreign == noise.readings.stolen == noise.readings.throttled == 0
    assert noise.readings.unnamed == pytest.approx(0, abs=0.01)
    assert set(noise.readings.absent) == {"quota"}
    assert warning(noise) == ""


def test_steal():
    quiet, robbed = seen(), seen(steal=0.08)
    assert judged(robbed)["steal"] == "severe"
    assert robbed.readings.stolen == pytest.approx(0.08, rel=0.01)
    assert robbed.blocks_resolution > 2 * quiet.blocks_resolution
    assert "8.0 % of the processors' time went to other machines" in warning(robbed)
    assert judged(seen(steal=0.02))["steal"] == "noisy"


def test_a_quota_that_stops_the_workers():
    noise = seen(quota=1.5)
    assert {"quota": "severe", "throttling": "severe"}.items() <= judged(noise).items()
    assert noise.readings.quota == 1.5
    assert noise.readings.throttled == pytest.approx(0.25, rel=0.1)  # a third beside 3/4 of a piece
    quota = next(each for each in noise.findings if each.what == "quota")
    assert "--threads 1" in quota.advice


def test_a_neighbour_is_named():
    noise = seen(neighbour=0.97)
    assert judged(noise)["foreign processes"] == "severe"
    assert [(each.pid, round(each.cores, 2)) for each in noise.readings.named] == [(4242, 0.97)]
    finding = next(each for each in noise.findings if each.what == "foreign processes")
    assert "(pid 4242) 97 % of a core" in finding.seen
    assert judged(noise)["pressure"] == "severe"
    assert noise.readings.unnamed == pytest.approx(0, abs=0.01)
    text = describe(noise) + warning(noise)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert all(line.isprintable() for line in text.splitlines())


def test_who_cannot_be_named_is_seen():
    assert judged(seen(unseen=0.3)) == {"unseen processes": "noisy"}


def test_frequency():
    noise = seen(frequencies=(2_000_000, 2_100_000))
    assert noise.readings.frequency == pytest.approx(0.05)
    assert judged(noise) == {"frequency": "noisy"}


def test_two_workers_that_are_not_alike():
    noise = seen(slow=0.02)
    assert judged(noise) == {"luck of processes": "noted"}
    assert noise.duet_resolution > 0.01
    assert seen().duet_resolution < 0.005


def test_a_neighbour_that_comes_and_goes_is_seen_through_in_turns():
    noise = seen(neighbour=0.5)
    assert noise.blocks_resolution > 5 * noise.duet_resolution


def test_every_limit_is_of_a_reading_and_grows_worse():
    readings = seen().readings
    for limit in LIMITS:
        assert hasattr(readings, limit.of)
        assert limit.judged(None) is limit.judged(0.0) is None
        assert limit.judged(limit.noisy) == "noisy"
        assert limit.judged(limit.severe) == "severe"


def test_words():
    text = describe(seen(neighbour=0.97, seconds=15.0))
    first, second = text.splitlines()[:2]
    assert first.startswith("Differences under ")
    assert "cannot be seen here in 5 minutes; with --schedule duet " in first
    assert "From 15 s, extrapolated 20 times" in second
    for part in ("severe: foreign processes: ", "  why: ", "  try: ", "not read:", "quota: no lim"):
        assert part in text


def test_a_machine_that_is_slow_is_given_more_time():
    noise = seen(1.0)
    assert noise.resolution.pairs == 15
    assert noise.resolution.seconds == pytest.approx(3.0, rel=0.05)


def test_more_than_twice_is_told_as_a_factor():
    quiet = seen()
    wild = replace(quiet, resolution=replace(quiet.resolution, luck=0.3))
    assert wild.blocks_resolution > 1
    assert describe(wild).startswith(
        f"Differences under a factor of {1 + wild.blocks_resolution:.1f} cannot be seen"
    )
    assert f"under {100 * quiet.blocks_resolution:.1f} % cannot" in describe(quiet)


def test_too_few_turns_and_why():
    with pytest.raises(UserError, match="turns each in 1 s") as caught:
        seen(0.3, neighbour=0.97)
    assert "(pid 4242) 97 % of a core" in str(caught.value)
    assert "--seconds" in caught.value.hint


@pytest.mark.parametrize("seconds", [0, 4.9, 601, -1, math.nan, math.inf])
def test_seconds_out_of_range(seconds):
    with pytest.raises(UserError, match="--seconds"):
        doctor.doctor(seconds)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / doctor.FILE


def test_remembered_as_it_was(cache):
    assert remembered() is None
    noise = seen(neighbour=0.97)
    remember(noise)
    kept = remembered()
    assert kept.findings == noise.findings
    assert kept.readings.absent == noise.readings.absent
    assert [each.name for each in kept.readings.named] == [
        each.name for each in noise.readings.named
    ]
    assert kept.pairs[7] == pytest.approx(noise.pairs[7], rel=1e-6)
    assert (kept.first, kept.when, kept.host) == (noise.first, noise.when, noise.host)
    assert kept.blocks_resolution == pytest.approx(noise.blocks_resolution, rel=1e-6)
    assert kept.duet_resolution == pytest.approx(noise.duet_resolution, rel=1e-6)
    assert [path.name for path in cache.parent.iterdir()] == [doctor.FILE]


@pytest.mark.parametrize(
    "change",
    [
        {"host": "00000000"},
        {"when": (datetime.now(UTC) - timedelta(days=2)).isoformat()},
        {"when": (datetime.now(UTC) + timedelta(days=2)).isoformat()},
    ],
)
def test_of_another_host_or_day_it_is_not(cache, change):
    remember(replace(seen(), **change))
    assert remembered() is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "3", '{"format": 1}', '{"format": 2}', "[" * 100_000, "\ud800"],
)
def test_what_is_no_answer_is_not_remembered(cache, text):
    cache.parent.mkdir()
    cache.write_bytes(text.encode(errors="surrogatepass"))
    assert remembered() is None


def test_no_part_of_an_answer_may_be_something_else(cache):
    remember(seen())
    whole = json.loads(cache.read_text(encoding="utf-8"))
    for key in whole:
        for wrong in ("text", 7, None, [], {"a": 1}):
            if type(wrong) is not type(whole[key]) or key in {"resolution", "readings"}:
                cache.write_text(json.dumps({**whole, key: wrong}), encoding="utf-8")
                assert remembered() is None, (key, wrong)


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "file"))
    assert remembered() is None
    with pytest.raises(UserError, match="cannot be written"):
        remember(seen())


def test_warning_says_how_old_it_is():
    noise = replace(seen(neighbour=0.97), when=(datetime.now(UTC) - timedelta(hours=3)).isoformat())
    assert "3 h ago; with --schedule duet" in warning(noise)
    assert "pid 4242" in warning(noise)
