"""What is read of the machine while a trial runs: recorded sequences, faults, full counters."""

from __future__ import annotations

import math
import os
import threading
from itertools import count

import gpus
import pytest
from gpus import Card, Nvml

from levelfield.results.record import Readings, Record
from levelfield.run.meters import MOST, Meters, Unread
from levelfield.run.meters.nvml import Nvml as GpuMeter
from levelfield.run.meters.rapl import Rapl


def meter(card: Card, *, ours=lambda: {1}, proc="/nowhere") -> GpuMeter:
    return GpuMeter("0", ours=ours, nvml=Nvml(card), proc=str(proc))


def ticking(step: float = 1.0):
    moments = count(0.0, step)
    return lambda: next(moments)


def test_energy_belongs_to_the_phase_it_was_used_in():
    card = Card(answers={"energy": [10_000, 10_500, 13_500, 13_500, 20_000]})  # millijoules
    with Meters([meter(card)], interval=1e6) as meters:
        for phase in ("build", "first epoch", "stage", "first epoch"):
            meters.mark(phase)
    spent = meters.facts()["energy"]["gpu"]
    assert spent == pytest.approx({"build": 0.5, "first epoch": 3.0 + 6.5, "stage": 0.0})


def test_readings_have_the_units_of_the_record():
    card = Card(
        answers={
            "utilisation": [97], "clock1": [1410], "clock2": [2619], "temperature": [66],
            "power": [412_345], "throttled": [0x4], "processes": [[], [gpus.process(1, 7 * 2**20)]],
        }
    )  # fmt: skip
    with Meters([meter(card)], interval=1e6, now=ticking()) as meters:
        pass
    assert meters.facts()["readings"] == Readings(
        seconds=(1.0,), utilisation=(0.97,), sm_clock=(1.41e9,), memory_clock=(2.619e9,),
        temperature=(66.0,), power=(412.345,), throttled=(4.0,), memory=(7.0 * 2**20,),
    )  # fmt: skip


def test_what_is_not_supported_is_told_and_never_a_zero():
    nothing = gpus.NVMLError_NotSupported()
    card = Card(answers={"energy": [nothing], "power": [nothing], "processes": [nothing]})
    with Meters([meter(card)], interval=1e6) as meters:
        meters.mark("build")
        meters.sample()
    facts = meters.facts()
    assert facts["energy"] == {}
    assert facts["readings"].power == ()
    assert facts["readings"].memory == ()
    assert facts["readings"].temperature == (60.0, 60.0)
    for what in ("power", "memory", "energy of the gpu"):
        assert facts["unread"][what] == "NVML: Not Supported"


def test_a_gpu_that_falls_off_the_bus_leaves_what_was_read():
    lost = gpus.NVMLError_GpuIsLost()
    card = Card(answers={"power": [300_000, 310_000, lost], "energy": [0, 5000, lost]})
    with Meters([meter(card)], interval=1e6) as meters:
        meters.mark("build")
        meters.sample()
        meters.mark("first epoch")
        meters.sample()
        meters.sample()
    facts = meters.facts()
    assert facts["readings"].power == (300.0, 310.0)
    assert facts["energy"] == {"gpu": {"build": 5.0}}
    assert "GPU is lost" in facts["unread"]["gpu"]
    assert facts["readings"].whole


def test_a_counter_that_could_not_be_read_at_a_phases_start_says_nothing_of_it():
    card = Card(answers={"energy": [gpus.NVMLError("Unknown Error"), 5000, 8000]})
    with Meters([meter(card)], interval=1e6) as meters:
        meters.mark("build")
        meters.mark("stage")
    assert meters.facts()["energy"] == {"gpu": {"stage": 3.0}}


def test_a_reading_that_fails_once_leaves_a_gap():
    card = Card(answers={"power": [300_000, gpus.NVMLError("Unknown Error"), 1]})
    with Meters([meter(card)], interval=1e6) as meters:
        meters.sample()
    power = meters.facts()["readings"].power
    assert power[0] == 300.0
    assert math.isnan(power[1])
    assert meters.facts()["readings"].whole


