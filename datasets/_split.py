"""A seeded split into training and test samples that keeps the share of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def stratified(labels: NDArray[np.int64], *, share: float, seed: int) -> tuple[Indices, Indices]:
    """Indices of the training and of the test samples, each in a random order.

    PCG64's raw 64 bits, which every NumPy release keeps, give every sample two numbers: of 2n that
    it makes of ``seed``, the i-th of n samples takes the i-th and the (n+i)-th. Of each class, the
    samples with the smallest first numbers are for testing, as many as `for_testing` says. Either
    set is sorted by the second numbers, so that its first samples are a mixture too.
    """
    seeds = np.random.SeedSequence(seed)
    choice, place = np.random.PCG64(seeds).random_raw(2 * len(labels)).reshape(2, -1)
    testing = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        first = np.argsort(choice[members], kind="stable")
        testing[members[first[: for_testing(len(members), share)]]] = True
    order = np.argsort(place, kind="stable")
    return order[~testing[order]], order[testing[order]]


def for_testing(count: int, share: float) -> int:
    """How many of a class' samples are for testing: its share of them, rounded half up.

    At least one and at most all but one; none of a class that has a single sample.
    """
    return min(max(int(count * share + 0.5), 1), count - 1)
