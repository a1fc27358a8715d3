"""A study in memory: its records as pandas data frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levelfield import naming
from levelfield.errors import shown
from levelfield.results.record import PHASES, Limit, Record, Sentinel
from levelfield.results.store import Head, read_head, read_records

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Study:
    """A folder of records, with its suite and its machine."""

    folder: Path
    head: Head
    records: tuple[Record, ...]
    sentinels: tuple[Sentinel, ...]
    limits: tuple[Limit, ...] = ()

    @cached_property
    def labels(self) -> dict[naming.Identity, str]:
        """Of every contender with a record: the name that tables, charts and options know it by."""
        return naming.labels(self.records)

    def label(self, record: Record) -> str:
        """The name of a record's contender."""
        return self.labels[naming.identity(record)]

    @cached_property
    def plot(self) -> Any:
        """Figures by matplotlib: ``study.plot.ratios()``; ``dir(study.plot)`` lists them."""
        return import_module("levelfield.reports.paper.plots").Plots(self)

    def __repr__(self) -> str:
        """Return a line: a notebook asks for it whatever it shows."""
        return f"<study of {shown(self.head.suite)} in {self.folder}: {len(self.records)} trials>"

    def _repr_html_(self) -> str:
        """Who was fastest, and the ranking: what a notebook shows."""
        html: str = import_module("levelfield.reports.paper.notebook").html(self)
        return html

    def trials(self) -> pd.DataFrame:
        """One row a trial, in the order they were run.

        Times in seconds, memory in bytes; ``loss`` and ``test_loss`` are the last epoch's.
        """
        return self._trials.copy()

    def epochs(self) -> pd.DataFrame:
        """One row an epoch of a trial: ``key``, contender, ``epoch`` (from 1), seconds, losses.

        ``test_loss`` is NaN after epochs at which the test set was not looked at.
        """
        import numpy as np
        import pandas as pd

        counts = [len(record.epochs.wall) for record in self.records]
        frame = self._identity().loc[np.repeat(np.arange(len(counts)), counts)]
        frame = frame.reset_index(drop=True)
        frame["epoch"] = np.concatenate([np.arange(1, n + 1) for n in counts] or [np.empty(0, int)])
        for name in ("wall", "user", "system", "loss"):
            columns = (getattr(record.epochs, name) for record in self.records)
            frame[name] = np.fromiter(chain.from_iterable(columns), float, sum(counts))
        tests = (record.epochs.spread(record.epochs.test_loss) for record in self.records)
        frame["test_loss"] = np.fromiter(chain.from_iterable(tests), float, sum(counts))
        return pd.DataFrame(frame)

    def phases(self) -> pd.DataFrame:
        """One row a phase of a trial: ``key``, contender, ``phase``, wall, user, system seconds."""
        import pandas as pd

        rows = [
            (index, name, span.wall, span.user, span.system)
            for index, record in enumerate(self.records)
            for name, span in record.phases.items()
        ]
        with pd.option_context("mode.string_storage", "python"):
            frame = pd.DataFrame(rows, columns=["trial", "phase", "wall", "user", "system"])
        frame["phase"] = pd.Categorical(frame["phase"], categories=PHASES, ordered=True)
        return (
            self._identity().merge(frame, left_index=True, right_on="trial").drop(columns="trial")
        )

    def _identity(self) -> pd.DataFrame:
        names = ["key", "workload", "backend", "mode", "device", "environment", "repeat", "status"]
        return self._trials[names]

    @cached_property
    def _trials(self) -> pd.DataFrame:
        import pandas as pd

        columns = list(_row(_EMPTY))
        # Arrow's strings cannot hold all that a name may hold, such as half a surrogate pair.
        with pd.option_context("mode.string_storage", "python"):
            return pd.DataFrame([_row(record) for record in self.records], columns=columns)


def load(folder: str | Path) -> Study:
    """Load a study from its folder; raise `levelfield.errors.UserError` where there is none."""
    folder = Path(folder)
    head = read_head(folder)
    if not head.backends:  # older than heads that tell it
        from levelfield import registry

        head = replace(head, backends=registry.described())
    rows = read_records(folder)
    return Study(folder, head, tuple(rows.records), tuple(rows.sentinels), tuple(rows.limits))


_EMPTY = Record(
    key="", workload="", fingerprint="", backend="", mode="", device="", environment="",
    repeat=0, block=0, position=0, status="ok",
)  # fmt: skip


def _row(record: Record) -> dict[str, Any]:
    nan = float("nan")
    epochs, total, checked = record.epochs, record.total, record.verification
    return {
        "key": record.key,
        "workload": record.workload,
        "fingerprint": record.fingerprint,
        "backend": record.backend,
        "mode": record.mode,
        "device": record.device,
        "environment": record.environment,
        "repeat": record.repeat,
        "block": record.block,
        "position": record.position,
        "status": record.status,
        "reason": record.reason,
        "verified": checked.status if checked else "unverified",
        "started": record.started,
        "threads": record.threads,
        "samples": record.samples,
        "epochs": len(epochs.wall),
        "wall": total.wall if total else nan,
        "user": total.user if total else nan,
        "system": total.system if total else nan,
        "peak_memory": nan if record.peak_memory is None else float(record.peak_memory),
        "device_memory": nan if record.device_memory is None else float(record.device_memory),
        "loss": epochs.loss[-1] if epochs.loss else nan,
        "test_loss": epochs.test_loss[-1] if epochs.test_loss else nan,
    }
