"""Shares of samples whose label is the most probable class, or among the five most probable."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.metrics import Metric


class Accuracy(Metric):
    """Share of samples whose label is the most probable class; of equals the first counts."""

    name: ClassVar[str] = "accuracy"

    def applies(self, classes: int) -> bool:
        """Wherever there are classes."""
        return classes > 1

    def value(self, outputs: NDArray[Any], labels: NDArray[Any]) -> float:
        """The share, within 0..1."""
        return float(np.mean(outputs.argmax(axis=1) == labels))


class TopFive(Metric):
    """Share of samples whose label is among the five most probable classes."""

    name: ClassVar[str] = "top-5 accuracy"

    def applies(self, classes: int) -> bool:
        """Where more than ten classes leave something to be missed."""
        return classes > 10

    def value(self, outputs: NDArray[Any], labels: NDArray[Any]) -> float:
        """The share, within 0..1; of equals those above the label count against it by half."""
        own = outputs[np.arange(len(labels)), labels][:, None]
        above = (outputs > own).sum(axis=1) + 0.5 * ((outputs == own).sum(axis=1) - 1)
        return float(np.mean(above < 5))
