"""How trials are run: what is measured, where, and beside what."""

from __future__ import annotations

import math
import os
import re
import resource

import pytest
from running import CPUS, Desk, Place, pick, worker

from levelfield.results.record import PHASES
from levelfield.results.store import RECORDS
from levelfield.spec.workload import Workload

MIB = 1 << 20

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """One study of the adapters with known amounts of time and memory, unverified."""
    made = Place(tmp_path_factory.mktemp("helpers"))
    who = pick(made.folder, "helpers", "spawner", "litterer", "fat", "teller")
    for name in ("torch.py", "jax.py", "numpy.py", "keras.py", "levelfield.py", "json.py"):
        (made.folder / name).write_text("raise SystemExit('shadowed')\n")
    (made.folder / "datasets").mkdir()
    (made.folder / "datasets" / "__init__.py").write_text("raise SystemExit('shadowed')\n")
    environ = {**made.environ, "STRAY": "x", "OMP_NUM_THREADS": "77", "PYTHONPATH": "/nowhere"}
    words = ("--backend", who, "--backends", "numpy", "--unverified", "--threads", "1")
    done = made.run(*words, epochs=2, repeats=2, env=environ)
    assert done.returncode == 0, done.stderr
    return made


def named(place, name):
    return [record for record in place.records() if record.backend == name]


# --- what is measured --------------------------------------------------------------------------


def test_cpu_of_helpers_is_found(study):
    """Three burners an epoch, of 0.6 s user and 0.4 s system each, waited for or not."""
    for record in named(study, "spawner"):
        for epoch in range(2):
            assert record.epochs.user[epoch] == pytest.approx(1.8, rel=0.15)
            assert record.epochs.system[epoch] == pytest.approx(1.2, rel=0.15)
        assert 3.6 * 0.9 < record.total.user < 3.6 * 1.1 + 2
        assert 2.4 * 0.9 < record.total.system < 2.4 * 1.1 + 2


def test_cpu_of_who_was_left_behind_is_in_the_total_alone(study):
    for record in named(study, "litterer"):
        assert max(record.epochs.user) < 0.4
        assert record.total.user > 1.2 * 0.9
        assert record.total.system > 0.8 * 0.9


def test_who_computes_nothing_has_no_cpu_time(study):
    for record in named(study, "numpy"):
        assert record.total.user + record.total.system < 5
        assert sum(record.epochs.user) + sum(record.epochs.system) < 1


def test_epochs_agree_with_phases_and_phases_with_the_total(study):
    for record in study.records():
        assert set(record.phases) == set(PHASES) - {"cluster"}
        for column in ("wall", "user", "system"):
            seconds = getattr(record.epochs, column)
            assert len(seconds) == 2
            spans = {name: getattr(span, column) for name, span in record.phases.items()}
            assert spans["first epoch"] == pytest.approx(seconds[0], rel=1e-6)
            assert spans["steady epochs"] == pytest.approx(math.fsum(seconds[1:]), rel=1e-6)
            assert all(value >= 0 for value in spans.values())
        walls = math.fsum(span.wall for span in record.phases.values())
        assert walls < record.total.wall
        assert len(record.epochs.loss) == len(record.epochs.test_loss) == 2
        assert record.samples == 200


def test_peak_memory_is_the_workers_own(study):
    (slim, *_), (fat, *_) = named(study, "numpy"), named(study, "fat")
    assert 15 * MIB < slim.peak_memory < 150 * MIB
    assert 190 * MIB < fat.peak_memory - slim.peak_memory < 230 * MIB


def test_a_fat_parent_does_not_show(tmp_path):
    ballast = bytearray(os.urandom(4096)) * (400 * MIB // 4096)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > 400 * MIB
    desk, facts = Desk(tmp_path), {"kind": "sgd", "momentum": 0.0, "nesterov": False}
    layer = {"kind": "dense", "units": 1, "activation": "relu", "kernel": "zeros", "bias": "zeros"}
    workload = {"name": "w", "dataset": "digits", "layers": [layer], "loss": "mean_squared_error"}
    workload |= {"optimizer": facts, "schedule": {"kind": "constant", "rate": 1.0}}
    with worker() as process:
        desk.load(process, "numpy")
        desk.build(process, Workload.build({**workload, "batch": 1, "epochs": 1}), {})
        assert process.ask("close")["peak_memory"] < 150 * MIB
    assert len(ballast) == 400 * MIB


# --- where it is measured ----------------------------------------------------------------------


def test_threads_and_processors(study):
    for record in study.records():
        assert record.threads == 1
        assert record.cpus == tuple(CPUS[:1])


def test_threads_are_read_back(place):
    place.run("--backends", "torch", "--unverified", "--threads", str(len(CPUS)), epochs=1)
    (record,) = place.records()
    assert record.settings["threads"] == len(CPUS) == record.threads
    assert record.cpus == tuple(CPUS)
    assert {"torch", "numpy"} <= set(record.versions)


def test_the_environment_is_an_allow_list(study):
    pools = {f"{pool}_NUM_THREADS" for pool in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR")}
    pools |= {"NUMBA_NUM_THREADS", "VECLIB_NUM_THREADS"}
    kept = {"PATH", "HOME", "USER", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ"}
    kept |= {"VIRTUAL_ENV", "PYTHONPATH"}  # the study ran in the interpreter at hand
    ours = {"KERAS_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_VISIBLE_DEVICES"}
    ours |= {"JAX_PLATFORMS", "PYTHONHASHSEED", "TF_CPP_MIN_LOG_LEVEL"}
    for record in named(study, "teller"):
        names = set(record.settings["environ"].splitlines())
        assert pools | ours <= names
        rest = names - pools - ours - kept - {"LC_CTYPE"}  # Python sets that one itself
        assert all(name.startswith("LEVELFIELD_") for name in rest), rest


def test_nothing_here_is_imported_by_accident(study):
    """The study ran where torch.py, numpy.py, json.py and datasets/ lie."""
    for record in named(study, "teller"):
        assert record.status == "ok"
        assert str(study.folder) not in record.settings["path"].splitlines()
        assert "" not in record.settings["path"].splitlines()


def test_every_trial_has_a_process_of_its_own(study):
    pids = {record.settings["pid"] for record in named(study, "teller")}
    assert len(pids) == 2


def test_blocks_are_whole_shuffled_and_between_sentinels(study):
    records, names = study.records(), {"spawner", "litterer", "fat", "teller", "numpy"}
    assert [record.block for record in records] == [1] * 5 + [2] * 5
    assert [record.position for record in records] == [*range(5)] * 2
    for block in (1, 2):
        assert {record.backend for record in records if record.block == block} == names
    lines = (study.study / RECORDS).read_text().splitlines()
    kinds = [re.search('"type":"(.*?)"', line)[1] for line in lines]
    while kinds[0] == "limit":  # of the machine, before the first block
        kinds.pop(0)
    assert kinds == (["sentinel"] + ["trial"] * 5 + ["sentinel"]) * 2
    seen = [(s.block, s.position) for s in study.sentinels()]
    assert seen == [(1, "first"), (1, "last"), (2, "first"), (2, "last")]
    for sentinel in study.sentinels():
        assert (sentinel.size, sentinel.threads, sentinel.precision) == (1024, 1, "float32")
        assert len(sentinel.seconds) == 20
        assert all(0 < seconds < 10 for seconds in sentinel.seconds)


def test_nothing_is_left(study):
    assert study.left() == []
    assert study.scratch() == []
