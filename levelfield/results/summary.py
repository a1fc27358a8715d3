"""The answers of a comparison for people and for CI: Markdown, JUnit XML, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from levelfield.results.pairs import Session
    from levelfield.results.verdict import Verdict

SLOWER, UNMEASURED = 1, 3


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer for one contender on one workload, with everything it rests on."""

    workload: str
    contender: str
    base: str
    head: str
    verdict: Verdict
    sessions: tuple[Session, ...] = ()
    doubts: tuple[str, ...] = ()


def status(results: Sequence[Result]) -> int:
    """Exit status: 1 where something is slower, else 3 where something could not be measured.

    Nothing at all was nothing measured.
    """
    answers = {result.verdict.answer for result in results}
    if "slower" in answers:
        return SLOWER
    return UNMEASURED if "could not measure" in answers or not answers else 0


def markdown(results: Sequence[Result]) -> str:
    """A table, and what there is to doubt."""
    lines = ["| contender | workload | answer | ratio | interval | pairs | minutes |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for r in results:
        v = r.verdict
        ratio = f"{v.interval.estimate:.3f}" if v.interval else "-"
        interval = f"{v.interval.low:.3f} to {v.interval.high:.3f}" if v.interval else "-"
        cells = [r.contender, r.workload, f"**{v.answer}**", ratio, interval]
        cells += [str(v.pairs), f"{v.seconds / 60:.1f}"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    names = dict.fromkeys((r.base, r.head) for r in results)
    about = "; ".join(f"head {head} over base {base}" for base, head in names)
    notes = [f"- {r.contender} on {r.workload}: {text}" for r in results for text in _notes(r)]
    return "\n".join([f"### Training time, {about}", "", *lines, "", *notes]).rstrip() + "\n"


def junit(results: Sequence[Result]) -> str:
    """One test case a contender and workload: slower is a failure, not measured is an error."""
    suite = ET.Element("testsuite", name="levelfield compare", tests=str(len(results)))
    kinds = {"slower": "failure", "could not measure": "error"}
    for kind in ("failure", "error"):
        count = sum(kinds.get(r.verdict.answer) == kind for r in results)
        suite.set(f"{kind}s", str(count))
    for r in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=r.workload,
            name=r.contender,
            time=f"{r.verdict.seconds:.3f}",
        )
        if kind := kinds.get(r.verdict.answer, ""):
            ET.SubElement(case, kind, message=_printable(f"{r.contender}: {r.verdict.sentence}"))
        ET.SubElement(case, "system-out").text = _printable(
            "\n".join([r.verdict.sentence, *r.doubts])
        )
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def as_json(results: Sequence[Result]) -> str:
    """Every verdict with the raw pairs (seconds of base and head) it rests on."""
    answers = [
        {
            "workload": r.workload,
            "contender": r.contender,
            "base": r.base,
            "head": r.head,
            "answer": r.verdict.answer,
            "sentence": r.verdict.sentence,
            "interval": _interval(r),
            "threshold": r.verdict.threshold,
            "pairs": r.verdict.pairs,
            "seconds": r.verdict.seconds,
            "doubts": list(r.doubts),
            "sessions": [
                [[float(f"{v:.6g}") for v in pair] for pair in session.tolist()]
                for session in r.sessions
            ],
        }
        for r in results
    ]
    facts = {"schema": 1, "status": status(results), "results": answers}
    return json.dumps(facts, indent=1) + "\n"


def _interval(result: Result) -> dict[str, Any] | None:
    found = result.verdict.interval
    if found is None:
        return None
    return {
        "ratio": found.estimate,
        "low": found.low,
        "high": found.high,
        "confidence": found.confidence,
    }


def _notes(result: Result) -> list[str]:
    reason = result.verdict.reason
    return [*([reason] if reason else []), *result.doubts]


def _printable(text: str) -> str:
    """XML knows no control characters."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
