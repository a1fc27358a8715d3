"""A workload's layers as `torch.nn` modules.

Samples come with the channels last and stay so in memory (`torch.channels_last`), which oneDNN and
cuDNN compute with; the axes alone are permuted, which moves nothing.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from levelfield.backend import Array, Unsupported, Weights, Workload, maker
from levelfield.spec.windows import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levelfield.spec.windows import Axis


def build(torch: Any, workload: Workload, weights: Weights) -> Any:
    """The model with the given weights; without the last activation where the loss takes logits."""
    parts = Parts(torch, workload)
    shape = workload.sample_shape(weights)
    modules = [parts.moved(-1, 1)] if len(shape) > 1 else []
    for name, layer, before in workload.members(shape):
        modules += parts.make(name, layer, before, bare=name == f"layer{len(workload.layers)}")
    if len(workload.shapes(shape)[-1]) > 1:
        modules.append(parts.moved(1, -1))
    model = torch.nn.Sequential(*modules).to(getattr(torch, workload.dtype))
    for name, parameter in named(model, weights).items():
        with torch.no_grad():
            parameter.copy_(torch.tensor(turned(weights[name])))
    return model.to(memory_format=torch.channels_last) if len(shape) == 3 else model


def named(model: Any, weights: Weights) -> dict[str, Any]:
    """The model's parameters by canonical name: they are made in the same order."""
    return dict(zip(weights, model.parameters(), strict=True))


def turned(array: Array) -> Array:
    """A canonical kernel (window x inputs x outputs) as PyTorch keeps it: outputs x inputs x ..."""
    if array.ndim < 2:
        return array.copy()
    last = array.ndim - 1
    return array.transpose(last, last - 1, *range(last - 1)).copy()


def canonical(tensor: Any) -> Array:
    """A parameter as a canonical array, copied."""
    array: Array = tensor.detach().cpu().numpy()
    if array.ndim < 2:
        return array.copy()
    return array.transpose(*range(2, array.ndim), 1, 0).copy()


def losses(functional: Any) -> Mapping[str, Any]:
    """PyTorch's functions for the losses of a workload."""
    return {
        "mean_squared_error": functional.mse_loss,
        "binary_crossentropy": functional.binary_cross_entropy_with_logits,
        "categorical_crossentropy": functional.cross_entropy,
    }


def activation(torch: Any, workload: Workload) -> Callable[[Any], Any]:
    """What is to be done to the model's outputs to have predictions."""
    if not workload.logits:
        return lambda outputs: outputs
    if workload.labelled:
        return lambda outputs: torch.softmax(outputs, dim=1)
    return torch.sigmoid  # type: ignore[no-any-return]


def penalty(parameters: Mapping[str, Any], workload: Workload) -> Callable[[Any], Any]:
    """Adds the sums of squares that the workload asks for to a loss."""
    factors = workload.penalties()
    chosen = [(parameters[name], factor) for name, factor in factors.items()]

    def added(loss: Any) -> Any:
        for parameter, factor in chosen:
            loss = loss + factor * parameter.square().sum()
        return loss

    return added


