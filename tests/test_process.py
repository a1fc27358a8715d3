"""The worker process seen from the parent: asked, timed out, broken, ended, accounted for."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from running import ADAPTERS, Desk, marked, worker

from levelfield.run.clock import children
from levelfield.run.messages import Lines, encoded
from levelfield.run.process import GRACE, TAIL, Process, WorkerError
from levelfield.spec.workload import Workload

SMALL = {
    "name": "small",
    "dataset": "digits",
    "layers": [
        {"kind": "dense", "units": 3, "activation": "relu", "kernel": "zeros", "bias": "zeros"}
    ],
    "loss": "mean_squared_error",
    "optimizer": {"kind": "sgd", "momentum": 0.0, "nesterov": False},
    "schedule": {"kind": "constant", "rate": 0.1},
    "batch": 4,
    "epochs": 1,
}
X = np.linspace(0, 1, 30).reshape(10, 3)
SOON = 30.0
"""Seconds within which what ends at once has ended, on whatever machine."""


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def fake(tmp_path):
    """A worker that is a script of ours, started in the interpreter's place."""

    def start(script: str, *, timeout: float) -> Process:
        path = tmp_path / "python"
        head = f"#!{sys.executable}\nimport os, sys, time, signal\n"
        path.write_text(f"{head}asked, answered = map(int, sys.argv[4:6])\n{script}\n")
        path.chmod(0o755)
        return Process(cpus=[0], environ={}, timeout=timeout, python=str(path))

    return start


def prepare(
    desk: Desk, process: Process, backend: str = "numpy", file: str = "", **changes: object
) -> None:
    desk.load(process, backend, source=str(ADAPTERS / f"{file}.py") if file else "")
    weights = {"layer1/kernel": np.eye(3), "layer1/bias": np.zeros(3)}
    desk.build(process, Workload.build({**SMALL, "precision": "float64", **changes}), weights)
    desk.stage(process, X, X)


