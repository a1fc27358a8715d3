"""A budget of memory for each trial: who exceeds it fails, and says where."""

from __future__ import annotations

import pytest
from running import Place

from levelfield import arguments


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6g", 6 * 2**30),
        ("500M", 500 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("4096", 4096),
        ("2kb", 2048),
    ],
)
def test_sizes_are_read(text, size):
    assert arguments.size(text) == size


@pytest.mark.parametrize("text", ["", "g", "-1g", "6q", "nan", "inf", "0"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises((ValueError, IndexError)):
        arguments.size(text)


def test_a_trial_beyond_its_budget_fails_and_says_where(tmp_path):
    place = Place(tmp_path)
    done = place.run("--unverified", "--memory", "2m", epochs=200_000)
    (record,) = place.records()
    assert record.status == "failed"
    assert record.reason.startswith("out of memory: ")
    assert "(--memory) at epoch 1" in record.reason
    assert done.returncode == 1
    assert place.left() == []


def test_a_trial_within_its_budget_is_left_alone(tmp_path):
    place = Place(tmp_path)
    assert place.run("--unverified", "--memory", "8g").returncode == 0
    (record,) = place.records()
    assert record.status == "ok"
    assert record.peak_memory < 8 * 2**30
