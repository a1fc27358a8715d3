"""JAX's switches of precision, and what they are read back as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from levelfield.backend import Workload

LOW = {"tf32": frozenset({"cuda"}), "bfloat16": frozenset({"cpu", "cuda"})}
"""By precision below float32: where JAX computes in it. Of float16 it scales no loss."""
PRODUCTS = {"tf32": "tensorfloat32"}


def switch(jax: Any, precision: str) -> None:
    """Have products computed in this precision: on a GPU, not even float32 is the default."""
    jax.config.update("jax_enable_x64", precision == "float64")
    jax.config.update("jax_default_matmul_precision", PRODUCTS.get(precision, "highest"))


def mixed(jax: Any, workload: Workload, forward: Callable[..., Any]) -> Any:
    """The forward function as it is; or of weights and samples cast down, its outputs cast back."""
    if workload.precision != "bfloat16":
        return forward
    low, high = jax.numpy.bfloat16, jax.numpy.dtype(workload.dtype)

    def cast(weights: Any, x: Any, key: Any = None) -> Any:
        lowered = {name: array.astype(low) for name, array in weights.items()}
        return forward(lowered, x.astype(low), key).astype(high)

    return cast


def read(jax: Any, forward: Callable[..., Any], weights: Any, sample: tuple[int, ...]) -> str:
    """The coarsest type that a product or convolution of the traced forward function gives."""
    first = next(iter(weights.values()))
    given = np.zeros((1, *sample), first.dtype)
    traced = jax.make_jaxpr(forward)(weights, given)
    kinds = {
        str(out.aval.dtype)
        for step in _steps(traced.jaxpr)
        if step.primitive.name in {"dot_general", "conv_general_dilated"}
        for out in step.outvars
    }
    found = min(kinds or {str(first.dtype)}, key=lambda kind: jax.numpy.finfo(kind).bits)
    return products(jax) if found == "float32" else found


def products(jax: Any) -> str:
    """What products of float32 are computed in, by JAX's switch."""
    told = str(jax.config.jax_default_matmul_precision)
    return {"highest": "float32", "tensorfloat32": "tf32"}.get(told, told)


def _steps(jaxpr: Any) -> Any:
    """Every operation of a traced function, those inside other traced functions included."""
    for step in jaxpr.eqns:
        yield step
        for inner in step.params.values():
            if hasattr(inner, "jaxpr"):
                yield from _steps(inner.jaxpr)