def used(process: Process) -> float:
    """CPU seconds of the worker so far, in ticks of 10 ms."""
    stat = Path(f"/proc/{process._process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def test_who_is_stopped_uses_nothing_and_goes_on_as_if_nothing_had_been(desk):
    """Its second thread would burn a core all the time."""
    with worker() as process:
        prepare(desk, process, "spinner", "turns")
        before = used(process)
        time.sleep(0.5)
        assert used(process) - before > 0.1
        process.pause()
        time.sleep(0.2)  # a signal takes its time
        before = used(process)
        time.sleep(1.0)
        assert used(process) == before
        process.resume()
        assert process.ask("evaluate")["loss"] == pytest.approx(0, abs=1e-12)
        process.ask("close")


def test_a_conversation(desk):
    with worker() as process:
        prepare(desk, process)
        assert process.ask("steps", order=[0, 1, 2], rates=[0.5])["loss"] == 0.0
        assert np.array_equal(desk.predict(process, 2, 5), X[2:5])
        assert process.total is None
    assert process.total is not None
    assert 0.01 < process.total.user < process.total.wall + 1
    assert process.tail == ""


def test_every_answer_has_its_own_span(desk):
    with worker() as process:
        prepare(desk, process)
        first = process.ask("steps", order=[0, 1, 2], rates=[0.5])
        assert 0 < first["wall"] < SOON
        assert "wall" not in process.ask("weights", path=str(desk.folder / "w.npz"))


def test_errors_are_told_and_survived(desk):
    with worker() as process:
        prepare(desk, process)
        with pytest.raises(WorkerError, match=r"^IndexError in steps: index 99 is out of bounds"):
            process.ask("steps", order=[99], rates=[0.5])
        assert process.ask("steps", order=[0], rates=[0.5])["loss"] == 0.0
    assert "Traceback" in process.tail
    assert "IndexError: index 99" in process.tail


@pytest.mark.parametrize("do", ["nonsense", "clock"])
def test_what_no_worker_can_do_is_an_error(do):
    with worker() as process, pytest.raises(WorkerError, match=f" in {do}: "):
        process.ask(do)


def test_a_million_samples_in_one_message(desk):
    order = np.arange(1_000_003) % 10
    with worker() as process:
        prepare(desk, process, batch=1000)
        reply = process.ask("steps", order=order.tolist(), rates=[0.0] * 1001)
    assert reply["loss"] == 0.0


def test_a_worker_that_takes_nothing_in_is_timed_out(fake):
    with pytest.raises(WorkerError) as error, fake("time.sleep(1000)", timeout=1.0) as process:
        process.ask("steps", order=list(range(1_000_000)))
    assert (error.value.status, error.value.reason) == ("timeout", "no end within 1 s (--timeout)")


def test_a_worker_that_takes_pieces_and_talks_meanwhile(fake):
    script = """
length = 0
while True:
    piece = os.read(asked, 4096)
    length += len(piece)
    os.write(1, b"x" * 8192)
    if piece.endswith(b"\\n"):
        os.write(answered, b'{"length": %d}\\n' % length)
        break
"""
    order = list(range(50_000))
    with fake(script, timeout=60) as process:
        assert process.ask("steps", order=order)["length"] == len(
            encoded({"do": "steps", "order": order})
        )
    assert process.tail == "x" * TAIL


@pytest.mark.parametrize(
    "talk", ["time.sleep(1000)", "while True: os.write(1, b'y' * 1000)"], ids=["silent", "talking"]
)
def test_timeout(fake, talk):
    begun = time.monotonic()
    with pytest.raises(WorkerError) as error, fake(talk, timeout=0.5) as process:
        process.ask("load")
    assert error.value.status == "timeout"
    assert "0.5 s" in error.value.reason
    assert 0.5 <= time.monotonic() - begun < SOON
    assert error.value.log == process.tail
    assert process.tail == ("" if "sleep" in talk else "y" * TAIL)


def test_who_never_stops_talking_is_timed_out_too(fake, monkeypatch):
    """However much there is to be read: the selector always finds something here."""
    with fake("time.sleep(1000)", timeout=0.5) as process:
        key = process._selector.get_key(process._chatter)
        monkeypatch.setattr(process._selector, "select", lambda timeout: [(key, 1)])
        with pytest.raises(WorkerError) as error:
            process._receive()
        monkeypatch.undo()
    assert error.value.status == "timeout"


def test_the_time_is_for_the_whole_life_not_for_each_answer(desk):
    def talk(process: Process) -> None:
        while True:
            process.ask("sentinel", size=400, repeats=20, precision="float64")

    with pytest.raises(WorkerError) as error, worker(timeout=4) as process:
        talk(process)
    assert error.value.status == "timeout"
    assert process.total.wall >= 4


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("os._exit(0)", "the worker ended by itself with exit status 0"),
        ("sys.exit(7)", "the worker ended by itself with exit status 7"),
        ("raise ValueError('no')", "with exit status 1: ValueError: no"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "killed by SIGTERM"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGRTMAX - 1)", f"killed by signal {signal.SIGRTMAX - 1}"),
        ("if os.fork() == 0: time.sleep(1000)\nos._exit(5)", "with exit status 5"),
        ("if os.fork() == 0: os.setsid(); time.sleep(1000)\nos._exit(6)", "with exit status 6"),
    ],
    ids=["0", "7", "raise", "TERM", "KILL", "RT", "helper holds pipes", "escaped helper"],
)
def test_death(fake, script, reason):
    with pytest.raises(WorkerError) as error, fake(script, timeout=600) as process:
        process.ask("load")
    assert error.value.status == "failed"
    assert error.value.reason.endswith(reason)
    assert process.total.wall < SOON


def test_death_by_the_out_of_memory_killer(fake, monkeypatch):
    counts = iter([3, 4, 4])
    monkeypatch.setattr("levelfield.run.process._oom_kills", lambda: next(counts))
    with (
        pytest.raises(WorkerError, match=r"out-of-memory killer \(SIGKILL\)"),
        fake("os.kill(os.getpid(), signal.SIGKILL)", timeout=60) as process,
    ):
        process.ask("load")


def test_a_worker_that_closes_its_pipe_and_stays(fake):
    with (
        pytest.raises(WorkerError, match="closed its pipe and went on"),
        fake("os.close(answered); time.sleep(1000)", timeout=600) as process,
    ):
        process.ask("load")
    assert GRACE <= process.total.wall < GRACE + SOON


