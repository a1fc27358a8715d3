"""Studies on disk: what was recorded is never lost, changed or misread."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import studies

from levelfield.errors import UserError
from levelfield.results import study
from levelfield.results.lines import plain
from levelfield.results.record import Record, Sentinel
from levelfield.results.store import (
    HEAD,
    RECORDS,
    Store,
    check_writable,
    read_head,
    read_records,
)

RECIPE = studies.Recipe(contenders=2, repeats=2, epochs=3, absent=1)
ROWS = list(studies.rows(RECIPE))
RECORD = next(row for row in ROWS if isinstance(row, Record) and row.status == "ok")

WRITER = """
import sys, time
from pathlib import Path
import studies
from levelfield.results.store import Store
recipe = studies.Recipe(contenders=2, repeats=2, epochs=3, absent=1)
with Store(Path(sys.argv[1])) as store:
    store.begin(studies.head(recipe))
    print("ready", flush=True)
"""
SLEEP = "    time.sleep(600)\n"
FOREVER = "    while True:\n        for row in studies.rows(recipe): store.append(row)\n"
LIMITED = """
    import resource
    from levelfield.errors import UserError
    file = Path(sys.argv[1]) / "records.jsonl"
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    row, before = next(studies.rows(recipe)), b""
    try:
        while True:
            store.append(row)
            before = file.read_bytes()
    except UserError as error:
        print(error)
    assert file.read_bytes() == before, "an earlier record was touched"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.append(row)
    assert file.read_bytes() == before + (row.line() + "\\n").encode()
