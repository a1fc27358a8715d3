"""`levelfield compare`: two codes, environments, contenders of a study, or studies: faster?"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from levelfield.arguments import CONFIDENCE, NUMBER, SUITE, THRESHOLD
from levelfield.choice import chosen
from levelfield.errors import UserError
from levelfield.verbs import Verb

if TYPE_CHECKING:
    from levelfield.results.summary import Result


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument(
        "studies",
        nargs="*",
        metavar="STUDY",
        help="none: measure two codes now; one: two of its contenders; two: against each other",
    )
    base = "a revision, merge-base (default), env:NAME or env:PATH; with one study a contender"
    verb.add_argument("--base", metavar="SIDE", help=base)
    head = "the same (default: ., the working tree)"
    verb.add_argument("--head", metavar="SIDE", help=head)
    verb.add_argument("--suite", default="regression", help=f"{SUITE} (default: regression)")
    threshold = "the smallest difference that matters (default: 3)"
    verb.add_argument("--threshold", type=THRESHOLD, default=3.0, metavar="PERCENT", help=threshold)
    confidence = "of all answers together (default: 95)"
    verb.add_argument(
        "--confidence", type=CONFIDENCE, default=95.0, metavar="PERCENT", help=confidence
    )
    budget = "seconds for everything (default: 300)"
    verb.add_argument("--budget", type=NUMBER, default=300.0, metavar="S", help=budget)
    for name, what in (("json", "JSON"), ("junit", "JUnit XML"), ("markdown", "Markdown")):
        verb.add_argument(f"--{name}", metavar="FILE", help=f"the answers as {what}")


def act(options: Namespace) -> int:
    """Two codes, two environments, two contenders of a study, or two studies: faster, slower?"""
    from levelfield.results import summary

    results = _recorded(options) if options.studies else _live(options)
    for result in results:
        print(f"{result.contender} on {result.workload}: {result.verdict.sentence}")
        for doubt in result.doubts:
            print(f"  doubt: {doubt}")
    for name, text in (("json", summary.as_json), ("junit", summary.junit)):
        if target := getattr(options, name):
            _write(target, text(results))
    table = summary.markdown(results)
    if options.markdown:
        _write(options.markdown, table)
    if step := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append(step, table)
    return summary.status(results)


def _live(options: Namespace) -> list[Result]:
    """Measure now: base against head, in duet."""
    from levelfield.run import bench, sides
    from levelfield.run.compare import Rule
    from levelfield.run.compare import compare as measure
    from levelfield.run.progress import Progress
    from levelfield.run.scratch import scratch

    base, head = options.base or "merge-base", options.head or "."
    rule = Rule(
        threshold=options.threshold / 100,
        confidence=options.confidence / 100,
        budget=options.budget,
    )
    suite, contenders, how = chosen(options)
    # Nothing is evaluated, and workers of old code refuse a key that they do not know.
    workloads = tuple(each.replace(evaluate_every=1) for each in suite.workloads)
    suite = replace(suite, workloads=workloads)
    with scratch() as folder:
        both = tuple(
            sides.side(text, other=other, checkout=Path.cwd(), scratch=folder)
            for text, other in ((base, head), (head, base))
        )
        with bench.bench(suite, sides.settled(contenders, both), how) as made:
            steps = len(suite.workloads) * len(contenders)
            with Progress(steps=steps, quiet=options.quiet) as progress:
                return measure(made, (both[0], both[1]), rule, progress)


def _recorded(options: Namespace) -> list[Result]:
    """Compare what was measured before: two studies, or two contenders of one."""
    from levelfield.results import against, study

    how = {"threshold": options.threshold / 100, "confidence": options.confidence / 100}
    match [study.load(folder) for folder in options.studies]:
        case [one]:
            return against.contenders(one, options.base, options.head, **how)
        case [one, other]:
            return against.studies(one, other, **how)
    raise UserError(f"{len(options.studies)} studies", expected="one or two")


def _write(target: str, text: str) -> None:
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror})", where=target, hint="give another path"
        ) from None


def _append(target: str, text: str) -> None:
    """Append to GitHub's step summary; where that is impossible say so: the verdict stands."""
    try:
        with Path(target).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        print(
            f"levelfield: GITHUB_STEP_SUMMARY={target}: cannot be written ({error.strerror}); "
            "the verdict stands without it",
            file=sys.stderr,
        )


VERB = Verb(
    order=50,
    about="Faster, slower, no difference shown? "
    "Exit status 0: not slower, 1: slower, 3: unmeasured.",
    words=words,
    act=act,
    suited=True,
)
