"""Preparing data while the disk fills, processes die or run side by side: all for real."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from levelfield import data, fetch, registry

SCRIPT = """
import os, resource, signal, sys
from pathlib import Path
from levelfield import data, prepared, registry
from levelfield.errors import UserError

def die(*seen):
    os.kill(os.getpid(), signal.SIGKILL)

%s
try:
    source = registry.dataset("synthetic:features=50,train=2000,test=100")
    folder = data.data_directory(None)
    ready = data.prepare(source, precision="float32", data=folder, announce=print)
    print("digest", ready.digest)
except UserError as error:
    print(error)
"""
DIGEST = "3d362fd253930965"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LEVELFIELD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("LEVELFIELD_DATA", raising=False)
    return tmp_path / "cache"


def command(before: str = "") -> list[str]:
    return [sys.executable, "-Puc", SCRIPT % before]


def run(*words: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, check=False, **kwargs)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check_whole(cache: Path, besides: tuple[str, ...] = ()) -> None:
    """Prepare once more here; nothing but whole arrays may then be in the cache."""
    source = registry.dataset("synthetic:features=50,train=2000,test=100")
    ready = data.prepare(source, precision="float32", data=Path("/"), announce=print)
    made = source.load({})
    np.testing.assert_array_equal(np.load(ready.paths[0]), made.train.astype("float32"))
    np.testing.assert_array_equal(np.load(ready.paths[1]), made.test.astype("float32"))
    assert ready.digest == DIGEST
    assert [name for name in names(cache) if name not in besides] == [ready.folder.name]


@pytest.mark.parametrize("limit", [0, 100, 200_000, 400_127])
def test_a_file_that_may_not_grow_further_is_one_message_and_leaves_nothing(limit, cache):
    """Limits below the header of the training array (400,128 bytes), within it, just below it."""
    done = run(*command(f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"))
    assert f"{cache}: cannot be written (File too large)" in done.stdout
    assert "set LEVELFIELD_CACHE to another folder" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert names(cache) == []
    check_whole(cache)


def in_namespace(options: str, folder: Path, before: str = "") -> subprocess.CompletedProcess:
    """Run the script with a fresh file system mounted on a folder, then list what is on it."""
    if run("unshare", "-rm", "true").returncode:
        pytest.skip("no user namespaces here, in which a small disk could be mounted")
    folder.mkdir()
    lines = f'mount -t tmpfs {options} tmpfs "$0"; "$@"; ls -A "$0"'
    return run("unshare", "-rm", "sh", "-c", lines, str(folder), *command(before))


@pytest.mark.parametrize("size", ["4k", "64k", "404k", "412k"])
def test_a_full_disk_is_one_message_and_leaves_nothing(size, cache):
    """The arrays need 400 kB and 20 kB: one page, half, the training set alone, nearly all."""
    done = in_namespace(f"-o size={size}", cache)
    assert f"{cache}: cannot be written (No space left on device)" in done.stdout
    assert done.stdout.endswith("set LEVELFIELD_CACHE to another folder\n")
    assert done.stderr == ""


def test_a_disk_just_large_enough_will_do(cache):
    done = in_namespace("-o size=440k", cache)
    assert f"digest {DIGEST}" in done.stdout


def test_a_read_only_cache_is_one_message(cache):
    done = in_namespace("-o ro", cache)
    assert f"{cache}: cannot be written (Read-only file system)" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("place", ["/dev/full", "/proc/levelfield"])
def test_a_cache_that_is_no_folder_is_one_message(place, monkeypatch):
    monkeypatch.setenv("LEVELFIELD_CACHE", place)
    done = run(*command())
    assert f"{place}: cannot be written (" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_whole_arrays_in_a_read_only_cache_are_used(cache, tmp_path):
    check_whole(cache)
    lines = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && "$@"'
    done = run("unshare", "-rm", "sh", "-c", lines, str(cache), *command())
    if "digest" not in done.stdout and "ermitted" in done.stderr:
        pytest.skip("no user namespaces here, in which a read-only disk could be mounted")
    assert done.stdout == f"digest {DIGEST}\n"


def test_processes_side_by_side_make_one_set_of_arrays(cache):
    children = [subprocess.Popen(command(), stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [child.communicate()[0] for child in children]
    assert all(text.endswith(f"digest {DIGEST}\n") for text in said)
    assert "".join(said).count("preparing") == 1
    check_whole(cache)


KILL = {
    "while loading": "registry.datasets()['synthetic'].load = die",
    "between the arrays": """
