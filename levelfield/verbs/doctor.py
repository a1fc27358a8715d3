"""`levelfield doctor`: what can run here, and what is missing for the rest."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from levelfield.arguments import NUMBER, data
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    data(verb)
    noise = "measure instead what differences this machine can show, and what disturbs it"
    verb.add_argument("--noise", action="store_true", help=noise)
    seconds = "how long to measure for --noise (default: 30)"
    verb.add_argument("--seconds", type=NUMBER, default=30.0, metavar="S", help=seconds)


def act(options: Namespace) -> int:
    """What can run here, and what is missing for the rest."""
    from levelfield.run import doctor, noise

    print(noise.doctor(options.seconds) if options.noise else doctor.describe(options.data))
    return 0


VERB = Verb(
    order=10,
    about="What can run here, and what is missing for the rest.",
    words=words,
    act=act,
)
