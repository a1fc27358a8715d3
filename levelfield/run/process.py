"""A worker process seen from the parent: started, asked, timed out, ended, accounted for.

The parent blocks in `select` while the worker works: it never polls.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from levelfield.results.record import Span, Status
from levelfield.run.clock import SESSION, children, descendants, resident, stat
from levelfield.run.messages import Lines, Message, encoded

TAIL, LAST = 16_384, 200
"""Bytes of the worker's standard streams that are kept; characters of their last line that a reason
tells."""
KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")
"""Variables that a worker inherits; everything else it gets is named here or by its trial."""
LOOK = 0.1
"""Seconds from one look at a worker's memory to the next, where it has a limit."""
GRACE = 5.0
"""Seconds that a worker has to be gone once it has closed its pipe."""
MARKER = "LEVELFIELD_WORKER"
"""Variable that tells which worker a process descends from, wherever it has gone since."""
POOLS = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA", "VECLIB")

_NUMBERS = itertools.count(1)


class WorkerError(Exception):
    """The worker could not do what it was asked: ``status`` and reason for its trial's record.

    ``log``: the end of what it wrote to its standard streams, once that is all in.
    """

    def __init__(self, status: Status, reason: str) -> None:
        """Keep the status (skipped, failed or timeout) and the reason."""
        super().__init__(reason)
        self.status, self.reason, self.log = status, reason, ""


class MemoryLimitError(WorkerError):
    """The worker and its helpers held more memory than they may."""


