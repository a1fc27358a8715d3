"""Names beside points: none upon another, none without need left out."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from levelfield.reports import labels

SPOT = st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))


def boxes(points, names, chosen, log):
    """What the names cover, made here from the same words."""
    logs = [[math.log10(v) if on else v for v in axis]
            for axis, on in zip(zip(*points, strict=True), log, strict=True)]  # fmt: skip
    for place, (name, word) in enumerate(zip(names, chosen, strict=True)):
        if not word:
            continue
        spot = []
        for axis, size in zip(logs, (labels.WIDE, labels.HIGH), strict=True):
            low, high = min(axis), max(axis)
            spot.append(size * (axis[place] - low) / (high - low) if high > low else size / 2)
        width = labels.LETTER * len(name)
        left = {"left": -width, "right": 0.0, "center": -width / 2}[word.split()[1]]
        below = {"top": labels.GAP, "bottom": -labels.GAP - labels.LINE, "middle": -labels.LINE / 2}
        if word.startswith("middle"):
            left += labels.GAP if word.endswith("right") else -labels.GAP
        x, y = spot[0] + left, spot[1] + below[word.split()[0]]
        yield x, x + width, y, y + labels.LINE


@given(st.lists(SPOT, min_size=1, max_size=12), st.booleans(), st.booleans())
def test_no_two_names_meet(points, log_x, log_y):
    names = [f"backend{n}/mode" if n % 3 else "" for n in range(len(points))]
    chosen = labels.places(points, names, log=(log_x, log_y))
    assert not any(word for word, name in zip(chosen, names, strict=True) if not name)
    found = list(boxes(points, names, chosen, (log_x, log_y)))
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            apart = one[1] <= other[0] + 1e-6 or other[1] <= one[0] + 1e-6
            apart = apart or one[3] <= other[2] + 1e-6 or other[3] <= one[2] + 1e-6
            assert apart


def test_who_stands_alone_is_named_above():
    assert labels.places([(1.0, 1.0), (10.0, 10.0)], ["a", "b"], log=(False, False)) == 2 * [
        "top center"
    ]


def test_of_many_in_one_place_some_have_no_name():
    chosen = labels.places([(1.0, 1.0)] * 20, ["torch/eager"] * 20, log=(True, True))
    assert 2 <= sum(map(bool, chosen)) < 20
