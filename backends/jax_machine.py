"""A device's limit as JAX reaches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .jax_precision import switch


class JaxMachine:
    """Works on one device, in one precision."""

    def __init__(self, jax: Any, device: str, precision: str) -> None:
        """Take the device of this kind."""
        switch(jax, precision)
        self.jax, self.jnp, self.device = jax, jax.numpy, jax.devices(device)[0]
        self.dtype = precision if precision in {"bfloat16", "float16", "float64"} else "float32"

    def product(self, size: int) -> Callable[[int], None]:
        """A product, compiled by XLA."""
        keys = self.jax.random.split(self.jax.random.key(1))
        with self.jax.default_device(self.device):
            a, b = (
                self.jax.random.uniform(key, (size, size), minval=-1).astype(self.dtype)
                for key in keys
            )
        return self._waited(self.jax.jit(self.jnp.matmul), a, b)

    def copy(self, size: int) -> Callable[[int], None]:
        """One is added to every byte: a bare copy may be left out by the compiler."""
        with self.jax.default_device(self.device):
            a = self.jnp.ones(size, "uint8")
        return self._waited(self.jax.jit(lambda x: x + 1), a)

    def _waited(self, function: Callable[..., Any], *given: Any) -> Callable[[int], None]:
        def work(count: int) -> None:
            for _ in range(count):
                out = function(*given)
            out.block_until_ready()

        return work
