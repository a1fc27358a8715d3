"""A learning-rate range test as the worker sees it: one epoch, batch by batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from levelfield.run.clock import Clock

if TYPE_CHECKING:
    from levelfield.backend import Array, Backend
    from levelfield.run.messages import Message


def swept(
    backend: Backend,
    data: tuple[Array, Array | None],
    order: Array,
    rates: Array,
    batch: int,
    *,
    every: int,
    momenta: Array | None = None,
) -> Message:
    """Train an epoch; loss and share of right answers of each batch before its step.

    data: the training set, and its labels where it has any. Ends at a loss that is not finite.
    """
    x, labels = data
    begun = Clock.now()
    if momenta is not None and labels is not None:
        backend.cycle(momenta)
    told = backend.trace(order, rates) if labels is not None else None
    if told is not None:
        losses, right = (column.tolist() for column in told)
        sizes = [min(batch, len(order) - at) for at in range(0, len(order), batch)]
        shares = [n / size for n, size in zip(right, sizes, strict=True)]
        return _told(losses, shares, train=Clock.now() - begun, accuracy=0.0)
    losses, shares = [], []
    spent = 0.0
    for number in range(len(rates)):
        rows = order[number * batch : (number + 1) * batch]
        share = math.nan
        if labels is not None and number % every == 0:
            before = Clock.now()
            share = float((backend.predict(x[rows]).argmax(axis=1) == labels[rows]).mean())
            spent += Clock.now() - before
        if momenta is not None:
            backend.cycle(momenta[number : number + 1])
        loss = backend.train(rows, rates[number : number + 1])
        losses.append(math.nan if loss is None else float(loss))
        shares.append(share)
        if loss is not None and not math.isfinite(loss):
            break
    return _told(losses, shares, train=Clock.now() - begun - spent, accuracy=spent)


def _told(losses: list[float], shares: list[float], *, train: float, accuracy: float) -> Message:
    """The answer: what is not a finite number travels as null."""
    return {
        "losses": [value if math.isfinite(value) else None for value in losses],
        "accuracies": [value if math.isfinite(value) else None for value in shares],
        "train": train,
        "accuracy": accuracy,
    }
