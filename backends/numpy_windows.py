"""Convolution and pooling in NumPy: one operation for every place of the window."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from levelfield.spec.windows import counts
from levelfield.verify.semantics import PLANE

from .numpy_parts import Part, Weighted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levelfield.backend import Array
    from levelfield.spec.windows import Axis


class Windows:
    """The places of a window: for each a view of the (padded) samples, one value a window."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = axes
        self.pads = [(0, 0), *((a.before, a.after) for a in axes), (0, 0)]
        self.padded = any(before or after for before, after in self.pads)

    def places(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Each place of the window and the slices that its values have in padded samples."""
        for place in product(*(range(axis.window) for axis in self.axes)):
            cuts = [
                slice(at, at + (axis.out - 1) * axis.stride + 1, axis.stride)
                for at, axis in zip(place, self.axes, strict=True)
            ]
            yield place, (slice(None), *cuts)

    def pad(self, x: Array, value: float) -> Array:
        """Samples with what ``same`` padding adds around them."""
        return np.pad(x, self.pads, constant_values=value) if self.padded else x

    def unpad(self, x: Array) -> Array:
        """Padded samples without the padding."""
        inner = [slice(a.before, a.before + a.size) for a in self.axes]
        return x[(slice(None), *inner)] if self.padded else x

    def sizes(self) -> tuple[int, ...]:
        """Windows on each axis."""
        return tuple(axis.out for axis in self.axes)


class Convolution(Weighted):
    """One matrix product for every place of the window."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.windows = Windows(self.layer.axes(self.shape))

    def product(self, x: Array) -> Array:
        self.x = self.windows.pad(x, 0.0)
        kernel = self.array("kernel")
        shape = (len(x), *self.windows.sizes(), kernel.shape[-1])
        out = np.zeros(shape, kernel.dtype)
        for place, cut in self.windows.places():
            out += self.x[cut] @ kernel[place]
        return out

    def kernel_slope(self, delta: Array) -> Array:
        kernel = self.array("kernel")
        gradient, flat = np.empty_like(kernel), delta.reshape(-1, delta.shape[-1])
        for place, cut in self.windows.places():
            gradient[place] = self.x[cut].reshape(len(flat), -1).T @ flat
        return gradient

    def input_slope(self, delta: Array) -> Array:
        kernel, slope = self.array("kernel"), np.zeros_like(self.x)
        for place, cut in self.windows.places():
            slope[cut] += delta @ kernel[place].T
        return self.windows.unpad(slope)


class MaxPool(Part):
    """The largest value of each window; the slope goes where the declared meaning says."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.windows = Windows(self.layer.axes(self.shape))
        self.ties = self.model.meaning("max_pool.ties")
        if len(self.windows.axes) > PLANE and self.model.meaning("max_pool.volumes") == "each":
            self.ties = "each"

    def forward(self, x: Array, *, train: bool) -> Array:
        self.x = self.windows.pad(x, -np.inf)
        out = np.full((len(x), *self.windows.sizes(), x.shape[-1]), -np.inf, x.dtype)
        for _, cut in self.windows.places():
            np.maximum(out, self.x[cut], out=out)
        self.out = out
        return out

    def backward(self, delta: Array, *, first: bool = False) -> Array:
        slope = np.zeros_like(self.x)
        if self.ties == "shared":
            count = sum((self.x[cut] == self.out).astype(delta.dtype) for _, cut in self._places())
            delta = delta / count
        free = np.ones(delta.shape, bool)
        for _, cut in self._places():
            hit = self.x[cut] == self.out
            if self.ties == "first":
                hit &= free
                free &= ~hit
            slope[cut] += delta * hit
        return self.windows.unpad(slope)

    def _places(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        return self.windows.places()


class AveragePool(Part):
    """The mean of each window over those of its places that are samples' own."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        axes = self.layer.axes(self.shape)
        self.windows, self.counts = Windows(axes), counts(axes)

    def forward(self, x: Array, *, train: bool) -> Array:
        padded = self.windows.pad(x, 0.0)
        self.padded_shape = padded.shape
        total = np.zeros((len(x), *self.windows.sizes(), x.shape[-1]), x.dtype)
        for _, cut in self.windows.places():
            total += padded[cut]
        return total / self.counts.astype(x.dtype)

    def backward(self, delta: Array, *, first: bool = False) -> Array:
        share = delta / self.counts.astype(delta.dtype)
        slope = np.zeros(self.padded_shape, delta.dtype)
        for _, cut in self.windows.places():
            slope[cut] += share
        return self.windows.unpad(slope)
