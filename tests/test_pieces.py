"""How training is cut into pieces: nothing twice, nothing left out, few shapes."""

from __future__ import annotations

import math

import pytest
import specs
from hypothesis import given
from hypothesis import strategies as st

from levelfield.results.pairs import session, sessions, settled
from levelfield.results.record import Pieces
from levelfield.run.pieces import AIM, LONGEST, endless, pieces, size
from levelfield.spec.workload import Workload


def workload(batch: int) -> Workload:
    return Workload.build({**specs.PLAIN, "batch": batch})


@given(
    samples=st.integers(1, 3000),
    batch=st.integers(1, 700),
    steps=st.integers(1, 400),
    first=st.integers(0, 3),
    count=st.integers(0, 7),
)
def test_pieces_cover_every_epoch_once(samples, batch, steps, first, count):
    found = pieces(workload(batch), samples, steps=steps, first=first, last=first + count)
    whole = -(-samples // batch)
    visited = []
    for piece in found:
        for epoch in range(piece.epoch, piece.epoch + piece.epochs):
            visited += [(epoch, place) for place in range(piece.start, piece.stop)]
        assert piece.start % batch == 0
        assert piece.steps == piece.epochs * -(-(piece.stop - piece.start) // batch)
        assert piece.steps <= max(steps, min(whole, steps))
        assert piece.ends == (piece.stop == samples)
    assert visited == [(e, p) for e in range(first, first + count) for p in range(samples)]
    assert sum(piece.steps for piece in found) == count * whole


@given(samples=st.integers(1, 3000), batch=st.integers(1, 700), steps=st.integers(1, 400))
def test_few_shapes_for_those_who_compile(samples, batch, steps):
    """A framework that compiles for every number of samples meets three of them at most."""
    found = pieces(workload(batch), samples, steps=steps, first=0, last=6)
    assert len({(piece.stop - piece.start) for piece in found}) <= 2
    assert len({piece.epochs for piece in found}) <= 2


def test_endless_goes_on_where_the_epochs_end():
    made = endless(workload(10), 100, steps=4, first=2)
    got = [next(made) for _ in range(7)]
    assert [(p.epoch, p.start, p.stop) for p in got] == [
        (2, 0, 40), (2, 40, 80), (2, 80, 100), (3, 0, 40), (3, 40, 80), (3, 80, 100), (4, 0, 40),
    ]  # fmt: skip
    whole = endless(workload(10), 100, steps=35, first=2)
    assert [(p.epoch, p.epochs) for p in (next(whole), next(whole))] == [(2, 3), (5, 3)]


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12), st.integers(1, 10_000))
def test_size_of_a_piece(epochs, whole):
    steps = size(epochs, whole)
    middle = math.exp(sum(map(math.log, epochs)) / len(epochs))
    assert steps >= 1
    if steps > 1:
        assert steps * middle / whole <= AIM * (1 + 1e-9)
        assert steps * max(epochs) / whole <= LONGEST * (1 + 1e-9)
    larger = (steps + 1) * (1 + 1e-9)
    assert larger * middle / whole > AIM or larger * max(epochs) / whole > LONGEST


def columns(epochs: list[int], steps: list[int], walls: list[float]) -> Pieces:
    count = len(epochs)
    return Pieces(
        round=tuple(range(1, count + 1)),
        position=(0,) * count,
        epoch=tuple(epochs),
        steps=tuple(steps),
        wall=tuple(walls),
        user=(0.0,) * count,
        system=(0.0,) * count,
        idle=(0.0,) * count,
    )


def test_pairs_begin_where_every_shape_has_been_compiled():
    epochs, steps = [1, 2, 3, 3, 4, 4, 5], [10, 10, 6, 4, 6, 4, 6]
    base = columns(epochs, steps, [9.0, 8.0, 7.0, 7.0, 1.0, 2.0, 3.0])
    head = columns(epochs, steps, [1.0, 1.0, 1.0, 1.0, 1.5, 2.5, 3.5])
    assert settled(base) == 4
    assert session(base, head).tolist() == [[1.0, 1.5], [2.0, 2.5], [3.0, 3.5]]


@pytest.mark.parametrize(
    ("epochs", "steps", "since"),
    [
        ([1, 2, 3, 4], [10, 10, 10, 10], 2),  # whole epochs from the start
        ([1, 2, 3, 6, 9], [10, 10, 30, 30, 20], 6),  # several epochs a piece, the last one fewer
        ([1, 1, 1, 2, 2, 2, 3], [4, 4, 2, 4, 4, 2, 4], 2),  # the size was known from before
        ([1], [10], 1),  # nothing else to go by
        ([], [], 1),
    ],
)
def test_where_pieces_settle(epochs, steps, since):
    assert settled(columns(epochs, steps, [1.0] * len(epochs))) == since


def test_a_round_that_one_missed_is_no_pair():
    base = columns([1, 2, 3], [5, 5, 5], [1.0, 2.0, 3.0])
    head = columns([1, 2], [5, 5], [1.0, 4.0])
    assert session(base, head).tolist() == [[2.0, 4.0]]
    assert session(base, columns([], [], [])).shape == (0, 2)
    assert sessions([], []) == []
