"""A worker process seen from the parent: started, asked, timed out, ended, accounted for.

The parent blocks in `select` while the worker works: it never polls.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from levelfield.results.record import Span
from levelfield.run.messages import Lines, Message, send

TAIL = 16_384
"""Bytes of the worker's standard streams that are kept."""
KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")
"""Variables that a worker inherits; everything else it gets is named here or by its trial."""
GRACE = 5.0
"""Seconds that a worker has to be gone once it has closed its pipe."""
POOLS = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA", "VECLIB")


class WorkerError(Exception):
    """The worker could not do what it was asked: ``status`` and reason for its trial's record."""

    def __init__(self, status: str, reason: str) -> None:
        """Keep the status (skipped, failed or timeout) and the reason."""
        super().__init__(reason)
        self.status, self.reason = status, reason


class Process:
    """One worker. Use as a context manager; afterwards nothing of it is left running."""

    def __init__(
        self,
        *,
        cpus: Sequence[int],
        environ: Mapping[str, str],
        timeout: float,
        python: str = sys.executable,
    ) -> None:
        """Start the worker on these processors; it has so many seconds to live."""
        self.log = b""
        self.total: Span | None = None
        self._oom = _oom_kills()
        self._started = time.monotonic()
        self._timeout = timeout
        ask_read, self._ask = os.pipe()
        self._answer, answer_write = os.pipe()
        child = [str(ask_read), str(answer_write), ",".join(map(str, cpus)), str(os.getpid())]
        self._process = subprocess.Popen(
            [python, "-P", "-m", "levelfield.run.worker", *child],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(ask_read, answer_write),
            env=worker_environ(threads=len(cpus), extra=environ),
            start_new_session=True,
        )
        os.close(ask_read)
        os.close(answer_write)
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._chatter = self._process.stdout.fileno()
        os.set_blocking(self._chatter, False)
        self._lines = Lines()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answer, selectors.EVENT_READ)
        self._selector.register(self._chatter, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the worker end by itself where all went well, else kill it; then account for it."""
        os.close(self._ask)
        if kind is None:
            with contextlib.suppress(WorkerError):
                self._receive()  # the end of the pipe, or of its time
        self._reap(grace=0.0)
        self._selector.close()
        os.close(self._answer)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def ask(self, do: str, **facts: Any) -> Message:
        """Ask for one thing and wait for the answer; raise `WorkerError` where none comes."""
        with contextlib.suppress(BrokenPipeError):  # its death is told by what follows
            send(self._ask, {"do": do, **facts})
        reply = self._receive()
        if "error" in reply:
            status = "skipped" if reply["error"] == "unsupported" else "failed"
            raise WorkerError(status, reply["reason"])
        return reply

    @property
    def tail(self) -> str:
        """The end of what the worker wrote to its standard streams."""
        return self.log.decode(errors="replace")

    def _receive(self) -> Message:
        """Wait for one message, keeping the end of what the worker prints meanwhile."""
        while True:
            left = self._started + self._timeout - time.monotonic()
            events = self._selector.select(max(0.0, left))
            if not events and left <= 0:
                raise WorkerError("timeout", f"no end within {self._timeout:g} s (--timeout)")
            for key, _ in events:
                if key.fd == self._chatter:
                    self._keep()
                    continue
                data = os.read(self._answer, 1 << 20)
                if not data:
                    raise WorkerError("failed", self._death())
                for message in self._lines.feed(data):
                    return message

    def _keep(self) -> None:
        data = self._process.stdout.read(1 << 20) if self._process.stdout else b""
        if data == b"" and self._chatter in self._selector.get_map():
            self._selector.unregister(self._chatter)
        elif data:
            self.log = (self.log + data)[-TAIL:]

    def _death(self) -> str:
        """Why the worker is gone, in words."""
        self._reap(grace=GRACE)
        code = self._process.returncode
        if code >= 0:
            return f"the worker ended by itself with exit status {code}"
        if -code == signal.SIGKILL and _oom_kills() > self._oom:
            return "killed by the system's out-of-memory killer (SIGKILL)"
        return f"killed by {signal.Signals(-code).name}"

    def _reap(self, *, grace: float) -> None:
        """End the worker and everything it started, and read what the whole tree has used."""
        pid = self._process.pid
        if self._process.returncode is None:
            watch = os.pidfd_open(pid)
            if not select.select([watch], [], [], grace)[0]:
                _kill_group(pid)
            os.close(watch)
            _, status, usage = os.wait4(pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - self._started
            self.total = Span(wall=wall, user=usage.ru_utime, system=usage.ru_stime)
        _kill_group(pid)
        self._keep()


def worker_environ(*, threads: int, extra: Mapping[str, str]) -> dict[str, str]:
    """Everything that a worker finds in its environment: an allow-list, and the thread pools."""
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {name: value for name, value in os.environ.items() if name.startswith("LEVELFIELD_")}
    environ |= {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    environ |= {"PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return {**environ, **extra}


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _oom_kills() -> int:
    """How often the system's out-of-memory killer has struck so far."""
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if "oom_kill " in line), 0)
