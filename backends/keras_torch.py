"""Keras 3 on PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .keras import Keras

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levelfield.backend import Workload


class KerasTorch(Keras):
    """Keras on PyTorch; tuned: without torch.compile, which Keras puts on by itself."""

    name = "keras-torch"
    packages = ("keras", "torch")
    imports = ("torch", "keras")
    environ: ClassVar = {"KERAS_BACKEND": "torch"}
    tuning: ClassVar = {"jit_compile": False}

    def prepare(self, workload: Workload, threads: int) -> None:
        """Set PyTorch's threads."""
        del workload
        import torch

        self.torch = torch
        torch.set_num_threads(threads)

    def settings(self) -> Mapping[str, str | int | bool]:
        """Keras' settings and PyTorch's threads."""
        return {**super().settings(), "threads": self.torch.get_num_threads()}
