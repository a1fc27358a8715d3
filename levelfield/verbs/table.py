"""`levelfield table`: print or write a table."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("study", help="the study's folder")
    name = "a table's name, all, or list: what there is (default: ranking)"
    verb.add_argument("name", nargs="?", default="ranking", metavar="NAME", help=name)
    form = "default: by the file's ending (.md .tex .csv .html), else markdown"
    verb.add_argument("--format", choices=["markdown", "latex", "csv", "html"], help=form)
    verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")
    verb.add_argument("--out", metavar="FILE", help="write it here instead of printing it")


def act(options: Namespace) -> int:
    """Print or write a table."""
    import importlib

    from levelfield.results import study

    write = importlib.import_module("levelfield.reports.paper.write")
    form = options.format or write.form_of(options.out)
    text = write.table(
        study.load(options.study), options.name, form=form, baseline=options.baseline
    )
    if options.out:
        print(f"table: {write.write(text, Path(options.out)).resolve()}")
    else:
        print(text, end="")
    return 0


VERB = Verb(
    order=90,
    about="A table for a paper or a terminal: Markdown, LaTeX, CSV or HTML.",
    words=words,
    act=act,
)
