"""CIFAR-10, small photographs of ten kinds of things.

A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report, University
of Toronto, 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from levelfield.dataset import File

from . import _cifar

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


@dataclass(frozen=True)
class Cifar10(_cifar.Cifar):
    """50,000 training and 10,000 test images of 32x32 pixels, RGB, pixel / 255.

    The options ``train`` and ``test`` take the first ones only. The last of the `forms` is a short
    copy with the first 2,000 and 500, for ``cifar10:train=2000,test=500``: the same images as the
    whole has there.
    """

    name: ClassVar[str] = "cifar10"
    about: ClassVar[str] = (
        "60,000 photographs of 32x32 pixels, RGB, 10 classes (Krizhevsky); options train=, test="
    )
    files: ClassVar[tuple[File, ...]] = _cifar.archive(
        "cifar10/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    )
    forms: ClassVar[tuple[tuple[File, ...], ...]] = (
        _cifar.archive(
            "cifar10/cifar-10-python.tar.gz",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
        _cifar.unpacked(
            "cifar10/cifar-10-batches-bin",
            [f"{name}.bin" for name in BATCHES],
            (
                "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
            ),
        ),
        _cifar.unpacked(
            "cifar10/cifar-10-batches-py",
            BATCHES,
            (
                "f962466ef690d46b226450fb9aadc74ba4bc64a76aa526b5827fe4bc5c7125cb",
                "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
                "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
                "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
                "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
                "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
            ),
        ),
        _cifar.unpacked(
            "cifar10/cifar-10-batches-bin",
            ("data_batch_1.bin", "test_batch.bin"),
            (
                "eae30ce617c27eb358b2409617ac9c388f67c480af37b07393173a79541bb8f4",
                "ba456e78b292ef2a6e366d304e587255370906951905b2e06af8e9f54f412f62",
            ),
        ),
    )
    batches: ClassVar[tuple[tuple[str, ...], str]] = (BATCHES[:-1], BATCHES[-1])
    marks: ClassVar[tuple[str, ...]] = ("labels",)

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten kinds of things."""
        return CLASSES
