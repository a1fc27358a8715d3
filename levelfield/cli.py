"""The table of contents: every verb of the command line, in a few lines each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from levelfield import __version__
from levelfield.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from levelfield.run.bench import Options
    from levelfield.spec.plan import Contender
    from levelfield.spec.suite import Suite

USAGE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.verb(options)
    except UserError as error:
        print(f"levelfield: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nlevelfield: interrupted; what was recorded is kept", file=sys.stderr)
        return INTERRUPTED
    return status


def doctor(options: argparse.Namespace) -> int:
    """What can run here, and what is missing for the rest."""
    from levelfield.run import doctor

    print(doctor.describe(options.data))
    return 0


def show(options: argparse.Namespace) -> int:
    """List backends, data sets, suites, or what backends mean by the same names."""
    from levelfield.run import doctor

    print(doctor.listing(options.what, options.data))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Same computation? A table of levels x contenders, no clock."""
    from levelfield.run import bench, doctor, gate

    suite, contenders, how = _chosen(options)
    with bench.bench(suite, contenders, how) as made:
        checked = gate.verify_all(made, fresh=options.fresh)
    print(doctor.verification_table(checked))
    return 1 if any(verdict.status == "failed" for verdict in checked.values()) else 0


def run(options: argparse.Namespace) -> int:
    """Verify, then time; every trial becomes a record."""
    from levelfield.results import study
    from levelfield.run import bench, doctor, runner

    suite, contenders, how = _chosen(options)
    folder = Path(options.out or _fresh_folder(suite.suite))
    with bench.bench(suite, contenders, how) as made:
        runner.run(made, folder, resume=options.resume)
    found = study.load(folder)
    print(doctor.study_table(found))
    print(f"\nstudy: {folder}\nreport: levelfield report {folder}")
    return 0 if any(record.status == "ok" for record in found.records) else 1


def report(options: argparse.Namespace) -> int:
    """Write one offline HTML page."""
    import importlib

    from levelfield.results import study

    page = importlib.import_module("levelfield.reports.page")
    folder = Path(options.study)
    target = Path(options.out) if options.out else folder / "report.html"
    page.write(study.load(folder), target, baseline=options.baseline)
    print(f"report: {target.resolve()}")
    return 0


def _chosen(options: argparse.Namespace) -> tuple[Suite, list[Contender], Options]:
    """What the options choose: the suite, its contenders, how to run them."""
    import dataclasses

    from levelfield import data, registry
    from levelfield.run.bench import Options
    from levelfield.spec import plan, suite

    folder = Path(str(registry.suites()))
    chosen = suite.load(suite.find(options.suite, folder), changes=options.set)
    if getattr(options, "repeats", None) is not None:
        chosen = dataclasses.replace(chosen, repeats=options.repeats)
    if options.seed is not None:
        workloads = tuple(w.replace(seed=options.seed) for w in chosen.workloads)
        chosen = dataclasses.replace(chosen, workloads=workloads)
    adapters, backends, source = registry.backends(), _names(options.backends), ""
    if options.backend:
        source = str(Path(options.backend).resolve())
        found = registry.backends_in(Path(source))
        adapters = {**adapters, **found}
        contenders = plan.contenders(
            list(found), found, modes=_names(options.modes) or ["all"], source=source,
            device=options.device,
        )  # fmt: skip
    if not source or backends:
        contenders = (contenders if source else []) + plan.contenders(
            chosen.contenders,
            adapters,
            backends=backends,
            modes=_names(options.modes),
            device=options.device,
        )
    how = Options(
        data=data.data_directory(options.data),
        seed=options.seed or 0,
        timeout=options.timeout or chosen.timeout,
        threads=options.threads or len(os.sched_getaffinity(0)),
        unverified=getattr(options, "unverified", False),
        quiet=options.quiet,
    )
    return chosen, contenders, how


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _fresh_folder(suite: str) -> str:
    from datetime import UTC, datetime

    return f"results/{suite}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _positive(kind: type[int | float], *, zero: bool = False) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not 0 <= value < float("inf") or (value == 0 and not zero):
            raise ValueError
        return value

    number.__name__ = "number of at least zero" if zero else "number above zero"
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="levelfield",
        description="Which deep-learning backend trains my model fastest on my machine, "
        "by how much, and is that real?",
    )
    parser.add_argument("--version", action="version", version=f"levelfield {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    def verb(name: str, function: object, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.set_defaults(verb=function)
        return made

    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--data", metavar="DIR", help="data sets' files (or LEVELFIELD_DATA)")
    what = argparse.ArgumentParser(add_help=False, parents=[where])
    what.add_argument("suite", help="a suite's name or the path of a YAML file")
    what.add_argument("--backends", metavar="A,B|all", help="these backends instead of the suite's")
    what.add_argument("--backend", metavar="FILE", help="an adapter of your own, ./mine.py")
    what.add_argument("--modes", metavar="A,B|all|default", help="these modes")
    what.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    what.add_argument("--threads", type=_positive(int), metavar="N", help="cores (default: all)")
    changes = "change every workload: --set epochs=3 --set optimizer.epsilon=1.0e-8"
    what.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=changes)
    seed = _positive(int, zero=True)
    what.add_argument("--seed", type=seed, metavar="N", help="of weights, sample orders and trials")
    what.add_argument("--timeout", type=_positive(float), metavar="S", help="seconds a trial")
    what.add_argument("--quiet", action="store_true", help="no progress")

    doctor_verb = verb("doctor", doctor, "what can run here, and what is missing for the rest")
    doctor_verb.add_argument("--data", metavar="DIR", help="data sets' files (or LEVELFIELD_DATA)")
    list_verb = verb("list", show, "list backends, datasets, suites or semantics")
    list_verb.add_argument("what", choices=["backends", "datasets", "suites", "semantics"])
    list_verb.add_argument("--data", metavar="DIR", help="data sets' files (or LEVELFIELD_DATA)")
    text = "same computation? a table of levels x contenders, no clock"
    verify_verb = verbs.add_parser("verify", help=text, description=text, parents=[what])
    verify_verb.add_argument("--fresh", action="store_true", help="do not use cached verdicts")
    verify_verb.set_defaults(verb=verify)
    text = "verify, then time; resumable"
    run_verb = verbs.add_parser("run", help=text, description=text, parents=[what])
    run_verb.add_argument("--out", metavar="DIR", help="the study's folder")
    run_verb.add_argument("--repeats", type=_positive(int), metavar="N", help="trials a contender")
    run_verb.add_argument("--resume", action="store_true", help="run what has no record yet")
    run_verb.add_argument("--unverified", action="store_true",
                          help="time without verification, and mark every number")  # fmt: skip
    run_verb.set_defaults(verb=run)
    report_verb = verb("report", report, "one offline HTML page")
    report_verb.add_argument("study", help="the study's folder")
    report_verb.add_argument("--out", metavar="FILE", help="the page (default: in the study)")
    report_verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
