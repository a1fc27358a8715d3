"""Schedules against the published formulas, PyTorch's schedulers, and themselves cut in pieces."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from specs import changed

from levelfield.spec.fields import FieldError
from levelfield.spec.schedules import Schedule
from levelfield.spec.workload import Workload

LINEAR = {"kind": "linear", "low": 0.001, "high": 0.1, "epochs": 3}
TRIANGULAR = {"kind": "triangular", "low": 0.001, "high": 0.01, "half_cycle": 2.0}
ONE = {"kind": "one_cycle", "low": 0.01, "high": 0.1, "final": 0.0001, "epochs": 4}
MOMENTA = {"momentum_low": 0.85, "momentum_high": 0.95}
STEP = {"kind": "step", "rate": 0.1, "factor": 0.5, "every": 2}
COSINE = {"kind": "cosine", "high": 0.1, "low": 0.001, "epochs": 4}
KINDS = sorted(Schedule.kinds())
AT_MOST = "a rate of at most"

# What is wrong, where the message puts it, what it says was seen and expected.
WRONG = [
    (LINEAR | {"low": 0.2}, "low", "got 0.2", f"{AT_MOST} 'high', 0.1"),
    (LINEAR | {"kind": "exponential", "low": 0.2}, "low", "got 0.2", f"{AT_MOST} 'high', 0.1"),
    (TRIANGULAR | {"high": 0.0001}, "low", "got 0.001", f"{AT_MOST} 'high', 0.0001"),
    (TRIANGULAR | {"kind": "triangular2", "low": 1}, "low", "got 1", f"{AT_MOST} 'high', 0.01"),
    (COSINE | {"low": 0.5}, "low", "got 0.5", f"{AT_MOST} 'high', 0.1"),
    (ONE | {"low": 0.5}, "low", "got 0.5", f"{AT_MOST} 'high', 0.1"),
    (ONE | {"final": 0.05}, "final", "got 0.05", f"{AT_MOST} 'low', 0.01"),
    (LINEAR | {"epochs": 0}, "epochs", "got 0", "a whole number in [1, 1e+06]"),
    (LINEAR | {"epochs": 1.5}, "epochs", "got 1.5", "a whole number"),
    (LINEAR | {"low": 0}, "low", "got 0.0", "a number above 0"),
    (ONE | {"epochs": 0}, "epochs", "got 0", "a whole number in [1, 1e+06]"),
    (ONE | {"warmup": 0.5}, "warmup", "got 0.5", "a number in (0, 0.5)"),
    (ONE | {"warmup": 0}, "warmup", "got 0.0", "a number in (0, 0.5)"),
    (ONE | {"annealing": "cos"}, "annealing", "unknown value 'cos'", "one of cosine, linear"),
    (ONE | {"momentum_low": 0.8}, "momentum_high", "one bound of the momentum alone", "both"),
    (ONE | {"momentum_high": 0.8}, "momentum_low", "one bound of the momentum alone", "both"),
    (ONE | MOMENTA | {"momentum_low": 0}, "momentum_low", "got 0.0", "a number in (0, 1)"),
    (ONE | MOMENTA | {"momentum_high": 1}, "momentum_high", "got 1.0", "a number in (0, 1)"),
    (
        ONE | MOMENTA | {"momentum_low": 0.96},
        "momentum_low",
        "got 0.96",
        "a momentum of at most 'momentum_high', 0.95",
    ),
    (TRIANGULAR | {"half_cycle": 0}, "half_cycle", "got 0.0", "a number in [1e-06, 1e+06]"),
    (STEP | {"every": 0}, "every", "got 0", "a whole number in [1, 1e+06]"),
    (STEP | {"factor": 1.5}, "factor", "got 1.5", "a number in (0, 1]"),
    (COSINE | {"epochs": 0}, "epochs", "got 0", "a whole number in [1, 1e+06]"),
    (COSINE | {"cycles": 0}, "cycles", "got 0", "a whole number in [1, 1e+06]"),
]


def made(facts: dict[str, object]) -> Schedule:
    schedule = Schedule.choose(facts)
    assert isinstance(schedule, Schedule)
    return schedule


def schedules() -> st.SearchStrategy[Schedule]:
    """Every kind, with fields anywhere in their usual ranges."""
    rate = st.floats(1e-8, 10)
    three = st.lists(rate, min_size=3, max_size=3).map(sorted)
    epochs, half = st.integers(1, 30), st.floats(0.01, 30)
    momentum = st.floats(0.01, 0.99)
    momenta = st.none() | st.tuples(momentum, momentum).map(sorted)
    rest = st.fixed_dictionaries(
        {
            "epochs": epochs,
            "half_cycle": half,
            "warmup": st.floats(0, 0.5, exclude_min=True, exclude_max=True),
            "annealing": st.sampled_from(["linear", "cosine"]),
            "factor": st.floats(0.1, 1),
            "every": epochs,
            "cycles": st.integers(1, 5),
        }
    )

    def one(
        kind: str, rates: list[float], momenta: list[float] | None, rest: dict[str, object]
    ) -> Schedule:
        """Final, low and high rate, in this order."""
        final, low, high = rates
        rest |= dict(zip(MOMENTA, momenta or (None, None), strict=True))
        facts = {**rest, "final": final, "low": low, "high": high, "rate": high}
        names = [field.name for field in dataclasses.fields(Schedule.kinds()[kind])]
        return made({"kind": kind, **{name: facts[name] for name in names}})

    return st.builds(one, st.sampled_from(KINDS), three, momenta, rest)


def test_every_kind_has_an_example_that_can_be_built():
    assert KINDS == [
        "constant", "cosine", "exponential", "linear", "one_cycle", "step", "triangular",
        "triangular2",
    ]  # fmt: skip
    for kind, cls in Schedule.kinds().items():
        schedule = made(yaml.safe_load(cls.example))
        assert schedule.kind == kind
        assert made(yaml.safe_load(yaml.safe_dump(schedule.plain()))) == schedule
        assert cls.__doc__


@given(schedules(), st.integers(1, 50), st.lists(st.integers(0, 300), max_size=6))
def test_any_cut_gives_the_same_rates(schedule, steps, cuts):
    """To the last bit: a rate depends on its step's number alone."""
    whole = schedule.rates(0, 300, steps_per_epoch=steps)
    assert (whole.shape, whole.dtype) == ((300,), np.float64)
    edges = [0, *sorted(cuts), 300]
    pieces = [
        schedule.rates(first, last - first, steps_per_epoch=steps)
        for first, last in pairwise(edges)
    ]
    assert np.concatenate(pieces).tolist() == whole.tolist()


