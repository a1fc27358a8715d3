"""MNIST, handwritten digits: the standard small workload of the field.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition", Proc. IEEE 86(11), 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from levelfield import dataset
from levelfield.dataset import File, Split

from . import _idx


@dataclass(frozen=True)
class Mnist(dataset.Dataset):
    """60,000 training and 10,000 test images of 28x28 pixels, flat, pixel / 255."""

    name: ClassVar[str] = "mnist"
    about: ClassVar[str] = (
        "70,000 handwritten digits of 28x28 pixels (LeCun, Cortes, Burges; CC BY-SA 3.0)"
    )
    files: ClassVar[tuple[File, ...]] = _idx.files(
        "mnist",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )

    @property
    def shape(self) -> tuple[int]:
        """Shape of one sample: 784 pixels, row after row."""
        return (_idx.SIDE * _idx.SIDE,)

    @property
    def sizes(self) -> tuple[int, int]:
        """60,000 training and 10,000 test samples."""
        return (_idx.TRAINING, _idx.TESTING)

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return tuple("0123456789")

    def load(self, files: Mapping[str, Path]) -> Split:
        """Read the images and their labels."""
        return _idx.split(*(files[file.path] for file in self.files))
