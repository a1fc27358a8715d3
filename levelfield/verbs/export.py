"""`levelfield export`: write stored studies as another tool's files."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("studies", nargs="+", metavar="STUDY", help="the studies' folders")
    target = "asv's folder of results (results_dir of asv.conf.json: .asv/results)"
    verb.add_argument("--asv", required=True, metavar="DIR", help=target)
    commit = "the commit they were made at, where they do not know it"
    verb.add_argument("--commit", default="", metavar="REVISION", help=commit)


def act(options: Namespace) -> int:
    """Write stored studies as another tool's files."""
    from levelfield.results import export, study

    studies = [study.load(folder) for folder in options.studies]
    written = export.to_asv(
        studies, Path(options.asv), repository=Path.cwd(), commit=options.commit
    )
    for file in written:
        print(f"{file.commit[:8]}: {file.path}")
        for gap in file.gaps:
            print(f"  no number: {gap}")
    return 0


VERB = Verb(
    order=110,
    about="Stored studies for other tools: asv's result files, commit by commit.",
    words=words,
    act=act,
)