@given(schedules(), st.integers(1, 50), st.lists(st.integers(0, 300), max_size=6))
def test_any_cut_gives_the_same_momenta(schedule, steps, cuts):
    """To the last bit, and within their bounds; none at all where there are no bounds."""
    edges = [0, *sorted(cuts), 300]
    pieces = [
        schedule.momenta(first, last - first, steps_per_epoch=steps)
        for first, last in pairwise(edges)
    ]
    whole = schedule.momenta(0, 300, steps_per_epoch=steps)
    if schedule.plain().get("momentum_low") is None:
        assert {whole, *pieces} == {None}
        return
    assert (whole.shape, whole.dtype) == ((300,), np.float64)
    assert np.concatenate(pieces).tolist() == whole.tolist()
    assert (whole >= schedule.momentum_low).all()
    assert (whole <= schedule.momentum_high).all()


@given(schedules(), st.integers(0, 10**6), st.integers(1, 1000))
def test_rates_are_above_zero_and_between_their_bounds(schedule, first, steps):
    rates = schedule.rates(first, 50, steps_per_epoch=steps)
    assert np.isfinite(rates).all()
    facts = schedule.plain()
    if schedule.kind != "step":
        assert (rates > 0).all()
        least = facts.get("final", facts.get("low", facts.get("rate")))
        assert (rates >= least).all()
    assert (rates <= facts.get("high", facts.get("rate"))).all()


def test_a_sine_is_the_same_wherever_it_stands_in_an_array():
    """What NumPy computes in blocks may end otherwise than it began."""
    for kind in ("cosine", "exponential", "one_cycle"):
        schedule = made(yaml.safe_load(Schedule.kinds()[kind].example))
        whole = schedule.rates(0, 977, steps_per_epoch=53)
        alone = [schedule.rates(n, 1, steps_per_epoch=53)[0] for n in range(977)]
        assert whole.tolist() == alone


def test_a_workload_takes_any_kind_and_its_fingerprint_tells():
    prints = set()
    for cls in Schedule.kinds().values():
        workload = Workload.build(changed("schedule", yaml.safe_load(cls.example)))
        prints.add(workload.fingerprint)
        epochs = [workload.rates(epoch, 100) for epoch in range(workload.epochs)]
        whole = workload.schedule.rates(0, 12, steps_per_epoch=4)
        assert np.concatenate(epochs).tolist() == whole.tolist()
    assert len(prints) == len(KINDS)


