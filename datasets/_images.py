"""Images in class folders, of a folder or an archive: found, cut to one size, split by class.

The class of an image is the name of the folder that holds it, and all class folders lie side by
side: ``photos/cat/1.jpg``, ``photos/dog/7.png``. Hidden files and what is no image are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from levelfield.dataset import Split
from levelfield.errors import UserError, shown

from . import _archives, _split

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
MODES = ("1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")
"""Pillow's modes of eight bits or fewer; it would clip the values of others."""


@dataclass(frozen=True)
class Images:
    """The images below a path, sorted by name, and the class of each."""

    path: Path
    names: tuple[str, ...]
    classes: tuple[str, ...]
    """Names of the class folders, sorted."""
    labels: NDArray[np.int64]

    def sizes(self, share: float) -> tuple[int, int]:
        """Number of training and of test samples."""
        counts = np.bincount(self.labels).tolist()
        testing = sum(_split.for_testing(count, share) for count in counts)
        return len(self.names) - testing, testing


def find(path: Path) -> Images:
    """List the images of a folder or an archive.

    Raise `UserError` where there is none, where one lies in no class folder, or where class folders
    do not lie side by side.
    """
    names = sorted(name for name, _ in _archives.walk(path) if _is_image(name))
    folders = [PurePosixPath(name).parent for name in names]
    expected = "images in class folders, side by side: cat/1.jpg, dog/7.png"
    if not names:
        raise UserError(f"no image ({', '.join(SUFFIXES)})", where=str(path), expected=expected)
    for name, twice in pairwise(names):
        if name == twice:
            raise UserError(f"holds {shown(name)} twice", where=str(path), expected="one of each")
    for name, folder in zip(names, folders, strict=True):
        if not folder.name:
            raise UserError(
                f"{shown(name)} is in no class folder", where=str(path), expected=expected
            )
        if folder.parent != folders[0].parent:
            seen = f"{shown(names[0])} and {shown(name)} lie at different places"
            hint = "give the folder that holds the class folders of one set"
            raise UserError(seen, where=str(path), expected=expected, hint=hint)
    classes = sorted({folder.name for folder in folders})
    if len(classes) == len(names):
        seen, wanted = "no class has two images", "one for training and one for testing"
        raise UserError(seen, where=str(path), expected=wanted)
    places = {name: place for place, name in enumerate(classes)}
    labels = np.array([places[folder.name] for folder in folders], np.int64)
    return Images(path=path, names=tuple(names), classes=tuple(classes), labels=labels)


def read(images: Images, *, size: int, share: float, seed: int) -> Split:
    """Read and split images: RGB, ``size`` x ``size`` x 3, pixel / 255 in float32.

    Of an image that is not square its centre is kept. See `_split.stratified` for the split.
    """
    train, test = _split.stratified(images.labels, share=share, seed=seed)
    order = np.concatenate([train, test])
    places = {images.names[index]: place for place, index in enumerate(order)}
    pixels = np.empty((len(order), size, size, 3), np.float32)
    for name, opener in _archives.walk(images.path):
        if name in places:
            image = _decode(opener, size, where=f"{images.path}, {name}")
            np.divide(image, 255, out=pixels[places.pop(name)])
    if places:
        lost = shown(next(iter(places)))
        raise UserError(f"{lost} was removed while images were read", where=str(images.path))
    labels, most = images.labels[order], len(train)
    return Split(pixels[:most], pixels[most:], labels[:most], labels[most:])


def _decode(opener: _archives.Opener, size: int, *, where: str) -> NDArray[np.uint8]:
    """Decode an image into size x size x 3 bytes; a broken one is a `UserError`."""
    import warnings

    from PIL import Image

    try:
        with opener() as file, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                mode = image.mode
                if mode in MODES:
                    return np.asarray(_cut(image.convert("RGB"), size))
    except Exception as error:  # noqa: BLE001 - a decoder raises what it likes
        seen = f"cannot be read as an image ({str(error) or type(error).__name__})"
        hint = "put the original in its place, or remove it"
        raise UserError(seen, where=where, expected="a sound image", hint=hint) from None
    raise UserError(f"an image of mode {mode}", where=where, expected="one of 8 bits a channel")


def _cut(image: Image.Image, size: int) -> Image.Image:
    """The centred square of an image, as wide as its shorter side, resized (bilinear).

    Pixels stay what they are where the square has the wanted size. Where one more pixel is cut off
    on one side than on the other, it is the right or the lower one.
    """
    from PIL import Image

    side = min(image.size)
    left, upper = ((length - side) // 2 for length in image.size)
    square = image.crop((left, upper, left + side, upper + side))
    wanted = (size, size)
    return square if square.size == wanted else square.resize(wanted, Image.Resampling.BILINEAR)


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES
