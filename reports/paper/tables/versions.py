"""With what it was run."""

from __future__ import annotations

from collections.abc import Sequence

from ... import formats  # noqa: TID252 - mypy knows no mapped name
from ...sections import summary, versions  # noqa: TID252
from . import Column, Grid, Kind, Nothing, Numbers, Row

COLUMNS = (
    Column(title="contenders"),
    Column(title="environment"),
    Column(title="versions"),
    Column(title="trials", kind="tally"),
)


def grids(of: Numbers) -> Sequence[Grid]:
    """One row for contenders with the same versions; the machine below."""
    groups: Sequence[versions.Group] = versions.content(of.view)["versions"]
    if not groups:
        raise Nothing("no trial recorded its versions")
    rows = []
    for group in groups:
        facts = dict(group.facts)
        environment = str(facts.pop("environment", ""))
        names = ", ".join(who.label for who in group.contenders.values())
        packages = ", ".join(f"{name} {version}" for name, version in facts.items())
        rows.append(Row(cells=(names, environment, packages, group.trials)))
    head = of.view.study.head
    machine = "; ".join(formats.short(text, 120) for text in summary.machine(head.machine))
    notes = [f"Machine: {machine}."] if machine else []
    notes.append(f"Levelfield {head.levelfield}, suite {head.suite}, seed {head.seed}, "
                 f"begun {formats.moment(head.created)}.")  # fmt: skip
    return [Grid(title="Versions", columns=COLUMNS, rows=rows, notes=notes)]


TABLE = Kind(order=80, about="Versions, environments and the machine.", make=grids)
