"""`levelfield explore`: range tests, bounds, long training of what learns, table."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from levelfield.arguments import COUNT, SUITE
from levelfield.verbs import Verb, run
from levelfield.verbs.lr_range import explored, range_words


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("suite", help=SUITE)
    range_words(verb)
    keep = "train only so many configurations, those with the best accuracy (default: all)"
    verb.add_argument("--keep", type=COUNT, metavar="N", help=keep)
    repeats = "trials a contender (default: the suite's)"
    verb.add_argument("--repeats", type=COUNT, metavar="N", help=repeats)


def act(options: Namespace) -> int:
    """The whole flow: range tests, bounds, long training of what learns, table."""
    folder, made = explored(options, keep=options.keep)
    print(f"\ncurves: {folder / 'ranges.html'}")
    if made is None:
        print("no configuration learns in this range: there is nothing to train for long")
        return 1
    options.suite, options.out, options.set = str(made), str(folder / "study"), []
    options.only, options.resume, options.seed = None, False, None
    return run.act(options)


VERB = Verb(
    order=140,
    about="Range tests over a grid, then a long cyclical training of what learns, and its table.",
    words=words,
    act=act,
    suited=True,
)
