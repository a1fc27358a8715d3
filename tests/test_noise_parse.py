"""The texts in which Linux tells what a machine does: recorded ones, hostile ones, any at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levelfield.run.clock import TICK
from levelfield.run.noise import parse

STAT = (
    "1 (systemd) S 0 0 0 0 -1 4194560 150987 216500042 0 12915 1021 5259 1471062 184289 20 0 13 0 "
    "30 45371392 3490 18446744073709551615 1 1 0 0 0 0 0 4096 1256 0 0 0 17 1 0 0 0 0 0 0 0\n"
)
PRESSURE = (
    "some avg10=0.81 avg60=7.94 avg300=10.76 total=3882196043\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
)
VIRTUAL = (
    "processor\t: 0\nflags\t\t: fpu sse2 hypervisor avx2\ncpu MHz\t\t: 2445.424\n\n"
    "processor\t: 1\nflags\t\t: fpu sse2 hypervisor avx2\ncpu MHz\t\t: 2445.424\n"
)
MEMINFO = (
    "MemTotal:       24684096 kB\nSwapCached:        0 kB\n"
    "SwapTotal:       2097148 kB\nSwapFree:        2000000 kB\n"
)
STATUS = "Name:\tpython\nvoluntary_ctxt_switches:\t38\nnonvoluntary_ctxt_switches:\t457\n"
V2 = (
    "usage_usec 5\nuser_usec 4\nsystem_usec 1\nnr_periods 10\nnr_throttled 4\n"
    "throttled_usec 1500000\nnr_bursts 0\nburst_usec 0\n"
)
V1 = "nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000\nnr_bursts 0\nburst_time 0\n"
GROUPS = "9:name=systemd:/\n4:memory:/a:b\n1:cpu,cpuacct:/kube/pod1\n0::/user.slice\n"


def test_recorded_texts():
    assert parse.load("1.94 1.81 1.72 3/156 21819\n") == 1.94
    assert parse.waited(PRESSURE) == 3882.196043
    assert parse.nominal(VIRTUAL.replace(" hypervisor", "")) == (2445.424, 2445.424)
    assert parse.swap_used(MEMINFO) == 97148 * 1024
    assert parse.swapped("pgpgin 7\npswpin 30\npswpout 12\n") == 42
    assert parse.switches(STATUS) == 457
    assert parse.throttled(V2) == 1.5
    assert parse.throttled(V1) == 2.5
    assert parse.quota("150000 100000\n") == 1.5
    assert parse.quota("max 100000\n") is None
    assert parse.quota_v1("50000\n", "100000\n") == 0.5
    assert parse.quota_v1("-1\n", "100000\n") is None
    assert parse.processors("0-2,8\n") == {0, 1, 2, 8}
    assert parse.groups(GROUPS) == {
        "name=systemd": "/", "memory": "/a:b", "cpu": "/kube/pod1", "cpuacct": "/kube/pod1",
        "": "/user.slice",
    }  # fmt: skip


def test_a_process():
    found = parse.task(STAT)
    assert (found.pid, found.name, found.parent, found.start) == (1, "systemd", 0, 30)
    assert found.seconds == (1021 + 5259) / TICK


def test_a_virtual_machine_is_not_told_its_frequency():
    with pytest.raises(ValueError, match="virtual machine"):
        parse.nominal(VIRTUAL)


@given(st.text(max_size=60))
@example("a) R 1 (b")
@example("\n) (\n")
@example("\x1b[2J\u202e")
def test_a_name_may_hold_anything(name):
    found = parse.task(STAT.replace("systemd", name, 1))
    assert (found.pid, found.parent, found.start) == (1, 0, 30)
    assert found.seconds == (1021 + 5259) / TICK
    assert found.name.isprintable() or found.name == ""
    assert len(found.name) <= parse.NAME
    if name.isprintable() and len(name) <= parse.NAME:
        assert found.name == name


@given(
    st.integers(0, 2**22), st.integers(0, 2**22), st.integers(0, 2**50), st.integers(0, 2**50),
    st.integers(0, 2**60),
)  # fmt: skip
def test_fields_of_a_process_are_where_proc_5_has_them(pid, parent, user, system, start):
    fields = ["R", *map(str, range(100, 140))]  # fields 3 to 43 of the table in proc(5)
    fields[4 - 3], fields[14 - 3], fields[15 - 3] = str(parent), str(user), str(system)
    fields[22 - 3] = str(start)
    found = parse.task(f"{pid} (x) {' '.join(fields)}\n")
    assert (found.pid, found.parent, found.start) == (pid, parent, start)
    assert found.seconds == (user + system) / TICK


ONE_TEXT = [
    parse.task, parse.load, parse.waited, parse.nominal, parse.quota, parse.throttled,
    parse.switches, parse.swap_used, parse.swapped, parse.processors, parse.whole,
]  # fmt: skip
LINES = st.sampled_from(
    [STAT, PRESSURE, VIRTUAL, MEMINFO, STATUS, V1, V2, GROUPS, "max 0\n", "0-99999999999\n"]
)


@pytest.mark.parametrize("function", ONE_TEXT)
@given(text=st.one_of(st.text(), st.builds(str.replace, LINES, st.text(max_size=2), st.text())))
@example(text="9" * 5000)
@example(text="²")
@example(text="1 0")
@example(text="nan")
@example(text="-1")
def test_any_text_is_understood_or_a_value_error(function, text):
    try:
        found = function(text)
    except ValueError:
        return
    if isinstance(found, float | int):
        assert 0 <= found < float("inf")


@given(st.text())
def test_any_text_has_groups(text):
    assert all(isinstance(path, str) for path in parse.groups(text).values())


@given(st.sets(st.integers(0, 9999), min_size=1, max_size=20))
def test_lists_of_processors(numbers):
    assert parse.processors(",".join(map(str, sorted(numbers)))) == numbers


@pytest.mark.parametrize("text", ["", "\n", "garbage", "some avg10=0"])
@pytest.mark.parametrize("function", ONE_TEXT)
def test_nothing_is_never_zero(function, text):
    with pytest.raises(ValueError, match=r"."):
        function(text)
