"""The words of the command line: every verb's options. What they do stands in `levelfield.cli`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping

from levelfield import __version__

SUITE = "a suite's name or the path of a YAML file"


def parser(verbs: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """The parser; ``verbs``: what each verb calls."""
    made = argparse.ArgumentParser(
        prog="levelfield",
        description="Which deep-learning backend trains my model fastest on my machine, "
        "by how much, and is that real?",
    )
    made.add_argument("--version", action="version", version=f"levelfield {__version__}")
    places = made.add_subparsers(title="verbs", required=True, metavar="VERB")
    for name, add in ADD.items():
        text = (add.__doc__ or "").rstrip(".")
        text, parents = text[0].lower() + text[1:], [_how()] if name in HOW else []
        verb = places.add_parser(name, help=text, description=text, parents=parents)
        verb.set_defaults(verb=verbs[name])
        add(verb)
    return made


def _positive(kind: type[int | float], *, zero: bool = False) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not 0 <= value < float("inf") or (value == 0 and not zero):
            raise ValueError
        return value

    number.__name__ = "number of at least zero" if zero else "number above zero"
    return number


def _percentage(low: float, high: float) -> Callable[[str], float]:
    """A range that refuses fractions meant as percentages (0.95 for 95) and what means nothing."""

    def number(text: str) -> float:
        value = float(text)
        if not low < value < high:
            raise ValueError
        return value

    number.__name__ = f"percentage above {low:g} and below {high:g}"
    return number


COUNT, NUMBER, SEED = _positive(int), _positive(float), _positive(int, zero=True)
THRESHOLD, CONFIDENCE = _percentage(0.1, 1000.0), _percentage(50.0, 100.0)


def _size(text: str) -> int:
    """Bytes, from a number with k, m, g or t behind it."""
    units = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
    text = text.strip().lower().removesuffix("ib").removesuffix("b")
    factor = units.get(text[-1:], 1)
    size = float(text.removesuffix(text[-1:]) if factor > 1 else text) * factor
    if not 1 <= size < 2**60:
        raise ValueError
    return int(size)


_size.__name__ = "size such as 6g"


def _how() -> argparse.ArgumentParser:
    """What `verify`, `run` and `compare` share."""
    what = argparse.ArgumentParser(add_help=False)
    _data(what)
    what.add_argument("--backends", metavar="A,B|all", help="these backends instead of the suite's")
    what.add_argument("--backend", metavar="FILE", help="an adapter of your own, ./mine.py")
    what.add_argument("--modes", metavar="A,B|all|default", help="these modes")
    device = "cpu, cuda, spark:EXECUTORSxCORES[xMEMORY]; several: cpu,cuda (default: the suite's)"
    what.add_argument("--device", metavar="A,B", help=device)
    environment = "current (this interpreter), a lock's name or a path (or LEVELFIELD_ENVIRONMENT)"
    usual = os.environ.get("LEVELFIELD_ENVIRONMENT", "")
    what.add_argument("--environment", default=usual, metavar="NAME", help=environment)
    what.add_argument("--threads", type=COUNT, metavar="N", help="cores (default: all)")
    changes = "change the suite, every workload: --set epochs=3 --set optimizer.epsilon=1.0e-8"
    what.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=changes)
    only = "only workloads of these names; VII takes VII-mnist too"
    what.add_argument("--only", metavar="A,B", help=only)
    what.add_argument("--seed", type=SEED, metavar="N", help="of weights, sample orders and trials")
    what.add_argument("--timeout", type=NUMBER, metavar="S", help="seconds a trial")
    memory = "bytes that a trial may hold (6g, 500m): beyond, it fails, and the machine lives on"
    what.add_argument("--memory", type=_size, metavar="SIZE", help=memory)
    what.add_argument("--quiet", action="store_true", help="no progress")
    return what


def _data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", metavar="DIR", help="data sets' files (or LEVELFIELD_DATA)")


def _doctor(verb: argparse.ArgumentParser) -> None:
    """What can run here, and what is missing for the rest."""
    _data(verb)
    noise = "measure instead what differences this machine can show, and what disturbs it"
    verb.add_argument("--noise", action="store_true", help=noise)
    seconds = "how long to measure for --noise (default: 30)"
    verb.add_argument("--seconds", type=NUMBER, default=30.0, metavar="S", help=seconds)


def _list(verb: argparse.ArgumentParser) -> None:
    """List backends, datasets, suites, semantics, or what a workload may be made of."""
    ours = ["backends", "datasets", "suites", "semantics"]
    verb.add_argument("what", choices=[*ours, "layers", "formulas", "optimizers", "schedules"])
    _data(verb)


def _verify(verb: argparse.ArgumentParser) -> None:
    """Same computation? a table, no clock. Exit status 0: yes, 1: not all, 3: nothing verified."""
    verb.add_argument("suite", help=SUITE)
    verb.add_argument("--fresh", action="store_true", help="do not use cached verdicts")


def _run(verb: argparse.ArgumentParser) -> None:
    """Verify, then time; resumable."""
    verb.add_argument("suite", help=SUITE)
    verb.add_argument("--out", metavar="DIR", help="the study's folder")
    verb.add_argument("--repeats", type=COUNT, metavar="N", help="trials a contender")
    schedule = "blocks: one trial after the other (default); duet: all at once, in turns"
    verb.add_argument("--schedule", choices=["blocks", "duet"], default="blocks", help=schedule)
    verb.add_argument("--resume", action="store_true", help="run what has no record yet")
    unverified = "time without verification, and mark every number"
    verb.add_argument("--unverified", action="store_true", help=unverified)


def _lr_range(verb: argparse.ArgumentParser) -> None:
    """Between which learning rates does each contender learn? Curves, bounds, a suite for later."""
    verb.add_argument("suite", help=SUITE)
    _range(verb)


def _explore(verb: argparse.ArgumentParser) -> None:
    """Range tests over a grid, then a long cyclical training of what learns, and its table."""
    verb.add_argument("suite", help=SUITE)
    _range(verb)
    keep = "train only so many configurations, those with the best accuracy (default: all)"
    verb.add_argument("--keep", type=COUNT, metavar="N", help=keep)
    repeats = "trials a contender (default: the suite's)"
    verb.add_argument("--repeats", type=COUNT, metavar="N", help=repeats)


def _range(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--out", metavar="DIR", help="the folder of what is found")
    low, high = "lowest rate (default: 1e-4)", "highest rate (default: 0.1)"
    verb.add_argument("--low", type=NUMBER, default=1e-4, metavar="RATE", help=low)
    verb.add_argument("--high", type=NUMBER, default=0.1, metavar="RATE", help=high)
    scale = "how rates rise (default: exponential)"
    verb.add_argument(
        "--scale", choices=["linear", "exponential", "own"], default="exponential", help=scale
    )
    epochs = "epochs of a sweep (default: 8)"
    verb.add_argument("--sweep", type=COUNT, default=8, metavar="N", help=epochs)
    seeds = "seeds, from 0 (default: 5)"
    verb.add_argument("--seeds", type=COUNT, default=5, metavar="N", help=seeds)
    optimizers = "try each of these (adam,sgd) instead of the suite's"
    verb.add_argument("--optimizers", metavar="A,B", help=optimizers)
    every = "batches between two accuracies where a backend does not tell them (default: 16)"
    verb.add_argument("--every", type=COUNT, default=16, metavar="N", help=every)
    long = "epochs of the long training in the suite that is written (default: 50)"
    verb.add_argument("--long", type=COUNT, default=50, metavar="N", help=long)
    half = "epochs from the lowest rate to the highest there (default: 4)"
    verb.add_argument("--half-cycle", type=NUMBER, default=4.0, metavar="N", help=half)
    unverified = "sweep without verification"
    verb.add_argument("--unverified", action="store_true", help=unverified)


def _compare(verb: argparse.ArgumentParser) -> None:
    """Faster, slower, no difference shown? Exit status 0: not slower, 1: slower, 3: unmeasured."""
    verb.add_argument(
        "studies",
        nargs="*",
        metavar="STUDY",
        help="none: measure two codes now; one: two of its contenders; two: against each other",
    )
    base = "a revision, merge-base (default), env:NAME or env:PATH; with one study a contender"
    verb.add_argument("--base", metavar="SIDE", help=base)
    head = "the same (default: ., the working tree)"
    verb.add_argument("--head", metavar="SIDE", help=head)
    verb.add_argument("--suite", default="regression", help=f"{SUITE} (default: regression)")
    threshold = "the smallest difference that matters (default: 3)"
    verb.add_argument("--threshold", type=THRESHOLD, default=3.0, metavar="PERCENT", help=threshold)
    confidence = "of all answers together (default: 95)"
    verb.add_argument(
        "--confidence", type=CONFIDENCE, default=95.0, metavar="PERCENT", help=confidence
    )
    budget = "seconds for everything (default: 300)"
    verb.add_argument("--budget", type=NUMBER, default=300.0, metavar="S", help=budget)
    for name, what in (("json", "JSON"), ("junit", "JUnit XML"), ("markdown", "Markdown")):
        verb.add_argument(f"--{name}", metavar="FILE", help=f"the answers as {what}")


def _env(verb: argparse.ArgumentParser) -> None:
    """Make, list or remove the Python environments that backends live in."""
    verb.add_argument("do", choices=["create", "list", "remove"])
    name = "a lock file's name (theano for environments/theano.txt) or path; none: all of them"
    verb.add_argument("names", nargs="*", metavar="NAME", help=name)
    verb.add_argument("--quiet", action="store_true", help="no progress")


def _report(verb: argparse.ArgumentParser) -> None:
    """One offline HTML page, of one study or of several."""
    several = "the studies' folders; of several: side by side, over machines, over time"
    verb.add_argument("studies", nargs="+", metavar="STUDY", help=several)
    out = "the page (default: report.html in the study; of several: studies.html here)"
    verb.add_argument("--out", metavar="FILE", help=out)
    verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")


def _figures(verb: argparse.ArgumentParser) -> None:
    """Figures for papers: SVG and PDF, one a kind and workload."""
    verb.add_argument("study", help="the study's folder")
    verb.add_argument("--out", metavar="DIR", help="where to (default: figures/ in the study)")
    only = "only these, by name or its beginning: loss,ratios,phases (default: all it can show)"
    verb.add_argument("--only", metavar="A,B", help=only)
    formats = "svg, pdf, png (default: svg,pdf)"
    verb.add_argument("--format", default="svg,pdf", metavar="A,B", help=formats)
    verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")
    width = "columns of the page: 3.5 or 7.16 inches (default: single)"
    verb.add_argument("--width", choices=["single", "double"], default="single", help=width)


def _table(verb: argparse.ArgumentParser) -> None:
    """A table for a paper or a terminal: Markdown, LaTeX, CSV or HTML."""
    verb.add_argument("study", help="the study's folder")
    name = "a table's name, all, or list: what there is (default: ranking)"
    verb.add_argument("name", nargs="?", default="ranking", metavar="NAME", help=name)
    form = "default: by the file's ending (.md .tex .csv .html), else markdown"
    verb.add_argument("--format", choices=["markdown", "latex", "csv", "html"], help=form)
    verb.add_argument("--baseline", metavar="CONTENDER", help="ratios to this one")
    verb.add_argument("--out", metavar="FILE", help="write it here instead of printing it")


def _reproduce(verb: argparse.ArgumentParser) -> None:
    """Published figures beside a study's: what holds here, what does not?"""
    known = "thesis-autoencoders, thesis-elephas, thesis-cnn, thesis-cnn-range ..."
    verb.add_argument("what", metavar="PUBLISHED", help=f"a published study: {known}")
    study = "the study's folder (default: run the suite first)"
    verb.add_argument("study", nargs="?", metavar="STUDY", help=study)
    verb.add_argument("--out", metavar="DIR", help="the new study's folder")
    verb.add_argument("--repeats", type=COUNT, metavar="N", help="trials a contender")


