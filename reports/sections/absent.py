"""What did not run, and why: nothing that failed is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from levelfield.results.record import Record

from . import Contender, Section, View

SHOWN, LOGS = 100, 3
"""Groups of the page, and different logs of a group; the raw data hold the rest."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Trials that came to the same end for the same reason."""

    status: str
    reason: str
    records: list[Record] = field(default_factory=list)
    contenders: dict[int, Contender] = field(default_factory=dict)
    workloads: dict[str, None] = field(default_factory=dict)

    @property
    def logs(self) -> list[str]:
        """The different ends of what the workers wrote."""
        return list(dict.fromkeys(record.log for record in self.records if record.log.strip()))


def content(view: View) -> Mapping[str, Any]:
    """Return groups by status and reason, those with most trials first."""
    groups: dict[tuple[str, str], Group] = {}
    for record, place in zip(view.study.records, view.trials["contender"], strict=True):
        if record.status == "ok":
            continue
        key = (record.status, record.reason)
        group = groups.setdefault(key, Group(status=key[0], reason=key[1]))
        group.records.append(record)
        group.contenders[int(place)] = view.contenders[int(place)]
        group.workloads[record.workload] = None
    order = sorted(groups.values(), key=lambda group: (group.status, -len(group.records)))
    return {"groups": order, "most": SHOWN, "logs": LOGS}


SECTION = Section(order=80, title="What did not run", content=content)
