"""Tables as Markdown, LaTeX, CSV and HTML."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup
from rich.cells import cell_len

from levelfield.errors import UserError, unknown
from levelfield.results.study import Study

from .. import formats  # noqa: TID252 - mypy knows no mapped name
from ..page import save, templates  # noqa: TID252
from ..view import View  # noqa: TID252
from . import tables
from .grid import Cell, Column, Grid, parts, texts
from .numbers import Nothing, Numbers

USUAL, EVERY, LIST = "ranking", "all", "list"
ENDINGS = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".html": "html"}
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "--": r"-{}-",
    "\N{EN DASH}": "--", "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}", "\N{NO-BREAK SPACE}": "~",
    "\N{MICRO SIGN}": r"\textmu{}", "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{INFINITY}": r"$\infty$", "\N{REPLACEMENT CHARACTER}": "?",
}  # fmt: skip
_LATEX = re.compile("|".join(map(re.escape, LATEX)))
_MARKDOWN = re.compile(r"[\\|*_`\[\]<>&$~#]")


def table(
    study: Study, name: str = USUAL, *, form: str = "markdown", baseline: str | None = None
) -> str:
    """Return a table of a study, or all of them, as text in a format.

    name: a table's, ``all``, or ``list`` for what there is.
    """
    if form not in FORMATS:
        raise unknown("format", form, FORMATS, where="--format")
    kinds = tables.found()
    if name == LIST:
        width = max(map(len, kinds))
        return "".join(f"{each.ljust(width)}  {kind.about}\n" for each, kind in kinds.items())
    if name not in kinds and name != EVERY:
        raise unknown("table", name, [*kinds, EVERY, LIST])
    if name == EVERY and form == "csv":
        raise UserError("a CSV file holds one table", expected=f"one of {', '.join(kinds)}")
    numbers = Numbers(View(study=study, baseline=baseline))
    grids: list[Grid] = []
    gaps = []
    for each in kinds if name == EVERY else [name]:
        try:
            grids += kinds[each].make(numbers)
        except Nothing as nothing:
            gaps.append(f"{each}: {nothing}")
    if not grids:
        raise UserError("; ".join(gaps), where=str(study.folder))
    return FORMATS[form](grids)


def write(text: str, target: Path) -> Path:
    """Write a table, whole or not at all."""
    return save(text, target)


def form_of(target: str | None) -> str:
    """The format that a file's ending asks for; Markdown where it asks for none."""
    return ENDINGS.get(Path(target or "").suffix.lower(), "markdown")


def markdown(grids: Sequence[Grid]) -> str:
    """Tables as GitHub, pandoc and a terminal show them, each under its caption."""
    return "\n".join("\n".join(_markdown(grid)) + "\n" for grid in grids)


def _markdown(grid: Grid) -> Iterator[str]:
    titles, rows = texts(grid, _unmarked)
    lines = [list(map(_unmarked, titles)), *rows]
    widths = [max(3, *map(cell_len, column)) for column in zip(*lines, strict=True)]
    right = [column.kind != "text" for column in grid.columns]
    rule = ["-" * (width - end) + ":" * end for width, end in zip(widths, right, strict=True)]
    lines.insert(1, rule)
    yield f"**{_unmarked(grid.caption)}**"
    yield ""
    for line in lines:
        cells = [
            " " * (width - cell_len(text)) + text if end else text + " " * (width - cell_len(text))
            for text, width, end in zip(line, widths, right, strict=True)
        ]
        yield f"| {' | '.join(cells)} |"
    for note in grid.remarks:
        yield ""
        yield _unmarked(formats.short(note, 1000))


def _unmarked(text: str) -> str:
    """A string that Markdown takes for nothing but text."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def latex(grids: Sequence[Grid]) -> str:
    """Tables with booktabs; put them into a document by its ``input``."""
    head = "% \\usepackage{booktabs}; letters beyond Latin ones need LuaLaTeX or XeLaTeX\n"
    return head + "\n".join("\n".join(_latex(grid)) + "\n" for grid in grids)


def _latex(grid: Grid) -> Iterator[str]:
    titles, rows = texts(grid)
    label = re.sub(r"[^a-z0-9]+", "-", f"{grid.title} {grid.workload}".lower()).strip("-")
    yield r"\begin{table}"
    yield r"  \centering"
    yield rf"  \caption{{{escaped(grid.caption)}}}"
    yield rf"  \label{{tab:{label[:60]}}}"
    columns = "".join("l" if column.kind == "text" else "r" for column in grid.columns)
    yield rf"  \begin{{tabular}}{{{columns}}}"
    yield r"    \toprule"
    yield f"    {' & '.join(map(escaped, titles))} \\\\"
    yield r"    \midrule"
    for row in rows:
        yield f"    {' & '.join(map(escaped, row))} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    for note in grid.remarks:
        yield rf"  \par\smallskip{{\footnotesize {escaped(formats.short(note, 1000))}}}"
    yield r"\end{table}"


def escaped(text: str) -> str:
    """A string that LaTeX sets as it is."""
    plain = _LATEX.sub(lambda found: LATEX[found[0]], text)
    # At the beginning of a row these two would belong to the end of the row before.
    return f"{{}}{plain}" if plain.startswith(("[", "*")) else plain


def csv_text(grids: Sequence[Grid]) -> str:
    """All digits, seconds and bytes; one line a row, its workload first, its mark last."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = _union(grids)
    heads = [title for title, places in columns.items() for title in _heads(title, places)]
    writer.writerow(["workload", *heads, "mark"])
    for grid in grids:
        places = {_head(column): place for place, column in enumerate(grid.columns)}
        for row in grid.rows:
            cells = [
                text
                for title, count in columns.items()
                for text in _spread(row.cells[places[title]] if title in places else None, count)
            ]
            writer.writerow([grid.workload, *cells, "*" if row.marked else ""])
    return out.getvalue().encode(errors="backslashreplace").decode()


def _union(grids: Sequence[Grid]) -> Mapping[str, int]:
    """Titles of all columns, and how many numbers a cell of it may have."""
    made: dict[str, int] = {}
    for grid in grids:
        for place, column in enumerate(grid.columns):
            most = max((len(_spread(row.cells[place], 1)) for row in grid.rows), default=1)
            made[_head(column)] = max(most, made.get(_head(column), 1))
    return made


def _head(column: Column) -> str:
    return f"{column.title} ({column.unit})" if column.unit else column.title


def _heads(title: str, count: int) -> list[str]:
    return [title, f"{title} low", f"{title} high"] if count > 1 else [title]


def _spread(cell: Cell, count: int) -> list[str]:
    """The texts of a cell: its value, and its bounds where it has any."""
    if isinstance(cell, str):
        return [cell]
    values = () if cell is None else parts(cell)
    made = ["" if math.isnan(value) else repr(value) for value in values]
    if isinstance(cell, int):
        made = [str(cell)]
    return made + [""] * (count - len(made))


def html(grids: Sequence[Grid]) -> str:
    """Plain tables without colours of their own, for any page."""
    template = templates().get_template("paper/tables.html")
    shown = [(grid, *texts(grid)) for grid in grids]
    return str(Markup(template.render(grids=shown)))  # noqa: S704 - its template escaped


FORMATS: Mapping[str, Callable[[Sequence[Grid]], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": csv_text,
    "html": html,
}
