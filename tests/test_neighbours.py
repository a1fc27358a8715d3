"""What others used of the processors while something was measured."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelfield.run.clock import TICK
from levelfield.run.neighbours import Neighbours, parse

STAT = "cpu  100 20 30 4000 50 6 7 80 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5\n"


def test_columns_of_proc_stat():
    assert parse(STAT) == ((100 + 20 + 30 + 6 + 7) / TICK, 80 / TICK)


@given(st.text())
def test_what_is_no_proc_stat_is_none(text):
    assert parse(text.replace("cpu ", "cpu")) is None


BURN = """
import time
while time.process_time() < 1.0:
    pass
"""


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_ours_is_not_theirs():
    """A child that is waited for burns a second: it is not a neighbour; one that is not, is."""
    with Neighbours() as ours:
        subprocess.run([sys.executable, "-c", BURN], check=True)
    stranger = multiprocessing.get_context("fork").Process(target=_burn, args=(60.0,))
    stranger.start()
    try:
        with Neighbours() as theirs:
            time.sleep(2.0)
    finally:
        stranger.kill()
        stranger.join()
    assert theirs.share is not None
    assert ours.share is not None
    if ours.share > 0.2:
        pytest.skip("the machine has a real neighbour now")
    assert theirs.share > 0.5 / (os.cpu_count() or 1)
