"""The area under the ROC curve of two classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield.metrics import Metric


class RocAuc(Metric):
    """The probability that a sample of the second class gets a higher score than one of the first.

    By ranks: J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a ROC curve", 1982;
    equal scores count half.
    """

    name: ClassVar[str] = "ROC AUC"

    def applies(self, classes: int) -> bool:
        """Where there are two classes."""
        return classes == 2

    def value(self, outputs: NDArray[Any], labels: NDArray[Any]) -> float:
        """The area, within 0..1; NaN where only one class is there."""
        _, places, counts = np.unique(outputs[:, 1], return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        ranks = (last - (counts - 1) / 2)[places]
        positive = int(np.sum(labels == 1))
        pairs = positive * (len(labels) - positive)
        if not pairs:
            return float("nan")
        above = ranks[labels == 1].sum() - positive * (positive + 1) / 2
        return float(above / pairs)
