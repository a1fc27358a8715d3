"""How far a contender may be from the float64 reference, per precision and level, with the reason.

A figure's limit is the larger of the tolerance below and ten times what NumPy itself, run in the
workload's precision from weights off by a few roundings, loses against the reference at the same
place (the worst of its *yardsticks*; four of them, shaken eight times harder so that they cross the
kinks that a long sum's rounding may cross, count once and a quarter). A network that is
ill-conditioned (saturated units, exploding weights) makes every library inexact; nobody is failed
for the arithmetic's own error, and the yardstick stands in the limit for all to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Level = Literal["forward", "gradient", "optimizer", "distributed", "epoch", "barrier", "random"]
LEVELS: tuple[Level, ...] = (
    "forward", "gradient", "optimizer", "distributed", "epoch", "barrier", "random",
)  # fmt: skip
MARGIN = 10.0
"""Times the yardstick: two exact libraries differ by the order of their sums, not by ten times."""

TOLERANCES: Mapping[str, Mapping[Level, float]] = {
    "float32": {
        # 2^-24 = 6e-8 a rounding; a product of thousands of terms loses two digits more.
        "forward": 1e-5,
        # Sums over the batch on top; one ReLU that flips at zero shows at 1e-5.
        "gradient": 1e-4,
        # Adam divides by sqrt(v): where gradients almost vanish their noise is amplified.
        "optimizer": 1e-3,
        # The same, over the steps of two rounds.
        "distributed": 1e-3,
        # The mean over an epoch forgives most of the noise of single weights.
        "epoch": 1e-4,
        # Of the time of a piece: a backend that does not wait at all has a share near 1.
        "barrier": 0.1,
    },
    "float64": {
        "forward": 1e-10,
        "gradient": 1e-8,
        # Keras 3 rounds the optimizers' constants to float32 (0.999 is off by 1e-8, 1 - 0.999 by
        # 1e-5 of itself), whatever the precision of the model.
        "optimizer": 2e-5,
        "distributed": 2e-5,
        "epoch": 1e-5,
        "barrier": 0.1,
    },
    # What enters a product has ten bits: 2^-11 a rounding, of independent signs in a sum.
    "tf32": {
        "forward": 1e-3,
        "gradient": 1e-2,
        # Gradients that almost vanish are noise in so few bits, and Adam steps by their signs.
        "optimizer": 5e-2,
        "distributed": 5e-2,
        "epoch": 2e-3,
        "barrier": 0.1,
    },
    # The same ten bits, in what layers hand on as well.
    "float16": {
        "forward": 2e-3,
        "gradient": 2e-2,
        "optimizer": 1e-1,
        "distributed": 1e-1,
        "epoch": 5e-3,
        "barrier": 0.1,
    },
    # Seven bits: 2^-8 a rounding.
    "bfloat16": {
        "forward": 1.5e-2,
        "gradient": 1e-1,
        "optimizer": 3e-1,
        "distributed": 3e-1,
        "epoch": 2e-2,
        "barrier": 0.1,
    },
}
