"""Who learns soonest: the test loss by seconds of training."""

from __future__ import annotations

from ..lines import losses  # noqa: TID252 - mypy knows no mapped name
from ..sheet import Sheet, Width  # noqa: TID252
from . import Kind, Numbers, Workload


def draw(of: Numbers, workload: Workload, width: Width) -> Sheet:
    """Lines of mean losses over trials against the mean seconds spent on epochs so far."""
    return losses(of, workload, width, by="seconds", title="training (s)")


ABOUT = "Test loss by seconds of training, the first epoch and its compilation among them."
FIGURE = Kind(order=20, about=ABOUT, draw=draw)
