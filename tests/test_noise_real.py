"""`doctor --noise` for real: two live workers, and a neighbour that burns a core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import wait_for

from levelfield.errors import UserError
from levelfield.run.clock import children
from levelfield.run.noise.turns import Pair

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CPUS = sorted(os.sched_getaffinity(0))
BURN = r"""
import ctypes, sys
ctypes.CDLL(None).prctl(15, b"burn) R 1 (\x1b[3", 0, 0, 0)  # PR_SET_NAME
print("burning", flush=True)
while True:
    pass
"""
MEASURE = "from levelfield.run import noise; print(noise.doctor(15.0))"


def test_a_neighbour_is_named(tmp_path):
    environ = {**os.environ, "LEVELFIELD_CACHE": str(tmp_path)}
    neighbour = subprocess.Popen([sys.executable, "-c", BURN], stdout=subprocess.PIPE)
    try:
        assert neighbour.stdout.readline() == b"burning\n"
        done = subprocess.run(
            [sys.executable, "-P", "-c", MEASURE],
            capture_output=True, text=True, env=environ, check=False, timeout=200,
        )  # fmt: skip
    finally:
        neighbour.kill()
        neighbour.communicate()
    assert done.returncode == 0, done.stderr
    assert f"burn) R 1 (\N{REPLACEMENT CHARACTER}[3 (pid {neighbour.pid})" in done.stdout
    kept = json.loads((tmp_path / "noise.json").read_text(encoding="utf-8"))
    named = {each["pid"]: each["cores"] for each in kept["readings"]["named"]}
    assert named[neighbour.pid] > 0.2
    assert "foreign processes" in [each["what"] for each in kept["findings"]]


def test_two_workers_take_turns_and_are_gone():
    with Pair(CPUS[:1], timeout=60) as pair:
        assert len(set(pair.pids)) == 2
        assert all(pair.play(who) > 0 for who in (0, 1, 0))
        wait_for(lambda: {state(pid) for pid in pair.pids} == {"T"})  # stopped between turns
        pids = pair.pids
    assert not set(pids) & set(children(os.getpid()))


def test_interrupted_with_workers_that_are_stopped():
    with pytest.raises(KeyboardInterrupt), Pair(CPUS[:1], timeout=60) as pair:
        raise KeyboardInterrupt
    wait_for(lambda: not set(pair.pids) & set(children(os.getpid())))


def test_a_worker_that_is_killed_is_one_message():
    with Pair(CPUS[:1], timeout=60) as pair:
        os.kill(pair.pids[0], 9)
        os.kill(pair.pids[1], 9)
        with pytest.raises(UserError, match="killed by SIGKILL"):
            pair.play(0)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