class Parts:
    """Makes the modules of a layer; every method is named after its kind."""

    def __init__(self, torch: Any, workload: Workload) -> None:
        self.torch, self.nn, self.workload = torch, torch.nn, workload

    def make(
        self, name: str, layer: Any, shape: tuple[int, ...], *, bare: bool = False
    ) -> list[Any]:
        """The modules of a layer; ``bare``: without its activation where the loss takes logits."""
        made: list[Any] = maker(self, layer, "torch")(name, layer, shape)
        if bare and self.workload.logits:
            return made
        return made + self._activation(getattr(layer, "activation", "linear"))

    def moved(self, source: int, place: int) -> Any:
        """Puts the channels behind the samples, as PyTorch wants them, or last again."""
        return _module(self.torch, lambda x: x.movedim(source, place))

    def _activation(self, name: str) -> list[Any]:
        nn = self.nn
        makers = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "selu": nn.SELU}
        return [] if name == "linear" else [makers[name]()]

    def _dense(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        return [self.nn.Linear(shape[0], layer.units)]

    def _convolution(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        axes = layer.axes(shape)
        kind = (self.nn.Conv1d, self.nn.Conv2d, self.nn.Conv3d)[len(axes) - 1]
        padding, around = self._around(axes, 0.0)
        strides = tuple(axis.stride for axis in axes)
        made = kind(shape[-1], layer.filters, layer.window, stride=strides, padding=padding)
        return [*around, made]

    def _max_pool(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        axes = layer.axes(shape)
        kind = (self.nn.MaxPool1d, self.nn.MaxPool2d, self.nn.MaxPool3d)[len(axes) - 1]
        padding, around = self._around(axes, -self.torch.inf)
        if any(2 * p > axis.window for p, axis in zip(padding, axes, strict=True)):
            raise Unsupported("torch pads a pooling by half its window at most")
        return [*around, kind(layer.window, tuple(axis.stride for axis in axes), padding)]

    def _average_pool(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        """PyTorch counts padding or leaves it out, but only that which is the same at both ends."""
        axes = layer.axes(shape)
        kind = (self.nn.AvgPool1d, self.nn.AvgPool2d, self.nn.AvgPool3d)[len(axes) - 1]
        padding, around = self._around(axes, 0.0)
        strides = tuple(axis.stride for axis in axes)
        pool = kind(layer.window, strides, padding, count_include_pad=False)
        if not around:
            return [pool]
        factors = (prod(layer.window) / counts(axes)[..., 0]).astype(self.workload.dtype)
        return [*around, pool, _scaled(self.torch, self.torch.from_numpy(factors))]

    def _flatten(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        """Channels run fastest, as the dense kernels that follow have it."""
        if len(shape) == 1:
            return []
        return [_module(self.torch, lambda x: x.movedim(1, -1).flatten(1))]

    def _dropout(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        return [self.nn.Dropout(layer.rate)] if layer.rate else []

    def _gaussian_noise(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        torch, deviation = self.torch, layer.deviation
        if not deviation:
            return []
        return [_module(torch, lambda x: x + deviation * torch.randn_like(x), training_alone=True)]

    def _residual(self, name: str, layer: Any, shape: tuple[int, ...]) -> list[Any]:
        made = {
            place: self.nn.Sequential(*self.make(f"{name}/{place}", each, before))
            for place, each, before in layer.members(shape)
        }
        shortcut = made.pop("shortcut", None)
        return [_residual(self.torch, self.nn.Sequential(*made.values()), shortcut)]

    def _around(self, axes: Sequence[Axis], value: float) -> tuple[tuple[int, ...], list[Any]]:
        """The padding that a module can do itself, or a module that does it before."""
        if all(axis.before == axis.after for axis in axes):
            return tuple(axis.before for axis in axes), []
        sides = [side for axis in reversed(axes) for side in (axis.before, axis.after)]
        pad = self.nn.functional.pad
        return (0,) * len(axes), [_module(self.torch, lambda x: pad(x, sides, value=value))]


def _module(torch: Any, function: Callable[[Any], Any], *, training_alone: bool = False) -> Any:
    """A module that calls a function."""

    class Function(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return function(x) if self.training or not training_alone else x

    return Function()


def _scaled(torch: Any, factors: Any) -> Any:
    """A module that multiplies by constants, which move with the model."""

    class Scaled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("factors", factors)

        def forward(self, x: Any) -> Any:
            return x * self.factors

    return Scaled()


def _residual(torch: Any, chain: Any, shortcut: Any) -> Any:
    """A module that adds its input, or what the shortcut makes of it, to its output."""

    class Residual(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.chain, self.shortcut = chain, shortcut

        def forward(self, x: Any) -> Any:
            return self.chain(x) + (x if self.shortcut is None else self.shortcut(x))

    return Residual()
