"""TensorFlow's thread pools."""

from __future__ import annotations

from typing import Any


def set_threads(tf: Any, threads: int) -> None:
    """Set both pools, which is possible only before TensorFlow has run anything."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def read_threads(tf: Any) -> dict[str, str | int | bool]:
    """The sizes of TensorFlow's pools."""
    threading = tf.config.threading
    return {
        "threads": threading.get_intra_op_parallelism_threads(),
        "threads between operations": threading.get_inter_op_parallelism_threads(),
    }
