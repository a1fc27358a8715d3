"""A. de los Reyes Guío, 2019: Keras through Elephas on clusters of several sizes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from levelfield.results import against
from levelfield.results.record import Record
from levelfield.results.reproductions import (
    HOLDS,
    NOT,
    OPEN,
    Comparison,
    Finding,
    Reproduction,
    Row,
    Table,
    good,
    published,
    unverified,
)
from levelfield.results.study import Study, load

EPOCHS = 1000
"""Of the published runs."""


class Elephas(Reproduction[Study]):
    """Experiment VII on five clusters."""

    name: ClassVar[str] = "thesis-elephas"

    def load(self, folder: Path) -> Study:
        """Load the study."""
        return load(folder)

    def compared(self, seen: Study) -> Comparison | None:
        """Seconds of an epoch as published, and here, cluster by cluster."""
        rows = [r for r in published("elephas_seconds") if r["keras_backend"] == "tensorflow"]
        asked = {
            f"spark:{r['executors']}x{r['cores_per_executor']}x{r['memory_per_executor_gb']}g/fit":
            r["configuration"]
            for r in rows
        }  # fmt: skip
        theirs = {(r["configuration"], r["dataset"]): float(r["seconds"]) / EPOCHS for r in rows}
        found = [
            (asked[record.device], record.workload.rpartition("-")[2], record)
            for record in good(seen)
            if record.device in asked and record.epochs.wall
        ]
        found = [each for each in found if each[:2] in theirs]
        if not found:
            return None
        table = Table(
            about="Seconds of an epoch: as published (1000 epochs in a row), and here.",
            head=("cluster", "data", "cluster here", "published", "here"),
            words=3,
            rows=tuple(_row(name, data, theirs[name, data], r) for name, data, r in found),
        )
        return Comparison(
            tables=(table,),
            findings=tuple(_rises(f"{name} on {dataset}", r) for name, dataset, r in found),
        )


def _row(name: str, dataset: str, published: float, record: Record) -> Row:
    ran = f"{record.settings.get('executors')}x{record.settings.get('cores of an executor')}"
    wall = against.typical([record])
    cells = (name, dataset, ran, f"{published:.2f}", f"{wall:.2f}")
    return Row(cells=cells, marked=unverified([record]))


def _rises(of: str, record: Record) -> Finding:
    """Whether the test loss ends above its lowest by more than a twentieth."""
    losses = record.epochs.test_loss
    answer, detail = OPEN, "too few evaluations to tell"
    if len(losses) >= 3:  # noqa: PLR2004 - a rise needs a before and an after
        share = losses[-1] / min(losses) - 1
        rises = share > 0.05  # noqa: PLR2004
        answer = HOLDS if rises else NOT
        detail = f"+{share:.0%}" if rises else f"in {len(record.epochs.wall)} epochs"
    return Finding(
        of=of,
        claim="its error rises with the epochs",
        answer=answer,
        detail=detail,
        marked=unverified([record]),
    )
