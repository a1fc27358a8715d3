"""Trials on a real cluster and in other environments, from the command line to the record."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from environs import home
from running import Place, numbers

from levelfield.backend import Unsupported
from levelfield.run.cluster import java
from levelfield.run.environment import FOLDER, folder

try:
    java()
    WHY = ""
except Unsupported as reason:
    WHY = str(reason)
real = pytest.mark.skipif(bool(WHY), reason=WHY or "Spark is here")
pytestmark = [pytest.mark.slow, pytest.mark.alone]
PATIENT = ("--timeout", "600")
ROLES = {"driver", "driver JVM", "master", "workers", "executors", "executors' Python"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A place of this test's own, that shares the environments which are there already."""
    monkeypatch.setenv(FOLDER, str(folder()))
    return Place(tmp_path)


@real
def test_pytorch_on_a_cluster_is_what_one_process_computes(place):
    home("spark-torch")
    words = ["--backends", "torch,spark-torch", "--device", "cpu,spark:2x1x1g"]
    done = place.run(*words, *PATIENT, epochs=3)
    assert done.returncode == 0, done.stderr
    one, two = place.by_name()["torch"], place.by_name()["spark-torch"]
    assert (one.status, two.status, two.device) == ("ok", "ok", "spark:2x1x1g"), two.reason
    assert two.verification.status == "passed"
    assert {figure.level for figure in two.verification.figures} >= {"gradient", "optimizer"}
    assert two.epochs.loss == pytest.approx(one.epochs.loss, rel=1e-4)
    assert two.epochs.test_loss == pytest.approx(one.epochs.test_loss, rel=1e-4)
    assert set(two.cluster) == ROLES
    assert all(span.user + span.system > 0 for span in two.cluster.values())
    spent = sum(span.user + span.system for span in two.cluster.values())
    assert 0.95 * spent < two.total.user + two.total.system < 1.1 * spent
    assert set(two.cluster_memory) == ROLES
    assert sum(two.cluster_memory.values()) > two.peak_memory > 2**26
    assert "cluster" in two.phases
    assert "cluster" not in one.phases
    assert two.settings["partitions"] == 2
    assert set(two.traffic) >= {"shuffle read", "shuffle written"}
    assert place.left() == []


@real
def test_elephas_is_local_sgd_with_averaging(place):
    """200 samples in two partitions: batches of 32 fit, of 100 would be passed over."""
    home("elephas")
    words = ["--backends", "elephas", "--device", "spark:2x1x1g", *PATIENT]
    done = place.run(*words, epochs=3)
    assert done.returncode == 0, done.stderr
    (record,) = place.records()
    assert (record.status, record.environment) == ("ok", "elephas"), record.reason
    assert len(record.lock) == 12
    assert record.verification.status == "passed"
    levels = {figure.level for figure in record.verification.figures}
    assert levels == {"forward", "gradient", "distributed", "epoch", "barrier"}
    assert record.versions["numpy"].startswith("1.26")
    assert record.epochs.loss[0] > record.epochs.loss[-1]
    assert record.settings["partitions"] == 2
    done = place.call(
        "run", place.suite(), *words, "--set", "batch=100", "--unverified",
        "--out", str(place.folder / "other"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "Elephas passes over a partition" in done.stdout
    assert "[100, 100] samples and batches of 100" in done.stdout


@real
def test_a_part_that_no_message_of_sparks_could_carry(place):
    """150 MB for one executor: as part of a task Spark refuses 128 MB."""
    home("elephas")
    text = Path(place.suite(epochs=1)).read_text(encoding="utf-8")
    text = text.replace("dataset: digits", 'dataset: "synthetic:features=4096,train=9200,test=50"')
    text = text.replace("samples: 200", "samples: 9200").replace("units: 64", "units: 4096")
    suite = place.folder / "large.yaml"
    suite.write_text(text.replace("batch: 32", "batch: 4000"), encoding="utf-8")
    assert 9200 * 4096 * 4 > 2**27
    words = ["--backends", "elephas", "--device", "spark:1x1x3g", "--unverified", *PATIENT]
    done = place.call("run", str(suite), *words, "--out", str(place.study))
    (record,) = place.records()
    assert record.status == "ok", f"{record.reason}\n{record.log[-2000:]}"
    assert done.returncode == 0


@real
def test_an_executor_killed_in_the_middle_of_an_epoch(place):
    """Spark starts another one and repeats its tasks; the trial ends well, or says why not."""
    home("elephas")
    with place.start(
        "run", place.suite(epochs=40), *PATIENT, "--backends", "elephas", "--unverified",
        "--device", "spark:1x1x1g", "--out", str(place.study),
    ) as process:  # fmt: skip
        end = time.monotonic() + 300
        while not (found := numbers(place.mark, "CoarseGrainedExecutorBackend")):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.5)
        time.sleep(20)  # Elephas' first round is under way, or the rounds after it
        os.kill(found[0], signal.SIGKILL)
        _, errors = process.communicate(timeout=500)
    (record,) = place.records()
    assert "Traceback" not in errors
    assert record.status in {"ok", "failed"}
    assert record.status == "ok" or record.reason
    if record.status == "ok":
        assert len(record.epochs.loss) == 40
    assert place.left() == []


@real
def test_no_java_is_a_skipped_trial(place, tmp_path):
    home("spark-torch")
    environ = {**place.environ, "PATH": str(tmp_path), "JAVA_HOME": ""}
    done = place.run("--backends", "spark-torch", env=environ)
    (record,) = place.records()
    assert (done.returncode, record.status) == (1, "skipped")
    assert record.reason == "Spark needs Java 17 or later, and none is on the PATH"
    assert "Traceback" not in done.stderr


def test_theano_without_a_compiler_is_a_skipped_trial(place, tmp_path):
    home("theano")
    done = place.run("--backends", "theano", env={**place.environ, "PATH": str(tmp_path)})
    (record,) = place.records()
    assert (done.returncode, record.status) == (1, "skipped")
    assert "C++ compiler" in record.reason


def test_current_makes_no_environment(place):
    done = place.run("--backends", "numpy,elephas", "--environment", "current")
    found = place.by_name()
    assert done.returncode == 0
    assert (found["numpy"].status, found["numpy"].environment) == ("ok", "current")
    assert found["elephas"].status == "skipped"
    assert "building" not in done.stderr


def test_a_warm_compile_cache_is_declared(place):
    words = ["--backends", "numpy", "--set", "compile_cache=warm"]
    assert place.run(*words).returncode == 0
    (record,) = place.records()
    assert record.settings["compile_cache"] == "warm"
    done = place.run("--backends", "numpy", "--resume")
    assert done.returncode == 2
    assert "begun with --set compile_cache=warm" in done.stderr
    assert place.run(*words, "--resume").returncode == 0


@real
def test_an_interrupt_takes_the_cluster_down(place):
    home("spark-torch")
    with place.start(
        "run", place.suite(epochs=100_000), *PATIENT, "--backends", "spark-torch", "--unverified",
        "--device", "spark:1x1x1g", "--out", str(place.study),
    ) as process:  # fmt: skip
        end = time.monotonic() + 120
        while not any("CoarseGrainedExecutorBackend" in line for line in place.left()):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130
    end = time.monotonic() + 60
    while place.left() and time.monotonic() < end:
        time.sleep(0.2)
    assert place.left() == []
