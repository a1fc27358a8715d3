"""A real Spark cluster: up, down, counted, and what may happen to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from levelfield import registry
from levelfield.backend import Unsupported
from levelfield.run import cluster
from levelfield.run.cluster import Cluster, ClusterError, java, memory, sweep
from levelfield.spec.device import parse

WHY = "pyspark is not installed here" if registry.missing(("pyspark",)) else ""
try:
    java()
except Unsupported as reason:
    WHY = WHY or str(reason)
real = pytest.mark.skipif(bool(WHY), reason=WHY or "Spark is here")
slow = pytest.mark.slow
pytestmark = pytest.mark.alone
BROKEN = """#!/bin/sh
case "$*" in
    -version) echo 'openjdk version "17.0.1"' >&2 ;;
    *) echo 'No room for a heap' >&2; exit 1 ;;
esac
"""
PATIENCE = 60.0
"""Seconds after which what ought to have ended has not."""


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def gone(pids: list[int]) -> bool:
    end = time.monotonic() + PATIENCE
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def mine() -> list[int]:
    """Processes of this process' clusters: others may have theirs."""
    return [pid for pid, mark in cluster._marked() if mark.split(":")[0] == str(os.getpid())]


def script(tmp_path: Path, text: str, *, device: str = "spark:2x1x512m") -> list[str]:
    """A driver of its own: ``spark`` is a session on a cluster, ``machines`` the cluster."""
    head = f"""
        import json, os, signal, sys, time
        from pathlib import Path
        from levelfield.backends.spark import Spark
        from levelfield.run.cluster import Cluster
        from levelfield.run.cluster_usage import usage
        from levelfield.spec.device import parse

        with Cluster.start(parse({device!r}), Path({str(tmp_path / "logs")!r})) as machines:
            shape = {device.partition(":")[2]!r}
            spark = Spark(f"{{machines.master}}/{{shape}}", {{}})
            context = spark.context
        """
    path = tmp_path / "driver.py"
    path.write_text(textwrap.dedent(head) + textwrap.indent(textwrap.dedent(text), "    "))
    return [sys.executable, "-P", str(path)]


