"""What all parts of the page look at: contenders, baselines, and every ratio, made once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from levelfield.errors import unknown
from levelfield.results import against
from levelfield.results.estimate import Interval
from levelfield.results.gather import Change, Gathering, Machine, Member, change

from .. import formats  # noqa: TID252 - mypy knows no mapped name
from ..view import Contender, marked_out  # noqa: TID252

CHOICES = 12
"""At most so many baselines to choose from: the page holds every ratio to each of them."""
Place = tuple[int, int, int]
"""Of a workload, a contender and a member, each from 0."""


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Everything that depends on the baseline."""

    base: Contender
    ratios: Mapping[Place, Interval]
    changes: Mapping[Place, Change]
    """Against the workload's reference study."""


@dataclass(frozen=True, kw_only=True)
class Many:
    """Several studies as the parts of their page see them."""

    gathered: Gathering
    chosen: str | None = None

    def __post_init__(self) -> None:
        """Refuse a baseline that nobody timed."""
        if self.chosen is not None and self.chosen not in self.gathered.contenders:
            raise unknown("contender", self.chosen, self.gathered.contenders, where="baseline")

    @property
    def members(self) -> tuple[Member, ...]:
        """The studies, machine by machine and there by date."""
        return self.gathered.members

    @cached_property
    def workloads(self) -> tuple[tuple[str, str], ...]:
        """Fingerprint and name; those that more than one study timed come first."""
        found = self.gathered.workloads.items()
        return tuple(sorted(found, key=lambda pair: not self.gathered.shared(pair[0])))

    @cached_property
    def contenders(self) -> tuple[Contender, ...]:
        """Everyone who was timed, and how they look."""
        some = {
            label: trials[0]
            for member in self.members
            for (_, label), trials in member.good.items()
        }
        return tuple(
            marked_out(place, label, (r.backend, r.mode, r.device))
            for place, label in enumerate(self.gathered.contenders)
            for r in [some[label]]
        )

    @cached_property
    def choices(self) -> tuple[Ratios, ...]:
        """What depends on the baseline, for each that may be chosen; the first is the default."""
        return tuple(map(self._ratios, self._baselines()))

    @property
    def first(self) -> Ratios:
        """The default baseline's."""
        return self.choices[0]

    @cached_property
    def marked(self) -> frozenset[Place]:
        """Cells with numbers that are not verified."""
        return frozenset(
            (w, c, m)
            for w, (fingerprint, _) in enumerate(self.workloads)
            for c, who in enumerate(self.contenders)
            for m, member in enumerate(self.members)
            if (fingerprint, who.label) in member.good
            and not member.verified((fingerprint, who.label))
        )

    def place(self, member: Member) -> int:
        """The member's place on the page, from 0."""
        return member.number - 1

    def doubtful(self, place: Place) -> bool:
        """Whether a ratio's cell or its baseline is not verified."""
        workload, _, member = place
        return bool({place, (workload, self.first.base.place, member)} & self.marked)

    def found(
        self, workload: int, who: Sequence[Contender], members: Sequence[Member]
    ) -> list[Interval | None]:
        """The default baseline's ratios of these contenders in these studies."""
        places = ((workload, each.place, self.place(m)) for each in who for m in members)
        return [self.first.ratios.get(place) for place in places]

    def seconds(self, workload: str, who: str, member: Member) -> float:
        """Of the typical steady epoch; NaN where nobody timed it."""
        records = member.good.get((workload, who))
        return against.typical(records) if records else math.nan

    def who(self, workload: int) -> list[Contender]:
        """The contenders of a workload, those that are fastest most first."""
        fingerprint = self.workloads[workload][0]
        ranks = self._ranks(fingerprint)
        found = [who for who in self.contenders if who.label in ranks]
        return sorted(found, key=lambda who: fmean(ranks[who.label]))

    def data(self) -> dict[str, Any]:
        """What the page's script needs when another baseline is chosen."""
        return {
            "marked": [key(place) for place in sorted(self.marked)],
            "choices": {
                str(each.base.place): {
                    "place": each.base.place,
                    "ratios": {key(k): numbers(i) for k, i in each.ratios.items()},
                    "changes": {
                        key(k): numbers(c.interval) for k, c in each.changes.items() if c.interval
                    },
                }
                for each in self.choices
            },
        }

    def _ranks(self, fingerprint: str) -> dict[str, list[float]]:
        """By label, its rank in each study, as a share: times of machines are never mixed."""
        found: dict[str, list[float]] = {}
        for member in self.gathered.timed(fingerprint):
            mine = [who for workload, who in member.good if workload == fingerprint]
            order = sorted(mine, key=lambda who: self.seconds(fingerprint, who, member))
            for rank, who in enumerate(order):
                found.setdefault(who, []).append(rank / len(order))
        return found

    def _baselines(self) -> Iterator[Contender]:
        ranks: dict[str, list[float]] = {}
        for fingerprint, _ in self.workloads:
            for who, found in self._ranks(fingerprint).items():
                ranks.setdefault(who, []).extend(found)

        def order(who: Contender) -> tuple[bool, int, float]:
            sure = sum(
                m.verified(cell) for m in self.members for cell in m.good if cell[1] == who.label
            )
            return who.label != self.chosen, -sure, fmean(ranks[who.label])

        yield from sorted(self.contenders, key=order)[:CHOICES]

    def _ratios(self, base: Contender) -> Ratios:
        ratios: dict[Place, Interval] = {}
        changes: dict[Place, Change] = {}
        for w, (fingerprint, _) in enumerate(self.workloads):
            reference = self.gathered.reference(fingerprint)
            for c, who in enumerate(self.contenders):
                for m, member in enumerate(self.members):
                    found = member.ratio(fingerprint, base.label, who.label)
                    if found is None:
                        continue
                    ratios[w, c, m] = found
                    if member is not reference:
                        changes[w, c, m] = change(
                            fingerprint, base.label, who.label, (reference, member)
                        )
        return Ratios(base=base, ratios=ratios, changes=changes)


def numbers(interval: Interval) -> list[float | None]:
    """Estimate and bounds in five digits; null: what is infinite, both bounds of one trial."""
    bounds = (math.nan, math.nan) if interval.single else (interval.low, interval.high)
    values = (interval.estimate, *bounds)
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def commit(member: Member) -> str:
    """The commit that a study was made at, short."""
    text = str(member.study.head.commit or "")
    return formats.short(text[:8] + ("+" if text.endswith("+") and len(text) > 8 else ""))  # noqa: PLR2004


def machine(each: Machine) -> str:
    """A machine's name on the page."""
    return f"machine {each.number}"


def key(place: Place) -> str:
    """By which the page's script finds a cell."""
    return ",".join(map(str, place))
