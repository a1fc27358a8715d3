"""PyTorch's switches of precision, and what they are read back as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from levelfield.backend import Workload

HALVES = ("bfloat16", "float16")
SCALE = 2.0**12
"""Of a float16 loss at first: PyTorch's own 2^16 overflows on sums of squares, and skips steps."""


def switch(torch: Any, precision: str) -> None:
    """Allow TensorFloat-32 or forbid it, in products and in convolutions: their defaults differ."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def mixed(torch: Any, workload: Workload, device: str, what: Callable[..., Any]) -> Any:
    """A function as it is, or under autocast, where the precision is a mixed one."""
    if workload.precision not in HALVES:
        return what
    kind = getattr(torch, workload.precision)

    def cast(*given: Any) -> Any:
        with torch.autocast(device, dtype=kind):
            return what(*given)

    return cast


def scaler(torch: Any, workload: Workload, device: str) -> Any:
    """What scales the loss of a float16 training; None where nothing has to."""
    if workload.precision != "float16":
        return None
    return torch.amp.GradScaler(device, init_scale=SCALE)


def read(torch: Any, outputs: Any) -> str:
    """The precision that made these outputs of a model, by their type and the switches."""
    found = str(outputs.dtype).removeprefix("torch.")
    return products(torch) if found == "float32" else found


def products(torch: Any) -> str:
    """What products and convolutions of float32 are computed in, by PyTorch's switches."""
    allowed = {torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32}
    return {(True,): "tf32", (False,): "float32"}.get(tuple(allowed), "float32 and tf32 mixed")
