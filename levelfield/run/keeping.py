"""Keeps what trained models gave: of each contender on a workload, of one trial that ended well."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from levelfield import data
from levelfield.dataset import Dataset
from levelfield.errors import UserError
from levelfield.results import outputs
from levelfield.results.outputs import Originals
from levelfield.results.record import Record
from levelfield.run.progress import Progress
from levelfield.run.trial import Setting
from levelfield.spec.plan import Trial
from levelfield.spec.workload import Workload

FILE = "outputs.npz"
"""What a worker writes into its scratch folder."""


def originals(workload: Workload, source: Dataset, prepared: data.Prepared) -> Originals:
    """The test samples of a workload whose outputs are kept, chosen by its seed and their classes.

    They come from its prepared arrays; labels are told also where nothing is trained on them.
    """
    _, test = data.open_arrays(prepared.paths, None)
    labels = data.open_arrays(prepared.labels, None)[1] if prepared.labels else None
    places = outputs.choose(workload.order(0, len(test)), labels, values=test[0].size)
    samples = np.array(test[places]).reshape(len(places), -1)
    return Originals(
        places=places,
        samples=samples,
        range=(float(samples.min()), float(samples.max())),
        picture=outputs.picture(source.shape, bounded=source.bounded),
        labels=labels,
        classes=source.classes if prepared.labels else (),
    )


@dataclass
class Keeper:
    """Puts outputs into a study's folder; a trial whose outputs are lost is none the worse."""

    folder: Path
    progress: Progress
    _kept: set[tuple[str, str]] = field(default_factory=set)
    """Workloads' names and contenders."""

    def file(self, trial: Trial, scratch: Path) -> Path | None:
        """Where a trial's worker is to write them; None where an earlier repeat has done so."""
        return None if self._who(trial) in self._kept else scratch / FILE

    def keep(self, trial: Trial, record: Record, setting: Setting, file: Path | None) -> None:
        """Keep what the worker of a trial has written, if it ended well."""
        if record.status != "ok" or file is None or setting.given is None or not file.exists():
            return
        try:
            outputs.keep(
                self.folder,
                fingerprint=record.fingerprint,
                key=record.key,
                made=file,
                given=setting.given,
            )
        except UserError as error:
            self.progress.say(f"{trial.contender}: its model's outputs were not kept: {error.seen}")
            return
        self._kept.add(self._who(trial))

    @staticmethod
    def _who(trial: Trial) -> tuple[str, str]:
        return trial.workload.name, repr(trial.contender)


__all__ = ["FILE", "Keeper", "originals"]
