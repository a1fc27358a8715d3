"""Adapters for duets: one whose threads never rest, one that is slower by a known share."""

import os
import threading
import time

from levelfield import registry

Numpy = registry.adapter("numpy")


class Spinner(Numpy):
    """Has a thread that burns whatever it can get, as a spinning thread pool does."""

    name = "spinner"

    def __init__(self, *given, **how):
        super().__init__(*given, **how)
        threading.Thread(target=self.spin, daemon=True).start()

    def spin(self):
        while True:
            sum(range(1000))


class Delayed(Numpy):
    """Waits as long again as LEVELFIELD_DELAY (a share) of what the training itself took."""

    name = "delayed"

    def train(self, order, rates):
        began = time.perf_counter()
        loss = super().train(order, rates)
        delay = float(os.environ["LEVELFIELD_DELAY"]) * (time.perf_counter() - began)
        end = time.perf_counter() + delay
        while time.perf_counter() < end:
            pass
        return loss


class Breaker(Numpy):
    """Is gone in the middle of its fifth epoch."""

    name = "breaker"
    calls = 0

    def train(self, order, rates):
        self.calls += len(order) > 100
        if self.calls == 5:
            os._exit(7)
        return super().train(order, rates)
