"""Every registered adapter, with the types and shapes it gives checked in its own process."""

import numpy as np

from levelfield import registry


def require(good, what, seen):
    if not good:
        raise AssertionError(f"{what} gave {seen}")


def strict(adapter):
    class Strict(adapter):
        def __init__(self, workload, weights, **how):
            self._shapes = {name: array.shape for name, array in weights.items()}
            self._dtype = np.dtype(workload.precision)
            for array in weights.values():
                array.flags.writeable = False
            super().__init__(workload, weights, **how)

        def train(self, order, rates):
            order.flags.writeable = rates.flags.writeable = False
            loss = super().train(order, rates)
            require(type(loss) is float, "train", type(loss))
            return loss

        def predict(self, x):
            return self._checked(super().predict(x), "predict")

        def weights(self):
            found = super().weights()
            shapes = {name: self._checked(array, name).shape for name, array in found.items()}
            require(shapes == self._shapes, "weights", shapes)
            return found

        def _checked(self, array, what):
            good = type(array) is np.ndarray and array.dtype == self._dtype
            require(good, what, f"{type(array)} of {getattr(array, 'dtype', None)}")
            return array

        def close(self):
            super().close()
            super().close()

    Strict.__module__ = __name__
    return Strict


globals().update({name: strict(adapter) for name, adapter in registry.backends().items()})