def test_a_worker_reads_them_with_numpy_alone():
    code = (
        "import sys\nfrom levelfield.spec.schedules import Schedule\nSchedule.kinds()\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & {'scipy', 'yaml', 'pandas'}))"
    )
    out = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True)
    assert out.stdout.decode().strip() == "[]"


def test_linear_by_hand():
    rates = made(LINEAR).rates(0, 8, steps_per_epoch=2)
    wanted = [0.001 + 0.099 * n / 5 for n in range(6)] + [0.1, 0.1]
    assert rates == pytest.approx(wanted, rel=1e-14)
    assert (rates[0], rates[5]) == (0.001, 0.1)


def test_exponential_multiplies_by_the_same_factor():
    rates = made(LINEAR | {"kind": "exponential"}).rates(0, 15, steps_per_epoch=4)
    assert (rates[0], rates[11]) == (0.001, 0.1)
    assert rates[1:12] / rates[:11] == pytest.approx(np.full(11, 100 ** (1 / 11)), rel=1e-12)
    assert (rates[11:] == 0.1).all()


def test_a_sweep_of_one_step_is_at_its_beginning():
    for kind in ("linear", "exponential"):
        rates = made(LINEAR | {"kind": kind, "epochs": 1}).rates(0, 3, steps_per_epoch=1)
        assert rates.tolist() == [0.001, 0.1, 0.1]


@given(st.floats(0.1, 20), st.integers(1, 40), st.integers(0, 200))
def test_cyclical_rates_are_those_of_smiths_code(half, steps, step):
    """As printed in the paper, in Torch's language, and its variant triangular2."""
    low, high, size = 0.001, 0.01, half * steps
    cycle = math.floor(1 + step / (2 * size))
    x = abs(step / size - 2 * cycle + 1)
    facts = TRIANGULAR | {"half_cycle": half}
    rate = made(facts).rates(step, 1, steps_per_epoch=steps)[0]
    assert rate == pytest.approx(low + (high - low) * max(0.0, 1 - x), rel=1e-9)
    rate = made(facts | {"kind": "triangular2"}).rates(step, 1, steps_per_epoch=steps)[0]
    wanted = low + (high - low) * min(1.0, max(0.0, 1 - x) / 2.0 ** (cycle - 1))
    assert rate == pytest.approx(wanted, rel=1e-9)


def test_peaks_of_cycles():
    rates = made(TRIANGULAR | {"kind": "triangular2"}).rates(0, 2500, steps_per_epoch=5)
    peaks = rates[10::20]
    assert peaks[:4] == pytest.approx([0.01, 0.0055, 0.00325, 0.002125], rel=1e-12)
    assert (rates[::20] == 0.001).all()
    late = made(TRIANGULAR | {"kind": "triangular2"}).rates(10**9, 5, steps_per_epoch=1)
    assert (late == 0.001).all()


def by_torch(
    scheduler: str, steps: int, *, rate: float = 1.0, name: str = "lr", **how: object
) -> list[float]:
    """Rates of the first steps, or what else is named, as PyTorch's scheduler sets them."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate, momentum=0.5)
    plan = getattr(torch.optim.lr_scheduler, scheduler)(optimizer, **how)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0][name]))
        optimizer.step()
        plan.step()
    return rates


@pytest.mark.parametrize("mode", ["triangular", "triangular2"])
def test_cyclical_rates_are_those_of_torch(mode):
    rates = by_torch("CyclicLR", 100, base_lr=0.001, max_lr=0.01, step_size_up=14, mode=mode,
                     cycle_momentum=False)  # fmt: skip
    facts = TRIANGULAR | {"kind": mode}
    assert made(facts).rates(0, 100, steps_per_epoch=7) == pytest.approx(rates, rel=1e-9)


@pytest.mark.parametrize(("annealing", "strategy"), [("linear", "linear"), ("cosine", "cos")])
@pytest.mark.parametrize("warmup", [0.2, 0.3, 0.45])
def test_one_cycle_is_that_of_torch(annealing, strategy, warmup):
    """PyTorch's share is of the steps, less one; ours is of the way from first to last step."""
    last = 4 * 25 - 1
    rates = by_torch("OneCycleLR", 100, max_lr=0.1, total_steps=100, three_phase=True,
                     pct_start=(warmup * last + 1) / 100, div_factor=10, final_div_factor=100,
                     anneal_strategy=strategy, cycle_momentum=False)  # fmt: skip
    facts = ONE | {"annealing": annealing, "warmup": warmup}
    assert made(facts).rates(0, 100, steps_per_epoch=25) == pytest.approx(rates, rel=1e-9)


