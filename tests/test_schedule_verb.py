"""`levelfield schedule`: what is drawn, told and written, and what is refused."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np
import pytest

from levelfield.errors import UserError
from levelfield.run import schedules
from levelfield.spec.schedules import Schedule

KINDS = sorted(Schedule.kinds())
LINE = "{kind: linear, low: 0.1, high: 0.5, epochs: 2}"


class Terminal(io.StringIO):
    """A standard output of another encoding."""

    def __init__(self, encoding: str | None) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str | None:
        return self._encoding


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """A terminal of 80 columns that takes UTF-8."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", Terminal("utf-8"))


def summary(text: str) -> dict[str, tuple[float, int, int]]:
    """First, lowest, highest and last rate, their steps and epochs."""
    rows = [line.split() for line in text.splitlines()]
    names = {"first", "lowest", "highest", "last"}
    return {r[0]: (float(r[1]), int(r[2]), int(r[3])) for r in rows if r and r[0] in names}


def test_without_a_name_all_kinds_are_listed_with_an_example():
    text = schedules.show(None)
    for kind, cls in Schedule.kinds().items():
        assert any(line.split(maxsplit=1) == [kind, cls.example] for line in text.splitlines())
    assert "``" not in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [20, 80, 400])
def test_every_kind_is_drawn_within_the_terminal(kind, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    title, *lines = schedules.show(kind).splitlines()
    assert title.startswith(f"{{kind: {kind}, ")
    drawn = lines[1 : lines.index(" " * 12 + "epoch") + 1]
    assert drawn[0].startswith("rate")
    assert max(map(len, drawn)) <= max(columns, 22)
    assert any("•" in line for line in drawn)


def test_a_line_by_hand():
    text = schedules.show(LINE, steps=10)
    assert summary(text) == {
        "first": (0.1, 0, 0),
        "lowest": (0.1, 0, 0),
        "highest": (0.5, 19, 1),
        "last": (0.5, 19, 1),
    }
    lines = text.splitlines()
    top = next(line for line in lines if line.lstrip().startswith("0.5 ┤"))
    bottom = next(line for line in lines if line.lstrip().startswith("0.1 ┤"))
    assert top.rstrip().endswith("•")
    assert bottom.startswith("       0.1 ┤••")
    heights = [max(i for i, c in enumerate(line) if c == "•") for line in lines if "┤" in line]
    assert heights == sorted(heights, reverse=True)


def test_axes_say_what_they_are():
    text = schedules.show("exponential")
    assert "rate (logarithmic)" in text
    assert "     1e-05 ┤" in text
    assert "rate\n" in schedules.show(LINE)
    foot = next(line for line in schedules.show(LINE, epochs=8).splitlines() if " 2 " in line)
    assert foot.split() == ["0", "2", "4", "6", "8"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None, "cp1252"])
def test_where_there_is_no_utf_8_it_is_ascii(encoding, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal(encoding))
    for kind in KINDS:
        text = schedules.show(kind)
        assert text.isascii()
        assert "*" in text


def test_a_constant_rate_is_one_row():
    text = schedules.show("constant")
    assert len([line for line in text.splitlines() if "┤" in line]) == 1
    assert summary(text)["highest"] == (0.001, 0, 0)


def test_fields_are_changed():
    text = schedules.show("triangular", changes=["high=0.5", "half_cycle=1"], epochs=3, steps=7)
    assert text.startswith("{kind: triangular, low: 0.001, high: 0.5, half_cycle: 1.0}, 3 epochs")
    assert summary(text)["highest"] == (0.5, 7, 1)
    text = schedules.show(LINE, changes=["epochs=4"], steps=5)
    assert summary(text)["highest"] == (0.5, 19, 3)


