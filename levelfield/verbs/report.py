"""`levelfield report`: write one offline HTML page, of one study or of several."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    several = "the studies' folders; of several: side by side, over machines, over time"
    verb.add_argument("studies", nargs="+", metavar="STUDY", help=several)
    out = "the page (default: report.html in the study; of several: studies.html here)"
    verb.add_argument("--out", metavar="FILE", help=out)
    verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")


def act(options: Namespace) -> int:
    """Write one offline HTML page, of one study or of several."""
    import importlib

    from levelfield.results import study

    found = [study.load(folder) for folder in options.studies]
    if len(found) == 1:
        page = importlib.import_module("levelfield.reports.page")
        target = Path(options.out or found[0].folder / "report.html")
        page.write(found[0], target, baseline=options.baseline)
    else:
        page = importlib.import_module("levelfield.reports.many")
        target = Path(options.out or "studies.html")
        page.write(found, target, baseline=options.baseline)
    print(f"report: {target.resolve()}")
    return 0


VERB = Verb(
    order=70,
    about="One offline HTML page, of one study or of several.",
    words=words,
    act=act,
)
