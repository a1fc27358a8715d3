"""What a layer is over, and what more it takes: pairs of contenders with their ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from levelfield.results.estimate import Interval

from .measures import Standing, fastest
from .ratios import ratio, told
from .view import Contender, View, Workload

DEFAULT = "default"
"""The mode of a backend's own defaults, where it has one of that name."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two contenders of which one does more, or knows less, than the other."""

    head: Standing
    base: Standing
    what: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one of a pair takes over the other."""

    head: Contender
    base: Contender
    what: str
    interval: Interval
    bounds: str
    seconds: float
    """What it costs in an epoch: the difference of the typical steady epochs."""
    marked: bool
    """Whether one of the two is not verified."""


def rows(view: View, workload: Workload, ranked: Sequence[Standing]) -> tuple[Row, ...]:
    """Every such pair of a workload, layers first; the intervals hold together."""
    timed = [standing for standing in ranked if standing.epoch.middle > 0]
    found: dict[tuple[int, int], Pair] = {}
    for pair in _pairs(view, timed):
        found.setdefault((pair.head.contender, pair.base.contender), pair)
    return tuple(_row(view, workload, pair, len(found)) for pair in found.values())


def _pairs(view: View, ranked: Sequence[Standing]) -> Iterator[Pair]:
    """Layers first, then modes; a pair may come twice."""
    groups: dict[tuple[str, str], list[Standing]] = {}
    for standing in ranked:
        backend = view.modes[standing.contender][0]
        groups.setdefault((backend, standing.device), []).append(standing)
    for (backend, device), mine in groups.items():
        below = view.told(backend, "over")
        native = groups.get((below, device)) or groups.get((below, "cpu"), [])
        if native:
            comes = [_first(view, group) for group in (mine, native)]
            best = [fastest(group) for group in (mine, native)]
            yield Pair(head=comes[0], base=comes[1], what=f"{backend} over {below}, as they come")
            yield Pair(head=best[0], base=best[1], what=f"{backend} over {below}, fastest modes")
    for (backend, _), mine in groups.items():
        modes = {view.modes[standing.contender][1]: standing for standing in mine}
        if DEFAULT in modes and "tuned" in modes:
            what = f"{backend}: as it comes over tuned"
            yield Pair(head=modes[DEFAULT], base=modes["tuned"], what=what)
        first, best_ = _first(view, mine), fastest(mine)
        if first is not best_:
            yield Pair(head=first, base=best_, what=f"{backend}: first mode over its fastest")


def _first(view: View, group: Sequence[Standing]) -> Standing:
    """What a newcomer gets: the default mode, else the one that stands first in the plan."""
    return min(group, key=lambda s: (view.modes[s.contender][1] != DEFAULT, s.contender))


def _row(view: View, workload: Workload, pair: Pair, count: int) -> Row:
    sides = view.sides[workload.fingerprint]
    head, base = sides[pair.head.contender], sides[pair.base.contender]
    interval = ratio(base, head, comparisons=count)
    return Row(
        head=view.contenders[pair.head.contender],
        base=view.contenders[pair.base.contender],
        what=pair.what,
        interval=interval,
        bounds=told(interval),
        seconds=head.seconds - base.seconds,
        marked=pair.head.marked or pair.base.marked,
    )
