"""CIFAR-100, small photographs of a hundred kinds of things, by their fine labels.

A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report, University
of Toronto, 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from levelfield.dataset import File

from . import _cifar

CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab",
    "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl",
    "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard",
    "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree",
    "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain",
    "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose",
    "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone",
    "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip


@dataclass(frozen=True)
class Cifar100(_cifar.Cifar):
    """50,000 training and 10,000 test images of 32x32 pixels, RGB, pixel / 255.

    The options ``train`` and ``test`` take the first ones only.
    """

    name: ClassVar[str] = "cifar100"
    about: ClassVar[str] = (
        "60,000 photographs of 32x32 pixels, RGB, 100 classes (Krizhevsky); options train=, test="
    )
    files: ClassVar[tuple[File, ...]] = _cifar.archive(
        "cifar100/cifar-100-binary.tar.gz",
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    )
    forms: ClassVar[tuple[tuple[File, ...], ...]] = (
        _cifar.archive(
            "cifar100/cifar-100-python.tar.gz",
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ),
        _cifar.unpacked(
            "cifar100/cifar-100-binary",
            ("train.bin", "test.bin"),
            (
                "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
                "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
            ),
        ),
        _cifar.unpacked(
            "cifar100/cifar-100-python",
            ("train", "test"),
            (
                "735e79b04f092ca3d2e6d07f368c0a7d70d48c48d28865950cc24454cf45129b",
                "4b67687d9933c4db8f0831104447f15b93774f4f464bd0516f0f0f2ac83b7864",
            ),
        ),
    )
    batches: ClassVar[tuple[tuple[str, ...], str]] = (("train",), "test")
    marks: ClassVar[tuple[str, ...]] = ("coarse_labels", "fine_labels")

    @property
    def classes(self) -> tuple[str, ...]:
        """The hundred kinds of things."""
        return CLASSES
