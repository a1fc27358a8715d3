"""A study as a notebook shows it: the answer in a sentence, then the ranking."""

from __future__ import annotations

from levelfield.results import against
from levelfield.results.study import Study

from .. import formats  # noqa: TID252 - mypy knows no mapped name
from ..page import templates  # noqa: TID252
from ..sections import summary  # noqa: TID252
from ..view import View, Workload  # noqa: TID252
from .grid import Column, Grid, Row, texts
from .numbers import Numbers

COLUMNS = (
    Column(title="contender"),
    Column(title="steady epoch", unit="s", kind="number"),
    Column(title="ratio", kind="ratio"),
    Column(title="first epoch", unit="s", kind="number"),
    Column(title="test loss", kind="number"),
    Column(title="trials", kind="tally"),
    Column(title="verification"),
)


def html(study: Study) -> str:
    """Return plain HTML without scripts or colours of its own; needs no matplotlib."""
    numbers = Numbers(View(study=study))
    statuses = numbers.view.trials["status"].value_counts()
    counts = [f"{count} {status}" for status, count in statuses.items()]
    shown = [
        (sentence(numbers, workload), _ranking(numbers, workload))
        for workload, _ in numbers.view.ranked()
    ]
    return templates().get_template("paper/study.html").render(
        title=f"{study.head.suite}: {formats.plural(len(study.records), 'trial')}",
        counts=counts,
        parts=[(text, [(grid, *texts(grid))]) for text, grid in shown],
    )  # fmt: skip


def sentence(of: Numbers, workload: Workload) -> str:
    """Who was fastest, and whether the next was slower by more than chance."""
    ranked = of.ranked(workload)
    base = summary.leader(of.view, workload, ranked)
    names = {s.contender: formats.short(of.view.contenders[s.contender].label) for s in ranked}
    text = f"{formats.short(workload.name)}: {names[base.contender]} was fastest" + (
        " (not verified)" if base.marked else ""
    )
    text += f": {formats.seconds(base.epoch.middle)} a steady epoch"
    rivals = summary.rivals(ranked, base)
    found = summary.over(of.view, workload, base, rivals[0]) if rivals else None
    if found is None:
        return f"{text}."
    second = rivals[0].contender
    text += f"; the next, {names[second]}, took {formats.ratio(found.estimate)} times as long"
    if found.single:
        return f"{text} (one trial each: no interval)."
    bounds = f"{formats.ratio(found.low)} to {formats.ratio(found.high)}"
    text += f" ({against.CONFIDENCE:.0%} interval {bounds})"
    return f"{text}." if found.low > 1 else f"{text}: no difference shown."


def _ranking(of: Numbers, workload: Workload) -> Grid:
    """By typical times and ranges alone: intervals of many trials take longer than a glance."""
    base = of.base(workload).epoch.middle
    rows = [
        Row(
            cells=(
                of.view.contenders[s.contender].label, s.epoch,
                s.epoch.middle / base if base > 0 else None, s.first, s.test_loss.middle,
                f"{s.trials} of {s.tried}" if s.tried != s.trials else s.trials, s.verified,
            ),
            marked=s.marked,
        )
        for s in of.ranked(workload)
    ]  # fmt: skip
    notes = [
        "Steady epochs: the typical one of all trials, and the least and the greatest trial's own."
    ]
    return Grid(title="Ranking", workload=workload.name, columns=COLUMNS, rows=rows, notes=notes)
