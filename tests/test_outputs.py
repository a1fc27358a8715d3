"""What trained models gave: kept beside the records, the same as the models really give."""

from __future__ import annotations

import errno
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import Desk, Place, worker
from specs import DENSE, PLAIN

from levelfield import registry
from levelfield.errors import UserError
from levelfield.results import outputs
from levelfield.results.outputs import Originals
from levelfield.run.answers import Answers
from levelfield.run.evaluation import CHUNK
from levelfield.run.process import WorkerError
from levelfield.run.trial import Setting, written
from levelfield.spec.workload import Workload

RNG = np.random.default_rng(5)
SUITE = """\
suite: tiny
repeats: 2
timeout: 300
contenders: [numpy, torch/eager]
workloads:
  - name: rebuilding
    dataset: digits
    samples: 200
    layers:
      - {kind: dense, units: 8, activation: relu, kernel: glorot_normal, bias: zeros}
      - {kind: dense, units: 64, activation: sigmoid, kernel: glorot_normal, bias: zeros}
    loss: mean_squared_error
    optimizer: {kind: sgd, momentum: 0.0, nesterov: false}
    schedule: {kind: constant, rate: 0.1}
    batch: 50
    epochs: 3
  - name: naming
    dataset: digits
    layers:
      - {kind: dense, units: 16, activation: relu, kernel: glorot_normal, bias: zeros}
      - {kind: dense, units: 10, activation: softmax, kernel: glorot_normal, bias: zeros}
    loss: categorical_crossentropy
    optimizer: {kind: sgd, momentum: 0.0, nesterov: false}
    schedule: {kind: constant, rate: 0.1}
    batch: 50
    epochs: 4
"""


def originals(**changes) -> Originals:
    samples = RNG.random((4, 6, 5))
    facts = {
        "places": np.array([3, 1, 4, 7]), "samples": samples.reshape(4, 30),
        "range": (float(samples.min()), float(samples.max())), "picture": (6, 5),
        "labels": np.array([0, 1, 2, 1, 0, 2, 2, 1]), "classes": ("a", "b", "c"),
    }  # fmt: skip
    return Originals(**{**facts, **changes})


def wrote(folder: Path, **arrays) -> Path:
    path = folder / "made.npz"
    np.savez(path, **arrays)
    return path


# Choosing.


@given(st.integers(1, 12), st.integers(1, 40_000), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_every_class_has_as_many_samples(classes, values, seed):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes).repeat(20), rng.integers(0, classes, 30)])
    order = rng.permutation(len(labels))
    places = outputs.choose(order, labels, values=values)
    chosen = labels[places]
    assert len(set(places.tolist())) == len(places) <= 16
    assert len(set(np.unique(chosen, return_counts=True)[1].tolist())) == 1
    assert (np.diff(chosen) >= 0).all()
    assert len(places) * values <= outputs.VALUES or len(places) <= outputs.LEAST
    without = outputs.choose(order, None, values=values)
    assert without.tolist() == order[: len(without)].tolist()
    assert 4 <= len(without) <= 16


@pytest.mark.parametrize(
    ("shape", "bounded", "drawn"),
    [
        ((64,), True, (8, 8)),
        ((784,), True, (28, 28)),
        ((64,), False, ()),
        ((10,), False, ()),
        ((60,), True, ()),
        ((9,), True, ()),
        ((32, 32, 3), True, (32, 32, 3)),
        ((28, 20, 1), True, (28, 20)),
        ((28, 20), False, (28, 20)),
        ((8, 8, 4), True, ()),
    ],
)
def test_what_is_a_picture(shape, bounded, drawn):
    assert outputs.picture(shape, bounded=bounded) == drawn


# Keeping.


