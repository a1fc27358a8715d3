"""The answers for CI: exit status, Markdown, JUnit, JSON."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from levelfield.results.estimate import Interval
from levelfield.results.summary import Result, as_json, junit, markdown, status
from levelfield.results.verdict import Verdict

INTERVALS = {
    "slower": (1.04, 1.05, 1.06),
    "faster": (0.8, 0.9, 0.95),
    "no difference shown": (0.98, 1.0, 1.02),
    "could not measure": None,
}


def result(answer: str, contender: str = "torch/eager", reason: str = "") -> Result:
    bounds = INTERVALS[answer]
    interval = bounds and Interval(
        low=bounds[0], estimate=bounds[1], high=bounds[2], confidence=0.99, units=4
    )
    verdict = Verdict(
        answer=answer,
        interval=interval,
        threshold=0.03,
        confidence=95.0,
        pairs=120,
        sessions=4,
        seconds=90.0,
        reason=reason,
    )
    return Result(
        workload="w|1",
        contender=contender,
        base="main (1234abcd)",
        head="working tree",
        verdict=verdict,
        sessions=(np.array([[0.1, 0.105], [0.2, 0.21]]),),
        doubts=("a \x1b[31m doubt & <more>",),
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["faster", "no difference shown"], 0),
        (["no difference shown", "slower", "could not measure"], 1),
        (["faster", "could not measure"], 3),
        ([], 3),
    ],
)
def test_exit_status(answers, expected):
    assert status([result(answer) for answer in answers]) == expected


def test_junit_is_read_as_ci_reads_it():
    made = [result("slower"), result("faster", "jax/scan"), result("could not measure", reason="?")]
    root = ET.fromstring(junit(made))  # noqa: S314 - our own
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    cases = list(root)
    assert [case.get("name") for case in cases] == ["torch/eager", "jax/scan", "torch/eager"]
    failure = cases[0].find("failure")
    assert failure is not None
    assert "torch/eager: head is slower than base: 1.050x [1.040, 1.060]" in failure.get(
        "message", ""
    )
    assert cases[1].find("failure") is None
    assert cases[2].find("error") is not None
    assert "\x1b" not in junit(made)


def test_markdown_escapes_its_cells():
    text = markdown([result("slower"), result("could not measure", reason="no such thing")])
    rows = [line for line in text.splitlines() if line.startswith("| torch")]
    assert all(row.replace("\\|", "").count("|") == 8 for row in rows)
    assert "head working tree over base main (1234abcd)" in text
    assert "**slower** | 1.050 | 1.040 to 1.060 | 120 | 1.5 |" in text
    assert "no such thing" in text


def test_json_keeps_the_raw_pairs():
    facts = json.loads(as_json([result("slower")]))
    assert facts["status"] == 1
    (found,) = facts["results"]
    assert found["sessions"] == [[[0.1, 0.105], [0.2, 0.21]]]
    assert found["interval"] == {"ratio": 1.05, "low": 1.04, "high": 1.06, "confidence": 0.99}
    assert found["sentence"].startswith("head is slower")
