"""A workload's layers as Keras' own, of Keras 3 on any engine and of Keras 2.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from levelfield.backend import Array, Unsupported, Weights, Workload, maker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levelfield.spec.windows import Axis


class Parts:
    """Calls the layers one after the other; every method is named after a kind."""

    same = True
    """Whether ``padding="same"`` means what the engine's definition says."""
    flipped = False
    """Whether the engine convolves in the strict sense: windows run backwards over kernels."""

    def __init__(self, keras: Any, workload: Workload) -> None:
        """Take the namespace ``keras``; keep every layer that has weights by canonical name."""
        self.keras, self.layers, self.workload = keras, keras.layers, workload
        self.holders: dict[str, Any] = {}

    def model(self, weights: Weights) -> Any:
        """The model with the given weights."""
        shape = self.workload.sample_shape(weights)
        x = inputs = self.keras.Input(shape)
        for name, layer, before in self.workload.members(shape):
            x = self.call(name, layer, before, x)
        model = self.keras.Model(inputs, x)
        for name, holder in self.holders.items():
            holder.set_weights(
                [self._turned(weights[f"{name}/{part}"]) for part in ("kernel", "bias")]
            )
        return model

    def weights(self) -> dict[str, Array]:
        """The weights as they are now, by canonical name; Keras keeps kernels canonical."""
        return {
            f"{name}/{part}": self._turned(array)
            for name, holder in self.holders.items()
            for part, array in zip(("kernel", "bias"), holder.get_weights(), strict=True)
        }

    def _turned(self, array: Array) -> Array:
        """A copy of a kernel as the engine has it, or back: turned on its axes in space."""
        turned = np.flip(array, tuple(range(array.ndim - 2))) if self.flipped else array
        return np.array(turned, order="C")

    def call(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        """The layer's outputs for these symbolic samples."""
        return maker(self, layer, "keras")(name, layer, shape, x)

    def _weighted(self, name: str, layer: Any) -> dict[str, Any]:
        del name
        regular = self.keras.regularizers.l2(layer.l2) if layer.l2 else None
        return {"activation": layer.activation, "kernel_regularizer": regular}

    def _dense(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        made = self.layers.Dense(layer.units, **self._weighted(name, layer))
        self.holders[name] = made
        return made(x)

    def _convolution(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        axes, padding = layer.axes(shape), layer.padding
        if padding == "same" and not self.same:
            around = tuple((axis.before, axis.after) for axis in axes)
            if any(map(any, around)):
                x = self._kind("ZeroPadding", axes)(around if len(axes) > 1 else around[0])(x)
            padding = "valid"
        how = {"strides": tuple(axis.stride for axis in axes), "padding": padding}
        made = self._kind("Conv", axes)(
            layer.filters, layer.window, **how, **self._weighted(name, layer)
        )
        self.holders[name] = made
        return made(x)

    def _max_pool(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return self._pool("MaxPooling", layer, layer.axes(shape))(x)

    def _average_pool(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return self._pool("AveragePooling", layer, layer.axes(shape))(x)

    def _pool(self, kind: str, layer: Any, axes: Sequence[Axis]) -> Any:
        padding = layer.padding
        if padding == "same" and not self.same:
            if any(axis.before or axis.after for axis in axes):
                raise Unsupported("Keras 2.3 on Theano pads a pooling in its own way")
            padding = "valid"
        window, strides = layer.window, tuple(axis.stride for axis in axes)
        if len(axes) == 1:
            window, strides = window[0], strides[0]
        return self._kind(kind, axes)(window, strides=strides, padding=padding)

    def _kind(self, kind: str, axes: Sequence[Axis]) -> Any:
        return getattr(self.layers, f"{kind}{len(axes)}D")

    def _flatten(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return self.layers.Flatten()(x)

    def _dropout(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return self.layers.Dropout(layer.rate)(x) if layer.rate else x

    def _gaussian_noise(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        return self.layers.GaussianNoise(layer.deviation)(x) if layer.deviation else x

    def _residual(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        side = out = x
        for place, each, before in layer.members(shape):
            if place == "shortcut":
                side = self.call(f"{name}/{place}", each, before, x)
            else:
                out = self.call(f"{name}/{place}", each, before, out)
        summed = self.layers.add([out, side])
        return self.layers.Activation(layer.activation)(summed)


def one_hot(labels: Array, workload: Workload) -> Array:
    """Labels as rows of zeros and a one, in what its arrays are kept in."""
    units: int = getattr(workload.layers[-1], "units", 0)
    return np.eye(units, dtype=workload.dtype)[labels]


__all__ = ["Parts", "one_hot"]