class Process:
    """One worker. Use as a context manager; afterwards nothing of it is left running.

    A worker's end is seen through its pidfd: a helper that it has forked may keep its pipes open.
    """

    def __init__(
        self,
        *,
        cpus: Sequence[int],
        environ: Mapping[str, str],
        timeout: float,
        python: str = sys.executable,
        memory: int | None = None,
    ) -> None:
        """Start the worker on these processors; it has so many seconds to live.

        memory: bytes that it and its helpers may hold; looked at ten times a second.
        """
        self._memory, self._helpers, self._looked = memory, [0], 0.0
        self.log = b""
        self.total: Span | None = None
        self._oom = _oom_kills()
        self._started = time.monotonic()
        self._timeout = timeout
        self._marker = f"{os.getpid()}-{next(_NUMBERS)}"
        _adopt_orphans()
        ask_read, self._ask = os.pipe()
        self._answer, answer_write = os.pipe()
        os.set_blocking(self._ask, False)
        child = [str(ask_read), str(answer_write), ",".join(map(str, cpus)), str(os.getpid())]
        self._process = subprocess.Popen(
            [python, "-P", "-m", "levelfield.run.worker", *child],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(ask_read, answer_write),
            env=worker_environ(threads=len(cpus), extra={**environ, MARKER: self._marker}),
            start_new_session=True,
        )
        os.close(ask_read)
        os.close(answer_write)
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._chatter = self._process.stdout.fileno()
        os.set_blocking(self._chatter, False)
        self._watch = os.pidfd_open(self._process.pid)
        self._lines = Lines()
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._answer, self._chatter, self._watch):
            self._selector.register(descriptor, selectors.EVENT_READ)

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
        try:
            if kind is None:
                with contextlib.suppress(WorkerError):
                    self._receive()  # the end of the pipe, or of its time
        finally:
            self._reap(grace=0.0)
            self._selector.close()
            os.close(self._answer)
            os.close(self._watch)
            if self._process.stdout is not None:
                self._process.stdout.close()
        if isinstance(error, WorkerError):
            error.log = self.tail

    def ask(self, do: str, **facts: Any) -> Message:
        """Ask for one thing and wait for the answer; raise `WorkerError` where none comes."""
        self._send({"do": do, **facts})
        reply = self._receive()
        if "error" in reply:
            status: Status = "skipped" if reply["error"] == "unsupported" else "failed"
            raise WorkerError(status, reply["reason"])
        return reply

    def tree(self) -> set[int]:
        """Numbers of the worker's process and of all below it, as they are now."""
        return {self._process.pid, *descendants(self._process.pid)}

    def kill(self) -> None:
        """End the worker, from any thread; whoever waits for its answer is told of its death."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)

    def pause(self) -> None:
        """Stop the worker and its helpers where they stand: they use no processor from then on."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal_group(signal.SIGCONT)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    @property
    def tail(self) -> str:
        """The end of what the worker wrote to its standard streams."""
        return self.log.decode(errors="replace")

    def _send(self, message: Message) -> None:
        """Hand a message over as fast as the worker takes it; its death is told by what follows."""
        data = memoryview(encoded(message))
        self._selector.register(self._ask, selectors.EVENT_WRITE)
        try:
            while data:
                ready = self._wait()
                if self._watch in ready:
                    break
                if self._ask in ready:
                    data = data[os.write(self._ask, data) :]
        except BrokenPipeError:
            pass
        finally:
            self._selector.unregister(self._ask)

    def _receive(self) -> Message:
        """Wait for one message."""
        while True:
            ready = self._wait()
            if self._answer in ready:
                data = os.read(self._answer, 1 << 20)
                if not data:
                    raise WorkerError("failed", self._death())
                try:
                    for message in self._lines.feed(data):
                        return message
                except ValueError:
                    raise WorkerError("failed", "something wrote into the worker's pipe") from None
            elif self._watch in ready:
                raise WorkerError("failed", self._death())

    def _wait(self) -> set[int]:
        """Sleep until something happens, or its time is over; keep what the worker prints."""
        left = self._started + self._timeout - time.monotonic()
        while True:
            pause = left if self._memory is None else min(left, LOOK)
            ready = {key.fd for key, _ in self._selector.select(max(0.0, pause))}
            left = self._started + self._timeout - time.monotonic()
            if self._memory is not None:
                self._weigh(self._memory)
            if ready or left <= 0:
                break
        if self._chatter in ready:
            self._keep()
        if left <= 0 and not ready & {self._answer, self._watch}:
            raise WorkerError("timeout", f"no end within {self._timeout:g} s (--timeout)")
        return ready

    def _weigh(self, most: int) -> None:
        """Raise `MemoryLimitError` where the worker and its helpers hold more than they may."""
        now = time.monotonic()
        if now - self._looked > 10 * LOOK:
            self._helpers = [self._process.pid, *descendants(self._process.pid)]
            self._looked = now
        held = sum(map(resident, self._helpers))
        if held > most:
            raise MemoryLimitError(
                "failed",
                f"out of memory: {held / 2**30:.2f} GiB, of {most / 2**30:.2f} GiB (--memory)",
            )

    def _keep(self) -> None:
        data = self._process.stdout.read(1 << 20) if self._process.stdout else b""
        if data == b"" and self._chatter in self._selector.get_map():
            self._selector.unregister(self._chatter)
        elif data:
            self.log = (self.log + data)[-TAIL:]

    def _death(self) -> str:
        """Why the worker is gone, in words."""
        if not self._reap(grace=GRACE):
            return "the worker closed its pipe and went on"
        code = self._process.returncode
        if code >= 0:
            last = self.log.decode(errors="replace").strip().rpartition("\n")[2][:LAST]
            return f"the worker ended by itself with exit status {code}" + (
                f": {last}" if last else ""
            )
        if -code == signal.SIGKILL and _oom_kills() > self._oom:
            return "killed by the system's out-of-memory killer (SIGKILL)"
        known = {int(each): each.name for each in signal.Signals}
        return f"killed by {known.get(-code, f'signal {-code}')}"

    def _reap(self, *, grace: float) -> bool:
        """End the worker and all it started, read what they used; whether it ended by itself."""
        pid = self._process.pid
        if self._process.returncode is not None:
            return True
        ended = bool(select.select([self._watch], [], [], grace)[0])
        _kill_group(pid)
        _, status, usage = os.wait4(pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - self._started
        user, system = usage.ru_utime, usage.ru_stime
        _kill_group(pid)
        while orphans := list(_orphans(pid, self._marker)):
            for orphan in orphans:
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(orphan, signal.SIGKILL)
                    usage = os.wait4(orphan, 0)[2]
                    user, system = user + usage.ru_utime, system + usage.ru_stime
        self.total = Span(wall=wall, user=user, system=system)
        self._keep()
        return ended


def worker_environ(*, threads: int, extra: Mapping[str, str]) -> dict[str, str]:
    """Everything that a worker finds in its environment: an allow-list, and the thread pools."""
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {name: value for name, value in os.environ.items() if name.startswith("LEVELFIELD_")}
    environ |= {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    environ |= {"PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return {**environ, **extra}


def _adopt_orphans() -> None:
    """Become the parent of what workers leave behind, so that it can be ended and accounted for."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _orphans(worker: int, marker: str) -> Iterator[int]:
    """Children of this process that came from a worker: in its session, or with its marker."""
    for child in children(os.getpid()):
        with contextlib.suppress(OSError):
            if int(stat(child)[SESSION]) == worker or _marked(child, marker):
                yield child


def _marked(pid: int, marker: str) -> bool:
    """Whether a process has a worker's marker; one that has ended cannot be asked any more."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARKER}={marker}".encode() in environ.split(b"\0")


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
