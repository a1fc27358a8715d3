"""`levelfield figures`: write figures for papers."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.choice import names
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("study", help="the study's folder")
    verb.add_argument("--out", metavar="DIR", help="where to (default: figures/ in the study)")
    only = "only these, by name or its beginning: loss,ratios,phases (default: all it can show)"
    verb.add_argument("--only", metavar="A,B", help=only)
    formats = "svg, pdf, png (default: svg,pdf)"
    verb.add_argument("--format", default="svg,pdf", metavar="A,B", help=formats)
    verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")
    width = "columns of the page: 3.5 or 7.16 inches (default: single)"
    verb.add_argument("--width", choices=["single", "double"], default="single", help=width)


def act(options: Namespace) -> int:
    """Write figures for papers."""
    import importlib

    from levelfield.results import study

    plots = importlib.import_module("levelfield.reports.paper.plots")
    written = plots.write(
        study.load(options.study),
        Path(options.out or Path(options.study) / "figures"),
        only=names(options.only),
        formats=names(options.format),
        baseline=options.baseline,
        width=options.width,
    )
    print(*written.paths, sep="\n")
    for gap in written.left_out:
        print(f"left out: {gap}", file=sys.stderr)
    return 0


VERB = Verb(
    order=80,
    about="Figures for papers: SVG and PDF, one a kind and workload.",
    words=words,
    act=act,
)
