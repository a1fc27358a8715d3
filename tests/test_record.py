"""A record and its line of JSON hold the same; a line of anything else is refused."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import studies
from hypothesis import given
from hypothesis import strategies as st

from levelfield.errors import UserError
from levelfield.results.lines import plain
from levelfield.results.record import Epochs, Figure, Record, Span, Verification
from levelfield.results.study import Study

RECIPE = studies.Recipe(contenders=2, repeats=1, epochs=3, absent=0)
ROWS = list(studies.rows(RECIPE))
RECORD = next(row for row in ROWS if isinstance(row, Record))


def spans() -> st.SearchStrategy[Span]:
    seconds = st.floats(allow_nan=True, allow_infinity=True)
    return st.builds(Span, wall=seconds, user=seconds, system=seconds)


def records() -> st.SearchStrategy[Record]:
    """Records of all kinds, with numbers that are not finite and any text."""
    texts, numbers, counts = st.text(), st.floats(), st.integers(0, 2**63)
    rows = st.lists(st.tuples(*[numbers] * 5), max_size=4)
    columns = rows.map(lambda rows: zip(*rows, strict=True) if rows else [()] * 5)
    names = ("wall", "user", "system", "loss", "test_loss")
    figures = st.builds(Figure, level=texts, part=texts, value=numbers, limit=numbers)
    status = st.sampled_from(["passed", "failed", "unverified"])
    verification = st.builds(
        Verification, status=status, figures=st.lists(figures, max_size=3).map(tuple), reason=texts
    )
    values = texts | counts | st.booleans()
    return st.builds(
        Record,
        key=texts, workload=texts, fingerprint=texts, backend=texts, mode=texts, device=texts,
        environment=texts, repeat=counts, block=counts, position=counts, reason=texts, log=texts,
        started=texts, threads=counts, samples=counts, data=texts,
        status=st.sampled_from(["ok", "skipped", "failed", "timeout"]),
        cpus=st.lists(counts, max_size=3).map(tuple),
        phases=st.dictionaries(texts, spans(), max_size=3),
        epochs=columns.map(lambda columns: Epochs(**dict(zip(names, columns, strict=True)))),
        total=st.none() | spans(), peak_memory=st.none() | counts, device_memory=st.none() | counts,
        settings=st.dictionaries(texts, values, max_size=3),
        versions=st.dictionaries(texts, texts, max_size=3),
        verification=st.none() | verification,
    )  # fmt: skip


@given(records())
def test_a_record_survives_its_line(record):
    line = record.line()
    assert "\n" not in line
    facts = json.loads(line)
    assert (facts.pop("schema"), facts.pop("type")) == (1, "trial")
    again = Record.parse(facts)
    assert plain(again) == plain(record)  # numbers that are not finite are one
    assert again.line() == line


def test_numbers_keep_nine_digits_and_what_is_not_finite_is_not_a_number():
    epochs = Epochs(wall=(1 / 3, 1e-300), user=(0.0, -0.0), system=(1.0, 2.0),
                    loss=(0.5, math.nan), test_loss=(math.inf, -math.inf))  # fmt: skip
    again = Record.parse(json.loads(replace(RECORD, epochs=epochs).line()))
    assert again.epochs.wall == (0.333333333, 1e-300)
    assert again.epochs.loss[0] == 0.5
    assert all(map(math.isnan, (again.epochs.loss[1], *again.epochs.test_loss)))
    figure = Figure(level="forward", part="x", value=math.inf, limit=1.0)
    checked = Verification(status="failed", figures=(figure,))
    line = replace(RECORD, verification=checked, total=Span(wall=math.nan, user=1.0, system=2.0))
    again = Record.parse(json.loads(line.line()))
    assert math.isnan(again.verification.figures[0].value)
    assert not again.verification.figures[0].passed
    assert math.isnan(again.total.wall)


@given(st.integers(0, 2**32))
def test_a_line_changed_anywhere_is_refused_or_still_makes_frames(seed):
    rng = random.Random(seed)
    facts = json.loads(RECORD.line())
    place = facts
    while isinstance(place, dict | list) and place:
        outer, key = place, rng.choice([*place] if isinstance(place, dict) else range(len(place)))
        place = place[key]
        if rng.random() < 0.3:
            break
    outer[key] = rng.choice([None, True, 5, -1.5, 1e300, "x", [], {}, [[]], [1], {"a": 1}])
    try:
        record = Record.parse(facts)
    except UserError as error:
        assert "not a trial's record" in error.seen  # noqa: PT017 - either is right
        return
    made = Study(Path(), studies.head(RECIPE), (record,), ())
    assert len(made.trials()) == 1
    assert len(made.epochs()) == len(record.epochs.wall)
    assert len(made.phases()) == len(record.phases)
