"""Fashion-MNIST, photographs of clothes in MNIST's format.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", arXiv:1708.07747, 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from levelfield import dataset
from levelfield.dataset import File, Split

from . import _idx

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class FashionMnist(dataset.Dataset):
    """60,000 training and 10,000 test images of 28x28 pixels, flat, pixel / 255."""

    name: ClassVar[str] = "fashion_mnist"
    about: ClassVar[str] = "70,000 photographs of clothes, 28x28 pixels (Zalando SE; MIT)"
    files: ClassVar[tuple[File, ...]] = _idx.files(
        "fashion_mnist",
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
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
        """The ten kinds of clothes."""
        return CLASSES

    def load(self, files: Mapping[str, Path]) -> Split:
        """Read the images and their labels."""
        return _idx.split(*(files[file.path] for file in self.files))
