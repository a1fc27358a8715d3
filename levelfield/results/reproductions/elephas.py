"""A. de los Reyes Guío, 2019: Keras through Elephas on clusters of several sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from levelfield.results import estimate
from levelfield.results.reproductions import HOLDS, NOT, Reproduction, good, published
from levelfield.results.study import Study, load

EPOCHS = 1000
"""Of the published runs."""


class Elephas(Reproduction[Study]):
    """Experiment VII on five clusters."""

    name: ClassVar[str] = "thesis-elephas"

    def load(self, folder: Path) -> Study:
        """Load the study."""
        return load(folder)

    def lines(self, seen: Study) -> Iterator[str]:
        """Seconds of an epoch as published, and here, cluster by cluster."""
        return _clusters(seen)


def _clusters(study: Study) -> Iterator[str]:
    """Seconds of 1000 epochs as published, and of one epoch here, cluster by cluster."""
    rows = [row for row in published("elephas_seconds") if row["keras_backend"] == "tensorflow"]
    asked = {
        f"spark:{r['executors']}x{r['cores_per_executor']}x{r['memory_per_executor_gb']}g/fit": r
        for r in rows
    }
    theirs = {(r["configuration"], r["dataset"]): float(r["seconds"]) / EPOCHS for r in rows}
    for record in good(study):
        if record.device not in asked:
            continue
        name, dataset = asked[record.device]["configuration"], record.workload.rpartition("-")[2]
        ran = f"{record.settings.get('executors')}x{record.settings.get('cores of an executor')}"
        wall = math.exp(estimate.location(record.epochs.wall[1:] or record.epochs.wall))
        rises = _rises(record.epochs.test_loss)
        yield (
            f"{name} on {dataset}: published {theirs[name, dataset]:.2f} s an epoch; here, on a "
            f"cluster of {ran}, {wall:.2f} s; its error rises with the epochs: {rises}"
        )


def _rises(losses: Sequence[float]) -> str:
    """Whether the test loss ends above its lowest by more than a twentieth."""
    if len(losses) < 3:  # noqa: PLR2004 - a rise needs a before and an after
        return "too few epochs to tell"
    lowest = min(losses)
    share = losses[-1] / lowest - 1
    return f"{HOLDS} (+{share:.0%})" if share > 0.05 else f"{NOT} in {len(losses)} epochs"  # noqa: PLR2004
