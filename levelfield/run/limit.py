"""How fast a device multiplies matrices and copies memory: sizes grow until the rate does not.

Runs in a worker, on its clock; `levelfield.run.limits` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from levelfield.run.clock import Clock

PRODUCTS = tuple(2**power for power in range(9, 15))
"""Rows of the matrices: 512 to 16,384."""
COPIES = (2**28,)
"""Bytes: 256 MiB, beyond every cache: a copy that stays in one says nothing of the memory."""
SHORT, LONG = 0.02, 0.3
"""Seconds that one reading takes at least, and beyond which a larger size is not begun."""
REPEATS = 3

Ready = Callable[[int], Callable[[int], None]]


def climbed(
    clock: Clock, ready: Ready, sizes: Sequence[int], *, growth: float
) -> dict[str, list[Any]]:
    """Seconds that a piece of work takes by its size; ``growth``: of the work, from size to size.

    The best of several readings, each of so many in a row that it is long enough to be told. A
    size that there is no memory for is the end.
    """
    found: dict[str, list[Any]] = {"sizes": [], "seconds": []}
    for size in sizes:
        try:
            work = ready(size)
            _timed(clock, work, 1)  # compiles, warms up
            once = _timed(clock, work, 1)
            count = max(1, round(SHORT / max(once, 1e-6)))
            best = min(_timed(clock, work, count) for _ in range(REPEATS)) / count
        except Exception:
            if not found["sizes"]:
                raise
            break
        found["sizes"].append(size)
        found["seconds"].append(best)
        if best * growth > LONG:
            break
    return found


def _timed(clock: Clock, work: Callable[[int], None], count: int) -> float:
    with clock.running():
        work(count)
    return clock.span["wall"]
