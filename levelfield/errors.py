"""The one kind of error a user sees: what was seen, where, what was expected, what to try."""

from __future__ import annotations

import re
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
    near = nearest(seen, names) if isinstance(seen, str) else ""
    return UserError(
        f"unknown {what} {shown(seen)}",
        where=where,
        expected="one of " + ", ".join(names) if names else "nothing here",
        hint=f"did you mean {near}?" if near else "",
    )


def nearest(seen: str, names: Iterable[str]) -> str:
    """The name that was meant: in another case, abbreviated, or misspelt; empty where none is near.

    Abbreviations are those of the field, by rule: fp16, bf16, mse (mean_squared_error).
    """
    known = {name.lower(): name for name in names}
    text = seen.lower()
    written = re.sub(r"^(b?)f(?:p?)(?=\d)", lambda m: "bfloat" if m[1] else "float", text)
    for low, name in known.items():
        initials = "".join(word[:1] for word in low.split("_"))
        if low in {text, written} or (len(initials) > 1 and initials == text):
            return name
    near = get_close_matches(text, known, n=1)
    return known[near[0]] if near else ""


def shown(value: object, *, limit: int = 60) -> str:
    """Return a value as it may stand in a message: its ``repr``, cut when long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, endless nesting
        text = f"a value of type {type(value).__name__} too large to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"
