"""`levelfield list`: list backends, data sets, suites, or what backends mean by the same names."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from levelfield.arguments import data
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    ours = ["backends", "datasets", "suites", "semantics"]
    verb.add_argument("what", choices=[*ours, "layers", "formulas", "optimizers", "schedules"])
    data(verb)


def act(options: Namespace) -> int:
    """List backends, data sets, suites, or what backends mean by the same names."""
    from levelfield.run import doctor

    print(doctor.listing(options.what, options.data))
    return 0


VERB = Verb(
    order=20,
    about="List backends, datasets, suites, semantics, or what a workload may be made of.",
    words=words,
    act=act,
)
