"""Records: written, read back, made into frames."""

# ruff: noqa: INP001, S101

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import studies

from levelfield.results import study
from levelfield.results.record import Record
from levelfield.results.store import Store
from levelfield.results.study import Study

RECIPE = studies.Recipe(contenders=8, repeats=10, epochs=100, absent=2)
TRIALS = (RECIPE.contenders + RECIPE.absent) * RECIPE.repeats


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a hundred trials of a hundred epochs."""
    return studies.write(RECIPE, tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Study:
    """The same, in memory."""
    return study.load(folder)


@pytest.fixture(scope="module")
def record(loaded: Study) -> Record:
    """One of its records that ended well."""
    return next(record for record in loaded.records if record.status == "ok")


def test_write_a_record_s_line(benchmark: Any, record: Record) -> None:
    """From a record to JSON."""
    assert benchmark(record.line).startswith('{"schema"')


def test_parse_a_record_s_line(benchmark: Any, record: Record) -> None:
    """From JSON to a record, checked."""
    text = record.line()
    assert benchmark(lambda: Record.parse(json.loads(text))).key == record.key


def test_append_a_record(
    benchmark: Any, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Onto an open study; waiting for the disk is the disk's own time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    with Store(tmp_path / "study") as store:
        benchmark(store.append, record)
    assert (tmp_path / "study" / "records.jsonl").stat().st_size > 0


def test_begin_a_study(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own each time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    numbers, head = count(), studies.head(RECIPE)

    def begin() -> None:
        with Store(tmp_path / str(next(numbers))) as store:
            store.begin(head)

    benchmark(begin)
    assert (tmp_path / "0" / "study.json").exists()


def test_load_a_study(benchmark: Any, folder: Path) -> None:
    """Every line parsed."""
    assert len(benchmark(study.load, folder).records) == TRIALS


def test_frames_of_a_study(benchmark: Any, loaded: Study) -> None:
    """Trials, epochs, phases."""

    def frames() -> list[int]:
        fresh = Study(loaded.folder, loaded.head, loaded.records, loaded.sentinels)
        return [len(frame) for frame in (fresh.trials(), fresh.epochs(), fresh.phases())]

    assert benchmark(frames)[0] == TRIALS