@pytest.mark.parametrize(
    "garbage",
    [r"b'\xff\xfe\n'", r"b'[1, 2]\n'", r"b'3\n'", r"b'{\n'", r"bytes(range(256)) * 999 + b'\n'"],
)
def test_garbage_in_the_pipe(fake, garbage):
    script = f"os.write(answered, {garbage})\ntime.sleep(1000)"
    with (
        pytest.raises(WorkerError, match="something wrote into the worker's pipe") as error,
        fake(script, timeout=600) as process,
    ):
        process.ask("load")
    assert error.value.status == "failed"


def test_messages_come_in_any_pieces():
    given = [{"a": 1}, {"text": "größe\n"}, {"loss": 0.1}]
    data = b"".join(map(encoded, given))
    for size in (1, 2, 7, len(data)):
        lines, found = Lines(), []
        for start in range(0, len(data), size):
            found += lines.feed(data[start : start + size])
        assert found == given


def test_what_json_does_not_know_travels_as_text():
    (seen,) = Lines().feed(encoded({"threads": np.int64(2), "path": Path("/x")}))
    assert seen == {"threads": "2", "path": "/x"}


def test_the_end_of_the_output_is_kept(fake):
    script = "os.write(2, b'begin' + b'.' * 100_000 + b'end'); time.sleep(0.2); os._exit(1)"
    with pytest.raises(WorkerError), fake(script, timeout=60) as process:
        process.ask("load")
    assert len(process.tail) == TAIL
    assert process.tail.endswith("..end")


@pytest.mark.parametrize("trouble", [None, KeyboardInterrupt, WorkerError("failed", "x")])
def test_nothing_is_left_running(desk, trouble):
    mark, before = uuid.uuid4().hex, set(children(os.getpid()))
    with contextlib.ExitStack() as stack:
        if trouble:
            stack.enter_context(pytest.raises(BaseException, match=r"^x?$"))
        process = stack.enter_context(worker(LEVELFIELD_MARK=mark))
        prepare(desk, process, "litterer", "helpers")
        process.ask("steps", order=[0, 1], rates=[0.1])
        assert len(marked(mark)) == 3  # the worker and its two sleepers
        if trouble:
            raise trouble
    assert not marked(mark)
    assert not set(children(os.getpid())) - before


def test_kill_from_another_thread(desk):
    with worker() as process:
        prepare(desk, process, "hanger", "faulty")
        threading.Timer(0.3, process.kill).start()
        with pytest.raises(WorkerError, match="killed by SIGKILL"):
            process.ask("steps", order=[0], rates=[0.1])
    assert process.total.wall < SOON
    process.kill()  # harmless


def test_total_counts_every_helper(desk):
    with worker() as process:
        prepare(desk, process, "spawner", "helpers")
        before = process.ask("weights", path=str(desk.folder / "w.npz"))
        assert "user" not in before
        span = process.ask("steps", order=[0, 1], rates=[0.1])
    # Three burners of 0.6 s user and 0.4 s system each; ticks of 10 ms, some overhead of forks.
    assert span["user"] == pytest.approx(1.8, rel=0.12)
    assert span["system"] == pytest.approx(1.2, rel=0.15)
    assert process.total.user >= 0.98 * span["user"]
    assert process.total.system >= 0.95 * span["system"]
    rest = process.total.user + process.total.system - span["user"] - span["system"]
    assert 0 < rest < 3  # interpreter, NumPy


def test_total_counts_who_was_left_behind(desk):
    """A burner whose parent is gone belongs to nobody, but to the worker's total."""
    with worker() as process:
        prepare(desk, process, "litterer", "helpers")
        span = process.ask("steps", order=[0, 1], rates=[0.1])
        assert span["user"] + span["system"] < 0.8
    assert process.total.user + process.total.system > 1.0


def test_signals_to_the_parents_group_do_not_reach_the_worker(desk):
    with worker() as process:
        prepare(desk, process)
        path = Path(f"/proc/{process._process.pid}/stat")
        fields = path.read_text().rpartition(")")[2].split()
        assert int(fields[2]) == int(fields[3]) == process._process.pid != os.getpgrp()