def _export(verb: argparse.ArgumentParser) -> None:
    """Stored studies for other tools: asv's result files, commit by commit."""
    verb.add_argument("studies", nargs="+", metavar="STUDY", help="the studies' folders")
    target = "asv's folder of results (results_dir of asv.conf.json: .asv/results)"
    verb.add_argument("--asv", required=True, metavar="DIR", help=target)
    commit = "the commit they were made at, where they do not know it"
    verb.add_argument("--commit", default="", metavar="REVISION", help=commit)


def _schedule(verb: argparse.ArgumentParser) -> None:
    """Draw a learning-rate schedule: a kind's, or that of a suite's workload."""
    name = "a kind, '{kind: ..., ...}', or a suite's name or path (default: list the kinds)"
    verb.add_argument("name", nargs="?", metavar="SCHEDULE", help=name)
    verb.add_argument("--workload", metavar="NAME", help="the suite's workload of this name")
    changes = "change the kind's example, or the suite: --set high=0.1"
    verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=changes)
    verb.add_argument("--epochs", type=COUNT, metavar="N", help="epochs (default: its own)")
    steps = "steps an epoch (default: the workload's, else 100)"
    verb.add_argument("--steps", type=COUNT, metavar="N", help=steps)
    verb.add_argument("--out", metavar="FILE", help="write a row a step (.csv) or a page (.html)")


ADD = {
    "doctor": _doctor,
    "list": _list,
    "verify": _verify,
    "run": _run,
    "compare": _compare,
    "env": _env,
    "report": _report,
    "figures": _figures,
    "table": _table,
    "reproduce": _reproduce,
    "export": _export,
    "schedule": _schedule,
    "lr-range": _lr_range,
    "explore": _explore,
}
HOW = frozenset({"verify", "run", "compare", "reproduce", "lr-range", "explore"})
