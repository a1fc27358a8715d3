"""TensorFlow's switch of precision, and the devices it sees."""

from __future__ import annotations

from typing import Any

TF32 = {"tf32": frozenset({"cuda"})}


def switch(tf: Any, precision: str) -> None:
    """Allow TensorFloat-32 or forbid it: TensorFlow allows it by default."""
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")


def products(tf: Any) -> str:
    """What products of float32 are computed in, by TensorFlow's switch."""
    allowed = tf.config.experimental.tensor_float_32_execution_enabled()
    return "tf32" if allowed else "float32"


def devices(tf: Any) -> set[str]:
    """What variables are put on by themselves: a GPU wherever one is seen."""
    return {"cuda"} if tf.config.list_physical_devices("GPU") else {"cpu"}
