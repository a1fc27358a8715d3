"""A test set that is looked at every few epochs: the same training, and fewer readings of it."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pages
import pytest
import studies
from hypothesis import given
from hypothesis import strategies as st
from levelfield.reports.sections import raw
from running import Place, pick
from specs import workload
from test_report_answers_learning import decoded, falling, made

from levelfield import cli, registry
from levelfield.errors import UserError
from levelfield.results import against
from levelfield.results.record import Epochs, Record
from levelfield.results.reproductions import cnn, elephas
from levelfield.results.scaling import common, time_to
from levelfield.verify import cache

RECIPE = studies.Recipe(contenders=4, repeats=3, epochs=9, absent=0)


# --- what is asked for -------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_so_many_epochs_and_after_the_last(epochs, every):
    asked = workload().replace(epochs=epochs, evaluate_every=every)
    found = [epoch + 1 for epoch in range(epochs) if asked.evaluated(epoch)]
    assert found == sorted({*range(every, epochs + 1, every), epochs})


def test_a_workload_that_asks_for_every_epoch_is_the_one_it_was():
    assert "evaluate_every" not in workload().plain()
    assert workload().replace(evaluate_every=1).fingerprint == workload().fingerprint
    assert workload().replace(evaluate_every=2).fingerprint != workload().fingerprint


# --- what is kept ------------------------------------------------------------------------------


def epochs(count: int, tested: tuple[int, ...], losses: tuple[float, ...]) -> Epochs:
    column = tuple(map(float, range(count)))
    return Epochs(
        wall=column, user=column, system=column, loss=column, test_loss=losses, tested=tested
    )


def test_values_have_a_place_an_epoch_again():
    found = epochs(5, (2, 4, 5), (0.2, 0.4, 0.5)).spread((0.2, 0.4, 0.5))
    assert found == pytest.approx((math.nan, 0.2, math.nan, 0.4, 0.5), nan_ok=True)
    assert epochs(2, (), (0.1, 0.2)).spread((0.1, 0.2)) == (0.1, 0.2)
    assert epochs(3, (), ()).spread(()) == pytest.approx((math.nan,) * 3, nan_ok=True)


@pytest.mark.parametrize(
    ("tested", "losses", "whole"),
    [
        ((), (0.1,) * 4, True),
        ((), (), True),  # it failed before the first
        ((2, 4), (0.1, 0.2), True),
        ((), (0.1,) * 3, False),
        ((2, 4), (0.1,), False),
        ((2, 5), (0.1, 0.2), False),
        ((0, 2), (0.1, 0.2), False),
        ((3, 2), (0.1, 0.2), False),
        ((2, 2), (0.1, 0.2), False),
    ],
)
def test_columns_that_fit_each_other(tested, losses, whole):
    record = next(row for row in studies.rows(RECIPE) if isinstance(row, Record))
    line = replace(record, epochs=epochs(4, tested, losses), status="failed").line()
    facts = json.loads(line)
    if whole:
        assert Record.parse(facts).epochs == epochs(4, tested, losses)
    else:
        with pytest.raises(UserError, match="columns of several lengths"):
            Record.parse(facts)


@pytest.mark.parametrize(("tested", "losses"), [((), ()), ((2, 3), (0.1, 0.2))])
def test_who_ended_well_was_tested_at_the_end(tested, losses):
    record = next(row for row in studies.rows(RECIPE) if isinstance(row, Record))
    line = replace(record, epochs=epochs(4, tested, losses), status="ok").line()
    with pytest.raises(UserError, match="without a test loss at its end"):
        Record.parse(json.loads(line))


# --- what is made of it ------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0.1, 10), st.booleans()), min_size=1, max_size=12), st.data())
def test_time_to_a_loss_is_a_straight_line_between_two_that_are_known(rows, data):
    seconds = [each for each, _ in rows]
    known = [place for place, (_, seen) in enumerate(rows) if seen or place == len(rows) - 1]
    falls = np.cumsum(
        data.draw(st.lists(st.floats(0.01, 1), min_size=len(known), max_size=len(known)))
    )
    losses = np.full(len(rows), np.nan)
    losses[known] = 20 - falls
    target = data.draw(st.floats(20 - falls[-1], 20 - falls[0]))
    ends = np.cumsum(seconds)[known]
    expected = np.interp(-target, -losses[known], ends)
    assert time_to(seconds, losses.tolist(), target) == pytest.approx(expected, rel=1e-6)


def thinly(record: Record) -> Record:
    """The record of a trial that was tested every few epochs."""
    full = falling(record)
    tested = (3, 6, 9)
    losses = tuple(full.epochs.test_loss[epoch - 1] for epoch in tested)
    accuracies = {"accuracy": (0.5, 0.6, 0.7)}
    return replace(
        full, epochs=replace(full.epochs, test_loss=losses, tested=tested), metrics=accuracies
    )


def test_the_page_draws_what_is_known_and_calls_nothing_broken():
    all_, tree = made(thinly)
    for name, records in all_.items():
        for kind, count in (("test_loss", 3), ("accuracy", 3), ("loss", 9)):
            (line,) = [
                trace
                for trace in pages.figure(tree, "curves-0-epoch")["data"]
                if trace.get("name") == name and trace["meta"]["kind"] == kind
            ]
            assert len(line["y"]) == count
            assert all(map(math.isfinite, line["y"]))
            assert list(line["x"]) == [3, 6, 9] or count == 9
        losses = np.mean([record.epochs.test_loss for record in records], axis=0)
        (line,) = [
            trace
            for trace in pages.figure(tree, "curves-0-epoch")["data"]
            if trace.get("name") == name and trace["meta"]["kind"] == "test_loss"
        ]
        assert line["y"] == pytest.approx(losses.tolist(), rel=1e-6)
    assert "no finite number" not in tree.one("section", id="curves").text


def test_the_race_knows_the_epochs_that_were_tested():
    all_, tree = made(thinly)
    target, found = decoded(tree)
    last = [r.epochs.test_loss[-1] for records in all_.values() for r in records]
    assert target == common(last)
    for trials in found.values():
        for spent, losses in trials:
            assert len(spent) == len(losses) == 3
            assert np.isfinite(losses).all()


def test_tables_have_nothing_where_nothing_was_looked_at():
    rows = [thinly(r) if isinstance(r, Record) else r for r in studies.rows(RECIPE)]
    study = pages.study(Path("/nowhere"), studies.head(RECIPE), rows)
    frame = study.epochs()
    seen = frame[np.isfinite(frame["test_loss"])]
    assert set(seen["epoch"]) == {3, 6, 9}
    assert len(frame) == 3 * len(seen)
    lines = list(csv.DictReader(io.StringIO(raw.epochs(tuple(study.records)).decode())))
    assert [line["test_loss"] != "" for line in lines] == [
        int(line["epoch"]) % 3 == 0 for line in lines
    ]
    last = frame[frame["epoch"] == 9]["test_loss"].tolist()
    assert study.trials()["test_loss"].tolist() == last


# --- for real ----------------------------------------------------------------------------------


@dataclass
class Thin(Place):
    """The tiny suite, tested every few epochs."""

    every: int = 3

    def suite(self, *, epochs: int = 3, repeats: int = 1) -> str:
        path = Path(super().suite(epochs=epochs, repeats=repeats))
        with path.open("a", encoding="utf-8") as file:
            file.write(f"    evaluate_every: {self.every}\n")
        return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["blocks", "duet"])
def test_the_training_is_the_same(tmp_path, schedule):
    found = []
    for kind in (Place, Thin):
        (folder := tmp_path / kind.__name__).mkdir()
        place = kind(folder)
        words = ["--backend", pick(place.folder, "helpers", "mute"), "--backends", "numpy"]
        done = place.run(*words, "--unverified", "--schedule", schedule, epochs=8)
        assert done.returncode == 0, done.stderr
        found.append(place.by_name())
    full, thin = found
    for name in ("numpy", "mute"):
        assert thin[name].status == "ok", thin[name].reason
        assert thin[name].epochs.tested == (3, 6, 8)
        assert thin[name].epochs.loss == full[name].epochs.loss
        assert [full[name].epochs.test_loss[epoch - 1] for epoch in (3, 6, 8)] == list(
            thin[name].epochs.test_loss
        )
        assert full[name].epochs.tested == ()
    assert thin["mute"].epochs.loss != thin["numpy"].epochs.loss  # taken after the epoch


@pytest.mark.slow
def test_a_trial_that_ends_before_its_first_test_can_be_read(tmp_path):
    place = Thin(tmp_path, every=6)
    own = pick(place.folder, "turns", "breaker")
    place.run("--backend", own, "--backends", "numpy", "--unverified", epochs=8)
    found = place.by_name()
    assert found["numpy"].epochs.tested == (6, 8)
    assert found["breaker"].status == "failed"
    assert 0 < len(found["breaker"].epochs.wall) < 5
    assert found["breaker"].epochs.test_loss == found["breaker"].epochs.tested == ()


# --- who is not to mind it ---------------------------------------------------------------------


def test_what_does_not_depend_on_it_is_not_measured_again():
    numpy = registry.adapter("numpy")
    keys = {
        cache.key(workload().replace(evaluate_every=every), numpy, data="d", versions={})
        for every in (1, 3, 9)
    }
    assert len(keys) == 1


def test_studies_that_differ_in_it_alone_are_compared():
    rows = [thinly(r) if isinstance(r, Record) else r for r in studies.rows(RECIPE)]
    head = studies.head(RECIPE)
    (own,) = head.workloads.values()
    thin_head = replace(
        head, workloads={name: {**own, "evaluate_every": 3} for name in head.workloads}
    )
    full = pages.study(Path("/nowhere"), head, list(studies.rows(RECIPE)))
    thin = pages.study(Path("/nowhere"), thin_head, rows)
    for result in against.studies(full, thin, threshold=0.03, confidence=0.95):
        assert result.verdict.interval.estimate == pytest.approx(1.0)


def test_codes_are_compared_without_it(monkeypatch):
    """Workers of commits that do not know the key refuse it, and nothing is evaluated there."""
    seen = []

    def bench(suite, contenders, how):
        seen.extend(suite.workloads)
        raise UserError("enough seen")

    monkeypatch.setattr("levelfield.run.bench.bench", bench)
    monkeypatch.setattr("levelfield.run.sides.side", lambda *_, **__: None)
    monkeypatch.setattr("levelfield.run.sides.settled", lambda contenders, _: contenders)
    words = ["--suite", "quick", "--backends", "numpy", "--set", "evaluate_every=3"]
    assert cli.main(["compare", *words]) == 2
    assert [each.evaluate_every for each in seen] == [1]
    assert "evaluate_every" not in seen[0].plain()


def test_published_epochs_are_those_trained():
    found = Epochs(
        wall=(1.0,) * 50, user=(1.0,) * 50, system=(0.0,) * 50, loss=(0.1,) * 50,
        test_loss=(0.3, 0.2, 0.1), tested=(20, 40, 50),
    )  # fmt: skip
    record = next(row for row in studies.rows(RECIPE) if isinstance(row, Record))
    record = replace(record, epochs=found, metrics={"accuracy": (0.1, 0.2, 0.3)})
    assert cnn._epochs([record]) == 50
    assert elephas._rises("x", record).detail == "in 50 epochs"


def test_a_metric_of_a_columns_own_name_is_passed_over():
    _, tree = made(
        lambda r: replace(thinly(r), metrics={"tested": (0.1,) * 3, "trials": (1.0,) * 3})
    )
    kinds = tree.one("fieldset", class_="kinds").all("input")
    assert [each.attributes["value"] for each in kinds] == ["test_loss", "loss"]
