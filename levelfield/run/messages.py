"""One JSON object a line, over pipes of their own: how parent and worker talk.

The parent asks with a mapping whose ``do`` names a method of the worker; the worker answers with
``ok`` and the method's facts, or with ``error``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]


def encoded(message: Message) -> bytes:
    """Return a message as its line; what JSON does not know travels as its text."""
    return (json.dumps(message, separators=(",", ":"), default=str) + "\n").encode()


def send(descriptor: int, message: Message) -> None:
    """Write one message, whole."""
    data = memoryview(encoded(message))
    while data:
        data = data[os.write(descriptor, data) :]


class Lines:
    """Puts the pieces that a pipe gives together into messages."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take a piece; give every message it completes. Raise `ValueError` at what is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("not a message")  # noqa: TRY004 - as json does for other lines
            yield message
