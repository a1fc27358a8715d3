"""`levelfield run`: verify, then time; every trial becomes a record."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.arguments import COUNT, SUITE
from levelfield.choice import chosen, fresh_folder
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("suite", help=SUITE)
    verb.add_argument("--out", metavar="DIR", help="the study's folder")
    verb.add_argument("--repeats", type=COUNT, metavar="N", help="trials a contender")
    schedule = "blocks: one trial after the other (default); duet: all at once, in turns"
    verb.add_argument("--schedule", choices=["blocks", "duet"], default="blocks", help=schedule)
    verb.add_argument("--resume", action="store_true", help="run what has no record yet")
    unverified = "time without verification, and mark every number"
    verb.add_argument("--unverified", action="store_true", help=unverified)


def act(options: Namespace) -> int:
    """Verify, then time; every trial becomes a record."""
    from levelfield.results import study
    from levelfield.run import bench, doctor, runner

    suite, contenders, how = chosen(options)
    folder = Path(options.out or fresh_folder(suite.suite))
    runner.check(folder, suite, how, resume=options.resume)
    try:
        with bench.bench(suite, contenders, how) as made:
            runner.run(made, folder, resume=options.resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(runner.kept(folder)) from None
    found = study.load(folder)
    print(doctor.study_table(found))
    print(f"\nstudy: {folder}\nreport: levelfield report {folder}")
    return 0 if any(record.status == "ok" for record in found.records) else 1


VERB = Verb(
    order=40,
    about="Verify, then time; resumable.",
    words=words,
    act=act,
    suited=True,
)
