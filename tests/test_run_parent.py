"""The parent of the trials: asleep while they are timed, interrupted, killed; what it shows."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from running import Place, pick, sleeping, wait_for

from levelfield.results.store import RECORDS

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize("how", ["lines", "bar", "quiet"])
def test_the_parent_sleeps_while_a_trial_is_timed(place, how):
    """Three seconds in which it is neither woken nor uses 2 % of a core."""
    ours, theirs = pty.openpty()
    environ, sign = sleeping(place, 4)
    options = {"stdout": subprocess.DEVNULL, "env": environ}
    options["stderr"] = theirs if how == "bar" else subprocess.DEVNULL
    words = ["run", place.suite(epochs=1), "--out", str(place.study), "--unverified"]
    words += ["--backend", pick(place.folder, "helpers", "sleeper")]
    with place.start(*words, *["--quiet"] * (how == "quiet"), **options) as process:
        wait_for(sign.exists)
        time.sleep(0.3)
        before = used(process.pid)
        time.sleep(3)
        cpu, woken = (now - then for now, then in zip(used(process.pid), before, strict=True))
        assert process.poll() is None
        process.wait(timeout=60)
    os.close(ours)
    os.close(theirs)
    (record,) = place.records()
    assert record.epochs.wall[0] > 4
    assert cpu <= 0.02 * 3
    assert woken <= 3


def used(pid: int) -> tuple[float, int]:
    """CPU seconds of a process' own threads, and how often they went to sleep."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    waits = [re.search(r"\nvoluntary_ctxt_switches:\s*(\d+)", text)[1] for text in texts]
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"), sum(map(int, waits))


# --- interrupts --------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--unverified",)], ids=["verifying", "timing"])
def test_interrupted(place, words):
    """Status 130 at once, whatever was under way; what was recorded before is kept."""
    first = place.run("--backends", "numpy", *words)
    assert first.returncode == 0
    before = (place.study / RECORDS).read_bytes()
    environ, sign = sleeping(place, 600)
    command = ["run", place.suite(), "--out", str(place.study), "--resume", *words]
    command += ["--backend", pick(place.folder, "helpers", "sleeper")]
    with place.start(*command, env=environ) as process:
        wait_for(sign.exists)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < 20
    assert process.returncode == 130
    assert f"interrupted; what was recorded is kept in {place.study}" in err
    assert f"try: the same command with --resume --out {place.study} to go on" in err
    assert "Traceback" not in err
    after = (place.study / RECORDS).read_bytes()
    assert after.startswith(before)
    assert [record.backend for record in place.records()] == ["numpy"]
    assert place.left() == []
    assert place.scratch() == []
    again = place.run("--resume", *words, "--backends", "numpy")
    assert again.returncode == 0


def test_the_worker_dies_with_a_killed_parent(place):
    environ, sign = sleeping(place, 600)
    command = ["run", place.suite(), "--out", str(place.study), "--unverified"]
    command += ["--backend", pick(place.folder, "helpers", "sleeper")]
    with place.start(*command, env=environ) as process:
        wait_for(sign.exists)
        assert len(place.left()) == 2
        process.kill()
        process.communicate(timeout=60)
    wait_for(lambda: not place.left())


# --- what the user sees ------------------------------------------------------------------------


def test_plain_lines_where_there_is_no_terminal(place):
    done = place.run(repeats=2)
    lines = done.stderr.splitlines()
    assert lines[-3] == "[1/1] verify numpy/numpy on tiny: passed"
    for number, line in enumerate(lines[-2:], start=1):
        head = rf"\[{number}/2\] numpy/numpy on tiny, repeat {number}: "
        tail = r"  \(\d+ s left\)" if number == 1 else ""
        assert re.fullmatch(rf"{head}\S+ ms an epoch, test loss 0\.\d+{tail}", line)
    assert "\x1b" not in done.stderr + done.stdout
    assert "numpy/numpy" in done.stdout


def test_quiet(place):
    done = place.run("--quiet")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "numpy/numpy" in done.stdout
    assert len(place.records()) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_bar_on_a_terminal(place, quiet):
    ours, theirs = pty.openpty()
    words = ["run", place.suite(repeats=3), "--out", str(place.study), *["--quiet"] * quiet]
    environ = {**place.environ, "TERM": "xterm", "COLUMNS": "100"}
    with place.start(*words, stderr=theirs, stdout=subprocess.DEVNULL, env=environ) as process:
        os.close(theirs)
        seen = read_all(ours, process)
    assert process.returncode == 0
    if quiet:
        assert seen == ""
        return
    assert "\x1b[" in seen
    for part in ("━", "0/3", "3/3", "verify numpy/numpy on tiny: passed", "ETA "):
        assert part in seen
    assert "\x1b[?25h" in seen[seen.rfind("\x1b[?25l") :]  # the cursor is given back


def read_all(descriptor: int, process: subprocess.Popen[str]) -> str:
    data = b""
    while select.select([descriptor], [], [], 60)[0]:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # the other side is closed
            break
        data += piece
    process.wait(timeout=60)
    os.close(descriptor)
    return data.decode()
