"""How well it classifies: accuracy on the test set by epoch."""

from __future__ import annotations

from matplotlib.ticker import MaxNLocator

from ..lines import drawn  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width  # noqa: TID252
from . import Kind, Nothing, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Lines of mean accuracies over trials; areas from the least to the greatest."""
    of.ranked(workload)
    table = of.accuracy(workload)
    if table.empty:
        raise Nothing("no accuracy is a number")
    shares = [column for column in table if str(column).startswith("accuracy")]
    table = table.assign(**{str(column): 100 * table[column] for column in shares})
    made, axes = drawn(of, workload, width, table, "accuracy", titles=("epoch", "accuracy (%)"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return made


FIGURE = Kind(
    order=30,
    about="Accuracy on the test set by epoch: mean and range of trials.",
    draw=draw,
)
