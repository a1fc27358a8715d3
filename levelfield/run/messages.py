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


def send(descriptor: int, message: Message) -> None:
    """Write one message, whole."""
    data = memoryview((json.dumps(message, separators=(",", ":")) + "\n").encode())
    while data:
        data = data[os.write(descriptor, data) :]


class Lines:
    """Puts the pieces that a pipe gives together into messages."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take a piece; give every message that it completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield json.loads(line)
