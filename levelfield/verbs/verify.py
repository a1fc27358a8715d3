"""`levelfield verify`: same computation? A table of levels x contenders, no clock."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from levelfield.arguments import SUITE
from levelfield.choice import chosen
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("suite", help=SUITE)
    verb.add_argument("--fresh", action="store_true", help="do not use cached verdicts")


def act(options: Namespace) -> int:
    """Same computation? A table of levels x contenders, no clock."""
    from levelfield.results.summary import UNMEASURED
    from levelfield.run import bench, doctor, gate

    suite, contenders, how = chosen(options)
    with bench.bench(suite, contenders, how) as made:
        checked = gate.verify_all(made, fresh=options.fresh)
    print(doctor.verification_table(checked))
    found = {verdict.status for verdict in checked.values()}
    if found & {"passed", "failed"}:
        return 1 if "failed" in found else 0
    reasons = dict.fromkeys(" ".join(verdict.reason.split()) for verdict in checked.values())
    print(f"levelfield: nothing was verified: {'; '.join(reasons)}", file=sys.stderr)
    return UNMEASURED


VERB = Verb(
    order=30,
    about="Same computation? a table, no clock. "
    "Exit status 0: yes, 1: not all, 3: nothing verified.",
    words=words,
    act=act,
    suited=True,
)
