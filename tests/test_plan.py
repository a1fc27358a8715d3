"""From a suite and options to contenders, and from those to trials in shuffled blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from specs import workload

from levelfield.errors import UserError
from levelfield.spec.device import parse
from levelfield.spec.plan import Contender, contenders, plan

MODES = {"alpha": ("eager", "compile"), "beta": ("graph",), "gamma": ("jit", "scan", "compile")}
ALL = ["alpha/eager", "alpha/compile", "beta/graph", "gamma/jit", "gamma/scan", "gamma/compile"]
DEFAULTS = ["alpha/eager", "beta/graph", "gamma/jit"]

# What the suite wants, --backends, --modes, and what comes of it.
CHOSEN = [
    (["all"], [], [], DEFAULTS),
    (["all/*"], [], [], ALL),
    (["gamma"], [], [], ["gamma/jit"]),
    (["gamma/"], [], [], ["gamma/jit"]),
    (["gamma/scan", "alpha"], [], [], ["gamma/scan", "alpha/eager"]),
    (["gamma/scan", "gamma/jit"], [], [], ["gamma/scan", "gamma/jit"]),
    (["gamma/scan", "gamma/*"], [], [], ["gamma/scan", "gamma/jit", "gamma/compile"]),
    (["beta", "beta", "beta/graph", "beta/*"], [], [], ["beta/graph"]),
    (["alpha/compile", "all"], [], [], ["alpha/compile", *DEFAULTS]),
    (["all/*"], ["gamma"], [], ["gamma/jit", "gamma/scan", "gamma/compile"]),
    (["beta"], ["gamma", "beta"], [], ["gamma/jit", "beta/graph"]),
    (["alpha/compile"], ["all"], [], ["alpha/compile", "beta/graph", "gamma/jit"]),
    (["beta"], ["all", "beta"], [], DEFAULTS),
    (["all"], [], ["all"], ALL),
    (["all/*"], [], ["default"], DEFAULTS),
    (["all"], [], ["compile"], ["alpha/compile", "gamma/compile"]),
    (["all"], [], ["compile", "default"], ["alpha/eager", "alpha/compile", "beta/graph",
                                           "gamma/jit", "gamma/compile"]),
    (["alpha/eager"], ["gamma"], ["scan", "jit"], ["gamma/jit", "gamma/scan"]),
    (["alpha"], [], ["eager", "all"], ["alpha/eager", "alpha/compile"]),
]  # fmt: skip

# What the suite wants, the options, where the message points, what it says was seen, which names
# it gives, and the nearest.
NAMES = "alpha, beta, gamma"
KNOWN = "all, compile, default, eager, graph, jit, scan"
REFUSED = [
    (["alfa"], {}, "contenders[0]", "backend 'alfa'", NAMES, "alpha"),
    (["alpha", ""], {}, "contenders[1]", "backend ''", NAMES, ""),
    (["beta", "alpha/compil"], {}, "contenders[1]", "mode of alpha 'compil'", "compile, eager",
     "compile"),
    (["all/scan"], {}, "contenders[0]", "mode of alpha 'scan'", "compile, eager", ""),
    (["alpha/eager/x"], {}, "contenders[0]", "mode of alpha 'eager/x'", "compile, eager", "eager"),
    (["all"], {"backends": ["beta", "gama"]}, "--backends", "backend 'gama'", NAMES, "gamma"),
    (["all"], {"modes": ["compil"]}, "--modes", "mode 'compil'", KNOWN, "compile"),
    (["all"], {"modes": ["compile", "compil"]}, "--modes", "mode 'compil'", KNOWN, "compile"),
    (["beta"], {"modes": ["scan"]}, "--modes", "mode 'scan'", "all, default, graph", ""),
    (["all"], {"backends": ["beta"], "modes": ["default", "scan"]}, "--modes", "mode 'scan'",
     "all, default, graph", ""),
]  # fmt: skip


class Adapter:
    """As much of an adapter as the plan looks at."""

    environment = "main"
    environments: ClassVar[dict[str, str]] = {}
    devices = frozenset({"cpu"})
    only: ClassVar[dict[str, frozenset[str]]] = {}


def adapters() -> dict[str, type]:
    known = {n: type(n, (Adapter,), {"name": n, "modes": modes}) for n, modes in MODES.items()}
    known["gamma"].devices = frozenset({"cpu", "cuda"})
    known["gamma"].environment = "other"
    return known


def who(*labels: str) -> list[Contender]:
    parts = [label.split("/") for label in labels]
    return [Contender(backend=b, mode=m, device="cpu", environment="main") for b, m in parts]


def labels(trials: list) -> list[tuple[str, str]]:
    return [(trial.workload.name, str(trial.contender)) for trial in trials]


TWO = [workload(), workload("epochs", 9).replace(name="other")]
SIX = who(*ALL)


@pytest.mark.parametrize(("wanted", "backends", "modes", "chosen"), CHOSEN)
def test_contenders_are_chosen_by_the_suite_and_the_options(wanted, backends, modes, chosen):
    found = contenders(wanted, adapters(), backends=backends, modes=modes)
    assert [str(contender) for contender in found] == chosen


@pytest.mark.parametrize(("wanted", "options", "where", "seen", "known", "near"), REFUSED)
def test_contenders_that_do_not_exist_are_refused(wanted, options, where, seen, known, near):
    with pytest.raises(UserError) as error:
        contenders(wanted, adapters(), **options)
    hint = f"\n  try: did you mean {near}?" if near else ""
    assert str(error.value) == f"{where}: unknown {seen}; expected one of {known}{hint}"


@pytest.mark.parametrize("device", ["gpu", "", "cpu,", "spark", "spark:2", "spark:0x1", "cuda:x"])
def test_devices_that_do_not_exist_are_refused(device):
    with pytest.raises(UserError, match=r"^--device: unknown device '.*'; expected cpu, cuda, "):
        contenders(["all"], adapters(), device=device)
    if device and "," not in device:
        with pytest.raises(UserError, match=r"^contenders\[0\]: unknown device"):
            contenders([f"alpha@{device}"], adapters())


def test_devices_of_the_suite_and_of_the_options():
    known = adapters()
    known["beta"].devices = frozenset({"spark"})
    wanted = ["alpha", "beta@spark:1x1", "beta@spark:2x1x3g", "gamma@cuda:1", "gamma"]
    found = [str(c) for c in contenders(wanted, known, cores=8)]
    assert [text.partition("@")[2] for text in found] == [
        "", "spark:1x1", "spark:2x1x3g", "cuda:1", ""
    ]  # fmt: skip
    found = [c.device for c in contenders(["alpha", "beta", "gamma"], known, cores=8)]
    assert found == ["cpu", "spark:8x1", "cpu"]
    found = contenders(wanted, known, device="cpu,cuda")
    assert [(c.backend, c.device) for c in found] == [
        ("alpha", "cpu"), ("beta", "cpu"), ("gamma", "cpu"), ("gamma", "cuda")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cores", "counts"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (12, [1, 2, 4, 8, 12])],
)
def test_every_cluster_that_the_cores_allow(cores, counts):
    known = adapters()
    known["beta"].devices = frozenset({"spark"})
    found = contenders(["alpha", "beta@spark:*"], known, cores=cores)
    assert [c.device for c in found] == ["cpu", *(f"spark:{n}x1" for n in counts)]


@given(st.integers(1, 99), st.integers(1, 99), st.sampled_from(["", "x3g", "x500m"]))
def test_a_cluster_is_executors_cores_and_memory(executors, cores, memory):
    found = parse(f"spark:{executors}x{cores}{memory}")
    assert (found.executors, found.cores, found.memory) == (executors, cores, memory[1:])
    assert (found.partitions, found.master) == (executors * cores, "")
    there = parse(f"spark://host.name-1:7077/{executors}x{cores}{memory}")
    assert (there.master, there.partitions) == ("spark://host.name-1:7077", executors * cores)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20))
def test_a_cluster_is_fitted_to_the_machine_where_it_says_so(executors, cores, machine):
    asked = parse(f"spark:{executors}x{cores}x16g/fit")
    found = asked.fitted(machine)
    if executors * cores <= machine:
        assert found == asked
    else:
        assert 0 < found.partitions <= machine
        assert (found.executors, found.memory) == (min(executors, machine), "")
    as_it_is = parse(f"spark:{executors}x{cores}x16g")
    assert as_it_is.fitted(machine) == as_it_is


def test_there_must_be_a_contender():
    with pytest.raises(UserError, match=r"^contenders: no contender; expected at least one"):
        contenders([], adapters())


def test_a_contender_has_its_device_environment_and_adapter():
    (found,) = contenders(["gamma/scan"], adapters(), device="cuda", source="/mine.py")
    assert found == Contender(
        backend="gamma", mode="scan", device="cuda", environment="other", module=__name__,
        source="/mine.py",
    )  # fmt: skip
    assert str(found) == "gamma/scan@cuda"
    assert [c.device for c in contenders(["all"], adapters(), device="cuda")] == ["cuda"] * 3


@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 5), st.integers(0))
def test_every_block_has_every_pair_once(count, contenders_, repeats, seed):
    workloads = [workload("seed", i).replace(name=f"w{i}") for i in range(count)]
    trials = plan(workloads, SIX[:contenders_], repeats=repeats, seed=seed)
    assert len(trials) == count * contenders_ * repeats
    pairs = {(w.name, label) for w in workloads for label in ALL[:contenders_]}
    for block in range(repeats):
        part = trials[block * len(pairs) : (block + 1) * len(pairs)]
        assert [trial.position for trial in part] == list(range(len(pairs)))
        assert {(trial.block, trial.repeat) for trial in part} == {(block + 1, block + 1)}
        assert set(labels(part)) == pairs
    assert len({trial.key for trial in trials}) == len(trials)
    assert trials == plan(workloads, SIX[:contenders_], repeats=repeats, seed=seed)


def test_blocks_are_shuffled_each_in_its_own_way():
    orders = set()
    for seed in range(5):
        trials = plan(TWO, SIX, repeats=10, seed=seed)
        for block in range(10):
            orders.add(tuple(labels(trials[12 * block : 12 * (block + 1)])))
    assert len(orders) == 50


def test_the_plan_is_the_same_for_ever():
    trials = plan(TWO[:1], SIX, repeats=2, seed=0)
    assert [str(trial.contender) for trial in trials[:6]] == [
        "alpha/eager", "gamma/compile", "alpha/compile", "gamma/scan", "gamma/jit", "beta/graph",
    ]  # fmt: skip
    assert trials[0].key == "3e50a2b4eb5297ad"


def test_a_shorter_study_is_the_beginning_of_a_longer_one():
    assert plan(TWO, SIX, repeats=5, seed=3)[:24] == plan(TWO, SIX, repeats=2, seed=3)


def test_no_place_in_a_block_is_anyones():
    trials = plan(TWO[:1], SIX, repeats=3000, seed=0)
    counts = Counter((trial.contender.backend, trial.contender.mode, t % 6)
                     for t, trial in enumerate(trials))  # fmt: skip
    assert len(counts) == 36
    statistic = sum((n - 500) ** 2 / 500 for n in counts.values()) * 5 / 6
    assert 0.001 < stats.chi2(25).cdf(statistic) < 0.999


def test_keys_are_of_the_trial_and_not_of_its_place():
    by_key = {trial.key: trial for trial in plan(TWO, SIX, repeats=3, seed=0)}
    again = plan(TWO[::-1], SIX[::-1], repeats=3, seed=99)
    assert {trial.key for trial in again} == by_key.keys()
    for trial in again:
        known = by_key[trial.key]
        assert labels([known]) == labels([trial])
        assert known.repeat == trial.repeat


def test_keys_change_with_all_that_is_compared():
    (trial,) = plan(TWO[:1], SIX[:1], repeats=1, seed=0)
    contender = trial.contender
    others = [
        replace(trial, workload=workload("epochs", 8)),
        replace(trial, workload=workload("name", "b")),
        replace(trial, repeat=2),
        *(
            replace(trial, contender=replace(contender, **{name: "other"}))
            for name in ("backend", "mode", "device", "environment")
        ),
    ]
    assert len({trial.key, *(other.key for other in others)}) == 8
    assert replace(trial, block=5, position=7).key == trial.key
