"""The table of contents: every verb of the command line, in a few lines each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from levelfield.arguments import parser
from levelfield.errors import UserError

if TYPE_CHECKING:
    from levelfield.results.summary import Result
    from levelfield.run.bench import Options
    from levelfield.spec.plan import Contender
    from levelfield.spec.suite import Suite

USAGE, FAULT, INTERRUPTED, UNREAD = 2, 70, 130, 141
"""Exit statuses of all verbs. 70 (EX_SOFTWARE of sysexits.h): Python itself would end with 1, which
is an answer (of `compare`: slower). 141: as a shell tells of a command that SIGPIPE ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives its exit status."""
    options = parser(VERBS).parse_args(arguments)
    try:
        return _ended(options)
    except OSError:  # nobody reads what is told any more
        for stream in (sys.stdout, sys.stderr):  # what is left in them has nowhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return UNREAD


def _ended(options: argparse.Namespace) -> int:
    """How a verb has ended; raises `OSError` only where that cannot be told."""
    try:
        status: int = options.verb(options)
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


def doctor(options: argparse.Namespace) -> int:
    """What can run here, and what is missing for the rest."""
    from levelfield.run import doctor, noise

    print(noise.doctor(options.seconds) if options.noise else doctor.describe(options.data))
    return 0


def show(options: argparse.Namespace) -> int:
    """List backends, data sets, suites, or what backends mean by the same names."""
    from levelfield.run import doctor

    print(doctor.listing(options.what, options.data))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Same computation? A table of levels x contenders, no clock."""
    from levelfield.results.summary import UNMEASURED
    from levelfield.run import bench, doctor, gate

    suite, contenders, how = _chosen(options)
    with bench.bench(suite, contenders, how) as made:
        checked = gate.verify_all(made, fresh=options.fresh)
    print(doctor.verification_table(checked))
    found = {verdict.status for verdict in checked.values()}
    if found & {"passed", "failed"}:
        return 1 if "failed" in found else 0
    reasons = dict.fromkeys(" ".join(verdict.reason.split()) for verdict in checked.values())
    print(f"levelfield: nothing was verified: {'; '.join(reasons)}", file=sys.stderr)
    return UNMEASURED


