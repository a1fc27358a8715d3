"""Adapters that break, each in its own way, when they are to train."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from levelfield import registry
from levelfield.backend import Unsupported

Numpy = registry.adapter("numpy")


class Crasher(Numpy):
    name = "crasher"

    def train(self, order, rates):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.write(2, b"the last words of a library\n")
        tempfile.mkstemp()
        os.abort()


class Segfault(Numpy):
    name = "segfault"

    def train(self, order, rates):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.string_at(0)


class Killed(Numpy):
    """Is killed by another process, as the out-of-memory killer would do it."""

    name = "killed"

    def train(self, order, rates):
        subprocess.run(["kill", "-KILL", str(os.getpid())], check=True)
        time.sleep(60)


class Realtime(Numpy):
    """Is ended by a signal that has no name."""

    name = "realtime"

    def train(self, order, rates):
        os.kill(os.getpid(), signal.SIGRTMIN + 5)


class Hog(Numpy):
    """Allocates until there is no more."""

    name = "hog"

    def train(self, order, rates):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (256 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        held = []
        while True:
            held.append(np.ones(1 << 22))


class Hanger(Numpy):
    name = "hanger"

    def train(self, order, rates):
        while True:
            time.sleep(3600)


class Babbler(Numpy):
    """Never comes to an end, and never stops talking."""

    name = "babbler"

    def train(self, order, rates):
        while True:
            sys.stdout.write("still here " * 100)


class Liar(Numpy):
    """The fourth piece that it trains on ends in a loss that is not a number."""

    name = "liar"
    calls = 0

    def train(self, order, rates):
        loss = super().train(order, rates)
        self.calls += 1
        return float("nan") if self.calls == 4 else loss


class Stumbler(Numpy):
    """Breaks in its fourth whole epoch, long after short epochs have begun to be dealt together."""

    name = "stumbler"
    calls = 0

    def train(self, order, rates):
        self.calls += len(order) == len(self.x)
        if self.calls == 4:
            raise RuntimeError("no further")
        return super().train(order, rates)


class Diverger(Numpy):
    """Its losses stay finite, but nothing can be done with its model after the fourth piece."""

    name = "diverger"
    calls = 0

    def train(self, order, rates):
        self.calls += 1
        return super().train(order, rates)

    def predict(self, x):
        return super().predict(x) * (float("nan") if self.calls >= 4 else 1.0)


class Chatterbox(Numpy):
    """Trains well, but talks: megabytes, on both streams, not all of it text."""

    name = "chatterbox"

    def train(self, order, rates):
        sys.stdout.write('{"ok":"train","loss":0.0}\n' * 40_000)
        sys.stderr.write("warning: " * 100_000)
        for stream in (1, 2):
            os.write(stream, bytes(range(256)) * 4_000)
        return super().train(order, rates)


class Quitter(Numpy):
    name = "quitter"

    def train(self, order, rates):
        sys.exit(3)


class Leaver(Numpy):
    """Goes as if all were well."""

    name = "leaver"

    def train(self, order, rates):
        os._exit(0)


class Raiser(Numpy):
    name = "raiser"

    def train(self, order, rates):
        text = "Größe\nfalsch \N{SNOWMAN} \x1b[31m \udcff\x00 "
        raise ValueError(text + "x" * 1_000_000)


class Unreadable(Numpy):
    """Raises something that cannot even be printed."""

    name = "unreadable"

    def train(self, order, rates):
        class BadError(Exception):
            def __str__(self):
                raise RuntimeError("no")

        raise BadError


class Vandal(Numpy):
    """Writes into every descriptor it finds."""

    name = "vandal"

    def train(self, order, rates):
        for descriptor in map(int, sys.argv[1:3]):
            try:
                os.write(descriptor, b"\xff\xfe[1, 2]\n")
            except OSError:
                continue
        return super().train(order, rates)


class Forker(Numpy):
    """Crashes while a helper that it has forked lives on and holds every pipe open."""

    name = "forker"

    def train(self, order, rates):
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        os._exit(9)


class Refuser(Numpy):
    name = "refuser"

    def __init__(self, *given, **how):
        raise Unsupported("only on\nWednesdays")


class Objector(Numpy):
    """Gives what no array of numbers can be made of."""

    name = "objector"

    def predict(self, x):
        return [{"a": 1}] * len(x)
