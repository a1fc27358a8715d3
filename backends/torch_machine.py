"""A device's limit as PyTorch reaches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .torch_precision import HALVES, switch


class TorchMachine:
    """Works on one device, in one precision."""

    def __init__(self, torch: Any, device: str, precision: str, threads: int) -> None:
        """Set the threads and the switches."""
        torch.set_num_threads(threads)
        switch(torch, precision)
        self.torch, self.device = torch, torch.device(device)
        kind = precision if precision in {*HALVES, "float64"} else "float32"
        self.dtype = getattr(torch, kind)

    def product(self, size: int) -> Callable[[int], None]:
        """`torch.matmul` into a tensor that is there already."""
        shape = (size, size)
        a, b = (2 * self.torch.rand(shape, device=self.device) - 1 for _ in range(2))
        a, b = a.to(self.dtype), b.to(self.dtype)
        out = self.torch.empty_like(a)
        return self._waited(lambda: self.torch.matmul(a, b, out=out))

    def copy(self, size: int) -> Callable[[int], None]:
        """`Tensor.copy_`."""
        kind = self.torch.uint8
        a = self.torch.ones(size, dtype=kind, device=self.device)
        b = self.torch.zeros(size, dtype=kind, device=self.device)
        return self._waited(lambda: b.copy_(a))

    def _waited(self, once: Callable[[], object]) -> Callable[[int], None]:
        def work(count: int) -> None:
            for _ in range(count):
                once()
            if self.device.type == "cuda":
                self.torch.cuda.synchronize()

        return work
