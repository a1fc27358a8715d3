"""TensorFlow's switch of precision, and the devices it sees."""

from __future__ import annotations

from typing import Any

LOW = {"tf32": frozenset({"cuda"}), "bfloat16": frozenset({"cpu", "cuda"})}
"""By precision below float32: where TensorFlow computes in it. Of float16 it scales no loss."""
PRODUCTS = ("MatMul", "Conv2D", "Conv3D")


def switch(tf: Any, precision: str) -> None:
    """Allow TensorFloat-32 or forbid it: TensorFlow allows it by default."""
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")


def products(tf: Any) -> str:
    """What products of float32 are computed in, by TensorFlow's switch."""
    allowed = tf.config.experimental.tensor_float_32_execution_enabled()
    return "tf32" if allowed else "float32"


def read(tf: Any, forward: Any, shape: tuple[int, ...], dtype: str) -> str:
    """The coarsest type that a product or convolution of the traced forward function gives."""
    given = tf.TensorSpec((1, *shape), dtype)
    graph = tf.function(lambda x: forward(x, training=False)).get_concrete_function(given).graph
    kinds = {
        out.dtype.name
        for step in graph.get_operations()
        if step.type in PRODUCTS
        for out in step.outputs
    }
    found = min(kinds or {dtype}, key=lambda kind: tf.as_dtype(kind).size)
    return products(tf) if found == "float32" else str(found)


def devices(tf: Any) -> set[str]:
    """What variables are put on by themselves: a GPU wherever one is seen."""
    return {"cuda"} if tf.config.list_physical_devices("GPU") else {"cpu"}