"""


@contextmanager
def writer(code: str, folder: Path):
    """Another process that writes a study; it is killed in the end."""
    command = [sys.executable, "-P", "-c", WRITER + code, str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return studies.write(RECIPE, tmp_path / "study")


def read(folder: Path) -> list[Record | Sentinel]:
    records, sentinels, _ = read_records(folder)
    return [*records, *sentinels]


def lines(folder: Path) -> bytes:
    return (folder / RECORDS).read_bytes()


def test_a_study_is_read_as_it_was_written(folder):
    records, sentinels, _ = read_records(folder)
    assert (len(records), len(sentinels)) == (6, 4)
    for found, kind in ((records, Record), (sentinels, Sentinel)):
        assert [plain(row) for row in found] == [plain(r) for r in ROWS if isinstance(r, kind)]
    assert read_head(folder) == studies.head(RECIPE)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", RECORDS, HEAD]


@pytest.mark.parametrize(
    "text", ["日本 ñ", "\u2028\u2029\x85", "a\nb\r\n\0", "\udc80 \ud800", '"\\']
)
def test_any_text_is_kept(text, folder):
    before = lines(folder)
    with Store(folder) as store:
        store.append(replace(RECORD, reason=text, log=text, versions={text: text}))
        store.append(RECORD)
    assert lines(folder).startswith(before)
    *_, odd, last = read_records(folder)[0]
    assert (odd.reason, odd.log, odd.versions) == (text, text, {text: text})
    assert plain(last) == plain(RECORD)


def test_records_are_only_ever_appended(tmp_path):
    before = b""
    with Store(tmp_path) as store:
        for row in ROWS:
            store.append(row)
            after = lines(tmp_path)
            assert after == before + (row.line() + "\n").encode()
            before = after


@pytest.mark.parametrize("cut", [1, 2, 50, 400, -1])
def test_a_line_cut_short_is_passed_over_and_cut_off_by_the_next_writer(cut, folder):
    whole = lines(folder)
    line = (RECORD.line() + "\n").encode()
    (folder / RECORDS).write_bytes(whole + line[:cut])
    assert len(read(folder)) == len(ROWS)
    assert lines(folder) == whole + line[:cut]
    with Store(folder) as store:
        store.append(RECORD)
    assert lines(folder) == whole + line
    assert len(read(folder)) == len(ROWS) + 1


def test_a_long_line_cut_short_is_cut_off_too(tmp_path):
    (tmp_path / RECORDS).write_bytes((RECORD.line() + "\n").encode() + b"x" * 200_000)
    with Store(tmp_path) as store:
        store.append(RECORD)
    assert lines(tmp_path) == (RECORD.line() + "\n").encode() * 2
    (tmp_path / RECORDS).write_bytes(b"x" * 200_000)
    with Store(tmp_path) as store:
        store.append(RECORD)
    assert lines(tmp_path) == (RECORD.line() + "\n").encode()


def mutations(folder: Path) -> dict[str, bytes]:
    """Ways in which a line may be broken, of which some leave it JSON."""
    line = RECORD.line()
    facts = json.loads(line)

    def changed(**facts_: object) -> bytes:
        return json.dumps({**facts, **facts_}).encode()

    return {
        "empty": b"", "cut": line[:100].encode(), "zeros": b"\0" * 100, "bytes": b"\xff\xfe",
        "list": b"[]", "number": b"5", "text": b'"x"', "null": b"null", "no keys": b"{}",
        "deep": b"[" * 100_000, "no type": json.dumps({"schema": 1}).encode(),
        "no facts": json.dumps({"schema": 1, "type": "trial"}).encode(),
        "a sentinel of nothing": json.dumps({"schema": 1, "type": "sentinel"}).encode(),
        "status": changed(status="fine"), "repeat": changed(repeat="1"),
        "epochs": changed(epochs={**facts["epochs"], "loss": ["a", "b", "c"]}),
        "columns": changed(epochs={**facts["epochs"], "loss": [1.0]}),
        "cpus": changed(cpus=5), "phases": changed(phases=[1]), "span": changed(total={"wall": 1}),
        "large": changed(total={"wall": 10**400, "user": 1, "system": 1}),
        "figures": changed(verification={"status": "passed", "figures": [5]}),
    }  # fmt: skip


@pytest.mark.parametrize("name", mutations(Path()))
def test_a_line_broken_in_the_middle_is_named_and_nothing_is_touched(name, folder):
    broken = lines(folder).splitlines(keepends=True)
    broken[3] = mutations(folder)[name] + b"\n"
    (folder / RECORDS).write_bytes(b"".join(broken))
    with pytest.raises(UserError) as error:
        study.load(folder)
    assert error.value.where == f"{folder}/{RECORDS}:4"
    assert lines(folder) == b"".join(broken)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a study's head"), ("[]", "not a study's head"), ("5", "not a study's head"),
        ("{}", "not a study's head"), ("[" * 100_000, "not a study's head"),
        ('{"schema": 1}', "not a study's head"), ('{"schema": 1, "x": 2}', "not a study's head"),
        ("\udcff", "not a study's head"),
        ('{"schema": 2}', "written with schema 2; expected schema 1"),
        ('{"schema": "1"}', "written with schema '1'; expected schema 1"),
    ],
)  # fmt: skip
def test_a_head_that_is_none_is_refused(text, words, folder):
    (folder / HEAD).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError) as error:
        study.load(folder)
    assert str(error.value).startswith(f"{folder}/{HEAD}: {words}")


def test_records_of_another_schema_are_refused(folder):
    text = lines(folder).replace(b'{"schema":1,', b'{"schema":7,')
    (folder / RECORDS).write_bytes(text)
    with pytest.raises(UserError, match=rf"{RECORDS}:1: written with schema 7; expected schema 1"):
        study.load(folder)


def test_a_folder_is_refused_before_anything_is_made_in_it(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "deeper", tmp_path / ("a" * 300)):
        with pytest.raises(UserError, match=r"cannot be written \("):
            check_writable(place)
    with pytest.raises(UserError, match="/proc/none/deeper: cannot be written"):
        check_writable(Path("/proc/none/deeper"))
    check_writable(tmp_path / "new" / "deeper")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_where_there_is_no_study_there_is_a_message(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="no study here"):
            study.load(path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Not a directory"):
        study.load(tmp_path / "file")
    with pytest.raises(UserError, match="cannot be written"):
        Store(tmp_path / "file")
    with pytest.raises(UserError, match="cannot be written"):
        Store(tmp_path / ("a" * 300))
    studies.write(RECIPE, tmp_path / "study")
    (tmp_path / "study" / RECORDS).unlink()
    assert study.load(tmp_path / "study").records == ()
    (tmp_path / "study" / RECORDS).mkdir()
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        study.load(tmp_path / "study")


def test_two_processes_cannot_write_one_study(tmp_path):
    with writer(SLEEP, tmp_path) as process:
        with pytest.raises(UserError, match="another process is writing this study"):
            Store(tmp_path)
        assert study.load(tmp_path).records == ()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Store(tmp_path) as store:
            store.append(RECORD)
    assert len(read(tmp_path)) == 1


def test_killed_at_any_moment_a_writer_loses_one_record_at_most(tmp_path):
    written = [row.line() for row in ROWS]
    for size in (2_000, 40_000, 100_000):
        with writer(FOREVER, tmp_path) as process:
            while not (tmp_path / RECORDS).exists() or len(lines(tmp_path)) < size:
                time.sleep(0.001)
            before = lines(tmp_path).decode().rpartition("\n")[0].splitlines()
            process.send_signal(signal.SIGKILL)
            process.wait()
        whole = lines(tmp_path).decode().splitlines()[: len(read(tmp_path))]
        assert whole[: len(before)] == before != []
        assert all(line in written for line in whole)
        with Store(tmp_path) as store:
            store.append(RECORD)
        assert lines(tmp_path).decode().splitlines() == [*whole, RECORD.line()]


def test_a_limit_on_the_files_size_leaves_earlier_records_untouched(tmp_path):
    with writer(LIMITED, tmp_path) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.startswith(f"{tmp_path}/{RECORDS}: cannot be written (")
    assert "what was recorded before is kept: go on with --resume" in said
    assert len(read(tmp_path)) > 10


@pytest.fixture
def disk(tmp_path: Path):
    """A disk of 64 KiB of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root alone, and not in every container")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_leaves_earlier_records_untouched(disk):
    folder, before, count = disk / "study", b"", 0
    with Store(folder) as store:
        store.begin(studies.head(RECIPE))
        (disk / "filler").write_bytes(b"x" * 20_000)
        with pytest.raises(UserError) as error:  # noqa: PT012 - it comes when the disk is full
            while True:
                store.append(RECORD)
                before, count = lines(folder), count + 1
        assert str(error.value).startswith(
            f"{folder}/{RECORDS}: cannot be written (No space left on device)"
        )
        assert lines(folder) == before
        assert count > 10
        with pytest.raises(UserError, match="No space left"):
            store.append(RECORD)
        head = (folder / HEAD).read_bytes()
        with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
            store.begin(studies.head(replace(RECIPE, epochs=999)))
        assert (folder / HEAD).read_bytes() == head
        assert not (folder / f"{HEAD}.new").exists()
        (disk / "filler").unlink()
        store.append(RECORD)
        assert lines(folder) == before + (RECORD.line() + "\n").encode()
    assert len(study.load(folder).records) == count + 1
