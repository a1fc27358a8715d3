"""MAGIC, simulated gamma-ray showers in a Cherenkov telescope: a table of physics.

R. K. Bock et al., "Methods for multidimensional event classification: a case study using images
from a Cherenkov gamma-ray telescope", Nucl. Instr. Meth. A 516, 2004. The showers are Monte Carlo
(CORSIKA). Plain accuracy says little: taking a hadron for a gamma is the worse mistake, so use ROC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from levelfield import dataset
from levelfield.dataset import File, Split
from levelfield.errors import UserError, shown
from levelfield.spec.fields import Range

from . import _split

FEATURES, SHARE = 10, 0.2
TRAINING, TESTING = 15_216, 3_804
LABELS = {"g": 0, "h": 1}
_HINT = "delete it, so that it is downloaded again, or put the original in its place"


@dataclass(frozen=True)
class Magic(dataset.Dataset):
    """15,216 training and 3,804 test showers of ten features, raw: lengths, angles, intensities.

    The table comes without a split and sorted by class. Here a fifth of either class is for
    testing, chosen by ``seed``, and both sets are mixed: see `_split`.
    """

    name: ClassVar[str] = "magic"
    about: ClassVar[str] = (
        "19,020 simulated showers of 10 features, gamma or hadron (Bock; CC BY 4.0); option seed=0"
    )
    files: ClassVar[tuple[File, ...]] = (
        File(
            "magic/magic04.data",
            ("https://archive.ics.uci.edu/ml/machine-learning-databases/magic/magic04.data",),
            "e9314b7ebd4b4b59a3b3d65f7316663963777b16a46786877651dbbaa640b36a",
        ),
    )
    bounded: ClassVar[bool] = False

    seed: Annotated[int, Range(0)] = 0

    @property
    def shape(self) -> tuple[int]:
        """Shape of one sample: ten features."""
        return (FEATURES,)

    @property
    def sizes(self) -> tuple[int, int]:
        """15,216 training and 3,804 test samples."""
        return (TRAINING, TESTING)

    @property
    def classes(self) -> tuple[str, ...]:
        """Gamma is the signal, hadron the background."""
        return ("gamma", "hadron")

    def load(self, files: Mapping[str, Path]) -> Split:
        """Read the table."""
        (path,) = files.values()
        values, labels = read(path)
        train, test = _split.stratified(labels, share=SHARE, seed=self.seed)
        return Split(values[train], values[test], labels[train], labels[test])


def read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The features of every shower and its class; a line that is none is a `UserError`."""
    rows, labels = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        *fields, letter = line.split(",")
        try:
            row = [float(field) for field in fields]
            labels.append(LABELS[letter.strip()])
        except (ValueError, KeyError):
            row = []
        if len(row) != FEATURES:
            seen, expected = f"got {shown(line)}", f"{FEATURES} numbers and g or h, with commas"
            where = f"{path}, line {number + 1}"
            raise UserError(seen, where=where, expected=expected, hint=_HINT)
        rows.append(row)
    if not rows:
        raise UserError("an empty file", where=str(path), expected="the table", hint=_HINT)
    return np.array(rows), np.array(labels, np.int64)