write = prepared._write
def once(path, array):
    if path.name == "test.npy":
        die()
    return write(path, array)
prepared._write = once""",
    "in an array": "os.fsync = die",
    "before the folder is renamed": "Path.rename = die",
}


@pytest.mark.parametrize("moment", KILL)
@pytest.mark.parametrize("broken", [False, True], ids=["fresh", "repairing"])
def test_a_killed_process_does_no_harm(moment, broken, cache):
    if broken:
        check_whole(cache)
        (cache / names(cache)[0] / "train.npy").write_bytes(b"")
    done = run(*command(KILL[moment]))
    assert done.returncode == -signal.SIGKILL
    left = {name.rpartition(".")[2] for name in names(cache) if name.startswith(".")}
    assert left == ({"lock"} if moment == "while loading" else {"lock", "new"})
    check_whole(cache)


def test_a_process_killed_between_the_two_renames_does_no_harm(cache):
    check_whole(cache)
    (cache / names(cache)[0] / "train.npy").write_bytes(b"")
    twice = """
rename, done = Path.rename, []
def second(*names):
    if done:
        die()
    done.append(names)
    return rename(*names)
Path.rename = second"""
    assert run(*command(twice)).returncode == -signal.SIGKILL
    assert [name[0] for name in names(cache)] == [".", ".", "."]  # new, old, lock
    check_whole(cache)


def test_a_process_killed_while_cleaning_up_leaves_whole_arrays(cache):
    check_whole(cache)
    folder = names(cache)[0]
    (cache / folder / "train.npy").write_bytes(b"")
    done = run(*command("prepared._remove = lambda path: path.exists() and die()"))
    assert done.returncode == -signal.SIGKILL
    left = (f".{folder}.lock", f".{folder}.old")
    assert names(cache) == [*left, folder]
    check_whole(cache, besides=left)
    (cache / folder / "train.npy").write_bytes(b"")
    check_whole(cache)


def test_those_who_wait_for_a_killed_process_go_on(cache, tmp_path):
    slow = f"""
import time
def wait(*seen):
    Path({str(tmp_path / "loading")!r}).touch()
    time.sleep(600)
registry.datasets()['synthetic'].load = wait"""
    first = subprocess.Popen(command(slow), stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "loading").exists():
        assert first.poll() is None
    second = subprocess.Popen(command(), stdout=subprocess.PIPE, text=True)
    assert "waiting for another process" in second.stdout.readline()
    first.kill()
    first.communicate()
    assert second.communicate()[0].endswith(f"digest {DIGEST}\n")
    check_whole(cache)


def test_a_lock_handed_on_still_keeps_others_out(tmp_path):
    """The holder removes its file: whoever waited for that one must not pass for the holder."""
    path, inside, most, go = tmp_path / "lock", [], [], threading.Event()

    def enter() -> None:
        with fetch.alone(path, waiting.append):
            inside.append(1)
            most.append(len(inside))
            go.wait(0.05)
            inside.pop()

    waiting: list[str] = []
    threads = [threading.Thread(target=enter) for _ in range(8)]
    with fetch.alone(path, print):
        for thread in threads[:4]:
            thread.start()
        while len(waiting) < 4:
            assert threads[0].is_alive()
    for thread in threads[4:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert names(tmp_path) == []


def test_a_worker_keeps_its_arrays_while_they_are_repaired(cache):
    source = registry.dataset("synthetic:features=50,train=2000,test=100")
    ready = data.prepare(source, precision="float32", data=Path("/"), announce=print)
    train, _ = data.open_arrays(ready.paths, None)
    before = train.copy()
    (ready.folder / "meta.json").unlink()
    check_whole(cache)
    np.testing.assert_array_equal(train, before)


def test_a_cache_removed_by_hand_is_made_again(cache):
    check_whole(cache)
    shutil.rmtree(cache)
    check_whole(cache)
