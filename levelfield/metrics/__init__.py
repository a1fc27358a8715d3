"""How good a classifier is, beside its loss: one module a metric, found by being in this folder.

A metric is computed by the engine, off the clock, from predicted probabilities and labels. It needs
NumPy alone: the worker computes it in every environment.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Metric(ABC):
    """A number that a test set's predictions are worth; higher is better."""

    name: ClassVar[str]
    """What records and tables call it."""

    @abstractmethod
    def applies(self, classes: int) -> bool:
        """Whether it says something where there are so many classes."""

    @abstractmethod
    def value(self, outputs: NDArray[Any], labels: NDArray[Any]) -> float:
        """The metric of these predictions.

        outputs: probabilities, samples x classes. labels: the true class of each sample.
        """


@cache
def metrics() -> tuple[Metric, ...]:
    """Every metric there is, by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted((kind() for kind in Metric.__subclasses__()), key=lambda m: m.name))


def measured(outputs: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
    """Every metric that applies, by name."""
    found = [metric for metric in metrics() if metric.applies(outputs.shape[1])]
    return {metric.name: metric.value(outputs, labels) for metric in found}


__all__ = ["Metric", "measured", "metrics"]
