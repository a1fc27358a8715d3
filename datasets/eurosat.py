"""EuroSAT, Sentinel-2 photographs of Europe's land: the RGB version.

P. Helber, B. Bischke, A. Dengel, D. Borth, "EuroSAT: a novel dataset and deep learning benchmark
for land use and land cover classification", IEEE J. Sel. Topics Appl. Earth Obs. Remote Sens.
12(7), 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from levelfield import dataset
from levelfield.dataset import File, Split
from levelfield.errors import UserError
from levelfield.spec.fields import Range

from . import _images

SIDE, TRAINING, TESTING = 64, 21_600, 5_400
CLASSES = (
    "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture",
    "PermanentCrop", "Residential", "River", "SeaLake",
)  # fmt: skip


@dataclass(frozen=True)
class Eurosat(dataset.Dataset):
    """21,600 training and 5,400 test images of 64x64 pixels, RGB, pixel / 255.

    EuroSAT comes without a split. Here a fifth of every class is for testing, chosen by ``seed``:
    see `_split`. The archive of 2018, EuroSAT.zip, holds the same images in a folder ``2750``.
    """

    name: ClassVar[str] = "eurosat"
    about: ClassVar[str] = (
        "27,000 satellite images of land, 64x64 pixels, RGB (Helber et al.; MIT); option seed=0"
    )
    packages: ClassVar[tuple[str, ...]] = ("pillow",)
    files: ClassVar[tuple[File, ...]] = (
        File(
            "eurosat/EuroSAT_RGB.zip",
            ("https://zenodo.org/records/7711810/files/EuroSAT_RGB.zip",),
            "b4f5b234ecb7d7ff9c6cddb046543b4717c53fd6e9815be6c0e80cc614f51b90",
        ),
    )
    forms: ClassVar[tuple[tuple[File, ...], ...]] = (
        (
            File(
                "eurosat/EuroSAT.zip",
                ("https://madm.dfki.de/files/sentinel/EuroSAT.zip",),
                "8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd",
            ),
        ),
    )

    seed: Annotated[int, Range(0)] = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample: 64 x 64 pixels of three channels."""
        return (SIDE, SIDE, 3)

    @property
    def sizes(self) -> tuple[int, int]:
        """21,600 training and 5,400 test samples."""
        return (TRAINING, TESTING)

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten kinds of land."""
        return CLASSES

    def load(self, files: Mapping[str, Path]) -> Split:
        """Read the archive."""
        (path,) = files.values()
        images = _images.find(path)
        if images.classes != CLASSES:
            seen = f"its class folders are {', '.join(images.classes)}"
            raise UserError(seen, where=str(path), expected=", ".join(CLASSES))
        share = TESTING / (TRAINING + TESTING)
        return _images.read(images, size=SIDE, share=share, seed=self.seed)
