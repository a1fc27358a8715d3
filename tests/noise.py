"""Simulated studies: noise resampled from real traces, or made of bursts, drift and offsets.

``tests/traces/*.jsonl``: two live workers of the same code in turns at equal pieces, on two noisy
cores; a line is a session (a pair of fresh processes): seconds of either in each round.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Session = NDArray[np.float64]
TRACES = Path(__file__).parent / "traces"
BLOCK = 5
"""Rounds that are resampled together, so that what they share stays."""


def traces(name: str) -> list[Session]:
    """Sessions of a trace: arrays (rounds, 2) of seconds."""
    lines = (TRACES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [np.array([line["a"], line["b"]]).T for line in map(json.loads, lines)]


def resampled(name: str, rng: np.random.Generator, *, rounds: int = 40) -> Session:
    """A new session out of a real one: its own offset, and blocks of its rounds.

    Which of the two is the base is drawn, so that the truth is a ratio of exactly one.
    """
    real = traces_of(name)
    session = real[rng.integers(len(real))]
    starts = rng.integers(0, max(1, len(session) - BLOCK), size=-(-rounds // BLOCK))
    made = np.concatenate([session[at : at + BLOCK] for at in starts])[:rounds]
    return made[:, ::-1] if rng.integers(2) else made


def synthetic(rng: np.random.Generator, *, rounds: int = 40, offset: float = 0.01) -> Session:
    """Lognormal readings on a wandering machine; a stranger's burst hits one in ten."""
    machine = np.cumsum(rng.normal(0, 0.02, rounds))
    logs = machine[:, None] + rng.normal(0, 0.06, (rounds, 2))
    logs += rng.exponential(0.5, (rounds, 2)) * (rng.random((rounds, 2)) < 0.1)
    logs[:, 1] += rng.normal(0, offset)
    return np.exp(logs - 2.3)


_KNOWN: dict[str, list[Session]] = {}


def traces_of(name: str) -> list[Session]:
    """The traces of a name, read once."""
    if name not in _KNOWN:
        _KNOWN[name] = traces(name)
    return _KNOWN[name]


MODELS: dict[str, Callable[[np.random.Generator], Session]] = {
    "torch-thesis": lambda rng: resampled("torch-thesis", rng),
    "jax-thesis": lambda rng: resampled("jax-thesis", rng),
    "numpy-thesis": lambda rng: resampled("numpy-thesis", rng, rounds=55),
    "torch-digits": lambda rng: resampled("torch-digits", rng, rounds=150),
    "synthetic": synthetic,
}
"""By name: what makes one session of about ten seconds of pieces."""


def slowed(session: Session, share: float) -> Session:
    """The same session with a head that is slower by a share."""
    found: Session = session * np.array([1.0, 1.0 + share])
    return found