def test_the_schedule_of_a_workload(tmp_path):
    text = schedules.show("quick")
    assert text.startswith("digits-autoencoder: {kind: constant, rate: 0.001}, 12 epochs of ")
    text = schedules.show("quick", workload="digits-autoencoder", changes=["epochs=2"], steps=3)
    assert "2 epochs of 3 steps" in text
    text = schedules.show("thesis-autoencoders", workload="VIII-mnist", epochs=2)
    assert "0.0001}, 2 epochs of 120 steps" in text
    with pytest.raises(UserError, match="44 workloads; expected the name of one") as error:
        schedules.show("thesis-autoencoders")
    assert error.value.hint == "--workload I-mnist"
    with pytest.raises(UserError, match="--workload: unknown workload 'digits'"):
        schedules.show("quick", workload="digits")
    with pytest.raises(UserError, match="cannot be read"):
        schedules.show(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_the_file_are_the_rates(kind, tmp_path):
    target = tmp_path / "deep" / "rates.csv"
    text = schedules.show(kind, epochs=3, steps=4, out=str(target))
    assert text.endswith(f"written: {target}")
    rows = list(csv.reader(io.StringIO(target.read_text())))
    assert rows[0] == ["step", "epoch", "rate"]
    assert [int(row[0]) for row in rows[1:]] == list(range(12))
    assert [int(row[1]) for row in rows[1:]] == [0] * 4 + [1] * 4 + [2] * 4
    drawn = schedules._chosen(kind, [], None, 3, 4)
    assert [float(row[2]) for row in rows[1:]] == drawn.rates.tolist()
    assert np.isfinite(drawn.rates).all()


CYCLED = ["momentum_low=0.85", "momentum_high=0.95", "epochs=2", "warmup=0.4"]


def test_momenta_stand_beside_the_rates(tmp_path):
    target = tmp_path / "rates.csv"
    text = schedules.show("one_cycle", changes=CYCLED, steps=8, out=str(target))
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("rate", "momentum"))] == [
        "rate (logarithmic)", "momentum",
    ]  # fmt: skip
    assert "      0.95 ┤•" in text
    assert "      0.85 ┤" in text
    tables = [text.index(f" {name} ") for name in ("rate", "momentum")]
    rates, momenta = summary(text[: tables[1]]), summary(text[tables[1] :])
    assert rates["first"] == (0.01, 0, 0)
    assert momenta["first"] == momenta["highest"] == (0.95, 0, 0)
    assert (momenta["lowest"], rates["highest"]) == ((0.85, 6, 0), (0.1, 6, 0))
    rows = list(csv.reader(io.StringIO(target.read_text())))
    assert rows[0] == ["step", "epoch", "rate", "momentum"]
    drawn = schedules._chosen("one_cycle", CYCLED, None, 2, 8)
    assert [float(row[2]) for row in rows[1:]] == drawn.rates.tolist()
    wanted = drawn.schedule.momenta(0, 16, steps_per_epoch=8).tolist()
    assert [float(row[3]) for row in rows[1:]] == wanted
    page = tmp_path / "rates.html"
    schedules.show("one_cycle", changes=CYCLED, steps=8, out=str(page))
    assert "momentum %{y" in page.read_text()


def test_a_page_needs_nothing_else(tmp_path):
    target = tmp_path / "rates.html"
    schedules.show("one_cycle", changes=["annealing=cosine"], steps=3, out=str(target))
    page = target.read_text()
    assert page.lstrip().lower().startswith(("<html", "<!doctype html"))
    assert "{kind: one_cycle" in page
    assert "<script src" not in page
    assert "<link" not in page
    assert len(page) > 10**6


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("linaer", {}, "unknown schedule or suite 'linaer'; expected one of "),
        ("{kind: linaer}", {}, "kind: unknown schedule 'linaer'"),
        ("{kind: linear", {}, "schedule:1: not valid YAML"),
        ("{low: 1}", {}, "schedule: got {'low': 1}; expected a mapping with the key 'kind'"),
        ("linear", {"changes": ["low=1"]}, "low: got 1; expected a rate of at most 'high', 0.1"),
        ("linear", {"changes": ["low"]}, "--set: got 'low'; expected key=value"),
        ("linear", {"changes": ["lo=1"]}, "lo: unknown key 'lo'"),
        ("linear", {"out": "rates.pdf"}, "--out: got 'rates.pdf'; expected a file that ends in"),
        ("linear", {"out": "/dev/null/rates.csv"}, "/dev/null/rates.csv: cannot be written"),
        ("linear", {"epochs": 10**6}, "1,000,000 epochs of 100 steps; expected at most 5,000,000"),
    ],
)
def test_what_is_wrong_is_said(name, how, message):
    with pytest.raises(UserError) as error:
        schedules.show(name, **how)
    assert str(error.value).startswith(message)