def run(options: argparse.Namespace) -> int:
    """Verify, then time; every trial becomes a record."""
    from levelfield.results import study
    from levelfield.run import bench, doctor, runner

    suite, contenders, how = _chosen(options)
    folder = Path(options.out or _fresh_folder(suite.suite))
    runner.check(folder, resume=options.resume)
    try:
        with bench.bench(suite, contenders, how) as made:
            runner.run(made, folder, resume=options.resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(runner.kept(folder)) from None
    found = study.load(folder)
    print(doctor.study_table(found))
    print(f"\nstudy: {folder}\nreport: levelfield report {folder}")
    return 0 if any(record.status == "ok" for record in found.records) else 1


def env(options: argparse.Namespace) -> int:
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


def report(options: argparse.Namespace) -> int:
    """Write one offline HTML page, of one study or of several."""
    import importlib

    from levelfield.results import study

    found = [study.load(folder) for folder in options.studies]
    if len(found) == 1:
        page = importlib.import_module("levelfield.reports.page")
        target = Path(options.out or found[0].folder / "report.html")
        page.write(found[0], target, baseline=options.baseline)
    else:
        page = importlib.import_module("levelfield.reports.many")
        target = Path(options.out or "studies.html")
        page.write(found, target, baseline=options.baseline)
    print(f"report: {target.resolve()}")
    return 0


def figures(options: argparse.Namespace) -> int:
    """Write figures for papers."""
    import importlib

    from levelfield.results import study

    plots = importlib.import_module("levelfield.reports.paper.plots")
    written = plots.write(
        study.load(options.study),
        Path(options.out or Path(options.study) / "figures"),
        only=_names(options.only),
        formats=_names(options.format),
        baseline=options.baseline,
        width=options.width,
    )
    print(*written.paths, sep="\n")
    for gap in written.left_out:
        print(f"left out: {gap}", file=sys.stderr)
    return 0


def table(options: argparse.Namespace) -> int:
    """Print or write a table."""
    import importlib

    from levelfield.results import study

    write = importlib.import_module("levelfield.reports.paper.write")
    form = options.format or write.form_of(options.out)
    text = write.table(
        study.load(options.study), options.name, form=form, baseline=options.baseline
    )
    if options.out:
        print(f"table: {write.write(text, Path(options.out)).resolve()}")
    else:
        print(text, end="")
    return 0


def reproduce(options: argparse.Namespace) -> int:
    """Set published figures beside those of a study, made first where none is given."""
    from levelfield.results import reproduce, reproductions
    from levelfield.run import bench, runner

    published = reproductions.reproduction(options.what)
    folder = Path(options.study or options.out or _fresh_folder(options.what))
    if not options.study:
        if published.verb != "run":
            raise UserError(
                "no folder",
                where=f"reproduce {options.what}",
                expected=f"what `levelfield {published.verb} {options.what} --out DIR` wrote",
            )
        options.suite = options.what
        suite, contenders, how = _chosen(options)
        runner.check(folder, resume=False)
        with bench.bench(suite, contenders, how) as made:
            runner.run(made, folder, resume=False)
    print(reproduce.of_folder(options.what, folder))
    print(f"\nstudy: {folder}")
    return 0


def compare(options: argparse.Namespace) -> int:
    """Two codes, two environments, two contenders of a study, or two studies: faster, slower?"""
    from levelfield.results import summary

    results = _recorded(options) if options.studies else _live(options)
    for result in results:
        print(f"{result.contender} on {result.workload}: {result.verdict.sentence}")
        for doubt in result.doubts:
            print(f"  doubt: {doubt}")
    for name, text in (("json", summary.as_json), ("junit", summary.junit)):
        if target := getattr(options, name):
            _write(target, text(results))
    table = summary.markdown(results)
    if options.markdown:
        _write(options.markdown, table)
    if step := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append(step, table)
    return summary.status(results)


def _live(options: argparse.Namespace) -> list[Result]:
    """Measure now: base against head, in duet."""
    from levelfield.run import bench, sides
    from levelfield.run.compare import Rule
    from levelfield.run.compare import compare as measure
    from levelfield.run.progress import Progress
    from levelfield.run.scratch import scratch

    base, head = options.base or "merge-base", options.head or "."
    rule = Rule(
        threshold=options.threshold / 100,
        confidence=options.confidence / 100,
        budget=options.budget,
    )
    suite, contenders, how = _chosen(options)
    with scratch() as folder:
        both = tuple(
            sides.side(text, other=other, checkout=Path.cwd(), scratch=folder)
            for text, other in ((base, head), (head, base))
        )
        with bench.bench(suite, sides.settled(contenders, both), how) as made:
            steps = len(suite.workloads) * len(contenders)
            with Progress(steps=steps, quiet=options.quiet) as progress:
                return measure(made, (both[0], both[1]), rule, progress)


def _recorded(options: argparse.Namespace) -> list[Result]:
    """Compare what was measured before: two studies, or two contenders of one."""
    from levelfield.results import against, study

    how = {"threshold": options.threshold / 100, "confidence": options.confidence / 100}
    match [study.load(folder) for folder in options.studies]:
        case [one]:
            return against.contenders(one, options.base, options.head, **how)
        case [one, other]:
            return against.studies(one, other, **how)
    raise UserError(f"{len(options.studies)} studies", expected="one or two")


def _write(target: str, text: str) -> None:
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror})", where=target, hint="give another path"
        ) from None


def _append(target: str, text: str) -> None:
    """Append to GitHub's step summary; where that is impossible say so: the verdict stands."""
    try:
        with Path(target).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        print(
            f"levelfield: GITHUB_STEP_SUMMARY={target}: cannot be written ({error.strerror}); "
            "the verdict stands without it",
            file=sys.stderr,
        )


def export(options: argparse.Namespace) -> int:
    """Write stored studies as another tool's files."""
    from levelfield.results import export, study

    studies = [study.load(folder) for folder in options.studies]
    written = export.to_asv(
        studies, Path(options.asv), repository=Path.cwd(), commit=options.commit
    )
    for file in written:
        print(f"{file.commit[:8]}: {file.path}")
        for gap in file.gaps:
            print(f"  no number: {gap}")
    return 0


