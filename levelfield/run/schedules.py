"""Words for a terminal: a schedule's rates, and momenta, drawn, summed up, written to a file."""

from __future__ import annotations

import csv
import io
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from levelfield import data, registry
from levelfield.errors import UserError, shown, unknown
from levelfield.run.doctor import table
from levelfield.spec import document, suite
from levelfield.spec.fields import FieldError
from levelfield.spec.schedules import Schedule

STEPS = 100
"""Of an epoch, where nothing tells how many there are."""
MOST = 5_000_000
"""Steps that are drawn or written at most."""
HEIGHT, LABEL = 14, 10
LOGARITHMIC = 200.0
"""Rates whose highest is so many times their lowest are drawn on a logarithmic scale."""
UNICODE = {"dot": "•", "axis": "┤", "foot": "└", "floor": "─", "tick": "┴"}
ASCII = {"dot": "*", "axis": "|", "foot": "+", "floor": "-", "tick": "+"}
Series = Mapping[str, NDArray[np.float64]]
"""Values of every step, by what one of them is called."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A schedule over so many epochs."""

    title: str
    schedule: Schedule
    epochs: int
    steps: int
    """Of one epoch."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """Rate of every step (shape: epochs x steps)."""
        return self.schedule.rates(0, self.epochs * self.steps, steps_per_epoch=self.steps)

    @property
    def series(self) -> Series:
        """Rates, and momenta where there are any."""
        momenta = self.schedule.momenta(0, self.epochs * self.steps, steps_per_epoch=self.steps)
        return (
            {"rate": self.rates} if momenta is None else {"rate": self.rates, "momentum": momenta}
        )


def show(
    name: str | None,
    *,
    changes: Sequence[str] = (),
    workload: str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    out: str | None = None,
) -> str:
    """Return a schedule drawn for this terminal, its rates in words, and what was written.

    name: a kind, ``{kind: ..., ...}`` as in a suite, a suite's name or path, or None: a list of all
    kinds. changes: ``key=value`` for the kind's example, or for the suite. steps: of one epoch.
    out: a file to write, by its ending ``.csv`` or ``.html``. Raises `UserError` at bad input.
    """
    if name is None:
        return listing()
    drawn = _chosen(name, changes, workload, epochs, steps)
    if drawn.epochs * drawn.steps > MOST:
        seen = f"{drawn.epochs:,} epochs of {drawn.steps:,} steps"
        raise UserError(seen, expected=f"at most {MOST:,} steps", hint="--epochs 3 or --steps 100")
    series = drawn.series
    size = shutil.get_terminal_size((80, 24))
    plain = "utf" not in (getattr(sys.stdout, "encoding", None) or "").lower()
    lines = [drawn.title, ""]
    for what, values in series.items():
        drawing = plot(values, drawn.epochs, name=what, width=size.columns, ascii_only=plain)
        lines += [*drawing, ""]
    lines += ["\n\n".join(_summary(drawn, *each) for each in series.items())]
    if out:
        lines += [f"written: {write(drawn, series, Path(out))}"]
    return "\n".join(lines)


def listing() -> str:
    """A table of all kinds: what they do, and an example of each."""
    kinds = sorted(Schedule.kinds().items())
    about = [
        (kind, (cls.__doc__ or "").partition("\n")[0].replace("``", "")) for kind, cls in kinds
    ]
    examples = [(kind, cls.example) for kind, cls in kinds]
    return f"{table(('schedule', 'about'), about)}\n\n{table(('schedule', 'example'), examples)}"


def plot(
    rates: NDArray[np.float64], epochs: int, *, name: str = "rate", width: int, ascii_only: bool
) -> list[str]:
    """Lines of a drawing of these rates (shape: steps), at most so wide; axes: epoch and rate.

    A column shows all rates between its lowest and its highest one. name: of the upright axis.
    """
    signs = ASCII if ascii_only else UNICODE
    columns = max(min(width, 160) - LABEL - 2, 10)
    low, high = float(rates.min()), float(rates.max())
    log = high / low > LOGARITHMIC if low > 0 else False
    scale = np.log(rates) if log else rates
    bottom, top = float(scale.min()), float(scale.max())
    height = HEIGHT if top > bottom else 1
    rows = np.zeros(len(rates), dtype=int)
    if height > 1:
        rows = np.rint((scale - bottom) / (top - bottom) * (height - 1)).astype(int)
    canvas = [[" "] * columns for _ in range(height)]
    for column in range(columns):
        first = column * len(rates) // columns
        part = rows[first : max((column + 1) * len(rates) // columns, first + 1)]
        for row in range(part.min(), part.max() + 1):
            canvas[row][column] = signs["dot"]
    lines = [name + " (logarithmic)" * log]
    for row in reversed(range(height)):
        told = row in {0, height - 1} or (row % 4 == 0 and row < height - 2)
        value = bottom + (top - bottom) * row / max(height - 1, 1)
        label = f"{math.exp(value) if log else value:.3g}" if told else ""
        lines.append(f"{label:>{LABEL}} {signs['axis']}{''.join(canvas[row])}".rstrip())
    return [*lines, *_floor(epochs, columns, signs)]


def write(drawn: Drawn, series: Series, target: Path) -> Path:
    """Write the rates, by the file's ending: a row a step, or a figure that needs nothing else."""
    writers = {".csv": _csv, ".html": _html}
    if target.suffix.lower() not in writers:
        raise UserError(
            f"got {shown(str(target))}",
            where="--out",
            expected=f"a file that ends in {' or '.join(writers)}",
        )
    text = writers[target.suffix.lower()](drawn, series)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=str(target)) from None
    return target.resolve()


