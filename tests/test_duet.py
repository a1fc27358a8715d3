"""Duet for real: the same training as in blocks, in turns, with idle workers that are idle."""

from __future__ import annotations

import signal
import statistics
import time

import pytest
from running import Place, pick, sleeping, wait_for

from levelfield.results.pairs import sessions

pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same suite in blocks and in a duet; NumPy twice, under two names, and PyTorch."""
    places = []
    for schedule in ("blocks", "duet"):
        place = Place(tmp_path_factory.mktemp(schedule))
        own = pick(place.folder, "turns", "spinner", "breaker")
        words = ["--backend", own, "--backends", "numpy,torch", "--schedule", schedule]
        words += ["--unverified"]  # the breaker would break there
        done = place.run(*words, epochs=8, repeats=2)
        assert done.returncode == 0, done.stderr
        places.append((place, done))
    return places


def records(place: Place, backend: str):
    return [record for record in place.records() if record.backend == backend]


def test_a_duet_trains_the_same(both):
    (blocks, _), (duet, _) = both
    for backend in ("numpy", "torch", "spinner"):
        for one, other in zip(records(blocks, backend), records(duet, backend), strict=True):
            assert one.status == other.status == "ok", other.reason
            assert other.epochs.loss == pytest.approx(one.epochs.loss, rel=1e-5)
            assert other.epochs.test_loss == pytest.approx(one.epochs.test_loss, rel=1e-5)
            assert len(other.epochs.wall) == 8
            assert set(one.phases) == set(other.phases)


def test_pieces_are_taken_in_turns(both):
    (blocks, _), (duet, _) = both
    assert {record.session for record in blocks.records()} == {""}
    assert all(record.pieces.wall == () for record in blocks.records())
    for repeat in (1, 2):
        there = {r.backend: r for r in duet.records() if r.repeat == repeat}
        assert len({record.session for record in there.values()}) == 1
        whole = [there[name].pieces for name in ("numpy", "torch", "spinner")]
        assert whole[0].round == tuple(range(1, len(whole[0].round) + 1))
        assert len({(p.round, p.epoch, p.steps) for p in whole}) == 1
        assert sum(whole[0].steps) == 8 * 7  # 200 samples in batches of 32
        for places in zip(*(p.position for p in whole), strict=True):
            assert len(set(places)) == len(places)
        for record in (there["numpy"], there["torch"]):
            total = record.phases["first epoch"].wall + record.phases["steady epochs"].wall
            assert sum(record.pieces.wall) == pytest.approx(total, rel=1e-6)
    one, other = (tuple(r.session for r in records(duet, name)) for name in ("numpy", "torch"))
    assert one == other
    assert len(set(one)) == 2
    assert len(sessions(records(duet, "numpy"), records(duet, "torch"))) == 2


def test_who_breaks_leaves_the_others_at_it(both):
    _, (duet, done) = both
    for record in records(duet, "breaker"):
        assert record.status == "failed"
        assert record.reason == "the worker ended by itself with exit status 7"
        assert 0 < len(record.pieces.wall) < len(records(duet, "numpy")[0].pieces.wall)
        assert len(record.epochs.wall) > 0
    assert "Traceback" not in done.stderr
    assert duet.left() == []
    assert duet.scratch() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_with_workers_that_are_stopped(tmp_path, number):
    place = Place(tmp_path)
    own = pick(place.folder, "helpers", "sleeper")
    environ, sign = sleeping(place, 60)
    words = ["run", place.suite(), "--out", str(place.study), "--backend", own, "--unverified"]
    words += ["--backends", "numpy", "--schedule", "duet"]
    with place.start(*words, env=environ) as process:
        wait_for(sign.exists)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in said
    end = time.monotonic() + 20
    while place.left() and time.monotonic() < end:
        time.sleep(0.1)  # the kernel's signal to workers whose parent is gone
    assert place.left() == []
    assert place.records() == []


def test_a_study_keeps_its_schedule(tmp_path):
    place = Place(tmp_path)
    assert place.run("--backends", "numpy", "--schedule", "duet").returncode == 0
    done = place.run("--backends", "numpy", "--resume", repeats=2)
    assert done.returncode == 2
    assert "begun with --schedule duet" in done.stderr


def test_who_is_alone_runs_alone_and_it_is_said(tmp_path):
    place = Place(tmp_path)
    done = place.run("--schedule", "duet")
    assert "runs alone" in done.stderr
    assert [(record.status, record.session) for record in place.records()] == [("ok", "")]


def test_a_known_delay_is_seen(tmp_path):
    """The same code twice, once made to wait half as long again."""
    place = Place(tmp_path)
    own = pick(place.folder, "turns", "delayed")
    environ = {**place.environ, "LEVELFIELD_DELAY": "0.5"}
    words = ["--backend", own, "--backends", "numpy", "--schedule", "duet"]
    done = place.run(*words, epochs=2500, repeats=1, env=environ)
    assert done.returncode == 0, done.stderr
    (pairs,) = sessions(records(place, "numpy"), records(place, "delayed"))
    assert len(pairs) >= 10
    assert statistics.median(head / base for base, head in pairs) == pytest.approx(1.5, rel=0.2)
