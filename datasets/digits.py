"""The 8x8 handwritten digits bundled with scikit-learn: real data that needs no file.

E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998 (its test part).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from levelfield import dataset
from levelfield.dataset import File, Split

TRAINING, TESTING = 1_500, 297


@dataclass(frozen=True)
class Digits(dataset.Dataset):
    """1,500 training and 297 test images of 8x8 pixels, flat, value / 16, in a fixed split."""

    name: ClassVar[str] = "digits"
    about: ClassVar[str] = (
        "1,797 handwritten digits of 8x8 pixels, bundled with scikit-learn (CC BY 4.0)"
    )
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    files: ClassVar[tuple[File, ...]] = ()

    @property
    def shape(self) -> tuple[int]:
        """Shape of one sample: 64 pixels, row after row."""
        return (64,)

    @property
    def sizes(self) -> tuple[int, int]:
        """1,500 training and 297 test samples."""
        return (TRAINING, TESTING)

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple("0123456789")

    def load(self, files: Mapping[str, Path]) -> Split:  # noqa: ARG002 - there are none
        """Read the bundled images and split them.

        The split is a permutation made of PCG64's raw bits, which every NumPy release keeps.
        """
        from sklearn.datasets import load_digits

        digits = load_digits()
        values, labels = digits.data / 16.0, digits.target.astype(np.int64)
        raw = np.random.PCG64(np.random.SeedSequence(0)).random_raw(TRAINING + TESTING)
        train, test = np.split(np.argsort(raw, kind="stable"), [TRAINING])
        return Split(values[train], values[test], labels[train], labels[test])
