"""Keras 3 on TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from levelfield.backend import Unsupported

from .keras import Keras
from .tensorflow_layers import KERNELS
from .tensorflow_precision import devices, products, switch
from .tensorflow_threads import read_threads, set_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levelfield.backend import Workload


class KerasTensorFlow(Keras):
    """Keras on TensorFlow; tuned: compiled by XLA, which Keras puts on by itself on a GPU alone."""

    name = "keras-tensorflow"
    spoken = "Keras on TensorFlow"
    over = "tensorflow"
    packages = ("keras", "tensorflow-cpu|tensorflow")
    imports = ("tensorflow", "keras")
    environments: ClassVar = {"cuda": "tensorflow-cuda"}
    environ: ClassVar = {"KERAS_BACKEND": "tensorflow"}
    semantics: ClassVar = {
        **Keras.semantics,
        "binary_crossentropy": "logits",
        "categorical_crossentropy": "logits",
    }
    semantics_in: ClassVar = {"default": KERNELS}
    tuning: ClassVar = {"jit_compile": True}

    def prepare(self, workload: Workload, threads: int) -> None:
        """Set the sizes of TensorFlow's thread pools."""
        double = workload.precision == "float64"
        kinds = {"max_pool", "average_pool"}
        pools = [part.window for part in workload.parts() if part.kind in kinds]
        if double and any(len(window) > 2 for window in pools):  # noqa: PLR2004
            raise Unsupported("TensorFlow pools volumes in float32 alone")
        import tensorflow as tf

        self.tf = tf
        set_threads(tf, threads)
        switch(tf, workload.precision)

    def on_gpu(self) -> bool:
        """TensorFlow puts variables on a GPU wherever it sees one."""
        return "cuda" in devices(self.tf)

    def products(self) -> str:
        """TensorFlow's switch."""
        return products(self.tf)

    def settings(self) -> Mapping[str, str | int | bool]:
        """Keras' settings and TensorFlow's threads."""
        return {**super().settings(), **read_threads(self.tf)}
