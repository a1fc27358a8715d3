"""`levelfield env`: make, list or remove environments."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from levelfield.errors import UserError
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("do", choices=["create", "list", "remove"])
    name = "a lock file's name (theano for environments/theano.txt) or path; none: all of them"
    verb.add_argument("names", nargs="*", metavar="NAME", help=name)
    verb.add_argument("--quiet", action="store_true", help="no progress")


def act(options: Namespace) -> int:
    """Make, list or remove environments."""
    from levelfield.run import doctor, environment, environment_build
    from levelfield.run.progress import Progress

    if options.do == "list":
        print(doctor.environments(options.names))
        return 0
    if not options.names:
        raise UserError("no name", where=f"env {options.do}", expected="a name, such as theano")
    chosen = [environment.lock(name) for name in options.names]
    with Progress(steps=len(chosen), quiet=options.quiet) as progress:
        for lock in chosen:
            if options.do == "create":
                made = environment_build.create(lock, progress)
                progress.finish(f"environment {lock.name}: {made.python}")
            else:
                there = environment_build.remove(lock, progress)
                progress.finish(f"environment {lock.name}: {'removed' if there else 'not there'}")
    return 0


VERB = Verb(
    order=60,
    about="Make, list or remove the Python environments that backends live in.",
    words=words,
    act=act,
)
