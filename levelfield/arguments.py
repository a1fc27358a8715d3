"""The words of the command line that several verbs share, and the kinds of numbers in them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

SUITE = "a suite's name or the path of a YAML file"


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


def size(text: str) -> int:
    """Bytes, from a number with k, m, g or t behind it."""
    units = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
    text = text.strip().lower().removesuffix("ib").removesuffix("b")
    factor = units.get(text[-1:], 1)
    found = float(text.removesuffix(text[-1:]) if factor > 1 else text) * factor
    if not 1 <= found < 2**60:
        raise ValueError
    return int(found)


size.__name__ = "size such as 6g"


def how() -> argparse.ArgumentParser:
    """Words of all verbs that choose from a suite and run it."""
    what = argparse.ArgumentParser(add_help=False)
    data(what)
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
    what.add_argument("--memory", type=size, metavar="SIZE", help=memory)
    what.add_argument("--quiet", action="store_true", help="no progress")
    return what


def data(verb: argparse.ArgumentParser) -> None:
    """Add where data sets' files are."""
    verb.add_argument("--data", metavar="DIR", help="data sets' files (or LEVELFIELD_DATA)")
