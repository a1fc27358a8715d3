"""The one kind of error a user sees: what was seen, where, what was expected, what to try."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(eq=False)
class UserError(Exception):
    """Bad input. The command prints it as one message and ends with exit code 2."""

    seen: str
    where: str = ""
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return ``where: seen; expected ...`` and, on a line of its own, what to try."""
        head = f"{self.where}: {self.seen}" if self.where else self.seen
        if self.expected:
            head += f"; expected {self.expected}"
        return f"{head}\n  try: {self.hint}" if self.hint else head


def unknown(what: str, seen: object, known: Iterable[str], *, where: str = "") -> UserError:
    """An error for a name that is not among the known ones, naming the nearest."""
    names = sorted(known)
    near = get_close_matches(seen, names, n=1) if isinstance(seen, str) else []
    return UserError(
        f"unknown {what} {shown(seen)}",
        where=where,
        expected="one of " + ", ".join(names) if names else "nothing here",
        hint=f"did you mean {near[0]}?" if near else "",
    )


def shown(value: object, *, limit: int = 60) -> str:
    """Return a value as it may stand in a message: its ``repr``, cut when long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, endless nesting
        text = f"a value of type {type(value).__name__} too large to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"
