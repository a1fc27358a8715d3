"""Contenders that break, beside one that does not: each becomes a record, the others go on."""

from __future__ import annotations

import re
import signal

import pytest
from running import Place, pick

from levelfield.run.process import TAIL

FAULTS = {
    "crasher": ("failed", "killed by SIGABRT"),
    "segfault": ("failed", "killed by SIGSEGV"),
    "killed": ("failed", "killed by SIGKILL"),
    "realtime": ("failed", f"killed by signal {signal.SIGRTMIN + 5}"),
    "hog": ("failed", r"out of memory in STEP: Unable to allocate 32.0 MiB .*"),
    "quitter": ("failed", "the worker ended by itself with exit status 3"),
    "leaver": ("failed", "the worker ended by itself with exit status 0"),
    "forker": ("failed", "the worker ended by itself with exit status 9"),
    "raiser": ("failed", "ValueError in STEP: Größe falsch \N{SNOWMAN} .\\[31m ..? xxx+"),
    "unreadable": ("failed", r"BadError in STEP: \(its message cannot be read\)"),
    "vandal": ("failed", "something wrote into the worker's pipe"),
    "hanger": ("timeout", r"no end within 6 s \(--timeout\)"),
    "babbler": ("timeout", r"no end within 6 s \(--timeout\)"),
    "refuser": ("skipped", "only on Wednesdays"),
    "objector": ("failed", "TypeError in VIEW: predict gave object values, expected an array.*"),
}
"""By adapter: its status, and its reason (STEP and VIEW: what was asked, as verification names it
and as a trial does)."""
FINE = ("chatterbox", "numpy")
LATE = {
    "liar": "the training loss was not a finite number from epoch 4 on",
    "diverger": "the test loss was not a finite number from epoch 4 on",
    "stumbler": "RuntimeError in train: no further",
}
"""They pass verification, which trains on no more than three pieces in a row."""

pytestmark = pytest.mark.slow


def studied(folder, *words: str) -> tuple[Place, object]:
    place = Place(folder)
    path = pick(folder, "faulty", *FAULTS, *LATE, "chatterbox")
    done = place.run("--backend", path, "--backends", "numpy", "--timeout", "6", *words, epochs=5)
    return place, done


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return studied(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def unverified(tmp_path_factory):
    return studied(tmp_path_factory.mktemp("unverified"), "--unverified")


def test_the_study_is_whole(study, unverified):
    for place, done in (study, unverified):
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert set(place.by_name()) == {*FAULTS, *LATE, *FINE}
        assert [sentinel.position for sentinel in place.sentinels()] == ["first", "last"]


@pytest.mark.parametrize("name", FAULTS)
def test_who_breaks_in_verification(study, name):
    status, reason = FAULTS[name]
    record = study[0].by_name()[name]
    if status != "skipped":
        reason = "verification failed: " + reason
    expected = reason.replace("STEP", "steps").replace("VIEW", "predict")
    assert re.fullmatch(expected, record.reason)
    assert record.status == status
    assert record.verification.status == ("unverified" if status == "skipped" else "failed")
    assert (record.total, record.phases, record.epochs.wall) == (None, {}, ())


@pytest.mark.parametrize("name", FAULTS)
def test_who_breaks_while_timed(unverified, name):
    status, reason = FAULTS[name]
    record = unverified[0].by_name()[name]
    expected = reason.replace("STEP", "train").replace("VIEW", "evaluate")
    assert re.fullmatch(expected, record.reason)
    assert record.status == status
    assert record.verification.status == "unverified"
    assert record.total.wall > 0
    built = {"import", "build", "stage"} if status != "skipped" else {"import"}
    assert built <= set(record.phases) <= built | {"first epoch"}
    assert record.epochs.wall == ()
    if status == "timeout":
        assert 6 <= record.total.wall < 60


@pytest.mark.parametrize("name", LATE)
def test_losses_that_are_no_numbers(study, unverified, name):
    for place, _ in (study, unverified):
        record = place.by_name()[name]
        assert record.status == "failed"
        assert record.reason == LATE[name]
        # Nothing is lost.
        assert len(record.epochs.wall) == {"stumbler": 3, "liar": 4, "diverger": 5}[name]
        assert record.epochs.loss[:3] == place.by_name()["numpy"].epochs.loss[:3]


@pytest.mark.parametrize("name", FINE)
def test_the_others_go_on(study, unverified, name):
    for (place, _), verdict in ((study, "passed"), (unverified, "unverified")):
        record = place.by_name()[name]
        assert (record.status, record.reason) == ("ok", "")
        assert record.verification.status == verdict
        assert len(record.epochs.wall) == 5
        assert all(0 < loss < 1 for loss in record.epochs.loss)
        assert record.log == ""


def test_chatter_is_no_answer(study):
    """A chatterbox that prints what looks like answers trains exactly as the others do."""
    records = study[0].by_name()
    assert records["chatterbox"].epochs.loss == records["numpy"].epochs.loss
    assert records["chatterbox"].epochs.test_loss == records["numpy"].epochs.test_loss


def test_the_end_of_what_they_said_is_kept(study, unverified):
    for place, _ in (study, unverified):
        records = place.by_name()
        assert "the last words of a library" in records["crasher"].log
        assert (
            records["babbler"].log.endswith("till here still here ")
            or "here" in (records["babbler"].log[-20:])
        )
        for record in records.values():
            assert len(record.log) <= TAIL
        assert len(records["babbler"].log) == len(records["raiser"].log) == TAIL
        assert records["raiser"].log.rstrip().endswith("xxx")
        assert "Traceback" in records["unreadable"].log


def test_reasons_stay_short_and_printable(study, unverified):
    for place, _ in (study, unverified):
        for record in place.records():
            assert len(record.reason) < 600
            assert record.reason.isprintable()


def test_every_failure_is_told(study, unverified):
    for place, done in (study, unverified):
        for name, record in place.by_name().items():
            line = next(x for x in done.stderr.splitlines() if f"{name}/numpy on tiny, repeat" in x)
            if record.status != "ok":
                assert f"{record.status}: {record.reason}" in line
                ends = f": {record.status}: {record.reason}"
                said = [x for x in done.stdout.splitlines() if x.endswith(ends)]
                assert [f"{name}/numpy" in re.split(r"[,:] ?", x.strip()) for x in said] == [True]
            else:
                assert "ms an epoch" in line


def test_nothing_is_left(study, unverified):
    for place, _ in (study, unverified):
        assert place.left() == []
        assert place.scratch() == []


def test_failures_alone_give_exit_status_1(tmp_path):
    place = Place(tmp_path)
    done = place.run("--backend", pick(tmp_path, "faulty", "quitter"))
    assert done.returncode == 1
    assert place.by_name()["quitter"].status == "failed"


def test_verdicts_of_the_broken_are_not_kept(study):
    """Only what could be compared is: a crash may have had another cause."""
    kept = [path.read_text() for path in study[0].verdicts.iterdir()]
    assert len(kept) == len([*FINE, *LATE])
    assert all('"status": "passed"' in text for text in kept)
