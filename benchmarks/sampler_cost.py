"""What reading a GPU costs the training on it: steady epochs with readings on over those without.

    python benchmarks/sampler_cost.py [--device cuda] [--rounds 30] [CONTENDER ...]

One worker trains the thesis network, epoch after epoch; every other turn of two seconds, in random
order, is sampled, as often as a trial is (``--interval 0.5``; a shorter one shows more). Printed:
the ratio of the medians, and the quartiles of neighbours' ratios. Goal: at most 1.01.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
from pathlib import Path

from levelfield import data, registry
from levelfield.run import meters
from levelfield.run.bench import Options, bench
from levelfield.run.process import Process
from levelfield.run.trial import Notes, opened
from levelfield.spec import plan, suite

ENVIRONMENT = os.environ.get("LEVELFIELD_ENVIRONMENT", "")
"""As for `levelfield run`: ``current``, or the one that the adapter names."""
SECONDS = 2.0
"""Of training in one turn, so that a few samples fall into it."""


def main() -> None:
    """Measure every contender that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--interval", type=float, default=meters.INTERVAL)
    parser.add_argument("contenders", nargs="*", default=["torch/eager", "jax/scan"])
    options = parser.parse_args()
    changes = ["epochs=1000000"]
    chosen = suite.load(registry.suites() / "autoencoder.yaml", changes=changes)
    print(f"{'contender':20}  ratio    quartiles   epoch s")
    for name in options.contenders:
        backends = registry.backends()
        who = plan.contenders([name], backends, device=options.device, environment=ENVIRONMENT)
        how = Options(data=data.data_directory(None), timeout=3600.0, threads=2, quiet=True)
        with bench(chosen, who, how) as made, tempfile.TemporaryDirectory() as scratch:
            workload = chosen.workloads[0]
            trial = plan.plan([workload], who, repeats=1, seed=0)[0]
            with made.process(who[0], Path(scratch)) as process:
                opened(trial, made.settings[workload.name], process, Notes())
                on, off = measure(process, options.device, options.rounds, options.interval)
        ratios = [a / b for a, b in zip(on, off, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        whole = statistics.median(on) / statistics.median(off)
        print(f"{who[0]!s:20} {whole:6.3f}  {low:.3f}-{high:.3f}  {statistics.median(off):.4g}")


def measure(
    process: Process, device: str, rounds: int, interval: float
) -> tuple[list[float], list[float]]:
    """Median seconds of an epoch, turn by turn: with readings, and without."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    epoch = 0
    for turn in range(rounds + 1):
        for read in random.sample([True, False], 2):
            sampler = meters.of(device, process.tree) if read else meters.Meters([])
            sampler.interval = interval
            with sampler:
                reply = process.ask("epochs", first=epoch, stop=epoch + 100_000, seconds=SECONDS)
            epoch += len(reply["trained"])
            if turn:  # the first ones compile and warm up
                seconds[read].append(statistics.median(each["wall"] for each in reply["trained"]))
    return seconds[True], seconds[False]


if __name__ == "__main__":
    main()
