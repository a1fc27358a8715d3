"""Counters and settings of machines that are folders of recorded files."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelfield.run.clock import TICK
from levelfield.run.noise.parse import Task
from levelfield.run.noise.readings import used
from levelfield.run.noise.system import System

CPU = "sys/devices/system/cpu"


def put(root: Path, files: dict[str, str]) -> System:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return System(root=root, clock=lambda: 0.0, own=1000)


def settings(system: System, cpus=(0, 1)):
    now = system.snapshot([])
    return system.readings(now, now, cpus, [])


def test_a_machine_that_tells_nothing(tmp_path):
    """Nothing is zero that was not read, and every reading says why it is missing."""
    seen = settings(put(tmp_path, {"proc/none": ""}))
    for name in (
        "stolen", "frequency", "governor", "turbo", "siblings", "load", "waiting", "unnamed",
        "quota", "throttled", "swap", "swapped",
    ):  # fmt: skip
        assert getattr(seen, name) is None, name
        assert seen.absent[name], name
    assert "there is no" in seen.absent["load"]
    assert str(tmp_path / "proc/loadavg") in seen.absent["load"]


def test_a_machine_that_cannot_be_understood(tmp_path):
    names = ("proc/stat", "proc/loadavg", "proc/pressure/cpu", "proc/meminfo", "proc/vmstat")
    seen = settings(put(tmp_path, dict.fromkeys(names, "\x00 garbage\n")))
    for name in ("stolen", "load", "waiting", "swap", "swapped"):
        assert getattr(seen, name) is None
        assert seen.absent[name]


def test_settings_of_a_laptop(tmp_path):
    files = {}
    for cpu, pair in enumerate(("0,2", "1,3", "0,2", "1,3")):
        files[f"{CPU}/cpu{cpu}/cpufreq/scaling_governor"] = "powersave\n"
        files[f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq"] = f"{1_800_000 + cpu}\n"
        files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = f"{pair}\n"
    system = put(tmp_path, files | {f"{CPU}/intel_pstate/no_turbo": "0\n"})
    assert system.frequencies([0, 3]) == (1800.0, 1800.003)
    seen = settings(system, (0, 1))
    assert (seen.governor, seen.turbo, seen.siblings) == ("powersave", True, "outside")
    assert settings(system, (0, 2)).siblings == "inside"


@pytest.mark.parametrize(
    ("name", "text", "turbo"),
    [
        ("intel_pstate/no_turbo", "1\n", False),
        ("cpufreq/boost", "1\n", True),
        ("cpufreq/boost", "0\n", False),
    ],
)
def test_turbo_of_two_makers(tmp_path, name, text, turbo):
    assert settings(put(tmp_path, {f"{CPU}/{name}": text})).turbo is turbo


GROUP = "sys/fs/cgroup"


def test_the_tightest_quota_of_version_2_counts(tmp_path):
    system = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/kubepods/pod\n",
            f"{GROUP}/kubepods/pod/cpu.max": "max 100000\n",
            f"{GROUP}/kubepods/cpu.max": "150000 100000\n",
            f"{GROUP}/kubepods/pod/cpu.stat": "usage_usec 1\nnr_throttled 3\nthrottled_usec 5000\n",
            f"{GROUP}/cpu.stat": "usage_usec 99\n",
        },
    )
    assert settings(system).quota == 1.5
    assert system.snapshot([]).throttled == 0.005


def test_quota_of_a_container_with_version_1(tmp_path):
    """It is told the host's path, and finds its own group at the root."""
    base = f"{GROUP}/cpu,cpuacct"
    system = put(
        tmp_path,
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/123\n1:name=systemd:/docker/123\n",
            f"{base}/cpu.cfs_quota_us": "50000\n",
            f"{base}/cpu.cfs_period_us": "100000\n",
            f"{base}/cpu.stat": "nr_periods 4\nnr_throttled 1\nthrottled_time 20000000\n",
        },
    )
    assert settings(system).quota == 0.5
    assert system.snapshot([]).throttled == 0.02


def test_no_limit_is_no_reading(tmp_path):
    files = {"proc/self/cgroup": "0::/\n", f"{GROUP}/cpu.max": "max 100000\n"}
    seen = settings(put(tmp_path, files))
    assert seen.quota is None
    assert seen.absent["quota"] == "no limit is set"


def test_a_group_outside_is_not_followed(tmp_path):
    files = {"proc/self/cgroup": "0::/../../etc\n", "etc/cpu.max": "1 100000\n"}
    assert settings(put(tmp_path, files)).quota is None


def task(pid: int, parent: int, seconds: float, *, start: int = 1, name: str = "x") -> Task:
    return Task(pid=pid, name=name, parent=parent, start=start, seconds=seconds)


def test_ours_are_the_descendants_of_this_process():
    before = [task(1000, 1, 5.0), task(1001, 1000, 0.0), task(7, 1, 100.0), task(8, 1, 3.0)]
    after = [
        task(1000, 1, 6.0), task(1001, 1000, 4.0), task(1002, 1001, 1.0),  # ours: 1 + 4 + 1
        task(7, 1, 105.0, name="browser"), task(8, 1, 3.0),  # 5 and nothing
        task(9, 7, 2.0, start=50, name="born"),  # 2
    ]  # fmt: skip
    named, foreign, mine = used(before, after, own=1000, seconds=10.0)
    assert [(each.name, each.pid, each.cores) for each in named] == [
        ("browser", 7, 0.5),
        ("born", 9, 0.2),
    ]
    assert foreign == pytest.approx(0.7)
    assert mine == pytest.approx(0.6)


def test_a_pid_that_was_given_anew_is_another_process():
    named, foreign, _ = used([task(7, 1, 90.0)], [task(7, 1, 1.0, start=2)], own=1000, seconds=10.0)
    assert foreign == pytest.approx(0.1)
    assert named[0].cores == pytest.approx(0.1)


def test_only_those_who_used_most_are_named_and_all_are_counted():
    after = [task(pid, 1, float(pid)) for pid in range(2, 12)]
    named, foreign, _ = used([], after, own=1000, seconds=1.0)
    assert [each.pid for each in named] == [11, 10, 9, 8, 7]
    assert foreign == sum(range(2, 12))


def test_this_machine_is_read():
    """For real: whatever is there is understood, and what is not has a reason."""
    system = System()
    before, after = system.snapshot([system.own]), system.snapshot([system.own])
    assert any(each.pid == system.own for each in after.tasks)
    assert after.clock >= before.clock
    assert after.busy >= before.busy
    assert after.switches >= before.switches
    seen = system.readings(before, after, [0], [])
    for name, value in vars(seen).items():
        assert value is not None or seen.absent[name], name
    assert TICK > 0