def schedule(options: argparse.Namespace) -> int:
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


def lr_range(options: argparse.Namespace) -> int:
    """Sweep the learning rate; find bounds, draw the curves, write the suite for later."""
    folder, made = _explored(options)
    print(f"\ncurves: {folder / 'ranges.html'}")
    if made is None:
        print("no configuration learns in this range: there is no suite to write")
        return 1
    print(f"long training: levelfield run {made}")
    return 0


def explore(options: argparse.Namespace) -> int:
    """The whole flow: range tests, bounds, long training of what learns, table."""
    folder, made = _explored(options, keep=options.keep)
    print(f"\ncurves: {folder / 'ranges.html'}")
    if made is None:
        print("no configuration learns in this range: there is nothing to train for long")
        return 1
    options.suite, options.out, options.set = str(made), str(folder / "study"), []
    options.only, options.resume, options.seed = None, False, None
    return run(options)


def _explored(options: argparse.Namespace, *, keep: int | None = None) -> tuple[Path, Path | None]:
    """Range tests as the options want them: their folder, and the suite that was written."""
    import importlib

    from levelfield.results import sweep
    from levelfield.run import lr_range, lr_suite

    suite, contenders, how = _chosen(options)
    folder = Path(options.out or _fresh_folder(f"{suite.suite}-ranges"))
    wanted = lr_range.Range(
        low=options.low,
        high=options.high,
        epochs=options.sweep,
        seeds=options.seeds,
        scale=options.scale,
        optimizers=tuple(_names(options.optimizers)),
        every=options.every,
    )
    sweeps = lr_range.run(suite, contenders, how, wanted, folder)
    found = sweep.found_bounds(sweeps)
    print(lr_suite.table(sweeps, found))
    page = importlib.import_module("levelfield.reports.ranges")
    page.write(f"{suite.suite}: learning rates", sweeps, found, folder / "ranges.html")
    made = lr_suite.write(
        suite,
        wanted.workloads(suite),
        found,
        folder / "cyclical.yaml",
        epochs=options.long,
        half_cycle=options.half_cycle,
        keep=keep,
    )
    return folder, made


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
    if options.only:
        chosen = suite.only(chosen, _names(options.only))
    if options.seed is not None:
        workloads = tuple(w.replace(seed=options.seed) for w in chosen.workloads)
        chosen = dataclasses.replace(chosen, workloads=workloads)
    threads = options.threads or len(os.sched_getaffinity(0))
    adapters, backends, source = registry.backends(), _names(options.backends), ""
    if options.backend:
        source = str(Path(options.backend).resolve())
        found = registry.backends_in(Path(source))
        adapters = {**adapters, **found}
        contenders = plan.contenders(
            list(found), found, modes=_names(options.modes) or ["all"], source=source,
            device=options.device, environment=options.environment, cores=threads,
        )  # fmt: skip
    if not source or backends:
        contenders = (contenders if source else []) + plan.contenders(
            chosen.contenders,
            adapters,
            backends=backends,
            modes=_names(options.modes),
            device=options.device,
            environment=options.environment,
            cores=threads,
        )
    how = Options(
        data=data.data_directory(options.data),
        seed=options.seed or 0,
        timeout=options.timeout or chosen.timeout,
        memory=getattr(options, "memory", None),
        threads=threads,
        schedule=getattr(options, "schedule", "blocks"),
        unverified=getattr(options, "unverified", False),
        quiet=options.quiet,
    )
    return chosen, contenders, how


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _fresh_folder(suite: str) -> str:
    from datetime import UTC, datetime

    return f"results/{suite}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


VERBS = {
    "doctor": doctor,
    "list": show,
    "verify": verify,
    "run": run,
    "compare": compare,
    "env": env,
    "report": report,
    "figures": figures,
    "table": table,
    "reproduce": reproduce,
    "export": export,
    "schedule": schedule,
    "lr-range": lr_range,
    "explore": explore,
}

if __name__ == "__main__":
    sys.exit(main())
