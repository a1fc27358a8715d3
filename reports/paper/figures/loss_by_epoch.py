"""Does everybody learn alike: the test loss by epoch."""

from __future__ import annotations

from ..lines import losses  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width  # noqa: TID252
from . import Kind, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Lines of mean losses over trials; areas from the least to the greatest."""
    return losses(of, workload, width, by="epoch", title="epoch")


FIGURE = Kind(order=10, about="Test loss by epoch: mean and range of trials.", draw=draw)
