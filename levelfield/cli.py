"""The command line: its parser, and how it ends. What it does stands in `levelfield.verbs`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from levelfield import __version__, arguments, verbs
from levelfield.errors import UserError

USAGE, FAULT, INTERRUPTED, UNREAD = 2, 70, 130, 141
"""Exit statuses of all verbs. 70 (EX_SOFTWARE of sysexits.h): Python itself would end with 1, which
is an answer (of `compare`: slower). 141: as a shell tells of a command that SIGPIPE ended."""


def parser() -> argparse.ArgumentParser:
    """The parser: of every verb its own words."""
    made = argparse.ArgumentParser(
        prog="levelfield",
        description="Which deep-learning backend trains my model fastest on my machine, "
        "by how much, and is that real?",
    )
    made.add_argument("--version", action="version", version=f"levelfield {__version__}")
    places = made.add_subparsers(title="verbs", required=True, metavar="VERB")
    for name, verb in verbs.found().items():
        text = verb.about[0].lower() + verb.about[1:].rstrip(".")
        parents = [arguments.how()] if verb.suited else []
        place = places.add_parser(name, help=text, description=text, parents=parents)
        place.set_defaults(act=verb.act)
        verb.words(place)
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; gives its exit status."""
    options = parser().parse_args(words)
    try:
        return _ended(options)
    except OSError:  # nobody reads what is told any more
        for stream in (sys.stdout, sys.stderr):  # what is left in them has nowhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return UNREAD


def _ended(options: argparse.Namespace) -> int:
    """How a verb has ended; raises `OSError` only where that cannot be told."""
    try:
        status: int = options.act(options)
        print(end="", flush=True)  # whether anybody reads it shows here, or when Python is leaving
    except UserError as error:
        print(f"levelfield: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt as stop:
        kept = str(stop) or "what was recorded is kept"
        print(f"\nlevelfield: interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
        return _fault(error)
    return status


def _fault(error: Exception) -> int:
    """Tell an error that nobody foresaw, with what is needed to find it."""
    import traceback

    print(
        f"levelfield: ended by a fault of its own ({type(error).__name__}), not by an answer; "
        "please report it with the traceback that follows",
        file=sys.stderr,
    )
    traceback.print_exception(error)
    return FAULT


if __name__ == "__main__":
    sys.exit(main())
