"""Killed at any moment, a study loses at most the trial under way; ``--resume`` does the rest."""

from __future__ import annotations

import random
import signal
import time

import pytest
from running import CPUS, Place

from levelfield.results.store import RECORDS

pytestmark = pytest.mark.slow

REPEATS = 4


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def keys(place: Place) -> list[str]:
    return [record.key for record in place.records()]


def is_whole(place: Place) -> None:
    """Every trial once, every one well."""
    records = place.records()
    assert sorted(record.repeat for record in records) == list(range(1, REPEATS + 1))
    assert len({record.key for record in records}) == REPEATS
    assert {record.status for record in records} == {"ok"}


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_a_random_moment(place, seed):
    place.run(repeats=1)  # verified and prepared: what is killed below is timing
    place.study.rename(place.folder / "warm")
    suite = place.suite(repeats=REPEATS)
    with place.start("run", suite, "--out", str(place.study)) as process:
        time.sleep(random.Random(seed).uniform(0.3, 3.0))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    time.sleep(1.0)  # the kernel's signal to the worker, whose parent is gone
    assert place.left() == []
    path = place.study / RECORDS
    before = path.read_bytes() if path.exists() else b""
    whole = before[: before.rfind(b"\n") + 1]
    begun = (place.study / "study.json").exists()
    done = place.run(*(["--resume"] if begun else []), repeats=REPEATS)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(whole)
    is_whole(place)


def test_cut_in_the_middle_of_a_record(place):
    assert place.run(repeats=REPEATS).returncode == 0
    path = place.study / RECORDS
    lines = path.read_bytes().splitlines(keepends=True)
    trials = [number for number, line in enumerate(lines) if b'"type":"trial"' in line]
    rng = random.Random(0)
    for _ in range(3):
        last = rng.choice(trials)
        kept, cut = b"".join(lines[:last]), lines[last]
        path.write_bytes(kept + cut[: rng.randrange(1, len(cut))])
        done = place.run("--resume", repeats=REPEATS)
        assert done.returncode == 0, done.stderr
        assert path.read_bytes().startswith(kept)
        is_whole(place)


def test_a_whole_study_is_left_as_it_is(place):
    place.run(repeats=REPEATS)
    before = (place.study / RECORDS).read_bytes()
    done = place.run("--resume", repeats=REPEATS)
    assert done.returncode == 0
    assert (place.study / RECORDS).read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume", "--set", "epochs=2"], "other workloads"),
        (["--resume", "--set", "batch=16"], "other workloads"),
        ([], "there is a study of suite tiny here already"),
        pytest.param(
            ["--resume", "--threads", "1"],
            f"begun with --threads {len(CPUS)}",
            marks=pytest.mark.skipif(len(CPUS) < 2, reason="one core"),
        ),
    ],
)
def test_another_computation_is_refused(place, words, said):
    place.run()
    before = (place.study / RECORDS).read_bytes()
    done = place.run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (place.study / RECORDS).read_bytes() == before


def test_more_repeats_are_added(place):
    place.run(repeats=1)
    first = keys(place)
    place.run("--resume", repeats=REPEATS)
    assert keys(place)[:1] == first
    is_whole(place)


def test_two_processes_do_not_write_one_study(place):
    suite = place.suite(repeats=40)
    with place.start("run", suite, "--out", str(place.study)) as first:
        while not (place.study / "study.json").exists():
            time.sleep(0.05)
            assert first.poll() is None
        second = place.call("run", suite, "--out", str(place.study), "--resume")
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    assert second.returncode == 2
    assert "another process is writing this study" in second.stderr
    assert first.returncode == 130
    assert place.left() == []
