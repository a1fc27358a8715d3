"""The folder a run works in: gone with it, also when it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from levelfield import cli
from levelfield.errors import UserError
from levelfield.run import sides
from levelfield.run.scratch import OWNER, scratch

OWN = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from levelfield.run.scratch import scratch
with scratch() as folder:
    (folder / "weights.npz").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_gone_when_it_ends_and_when_it_fails(place):
    with scratch() as one, scratch() as two:
        assert one != two
        assert one.parent == two.parent == place
        (one / "a").mkdir()
    assert list(place.iterdir()) == []
    with pytest.raises(ValueError, match="of the run"), scratch():
        raise ValueError("of the run")
    assert list(place.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_and_nothing_else(place):
    kept = [place / name for name in ("levelfield-other", "levelfield-young", "others")]
    for folder in kept:
        folder.mkdir()
    (kept[1] / OWNER).touch()  # made a moment ago, its lock not taken yet
    command = [sys.executable, "-P", "-c", OWN, str(place)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as living,
    ):
        left, used = (Path(process.stdout.readline().strip()) for process in (killed, living))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "weights.npz").exists()
        with scratch() as folder:
            assert set(place.iterdir()) == {*kept, used, folder}
        living.kill()


def test_the_checkouts_of_a_comparison_have_an_owner(place, monkeypatch):
    owned = []

    def side(text, *, other, checkout, scratch):
        owned.append((scratch.parent, (scratch / OWNER).exists()))
        raise UserError("enough seen")

    monkeypatch.setattr(sides, "side", side)
    assert cli.main(["compare", "--backends", "numpy", "--quiet"]) == 2
    assert owned == [(place, True)]
    assert list(place.iterdir()) == []
