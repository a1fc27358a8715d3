"""`levelfield schedule`: draw a learning-rate schedule, sum it up, write it to a file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from levelfield.arguments import COUNT
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    name = "a kind, '{kind: ..., ...}', or a suite's name or path (default: list the kinds)"
    verb.add_argument("name", nargs="?", metavar="SCHEDULE", help=name)
    verb.add_argument("--workload", metavar="NAME", help="the suite's workload of this name")
    changes = "change the kind's example, or the suite: --set high=0.1"
    verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=changes)
    verb.add_argument("--epochs", type=COUNT, metavar="N", help="epochs (default: its own)")
    steps = "steps an epoch (default: the workload's, else 100)"
    verb.add_argument("--steps", type=COUNT, metavar="N", help=steps)
    verb.add_argument("--out", metavar="FILE", help="write a row a step (.csv) or a page (.html)")


def act(options: Namespace) -> int:
    """Draw a learning-rate schedule, sum it up, write it to a file."""
    from levelfield.run import schedules

    print(
        schedules.show(
            options.name,
            changes=options.set,
            workload=options.workload,
            epochs=options.epochs,
            steps=options.steps,
            out=options.out,
        )
    )
    return 0


VERB = Verb(
    order=120,
    about="Draw a learning-rate schedule: a kind's, or that of a suite's workload.",
    words=words,
    act=act,
)
