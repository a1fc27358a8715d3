"""How often the verdicts are wrong: simulated studies with noise from real traces.

    python benchmarks/error_rates.py [--studies 1000]

Printed, for each noise: false alarms of A/A comparisons at the 3 % threshold, how often injected
slowdowns are found, and how often 95 % intervals hold the truth, for duet and for blocks.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import noise

from levelfield.results import estimate
from levelfield.results.verdict import Looks

OPENING, PLAYING = 8.0, 10.0
"""Seconds that a session of the traces took to open, and played."""
BLOCKS = (1, 3, 5, 10)
TRUTH = 1.1


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    print("duet: share of verdicts (slower / faster / no difference shown / could not measure)")
    for name in noise.MODELS:
        for share, threshold, minutes in ((0, 0.03, 5), (0.05, 0.03, 5), (0.03, 0.01, 10)):
            found, seconds = verdicts(name, share, threshold, 60 * minutes, studies)
            told = " / ".join(f"{found[a] / studies:6.1%}" for a in ANSWERS)
            what = f"injected {share:3.0%} threshold {threshold:.0%} budget {minutes:2} min"
            print(f"{name:14} {what}: {told}  ({seconds / 60:.1f} min)")
    print("coverage of 95 % intervals")
    for name in noise.MODELS:
        rates = [f"duet of {n}: {duet(name, n, studies):.1%}" for n in (4, 8, 15)]
        print(f"{name:14} {', '.join(rates)}")
    for count in BLOCKS:
        one, two = typical(count, studies), ratio(count, studies)
        print(f"blocks of {count:2}: one {one:.1%}, ratio {two:.1%}")


ANSWERS = ("slower", "faster", "no difference shown", "could not measure")


def verdicts(
    name: str, share: float, threshold: float, budget: float, studies: int
) -> tuple[Counter[str], float]:
    """Answers of so many comparisons, and their mean seconds."""
    rng = np.random.default_rng(1)
    found: Counter[str] = Counter()
    total = 0.0
    for _ in range(studies):
        looks, sessions, seconds, verdict = Looks(threshold=threshold), [], 0.0, None
        while verdict is None:
            sessions.append(noise.slowed(noise.MODELS[name](rng), share))
            seconds += OPENING + PLAYING
            after = min(1.0, (seconds + OPENING + PLAYING) / budget)
            verdict = looks.answer(
                1.0 if after >= 1 else seconds / budget, sessions, seconds=seconds
            )
        found[verdict.answer] += 1
        total += seconds
    return found, total / studies


def duet(name: str, sessions: int, studies: int) -> float:
    """Share of duets whose interval holds the ratio of one."""
    rng = np.random.default_rng(2)
    made = ([noise.MODELS[name](rng) for _ in range(sessions)] for _ in range(studies))
    intervals = [estimate.duet(each) for each in made]
    return float(np.mean([i.low <= 1 <= i.high for i in intervals]))


def typical(trials: int, studies: int) -> float:
    """Share of blocks studies whose interval for one contender holds the true typical epoch."""
    rng = np.random.default_rng(3)
    intervals = [estimate.typical(_trials(rng, trials)) for _ in range(studies)]
    return float(np.mean([i.low <= 1 <= i.high for i in intervals]))


def ratio(blocks: int, studies: int) -> float:
    """Share of blocks studies whose interval for a ratio holds the true one of 1.1."""
    rng = np.random.default_rng(4)
    held = []
    for _ in range(studies):
        machine = rng.normal(0, 0.1, blocks)  # what all trials of a block share
        base, head = _trials(rng, blocks, machine), _trials(rng, blocks, machine + np.log(TRUTH))
        found = estimate.blocks(base, head)
        held.append(found.low <= TRUTH <= found.high)
    return float(np.mean(held))


def _trials(
    rng: np.random.Generator, count: int, shift: np.ndarray | float = 0.0
) -> list[np.ndarray]:
    """Trials of 20 epochs: each with an offset of 5 %, epochs with heavy tails on both sides."""
    shifts = np.broadcast_to(shift, count) + rng.normal(0, 0.05, count)
    return [np.exp(s + 0.03 * rng.standard_t(3, 20)) for s in shifts]


if __name__ == "__main__":
    main()