def test_pictures_come_back_within_half_a_step(tmp_path):
    kept = originals()
    low, high = kept.range
    rows = np.clip(kept.samples + RNG.normal(0, 0.1, (4, 30)), low, high)
    outputs.keep(tmp_path, fingerprint="f", key="k", made=wrote(tmp_path, rebuilt=rows), given=kept)
    assert outputs.kept(tmp_path) == {"f", "k"}
    seen = outputs.originals(tmp_path, "f")
    assert (seen.picture, seen.classes, seen.range) == ((6, 5), ("a", "b", "c"), kept.range)
    assert seen.places.tolist() == [3, 1, 4, 7]
    assert seen.labels.tolist() == kept.labels.tolist()
    made = outputs.rebuilt(tmp_path, "k", seen)
    half = (high - low) / 510 + 1e-9
    assert np.abs(made.samples - rows).max() <= half
    assert np.abs(seen.samples - kept.samples).max() <= half
    wanted = [math.fsum((a - b) ** 2 for a, b in zip(*pair, strict=True)) / 30
              for pair in zip(rows, kept.samples, strict=True)]  # fmt: skip
    assert made.errors.tolist() == pytest.approx(wanted, rel=1e-12)
    assert outputs.answers(tmp_path, "k", seen) is None


def test_what_is_no_picture_is_kept_as_it_is(tmp_path):
    kept = originals(picture=(), labels=None, classes=())
    rows = (kept.samples * 1e6).astype(np.float32)
    file = wrote(tmp_path, rebuilt=rows.reshape(4, 5, 6))
    outputs.keep(tmp_path, fingerprint="f", key="k", made=file, given=kept)
    seen = outputs.originals(tmp_path, "f")
    assert (seen.labels, seen.classes) == (None, ())
    assert outputs.rebuilt(tmp_path, "k", seen).samples.tolist() == rows.tolist()


def test_answers_come_back(tmp_path):
    kept, answers = originals(), np.array([0, 1, 2, 1, 0, 2, 1, 0])
    file = wrote(tmp_path, answers=answers)
    outputs.keep(tmp_path, fingerprint="f", key="k", made=file, given=kept)
    seen = outputs.originals(tmp_path, "f")
    assert outputs.answers(tmp_path, "k", seen).tolist() == answers.tolist()
    assert outputs.rebuilt(tmp_path, "k", seen) is None
    assert (tmp_path / "outputs" / "k.npz").stat().st_size < 500


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"rebuilt": np.zeros((3, 30))},
        {"rebuilt": np.array(["x"] * 120)},
        {"answers": np.zeros(7, int)},
        {"answers": np.full(8, 3)},
        {"answers": np.full(8, -1)},
        {"answers": np.zeros(8)},
        {"answers": np.array([None] * 8, dtype=object)},
    ],
)
def test_what_a_worker_should_not_have_written(tmp_path, arrays):
    file = wrote(tmp_path, **arrays)
    with pytest.raises(UserError, match="not what a trained model gave"):
        outputs.keep(tmp_path, fingerprint="f", key="k", made=file, given=originals())
    assert outputs.kept(tmp_path) == frozenset()


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = wrote(tmp_path, answers=np.zeros(8, int))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        outputs.keep(tmp_path, fingerprint="f", key="k", made=file, given=originals())
    assert list((tmp_path / "outputs").iterdir()) == []


