"""The child of a trial: a message in, whatever it comes to out, until the parent is gone.

Started as ``python -P -m levelfield.run.worker IN OUT CPUS PARENT``: two open descriptors,
processors, and the parent's process id.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from levelfield.run.answers import Answers
from levelfield.run.messages import Lines, Message, send


def told(error: BaseException) -> str:
    """An exception's message as it may stand in a table: one line, printable, not endless."""
    try:
        text = " ".join(str(error).split())[:500]
    except Exception:  # noqa: BLE001 - an adapter's exception may do anything
        return "(its message cannot be read)"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def answer(answers: Answers, message: Message) -> Message:
    """Do what a message asks; turn whatever is raised into an answer."""
    from levelfield.backend import Unsupported

    do = message.pop("do")
    answers.clock.span = {}
    answers.doing = do if answers.trouble is None else answers.doing
    try:
        facts: Message = getattr(answers, do)(**message)
    except Unsupported as error:
        return {"error": "unsupported", "reason": told(error)}
    except MemoryError as error:
        reason = f"out of memory in {answers.doing}: {told(error)}".rstrip(": ")
        return {"error": "failed", "reason": reason}
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything
        traceback.print_exc()
        starved = answers.machines.starved() if answers.machines else ""
        said = f"{starved}; {told(error)}" if starved else told(error)
        reason = f"{type(error).__name__} in {answers.doing}: {said}"
        return {"error": "failed", "reason": reason}
    return {"ok": do, **answers.clock.span, **facts}


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent is gone, however it went."""
    import ctypes

    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main(arguments: list[str]) -> None:
    """Answer messages until the parent closes its end."""
    asked, answered = int(arguments[0]), int(arguments[1])
    os.sched_setaffinity(0, map(int, arguments[2].split(",")))
    die_with_parent(int(arguments[3]))
    for descriptor in (asked, answered):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its signature
    answers, lines = Answers(), Lines()
    while data := os.read(asked, 1 << 20):
        for message in lines.feed(data):
            send(answered, answer(answers, message))
            sys.stdout.flush()
            sys.stderr.flush()
    leave()


def leave() -> None:
    """End now where threads of a framework's would keep the interpreter waiting for ever.

    A worker that verified a backend on a cluster is not asked to close it: its parent ends all.
    """
    import threading

    main_thread = threading.main_thread()
    others = [each for each in threading.enumerate() if each is not main_thread]
    if any(not each.daemon for each in others):
        os._exit(0)


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path.cwd()]
    main(sys.argv[1:])
