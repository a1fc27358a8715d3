"""`levelfield reproduce`: published figures beside those of a study, made first if need be."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.arguments import COUNT
from levelfield.choice import chosen, fresh_folder
from levelfield.errors import UserError
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    known = "thesis-autoencoders, thesis-elephas, thesis-cnn, thesis-cnn-range ..."
    verb.add_argument("what", metavar="PUBLISHED", help=f"a published study: {known}")
    study = "the study's folder (default: run the suite first)"
    verb.add_argument("study", nargs="?", metavar="STUDY", help=study)
    verb.add_argument("--out", metavar="DIR", help="the new study's folder")
    verb.add_argument("--repeats", type=COUNT, metavar="N", help="trials a contender")


def act(options: Namespace) -> int:
    """Set published figures beside those of a study, made first where none is given."""
    from levelfield.results import reproduce, reproductions
    from levelfield.run import bench, runner

    published = reproductions.reproduction(options.what)
    folder = Path(options.study or options.out or fresh_folder(options.what))
    if not options.study:
        if published.verb != "run":
            raise UserError(
                "no folder",
                where=f"reproduce {options.what}",
                expected=f"what `levelfield {published.verb} {options.what} --out DIR` wrote",
            )
        options.suite = options.what
        suite, contenders, how = chosen(options)
        runner.check(folder, suite, how, resume=False)
        with bench.bench(suite, contenders, how) as made:
            runner.run(made, folder, resume=False)
    print(reproduce.of_folder(options.what, folder))
    print(f"\nstudy: {folder}")
    return 0


VERB = Verb(
    order=100,
    about="Published figures beside a study's: what holds here, what does not?",
    words=words,
    act=act,
    suited=True,
)