def told(command: list[str]) -> object:
    """The last line that a driver printed, which is JSON."""
    environ = {**os.environ, "TMPDIR": str(Path(command[-1]).parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


# --- without a cluster -----------------------------------------------------------------------


def test_memory_is_as_said_or_a_fair_share():
    assert memory(parse("spark:2x1x3g")) == "3g"
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    for executors in (1, 3, 8):
        share = int(memory(parse(f"spark:{executors}x1")).removesuffix("m"))
        assert share == 512 or share * executors <= 0.75 * total / 2 + executors


def test_no_java_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match=r"Spark needs Java 17 or later, and none is on the PATH"):
        java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(Unsupported, match=f"JAVA_HOME is {tmp_path}, which has none"):
        java()


@pytest.mark.parametrize(
    ("said", "fits"),
    [('openjdk version "11.0.2" 2019-01-15', False), ('java version "1.8.0_292"', False),
     ("what?", False), ('openjdk version "17.0.15" 2025', True), ('openjdk version "25" 2', True)],
)  # fmt: skip
def test_an_old_java_is_a_reason(monkeypatch, tmp_path, said, fits):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if fits:
        assert java() in said
    else:
        with pytest.raises(Unsupported, match=r"Spark needs Java 17 or later; found "):
            java()


# --- with one --------------------------------------------------------------------------------


@real
@slow
def test_up_and_down(tmp_path):
    before = mine()
    with Cluster.start(parse("spark:2x1x512m"), tmp_path) as machines:
        with urlopen(f"{machines.page}/json/", timeout=10) as reply:  # noqa: S310 - ours
            seen = json.load(reply)
        assert (seen["aliveworkers"], seen["cores"], seen["memory"]) == (2, 2, 1024)
        assert seen["url"] == machines.master
        pids = [process.pid for process in machines.processes.values()]
        assert set(machines.processes) == {"master", "worker 1", "worker 2"}
        assert all(map(alive, pids))
        with Cluster.start(parse("spark:1x1x512m"), tmp_path / "other") as other:
            assert other.master != machines.master  # a port that is taken is not chosen
    assert gone(pids)
    assert mine() == before
    assert (tmp_path / "master.log").read_text().count("Registering worker") == 2
    machines.close()


@real
@slow
def test_cpu_burnt_in_executors_is_found(tmp_path):
    """Two tasks use six seconds each: in the executors' Python, and in the whole tree."""
    before, after, tree, probed = told(script(tmp_path, """
        from levelfield.run.clock import tree_cpu
        def burn(_):
            start = time.process_time()
            while time.process_time() - start < 6: pass
        context.parallelize([0, 1], 2).foreach(len.__class__)  # the executors are there
        first, begun = usage(machines), sum(tree_cpu())
        context.parallelize([0, 1], 2).foreach(burn)
        last, ended = usage(machines), sum(tree_cpu())
        spark.ours = False
        probed = spark.usage()
        spark.stop()
        print()
        print(json.dumps([first, last, ended - begun, probed]))
    """.replace("len.__class__", "str")))  # fmt: skip
    roles = {"driver", "driver JVM", "master", "workers", "executors", "executors' Python"}
    assert set(after) == roles
    spent = {r: after[r]["user"] + after[r]["system"] - before[r]["user"] - before[r]["system"]
             for r in roles}  # fmt: skip
    assert spent["executors' Python"] == pytest.approx(12.0, rel=0.1)
    assert sum(spent.values()) == pytest.approx(tree, abs=0.5)
    assert tree > 10.8
    for role, span in probed.items():  # what a job on the executors reads, a moment later
        seen = after[role]["user"] + after[role]["system"]
        assert 0.8 * seen <= span["user"] + span["system"] < 3 * seen + 5.0, role
    assert all(0 < after[role]["wall"] < 600 for role in roles)


@real
@slow
def test_a_killed_executor_s_work_is_done_again(tmp_path):
    result, killed = told(script(tmp_path, """
        from levelfield.run.clock import children
        import threading
        def slowly(n):
            time.sleep(6); return n * n
        def kill():
            time.sleep(3)
            worker = machines.processes["worker 1"].pid
            victims.extend(children(worker))
            for pid in victims: os.kill(pid, signal.SIGKILL)
        victims = []
        context.parallelize([0, 1], 2).foreach(str)
        threading.Thread(target=kill).start()
        found = context.parallelize([3, 4], 2).map(slowly).collect()
        spark.stop()
        print()
        print(json.dumps([found, len(victims)]))
    """))  # fmt: skip
    assert result == [9, 16]
    assert killed >= 1


@real
@slow
def test_an_executor_without_memory_is_told(tmp_path):
    """Spark's error may tell only of what came after; the executors' logs tell why."""
    before, error, after = told(script(tmp_path, """
        before, error = machines.starved(), ""
        try:
            context.parallelize([0], 1).map(lambda _: bytes(900_000_000)).cache().count()
        except Exception as raised:
            error = str(raised)
        after = machines.starved()
        spark.stop()
        print()
        print(json.dumps([before, error, after]))
    """, device="spark:1x1x512m"))  # fmt: skip
    assert before == ""
    assert "Job aborted" in error
    said = r"an executor ran out of its 512m of memory \(java\.lang\.OutOfMemoryError"
    assert re.match(said, after)


@real
@slow
def test_a_worker_that_never_registers(tmp_path, monkeypatch):
    launch = Cluster._launch

    def astray(self, role, kind, *words):
        words = [word.replace(self.master, "spark://127.0.0.1:1") if self.master else word
                 for word in words]  # fmt: skip
        launch(self, role, kind, *words)

    monkeypatch.setattr(Cluster, "_launch", astray)
    with pytest.raises(ClusterError, match=r"not all 1 workers have registered in time|is gone"):
        Cluster.start(parse("spark:1x1x512m"), tmp_path, timeout=12.0)
    assert not mine()


@real
@slow
def test_a_master_that_ends_at_once_is_told_with_its_log(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text(BROKEN)
    (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ClusterError, match=r"the cluster's master is gone: No room for a heap"):
        Cluster.start(parse("spark:1x1x512m"), tmp_path)


@real
@slow
def test_nothing_outlives_an_owner_that_was_killed(tmp_path):
    """SIGKILL; what does not end by itself is found and ended by the next."""
    command = script(tmp_path, """
        context.parallelize([0], 1).foreach(str)
        from levelfield.run.cluster import _marked
        print(json.dumps([pid for pid, _ in _marked()]), flush=True)
        time.sleep(600)
    """, device="spark:1x1x512m")  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = next(json.loads(line) for line in owner.stdout if line.startswith("["))
        assert len(pids) >= 3  # master, worker, executor
        owner.send_signal(signal.SIGKILL)
    time.sleep(1.0)
    sweep()
    assert gone(pids)
