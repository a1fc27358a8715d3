"""Adapters that work through helper processes, or use much memory: known amounts of both."""

import os
import resource
import subprocess
import time
from pathlib import Path

import numpy as np

from levelfield import registry

Numpy = registry.adapter("numpy")
USER, SYSTEM = 0.6, 0.4
"""Seconds that each burner burns, of either kind."""


def burn(user=USER, system=SYSTEM):
    """Burn so many CPU seconds on top of those used already, however long that takes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    numbers = list(range(2000))
    while resource.getrusage(resource.RUSAGE_SELF).ru_utime - before.ru_utime < user:
        for _ in range(200):
            sum(numbers)
    room = bytearray(1 << 20)
    with Path("/dev/zero").open("rb", buffering=0) as zeros:
        while resource.getrusage(resource.RUSAGE_SELF).ru_stime - before.ru_stime < system:
            for _ in range(20):
                zeros.readinto(room)


def fork(job):
    """Do a job in a forked helper; gives its number and a pipe that ends when the job is done."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        job()
        os._exit(0)
    os.close(write)
    return pid, read


class Spawner(Numpy):
    """Burns in a helper that it waits for, in one that it does not wait for, and itself."""

    name = "spawner"

    def train(self, order, rates):
        waited, done = fork(burn)
        os.read(done, 1)
        os.waitpid(waited, 0)
        _, done = fork(burn)
        os.read(done, 1)
        burn()
        time.sleep(0.05)
        return super().train(order, rates)


class Litterer(Numpy):
    """Leaves helpers behind: a sleeper, one in a session of its own, and one that has burned."""

    name = "litterer"

    def train(self, order, rates):
        subprocess.Popen(["sleep", "1000"])
        os.waitpid(fork(self.scatter)[0], 0)
        return super().train(order, rates)

    def scatter(self):
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        _, done = fork(burn)
        os.read(done, 1)


class Fat(Numpy):
    """Holds 200 MiB for a moment."""

    name = "fat"

    def train(self, order, rates):
        np.ones(200 << 17)
        return super().train(order, rates)


class Sleeper(Numpy):
    """Says so in a file, and sleeps: nothing is computed then."""

    name = "sleeper"

    def train(self, order, rates):
        Path(os.environ["LEVELFIELD_SIGN"]).touch()
        time.sleep(float(os.environ["LEVELFIELD_SLEEP"]))
        return super().train(order, rates)


class Teller(Numpy):
    """Gives away where it runs, as settings."""

    name = "teller"

    def settings(self):
        import sys

        names = sorted(os.environ)
        return {"environ": "\n".join(names), "path": "\n".join(sys.path), "pid": os.getpid()}


class Mute(Numpy):
    """Tells no losses, as a framework on a cluster does: the engine evaluates the training set."""

    name = "mute"

    def train(self, order, rates):
        super().train(order, rates)