def test_files_that_were_tampered_with(tmp_path):
    file = wrote(tmp_path, answers=np.zeros(8, int))
    outputs.keep(tmp_path, fingerprint="f", key="k", made=file, given=originals())
    folder, seen = tmp_path / "outputs", outputs.originals(tmp_path, "f")
    whole = (folder / "f.npz").read_bytes()
    for junk in (b"", b"PK", whole[: len(whole) // 2], b"\0" * 1000, whole[:-10]):
        (folder / "f.npz").write_bytes(junk)
        (folder / "k.npz").write_bytes(junk)
        with pytest.raises(UserError):
            outputs.originals(tmp_path, "f")
        with pytest.raises(UserError):
            outputs.rebuilt(tmp_path, "k", seen)
    with zipfile.ZipFile(folder / "k.npz", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("answers.npy", b"\0" * (outputs.LARGEST + 1))
    with pytest.raises(UserError, match="not what"):
        outputs.answers(tmp_path, "k", seen)
    odd = (np.zeros(0), np.array("x"), np.full((2, 2), 99), np.array([np.nan] * 3))
    for name in ("places", "samples", "range", "picture", "labels", "classes"):
        for value in odd[1:] if name == "picture" else odd[:3]:
            np.savez(folder / "f.npz", **{**outputs._plain(originals()), name: value})
            with pytest.raises(UserError, match="not what"):
                outputs.originals(tmp_path, "f")
    (folder / ".f.npz.new").write_bytes(whole)
    assert outputs.kept(tmp_path) == {"f", "k"}
    assert outputs.kept(tmp_path / "nowhere") == frozenset()


# Workers.


def asked(process, desk, name, workload, weights, test, labels=None) -> dict[str, np.ndarray]:
    """Train in a worker; its weights at the end, and what it gave."""
    desk.load(process, name)
    desk.build(process, workload, weights, mode=registry.adapter(name).modes[0])
    train = RNG.random((64, test.shape[1])).astype(np.float32)
    files = {}
    for key, array in {"train": train, "test": test}.items():
        np.save(desk.folder / f"{key}.npy", array)
        files[key] = str(desk.folder / f"{key}.npy")
    if labels is not None:
        files["labels"] = [str(desk.folder / f"l{n}.npy") for n in range(2)]
        np.save(files["labels"][0], labels[:64])
        np.save(files["labels"][1], labels)
    process.ask("stage", **files, samples=None)
    process.ask("epochs", first=0, stop=workload.epochs, seconds=1e9)
    found = desk.weights(process)
    process.ask("close")
    path = desk.folder / "outputs.npz"
    process.ask("outputs", path=str(path), places=[5, 0, 77])
    return {**found, **np.load(path)}


@pytest.mark.parametrize("name", ["numpy", pytest.param("torch", marks=pytest.mark.slow)])
def test_a_worker_tells_what_its_trained_weights_give(tmp_path, name):
    """Beside the float64 reference with the same weights: nothing was trained in between."""
    workload = Workload.build(PLAIN)
    test = RNG.random((90, 64)).astype(np.float32)
    with worker() as process:
        found = asked(process, Desk(tmp_path), name, workload, workload.initial_weights((64,)),
                      test)  # fmt: skip
    rebuilt = found.pop("rebuilt")
    assert predicted(workload, found, test[[5, 0, 77]]) == pytest.approx(rebuilt, abs=2e-6)


@pytest.mark.parametrize("name", ["numpy", pytest.param("torch", marks=pytest.mark.slow)])
def test_a_worker_tells_a_classifiers_answers(tmp_path, name):
    layers = [DENSE, {**DENSE, "units": 3, "activation": "softmax"}]
    loss = {"layers": layers, "loss": "categorical_crossentropy"}
    workload = Workload.build({**PLAIN, **loss})
    test, labels = RNG.random((90, 64)).astype(np.float32), RNG.integers(0, 3, 90)
    with worker() as process:
        found = asked(process, Desk(tmp_path), name, workload, workload.initial_weights((64,)),
                      test, labels)  # fmt: skip
    answers = found.pop("answers")
    expected = predicted(workload, found, test)
    sure = np.ptp(np.sort(expected)[:, -2:], axis=1) > 1e-5
    assert sure.sum() > 80
    assert answers[sure].tolist() == expected.argmax(axis=1)[sure].tolist()


def predicted(workload, weights, samples) -> np.ndarray:
    """By the reference in float64."""
    adapter = registry.adapter("numpy")
    double = {name: array.astype(np.float64) for name, array in weights.items()}
    made = adapter(workload.replace(precision="float64"), double, mode="numpy", device="cpu",
                   threads=1)  # fmt: skip
    return made.predict(samples.astype(np.float64))


def test_outputs_are_of_the_last_epoch_only(tmp_path):
    workload = Workload.build(PLAIN)
    desk, samples = Desk(tmp_path), RNG.random((40, 64)).astype(np.float32)
    path = tmp_path / "outputs.npz"
    with worker() as process:
        desk.load(process, "numpy")
        desk.build(process, workload, workload.initial_weights((64,)))
        desk.stage(process, samples, samples)
        process.ask("epochs", first=0, stop=2, seconds=1e9)
        process.ask("outputs", path=str(path), places=[0])
        assert not path.exists()
        process.ask("train", epoch=2)
        process.ask("evaluate")
        process.ask("outputs", path=str(path), places=[0])
        assert path.exists()


def test_places_in_any_chunk_of_the_evaluation(tmp_path):
    rows = RNG.random((CHUNK + 7, 3))
    asked = Answers()
    asked.workload = Workload.build(PLAIN)
    asked.last = [rows[:CHUNK], rows[CHUNK:]]
    places = [CHUNK + 6, 0, CHUNK - 1, CHUNK]
    asked.outputs(path=str(tmp_path / "o.npz"), places=places)
    assert np.load(tmp_path / "o.npz")["rebuilt"].tolist() == rows[places].tolist()


@pytest.mark.parametrize("reason", ["AttributeError in outputs: no attribute", "killed by SIGKILL"])
def test_a_worker_that_cannot_is_no_worse(tmp_path, reason):
    """Workers of old code do not know the word; others may die of it."""

    class Old:
        def ask(self, do, **_):
            assert do == "outputs"
            raise WorkerError("failed", reason)

    setting = Setting(train="", test="", weights="", samples=1, digest="", threads=1,
                      given=originals())  # fmt: skip
    written(Old(), setting, tmp_path / "outputs.npz")


# Studies.


def place(folder: Path) -> Place:
    (folder / "tiny.yaml").write_text(SUITE, encoding="utf-8")
    return Place(folder)


def run(made: Place, *words: str):
    suite = str(made.folder / "tiny.yaml")
    out = ("--out", str(made.study), "--unverified", "--threads", "1")
    return made.call("run", suite, *out, *words)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["blocks", "duet"])
def test_a_study_keeps_outputs_of_one_trial_a_contender(tmp_path, schedule):
    made = place(tmp_path)
    done = run(made, "--schedule", schedule)
    assert done.returncode == 0, done.stderr
    records = [record for record in made.records() if record.repeat == 1]
    assert len(records) == 4
    prints = {record.workload: record.fingerprint for record in records}
    keys = {record.key for record in records}
    assert outputs.kept(made.study) == {*prints.values(), *keys}
    assert {record.status for record in made.records()} == {"ok"}
    assert sum(file.stat().st_size for file in (made.study / "outputs").iterdir()) < 20_000
    for record in records:
        seen = outputs.originals(made.study, record.fingerprint)
        assert seen.labels[seen.places].tolist() == list(range(10))
        if record.workload == "naming":
            answers = outputs.answers(made.study, record.key, seen)
            right = int((answers == seen.labels).sum())
            assert len(answers) == 297
            assert right / 297 == pytest.approx(record.metrics["accuracy"][-1], abs=1e-9)
        else:
            rebuilt = outputs.rebuilt(made.study, record.key, seen)
            off = np.mean((rebuilt.samples - seen.samples) ** 2, axis=1)
            assert rebuilt.errors == pytest.approx(off, abs=1e-3)
            assert rebuilt.errors.mean() == pytest.approx(record.epochs.test_loss[-1], rel=0.5)
    pairs = [outputs.rebuilt(made.study, r.key, outputs.originals(made.study, r.fingerprint))
             for r in records if r.workload == "rebuilding"]  # fmt: skip
    assert np.abs(pairs[0].samples - pairs[1].samples).max() <= 1 / 255


def test_outputs_that_cannot_be_kept_lose_no_trial(tmp_path):
    made = place(tmp_path)
    made.study.mkdir()
    (made.study / "outputs").write_text("in the way", encoding="utf-8")
    done = run(made, "--backends", "numpy")
    assert done.returncode == 0, done.stderr
    assert [record.status for record in made.records()] == ["ok"] * 4
    assert "numpy/numpy: its model's outputs were not kept: cannot be written" in done.stderr
    assert outputs.kept(made.study) == frozenset()
    (made.study / "outputs").unlink()
    again = run(made, "--backends", "numpy", "--repeats", "3", "--resume")
    assert again.returncode == 0, again.stderr
    assert len(outputs.kept(made.study)) == 4
