"""Images of your own, in class folders: ``imagefolder:path=photos,size=64``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from levelfield import dataset
from levelfield.dataset import File, Split
from levelfield.errors import UserError
from levelfield.spec.fields import Range

from . import _archives, _images


@dataclass(frozen=True)
class Imagefolder(dataset.Dataset):
    """The images in the class folders of a folder, a zip or a tar archive: RGB, pixel / 255.

    Each image is cut to its centred square and resized (bilinear) to ``size`` x ``size``; its class
    is the folder that holds it; the share ``test`` of every class is for testing. See `_images` and
    `_split` for the rules. A path holds no comma; one that reads as a number is written ``./2750``.

    Decoders of JPEG may differ in a bit between releases of Pillow: whether two machines had the
    same arrays, their digest in the results says.
    """

    name: ClassVar[str] = "imagefolder"
    about: ClassVar[str] = "your images, a folder a class; options path=, size=64, test=0.2, seed=0"
    packages: ClassVar[tuple[str, ...]] = ("pillow",)
    files: ClassVar[tuple[File, ...]] = ()
    example: ClassVar[str] = "imagefolder:path=photos,size=64"

    path: str
    """A folder, a zip or a tar archive; from the current folder, where it is relative."""
    size: Annotated[int, Range(1, 4096)] = 64
    test: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.2
    seed: Annotated[int, Range(0)] = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample: (size, size, 3)."""
        return (self.size, self.size, 3)

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of training and of test samples, counted in the folder."""
        return self._images.sizes(self.test)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the class folders, sorted."""
        return self._images.classes

    @property
    def state(self) -> str:
        """Digest of the names, sizes and times of the files."""
        return _archives.state(self._place)

    def load(self, files: Mapping[str, Path]) -> Split:  # noqa: ARG002 - there are none of ours
        """Read every image."""
        return _images.read(self._images, size=self.size, share=self.test, seed=self.seed)

    @cached_property
    def _images(self) -> _images.Images:
        return _images.find(self._place)

    @property
    def _place(self) -> Path:
        try:
            return Path(self.path).expanduser().absolute()
        except RuntimeError:
            raise UserError("no home folder is known", where=self.path, hint="set HOME") from None
