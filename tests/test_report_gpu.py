"""What the page says of a GPU: energy, power, clocks, who else was there, and what was not read."""

from __future__ import annotations

import dataclasses
import math

import pages
import pytest
import studies
from levelfield.reports import formats

from levelfield.results.record import Readings, Record

NAMES = {"torch/compile": "cuda", "numpy/numpy": "cpu"}


def gpu_study(folder, **changes):
    """A study of two contenders, one of them on a GPU, with readings that are easily added up."""
    recipe = studies.Recipe(contenders=9, epochs=5, repeats=2, absent=0, sentinels=False)
    head = studies.head(recipe)
    rows = []
    for record in studies.rows(recipe):
        assert isinstance(record, Record)
        name = f"{record.backend}/{record.mode}"
        if name not in NAMES:
            continue
        facts = {"device": NAMES[name], "unread": {"energy of the processors": "no RAPL here"}}
        if NAMES[name] == "cuda":
            steady = 80.0 * record.repeat
            facts |= {
                "energy": {"gpu": {"build": 5.0, "first epoch": 10.0, "steady epochs": steady}},
                "readings": Readings(
                    seconds=(0.0, 0.5, 1.0), power=(100.0, 300.0, 500.0),
                    utilisation=(0.0, 0.5, 1.0), sm_clock=(1.2e9, 1.98e9, math.nan),
                    temperature=(40.0, 50.0, 61.0), throttled=(1.0, 4.0, 0x44),
                    memory=(0.0, 2**30, 2**29),
                ),
                "device_memory": 2**28, "device_reserved": 2**29,
                "foreign": ("process 77 (miner), 3072 MiB",),
            }  # fmt: skip
        rows.append(dataclasses.replace(record, **{**facts, **changes}))
    planned = (*NAMES,)
    return pages.study(folder, dataclasses.replace(head, contenders=planned), rows)


def cells(section, name: str, table: int) -> list[str]:
    return next(row for row in pages.rows(section, table) if name in row[0])


def test_energy_is_told_by_epoch_sample_and_trial(tmp_path):
    study = gpu_study(tmp_path)
    section = pages.rendered(study).one("section", id="energy")
    samples = study.records[0].samples
    row = cells(section, "torch", 0)
    # Four steady epochs in either trial: 80 J and 160 J, so 20 and 40 J an epoch, 30 in the middle.
    assert row[1] == "30.0 J"
    assert row[2] == f"{30e3 / samples:#.3g}".rstrip(".") + " mJ"
    assert row[3] == f"{(95 + 175) / 2:#.3g}".rstrip(".") + " J"
    assert cells(section, "numpy", 0)[1:] == [formats.NOTHING, formats.NOTHING, formats.NOTHING]


def test_how_the_gpu_fared(tmp_path):
    tree = pages.rendered(gpu_study(tmp_path))
    section = tree.one("section", id="energy")
    row = cells(section, "torch", 1)
    assert row[1:8] == [
        "300 W", "50.0 %", "1,200 MHz to 1,980 MHz", "61.0 °C", "1.00 GiB", "256 MiB", "512 MiB",
    ]  # fmt: skip
    assert row[8] == "power limit, heat (hardware)"
    assert "process 77 (miner), 3072 MiB" in section.text
    assert "energy of the processors (no RAPL here)" in section.text
    doubts = tree.one("section", id="doubts").text
    assert "others on the GPU" in doubts
    assert "power limit, heat (hardware)" in doubts


def test_nothing_read_is_a_reason_and_no_zero(tmp_path):
    nothing = {
        "energy": {},
        "readings": Readings(),
        "unread": {"energy of the gpu": "NVML: Not Supported"},
    }
    section = pages.rendered(gpu_study(tmp_path, **nothing)).one("section", id="energy")
    assert "energy of the gpu (NVML: Not Supported)" in section.text
    assert "0 J" not in section.text
    assert cells(section, "torch", 0)[1] == formats.NOTHING


def test_on_a_cpu_alone_a_line_says_why_there_is_no_energy(tmp_path):
    recipe = studies.Recipe(epochs=3, repeats=1, absent=0)
    rows = [
        dataclasses.replace(row, unread={"energy of the processors": "no RAPL here"})
        if isinstance(row, Record)
        else row
        for row in studies.rows(recipe)
    ]
    tree = pages.rendered(pages.study(tmp_path, studies.head(recipe), rows))
    assert not tree.all("section", id="energy")
    text = tree.one("section", id="resources").text
    assert "Energy of the processors: not read, since no RAPL here." in text


@pytest.mark.parametrize("hostile", ["<script>x</script>", "a" * 10_000, "\u202eabc"])
def test_what_comes_from_outside_is_escaped(tmp_path, hostile):
    tree = pages.rendered(gpu_study(tmp_path, foreign=(hostile,), unread={hostile: hostile}))
    section = tree.one("section", id="energy")
    assert not section.all("script")
    assert "\u202e" not in section.text
    assert len(section.text) < 5000
