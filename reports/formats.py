"""How numbers and strangers' strings are written on the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""

VAST = 1e15
"""From here on a whole number is written with an exponent."""

LONGEST = 100_000
"""Characters of one string that a page will show; the raw data hold the rest."""

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles, links
    r"|\x1b[@-Z\\^_]?|\x9b[0-?]*[ -/]*[@-~]?"
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn the direction of text
    "\ud800-\udfff\ufffe\uffff]"  # cannot be written as UTF-8, or are no characters
)


def clean(text: str) -> str:
    """Make a string fit to be shown: no escape codes, nothing that hides or turns other text."""
    if len(text) > LONGEST:
        text = cut(text, LONGEST)
    text = _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _UNSEEN.sub("\ufffd", text)


def cut(text: str, limit: int) -> str:
    """Return the beginning of a text, and how much of it was left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def short(text: str, limit: int = 48) -> str:
    """Return a name that fits in a cell: a long one loses its middle."""
    text = " ".join(clean(text).split())
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half + 1 :]}"


def tail(text: str, limit: int = 8000) -> str:
    """Return the end of a log."""
    return text if len(text) <= limit else "…" + text[-limit:]


def significant(value: float) -> str:
    """Three significant digits, or a whole number with separators from a thousand on."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.001:  # noqa: PLR2004 - below, zeros would hide the digits
        digits, exponent = f"{value:.2e}".split("e")
        return f"{digits}e{int(exponent)}"
    if size >= 999.5:  # noqa: PLR2004 - rounds to a thousand
        return f"{value:,.0f}" if size < VAST else f"{value:.2e}"
    return f"{value:#.3g}".rstrip(".")


def seconds(value: float) -> str:
    """A time, in the unit that suits it."""
    for limit, unit, name in ((0.0009995, 1e-6, "µs"), (0.9995, 1e-3, "ms"), (999.5, 1, "s")):
        if not abs(value) >= limit:  # also when it is not a number
            return _with_unit(value / unit, name)
    return _with_unit(value / 60, "min") if value < 3 * 3600 else _with_unit(value / 3600, "h")


def memory(value: float) -> str:
    """Bytes, in binary units."""
    for name in ("B", "KiB", "MiB"):
        if not abs(value) >= 1023.5:  # noqa: PLR2004
            return _with_unit(value, name)
        value /= 1024
    return _with_unit(value, "GiB")


def rate(value: float) -> str:
    """Floating-point operations a second."""
    return _giga(value, "FLOP/s")


def bandwidth(value: float) -> str:
    """Bytes a second."""
    return _giga(value, "B/s")


def energy(value: float) -> str:
    """Joules, in the unit that suits them."""
    for limit, unit, name in ((0.9995, 1e-3, "mJ"), (999.5, 1, "J"), (999.5e3, 1e3, "kJ")):
        if not abs(value) >= limit:  # also when it is not a number
            return _with_unit(value / unit, name)
    return _with_unit(value / 1e6, "MJ")


def hertz(value: float) -> str:
    """A clock's rate."""
    return _with_unit(value / 1e6, "MHz")


def percent(value: float) -> str:
    """A share, in percent."""
    return _with_unit(100 * value, "%")


def ratio(value: float) -> str:
    """How many times as long; `ranking.js` writes the same."""
    return significant(value)


def count(value: float) -> str:
    """A whole number, with separators."""
    return f"{value:,.0f}" if abs(value) < VAST else significant(value)


def plural(number: int, noun: str, nouns: str = "") -> str:
    """Return ``1 trial``, ``2 trials``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def moment(text: str) -> str:
    """A time of day from ISO 8601, in UTC to the minute; other text stays as it is."""
    try:
        when = datetime.fromisoformat(text)
        when = when.astimezone(UTC) if when.tzinfo else when
    except (ValueError, OverflowError):
        return short(text)
    return f"{when:%Y-%m-%d %H:%M}" + (" UTC" if when.tzinfo else "")


def _giga(value: float, unit: str) -> str:
    """A great rate: in thousand millions, or in million millions."""
    great = abs(value) >= 999.5e9  # noqa: PLR2004 - rounds to a thousand
    return _with_unit(value / 1e12, f"T{unit}") if great else _with_unit(value / 1e9, f"G{unit}")


def _with_unit(value: float, unit: str) -> str:
    text = significant(value)
    return text if text == NOTHING else f"{text}\N{NO-BREAK SPACE}{unit}"


FILTERS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        bandwidth, count, cut, energy, hertz, memory, moment, percent, plural, rate, ratio, seconds,
        short, significant, tail,
    )
}  # fmt: skip
"""Every format, by the name that templates use."""
