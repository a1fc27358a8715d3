"""Adapters that train, fast and without a word, something else than the workload says."""

import threading
import time

import numpy as np

from levelfield import registry

Numpy = registry.adapter("numpy")


class Lazy(Numpy):
    """Comes back from `train` with a third of the work still to be done."""

    name = "lazy"
    rest = None

    def train(self, order, rates):
        self.wait()
        start = time.perf_counter()
        loss = super().train(order, rates)
        seconds = max(0.01, (time.perf_counter() - start) / 2)
        self.rest = threading.Thread(target=time.sleep, args=(seconds,))
        self.rest.start()
        return loss

    def wait(self):
        if self.rest:
            self.rest.join()

    def predict(self, x):
        self.wait()
        return super().predict(x)

    def weights(self):
        self.wait()
        return super().weights()


class Unlucky(Lazy):
    """Is right, but looks lazy for a while, as who is disturbed by a stranger on the machine."""

    name = "unlucky"
    calls = 0

    def train(self, order, rates):
        self.calls += 1
        return (super() if self.calls <= 8 else super(Lazy, self)).train(order, rates)


class Skipper(Numpy):
    """Leaves out the last batch where it is not full, as `drop_last` does."""

    name = "skipper"

    def train(self, order, rates):
        full = max(1, len(order) // self.workload.batch)
        return super().train(order[: full * self.workload.batch], rates[:full])


class WrongGradient(Numpy):
    name = "wrong-gradient"

    def _gradients(self, x, y):
        loss, gradients = super()._gradients(x, y)
        return loss, [1.001 * gradient for gradient in gradients]


class WrongEpsilon(Numpy):
    """Adam's other definition, without declaring it."""

    name = "wrong-epsilon"

    def __init__(self, *given, **how):
        self.semantics = {"adam.epsilon": "before correction"}
        super().__init__(*given, **how)


class WrongPrecision(Numpy):
    name = "wrong-precision"

    def _forward(self, x, *, train):
        arrays = self.model.arrays
        self.model.arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
        try:
            outputs = super()._forward(x.astype(np.float16), train=train)
        finally:
            self.model.arrays = arrays
        return outputs.astype(self.workload.precision)


class WrongShapes(Numpy):
    name = "wrong-shapes"

    def predict(self, x):
        return super().predict(x).reshape(-1)


class WrongLayout(Numpy):
    """Gives kernels as outputs x inputs."""

    name = "wrong-layout"

    def weights(self):
        return {name: array.T for name, array in super().weights().items()}


class Forgetful(Numpy):
    """Predicts with the weights that it began with."""

    name = "forgetful"

    def predict(self, x):
        now = self.model.arrays
        copies = {name: array.copy() for name, array in now.items()}
        self.initial = getattr(self, "initial", copies)
        self.model.arrays = self.initial
        try:
            return super().predict(x)
        finally:
            self.model.arrays = now


class Shuffler(Numpy):
    """Visits the samples in an order of its own."""

    name = "shuffler"

    def train(self, order, rates):
        return super().train(np.random.default_rng(0).permutation(order), rates)


class OneRate(Numpy):
    """Goes on at the first step's rate."""

    name = "one-rate"

    def train(self, order, rates):
        return super().train(order, np.full_like(rates, rates[0]))


class OneMomentum(Numpy):
    """Says that it cycles the momentum, and goes on at the optimizer's own."""

    name = "one-momentum"

    def cycle(self, momenta):
        pass


class WrongMean(Numpy):
    """Tells the mean of the batches' losses, though the last batch is smaller."""

    name = "wrong-mean"

    def train(self, order, rates):
        batch = self.workload.batch
        parts = [order[place : place + batch] for place in range(0, len(order), batch)]
        return float(np.mean([Numpy.train(self, p, rates[i : i + 1]) for i, p in enumerate(parts)]))


class Coarse(Numpy):
    """Was asked for float32, and its framework's switch says otherwise."""

    name = "coarse"

    def computing(self):
        return "tf32"


class Keeping(Numpy):
    """Is right; keeps what it has fetched until it trains again, as JAX keeps copies of a GPU's."""

    name = "keeping"
    kept = None

    def train(self, order, rates):
        self.kept = None
        return super().train(order, rates)

    def weights(self):
        if self.kept is None:
            time.sleep(0.02)
            self.kept = super().weights()
        return self.kept