def test_one_cycle_ends_where_it_is_said_to():
    rates = made(ONE).rates(0, 130, steps_per_epoch=25)
    assert (rates[0], rates[99]) == (0.01, 0.0001)
    assert (rates[99:] == 0.0001).all()
    assert rates.argmax() == round(0.45 * 99)
    for steps in (1, 2, 3):
        short = made(ONE | {"epochs": 1}).rates(0, 5, steps_per_epoch=steps)
        assert (short[0], short[-1]) == (0.01, 0.0001)
    assert made(ONE).momenta(0, 5, steps_per_epoch=25) is None


def test_momenta_by_hand():
    """Down while the rate rises, up while it falls, then at their highest for ever."""
    schedule = made(ONE | MOMENTA | {"warmup": 0.4, "epochs": 3})
    momenta = schedule.momenta(0, 14, steps_per_epoch=7)
    assert momenta[[0, 8, 16 - 8]].tolist() == [0.95, 0.85, 0.85]
    wanted = [0.95 - 0.1 * n / 8 if n < 8 else 0.85 + 0.1 * (n - 8) / 8 for n in range(14)]
    assert momenta == pytest.approx(wanted, rel=1e-14)
    assert (schedule.momenta(16, 40, steps_per_epoch=7) == 0.95).all()
    rates = schedule.rates(0, 21, steps_per_epoch=7)
    assert rates.argmax() == schedule.momenta(0, 21, steps_per_epoch=7).argmin() == 8
    cosine = made(ONE | MOMENTA | {"warmup": 0.4, "epochs": 3, "annealing": "cosine"})
    quarter = cosine.momenta(2, 1, steps_per_epoch=7)[0]
    assert quarter == pytest.approx(0.9 + 0.05 * math.cos(math.pi / 4), rel=1e-14)


@pytest.mark.parametrize(("annealing", "strategy"), [("linear", "linear"), ("cosine", "cos")])
@pytest.mark.parametrize("warmup", [0.2, 0.3, 0.45])
def test_momenta_are_those_of_torch(annealing, strategy, warmup):
    last = 4 * 25 - 1
    seen = by_torch("OneCycleLR", 100, name="momentum", max_lr=0.1, total_steps=100,
                    three_phase=True, pct_start=(warmup * last + 1) / 100, div_factor=10,
                    final_div_factor=100, anneal_strategy=strategy, cycle_momentum=True,
                    base_momentum=0.85, max_momentum=0.95)  # fmt: skip
    schedule = made(ONE | MOMENTA | {"annealing": annealing, "warmup": warmup})
    assert schedule.momenta(0, 100, steps_per_epoch=25) == pytest.approx(seen, rel=1e-9)
    assert max(seen) - min(seen) > 0.09


def test_cosine_is_that_of_torch():
    rates = by_torch("CosineAnnealingLR", 101, rate=0.1, T_max=100, eta_min=0.001)
    found = made(COSINE).rates(0, 101, steps_per_epoch=25)
    assert found == pytest.approx(rates, rel=1e-9)
    assert found[0] == 0.1
    assert (made(COSINE).rates(100, 60, steps_per_epoch=25) == 0.001).all()


def test_restarts_are_those_of_torch():
    rates = by_torch("CosineAnnealingWarmRestarts", 100, rate=0.1, T_0=25, eta_min=0.001)
    found = made(COSINE | {"cycles": 4}).rates(0, 100, steps_per_epoch=25)
    assert found == pytest.approx(rates, rel=1e-9)
    assert (found[::25] == 0.1).all()


def test_steps_are_those_of_torch():
    rates = by_torch("StepLR", 100, rate=0.1, step_size=14, gamma=0.5)
    assert made(STEP).rates(0, 100, steps_per_epoch=7) == pytest.approx(rates, rel=1e-12)


@pytest.mark.parametrize(("facts", "where", "seen", "expected"), WRONG)
def test_a_wrong_field_is_named_with_what_was_expected(facts, where, seen, expected):
    with pytest.raises(FieldError) as error:
        made(facts)
    assert (error.value.where, error.value.seen) == (where, seen)
    assert error.value.expected.startswith(expected)
    with pytest.raises(FieldError) as error:
        Workload.build(changed("schedule", facts))
    assert error.value.where == f"schedule.{where}"


def test_a_missing_field_shows_the_example():
    with pytest.raises(FieldError, match="the key 'epochs' is missing") as error:
        made({"kind": "linear", "low": 0.1, "high": 1.0})
    assert error.value.hint == "for example {kind: linear, low: 0.0001, high: 0.1, epochs: 5}"
