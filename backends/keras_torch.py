"""Keras 3 on PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.backend import Unsupported

from .keras import Keras
from .keras_layers import Parts
from .torch_precision import products, switch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levelfield.backend import Workload
    from levelfield.spec.windows import Axis


class TorchParts(Parts):
    """Without those that Keras 3.15 on PyTorch computes otherwise, or not at all."""

    def _convolution(self, name: str, layer: Any, shape: tuple[int, ...], x: Any) -> Any:
        if self.workload.precision == "float64":
            raise Unsupported("Keras on PyTorch: no gradient of a convolution in float64 on a CPU")
        return super()._convolution(name, layer, shape, x)

    def _pool(self, kind: str, layer: Any, axes: Sequence[Axis]) -> Any:
        if kind == "AveragePooling" and any(axis.before or axis.after for axis in axes):
            raise Unsupported("Keras on PyTorch counts padding as zeros in an average")
        return super()._pool(kind, layer, axes)


class KerasTorch(Keras):
    """Keras on PyTorch; tuned: without torch.compile, which Keras 3.15 leaves off by itself too."""

    name = "keras-torch"
    spoken = "Keras on PyTorch"
    over = "torch"
    packages = ("keras", "torch")
    imports = ("torch", "keras")
    environments: ClassVar = {"cuda": "torch-cuda"}
    environ: ClassVar = {"KERAS_BACKEND": "torch"}
    tuning: ClassVar = {"jit_compile": False}
    kind: ClassVar = TorchParts

    def prepare(self, workload: Workload, threads: int) -> None:
        """Set PyTorch's threads."""
        import torch

        self.torch = torch
        switch(torch, workload.precision)
        torch.set_num_threads(threads)

    def on_gpu(self) -> bool:
        """Keras puts tensors on a GPU wherever PyTorch sees one."""
        return bool(self.torch.cuda.is_available())

    def products(self) -> str:
        """PyTorch's switches."""
        return products(self.torch)

    def settings(self) -> Mapping[str, str | int | bool]:
        """Keras' settings and PyTorch's threads."""
        return {**super().settings(), "threads": self.torch.get_num_threads()}
