"""One epoch's seconds under one name: terminal, page and progress say the same of a contender."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pages
import pytest
import studies
from levelfield.reports.formats import seconds

from levelfield.results import against
from levelfield.results.record import Epochs, Record
from levelfield.results.scaling import curves
from levelfield.results.study import Study
from levelfield.run import doctor, runner

RECIPE = studies.Recipe(contenders=2, repeats=3, epochs=6, absent=0, sentinels=False)
TRIALS = {"jax": (1.0, 1.0, 3.0), "torch": (1.2, 1.2, 1.2)}
"""Typical seconds of each block's trial: jax has the lower median, torch the lower mean."""


def epochs(each: float, count: int = 6) -> Epochs:
    """The first compiles, and the second has not settled."""
    wall = (30.0, 1.5 * each, *(each,) * (count - 2))
    return Epochs(wall=wall, user=wall, system=wall, loss=(1.0,) * count, test_loss=(1.0,) * count)


@pytest.fixture
def study() -> Study:
    records = [
        replace(row, epochs=epochs(TRIALS[row.backend][row.block - 1], 8))
        for row in studies.rows(RECIPE)
        if isinstance(row, Record)
    ]
    return Study(Path("nowhere"), studies.head(RECIPE), tuple(records), ())


def test_terminal_and_page_rank_alike(study: Study) -> None:
    """1, 1 and 3 s come down to the cube root of 3, which is more than 1.2 s."""
    lines = [line.split() for line in doctor.study_table(study).splitlines()]
    told = {line[0]: float(line[1]) for line in lines if "/" in line[0] and line[1][0].isdigit()}
    assert told == {"torch/eager": 1200.0, "jax/scan": pytest.approx(1000 * 3 ** (1 / 3), rel=1e-3)}
    assert list(told) == ["torch/eager", "jax/scan"]
    rows = pages.rows(pages.rendered(study).one("table", class_="ranking"))
    assert [row[0] for row in rows] == list(told)
    assert [row[1] for row in rows] == [
        seconds(told[name] / 1000).replace("\N{NO-BREAK SPACE}", " ") for name in told
    ]


def test_the_progress_names_the_same_seconds(study: Study) -> None:
    for record in study.records:
        typical = TRIALS[record.backend][record.block - 1]
        assert against.typical([record]) == pytest.approx(typical)
        assert runner._summary(record).startswith(f"{typical:.3g} s an epoch")


def test_processor_seconds_leave_out_what_had_not_settled(study: Study) -> None:
    """Of one epoch only there is no other; of two and more the first compiles."""
    for count, cpu in ((1, 60.0), (2, 3.0), (3, 2.5), (8, 2.0)):
        columns = {name: getattr(epochs(1.0, 8), name)[:count] for name in Epochs.__slots__}
        records = [
            replace(study.records[0], device=f"spark:{n}x1", epochs=Epochs(**columns))
            for n in (1, 2)
        ]
        (curve,) = curves(replace(study, records=tuple(records)))
        assert [point.cpu for point in curve.points] == [cpu, cpu]