def test_foreign_processes_are_told_from_the_trials_own(tmp_path):
    stranger = tmp_path / "77"
    stranger.mkdir()
    (stranger / "comm").write_text("miner\n")
    mine = os.getpid()
    (tmp_path / str(mine)).mkdir()
    seen = [gpus.process(77, 3 * 2**30), gpus.process(mine, 2**30)]
    card = Card(answers={"processes": [[], seen]})
    found = meter(card, ours=lambda: {mine}, proc=tmp_path)
    with Meters([found], interval=1e6) as meters:
        pass
    facts = meters.facts()
    assert facts["readings"].memory == (2.0**30,)
    assert facts["foreign"] == ("process 77 (miner), 3072 MiB",)


def test_in_a_container_new_numbers_are_the_trials_own():
    """The driver tells of numbers outside of the namespace: none of them is in /proc."""
    other, own = gpus.process(9001, 2**30), gpus.process(9002, 2**29)
    card = Card(answers={"processes": [[other], [other, own]]})
    with Meters([meter(card, ours=set)], interval=1e6) as meters:
        pass
    facts = meters.facts()
    assert facts["readings"].memory == (2.0**29,)
    assert facts["foreign"] == ("process 9001 (of another container or user), 1024 MiB",)


def test_nvml_is_let_go_of():
    library = Nvml(Card())
    with Meters([GpuMeter("0", ours=set, nvml=library)], interval=1e6):
        assert library.open == 1
    assert library.open == 0
    with pytest.raises(Unread, match="Invalid Argument"):
        GpuMeter("4", ours=set, nvml=library)


def test_a_long_trial_keeps_a_bounded_number_of_samples_evenly_spread():
    moment = [0.0]
    meters = Meters([meter(Card())], interval=0.5, now=lambda: moment[0])
    meters._began = 0.0  # as when it is entered, without its thread
    for _ in range(2 * MOST):
        meters.sample()
        moment[0] += meters.interval
    readings = meters.facts()["readings"]
    assert MOST // 2 < len(readings.seconds) < MOST
    assert readings.whole
    steps = {b - a for a, b in zip(readings.seconds, readings.seconds[1:], strict=False)}
    assert steps == {meters.interval}


def test_the_sampler_sleeps_between_samples_and_ends_with_the_trial():
    before = threading.active_count()
    taken = threading.Event()
    card = Card(answers={"power": [100_000]})
    found = meter(card)
    ask, calls = found.sample, []

    def sample():
        calls.append(1)
        if len(calls) == 3:
            taken.set()
        return ask()

    found.sample = sample  # type: ignore[method-assign]
    with Meters([found], interval=0.01) as meters:
        assert taken.wait(10)
    ended = len(calls)
    assert threading.active_count() == before
    assert len(meters.facts()["readings"].seconds) == ended


def zone(root, number, name, energy, top=1000):
    folder = root / f"intel-rapl:{number}"
    folder.mkdir(exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{top}\n")
    return folder / "energy_uj"


def test_packages_are_added_up_and_counters_run_over(tmp_path):
    one, two = zone(tmp_path, 0, "package-0", 900), zone(tmp_path, 1, "package-1", 10)
    zone(tmp_path, "0:0", "core", 5)
    zone(tmp_path, 2, "psys", 5)
    rapl = Rapl(tmp_path)
    assert rapl.energy() == 0.0
    one.write_text("100\n")  # over 1000 and on
    two.write_text("60\n")
    assert rapl.energy() == pytest.approx((200 + 50) / 1e6)
    two.write_text("61\n")
    assert rapl.energy() == pytest.approx((200 + 51) / 1e6)


def test_why_there_is_no_energy_of_the_processors(tmp_path):
    with pytest.raises(Unread, match="intel-rapl"):
        Rapl(tmp_path)
    zone(tmp_path, 0, "package-0", "words")
    with pytest.raises(Unread, match="no number"):
        Rapl(tmp_path)


def test_a_record_keeps_it_all():
    blank = Record(
        key="k", workload="w", fingerprint="f", backend="torch", mode="eager", device="cuda:1",
        environment="e", repeat=1, block=1, position=0, status="ok",
        energy={"gpu": {"build": 1.5}}, unread={"power": "NVML: Not Supported"},
        readings=Readings(seconds=(0.0, 0.5), temperature=(40.0, math.nan)),
        foreign=("process 7 (x)",), device_reserved=5,
    )  # fmt: skip
    import json

    again = Record.parse(json.loads(blank.line()))
    assert again.energy == blank.energy
    assert again.unread == blank.unread
    assert again.foreign == blank.foreign
    assert again.device_reserved == 5
    assert again.readings.temperature[0] == 40.0
    assert math.isnan(again.readings.temperature[1])
