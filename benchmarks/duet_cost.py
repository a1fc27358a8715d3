"""What a duet itself costs: a worker's piece in turns over the same piece alone, and the parent.

    python benchmarks/duet_cost.py [--seconds 60] [CONTENDER ...]

Two workers of one contender are alive. For a while the first trains piece after piece by itself,
the other stopped; then both take turns as in a duet; and so on. Printed: the median of the first
one's pieces in turns over the median alone, with the quartiles of neighbouring spells' ratios, and
the parent's CPU in turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from levelfield import data, registry
from levelfield.run.bench import Options, bench
from levelfield.run.duet import Duet, Seat
from levelfield.run.trial import Setting, blank
from levelfield.spec import plan, suite

SPELL = 12
"""Pieces of a spell."""


def main() -> None:
    """Measure every contender that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("contenders", nargs="*", default=["numpy", "torch/eager", "jax/scan"])
    options = parser.parse_args()
    chosen = suite.load(registry.suites() / "regression.yaml")
    print(f"{'contender':14}  ratio    quartiles   parent's share of a core")
    for name in options.contenders:
        who = plan.contenders([name], registry.backends())
        how = Options(data=data.data_directory(None), timeout=3600.0, threads=2, quiet=True)
        with bench(chosen, who, how) as made, tempfile.TemporaryDirectory() as scratch:
            workload = chosen.workloads[0]
            trial = plan.plan([workload], who, repeats=1, seed=0)[0]
            setting: Setting = made.settings[workload.name]
            start = partial(made.process, who[0], Path(scratch), company=2)
            seats = [Seat(trial, start, blank(trial, setting, None)) for _ in range(2)]
            with Duet(seats, setting=setting, seed="0") as table:
                ratios, whole, share = measure(table, options.seconds)
        low, _, high = statistics.quantiles(ratios, n=4)
        print(f"{who[0]!s:14} {whole:6.3f}  {low:.3f}-{high:.3f}   {share:.2%}", flush=True)


def measure(table: Duet, seconds: float) -> tuple[list[float], float, float]:
    """Ratios spell by spell, of all pieces together, and the parent's share of a core in turns."""
    table.open()
    pieces = table.endless(table.calibrate(), first=table.whole)
    first, second = table.seats
    ratios: list[float] = []
    alone: list[float] = []
    turns: list[float] = []
    cpu = wall = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        spell = [next(pieces) for _ in range(SPELL)]
        first.process.resume()
        single = [first.play(p, number=0, position=0, evaluate=False) for p in spell]
        first.process.pause()
        second.process.resume()
        for piece in spell:  # so that both have trained the same
            second.play(piece, number=0, position=0, evaluate=False)
        second.process.pause()
        began, spent = time.monotonic(), time.process_time()
        both = [table.play(next(pieces), evaluate=False)[0] for _ in range(SPELL)]
        cpu, wall = cpu + time.process_time() - spent, wall + time.monotonic() - began
        ratios.append(statistics.median(both) / statistics.median(single))
        alone, turns = alone + single, turns + both
    table.close()
    return ratios, statistics.median(turns) / statistics.median(alone), cpu / wall


if __name__ == "__main__":
    main()