def _floor(epochs: int, columns: int, signs: dict[str, str]) -> list[str]:
    """The lower axis, its ticks and what it is called."""
    line, labels = [signs["floor"]] * columns, [" "] * columns
    for part in range(5):
        place = min(round(part * columns / 4), columns - 1)
        text = f"{epochs * part / 4:.3g}"
        line[place] = signs["tick"]
        start = min(max(place - len(text) // 2, 0), columns - len(text))
        labels[start : start + len(text)] = text
    blank = " " * (LABEL + 2)
    foot = " " * (LABEL + 1) + signs["foot"]
    return [foot + "".join(line), (blank + "".join(labels)).rstrip(), blank + "epoch"]


def _summary(drawn: Drawn, name: str, rates: NDArray[np.float64]) -> str:
    """First, lowest, highest and last rate, with the steps where they are had first."""
    places = {"first": 0, "lowest": int(rates.argmin()), "highest": int(rates.argmax()),
              "last": len(rates) - 1}  # fmt: skip
    rows = [
        (what, f"{rates[step]:.6g}", str(step), str(step // drawn.steps))
        for what, step in places.items()
    ]
    return table(("", name, "step", "epoch"), rows)


def _chosen(
    name: str,
    changes: Sequence[str],
    workload: str | None,
    epochs: int | None,
    steps: int | None,
) -> Drawn:
    """The schedule that is meant, and over how many steps."""
    if workload is None and name.lstrip().startswith("{"):
        given = document.parse(name, source="schedule").value
    elif workload is None and name in Schedule.kinds():
        given = document.parse(Schedule.kinds()[name].example, source="example").value
    else:
        return _of_suite(name, changes, workload, epochs, steps)
    try:
        schedule = Schedule.choose(given | _pairs(changes))
    except FieldError as error:
        raise UserError(error.seen, error.where or "schedule", error.expected, error.hint) from None
    assert isinstance(schedule, Schedule)  # noqa: S101 - for the type checker
    epochs, steps = epochs or _epochs(schedule), steps or STEPS
    title = f"{_text(schedule)}, {epochs} epochs of {steps} steps"
    return Drawn(title=title, schedule=schedule, epochs=epochs, steps=steps)


def _of_suite(
    name: str,
    changes: Sequence[str],
    workload: str | None,
    epochs: int | None,
    steps: int | None,
) -> Drawn:
    """The schedule of a suite's workload; steps and epochs are its own where none are asked for."""
    suites = [path.stem for path in registry.suites().glob("*.yaml")]
    if "/" not in name and not name.endswith((".yaml", ".yml")) and name not in suites:
        raise unknown("schedule or suite", name, [*Schedule.kinds(), *suites])
    path = suite.find(name, registry.suites())
    known = {found.name: found for found in suite.load(path, changes=changes).workloads}
    if workload is None and len(known) > 1:
        hint = f"--workload {next(iter(known))}"
        raise UserError(f"{len(known)} workloads", name, "the name of one of them", hint)
    chosen = workload or next(iter(known))
    if chosen not in known:
        raise unknown("workload", chosen, known, where="--workload")
    found = known[chosen]
    if steps is None:
        dataset = registry.dataset(found.dataset)
        steps = found.steps(data.check_samples(dataset, found.samples))
    epochs = epochs or found.epochs
    title = f"{found.name}: {_text(found.schedule)}, {epochs} epochs of {steps} steps"
    return Drawn(title=title, schedule=found.schedule, epochs=epochs, steps=steps)


def _pairs(changes: Sequence[str]) -> dict[str, Any]:
    pairs = [change.partition("=") for change in changes]
    for key, equals, value in pairs:
        if not key or not equals:
            seen = f"got {shown(key + equals + value)}"
            raise UserError(seen, "--set", "key=value", "--set epochs=3")
    return {key: document.scalar(value) for key, _, value in pairs}


def _epochs(schedule: Schedule) -> int:
    """Epochs that show what a schedule does: its own, two cycles, or three drops."""
    facts = schedule.plain()
    return int(
        facts.get("epochs")
        or math.ceil(4 * facts.get("half_cycle", 0))
        or 3 * facts.get("every", 1)
    )


def _text(schedule: Schedule) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in schedule.plain().items()) + "}"


def _csv(drawn: Drawn, series: Series) -> str:
    """A row a step: its number, its epoch's, its rate, its momentum; both count from 0."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("step", "epoch", *series))
    rows = zip(*(values.tolist() for values in series.values()), strict=True)
    writer.writerows((n, n // drawn.steps, *map(repr, row)) for n, row in enumerate(rows))
    return file.getvalue()


def _html(drawn: Drawn, series: Series) -> str:
    """One page with an interactive figure; plotly's script stands in it."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(series), shared_xaxes=True, vertical_spacing=0.06)
    for row, (name, values) in enumerate(series.items(), start=1):
        epochs = np.arange(len(values)) / drawn.steps
        hover = f"step %{{customdata}}<br>epoch %{{x:.3f}}<br>{name} %{{y:.6g}}<extra></extra>"
        figure.add_scatter(
            x=epochs, y=values, customdata=np.arange(len(values)), hovertemplate=hover,
            row=row, col=1,
        )  # fmt: skip
        figure.update_yaxes(title="learning rate" if name == "rate" else name, row=row)
        if values.min() > 0 and values.max() / values.min() > LOGARITHMIC:
            figure.update_yaxes(type="log", row=row)
    figure.update_layout(title=drawn.title, showlegend=False)
    figure.update_xaxes(title="epoch", row=len(series))
    return str(figure.to_html(include_plotlyjs=True, include_mathjax=False, full_html=True))
