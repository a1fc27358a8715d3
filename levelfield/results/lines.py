"""Frozen dataclasses as lines of JSON, and back: what a study's files and caches are written in."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from levelfield.errors import UserError, shown

SCHEMA = 1


def lined(kind: str, value: object) -> str:
    """Return a record of this kind as one line of JSON, with its schema's version."""
    facts = {"schema": SCHEMA, "type": kind, **plain(value)}
    return json.dumps(facts, separators=(",", ":"), allow_nan=False)


def parsed(kind: str, facts: Mapping[str, Any], cls: type) -> Any:
    """Build a record of this kind from the JSON of its line; raise `UserError` where it is none."""
    try:
        return made(facts, cls)
    except (TypeError, OverflowError) as error:
        raise UserError(f"not a {kind}'s record: {error}") from None


def plain(value: Any) -> Any:
    """JSON values; numbers that are not finite become null, seconds and losses lose idle digits."""
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def made(value: object, kind: Any) -> Any:
    """Build a value of this type from its JSON; raise `TypeError` where that is impossible."""
    return _maker(kind)(value)


@cache
def _maker(kind: Any) -> Callable[[Any], Any]:
    """Return what builds a value of the annotated type from what `plain` made of it.

    Null as a number is NaN; keys that are not known are passed over. It raises `TypeError` where
    the value is of another type. An annotation is taken apart once, not once a value.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin is UnionType:
        inner = _maker(args[0])
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _tuple_maker(kind, args[0])
    if origin is Mapping:
        inner = _maker(args[1])
        return _checked(kind, dict, lambda value: {key: inner(value[key]) for key in value})
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        wanted = [(name, _maker(hint)) for name, hint in get_type_hints(kind).items()]
        return _checked(
            kind,
            dict,
            lambda value: kind(**{n: make(value[n]) for n, make in wanted if n in value}),
        )
    if kind is float:
        return _number
    return lambda value: _same(value, kind, origin, args)


def _tuple_maker(kind: Any, item: Any) -> Callable[[Any], Any]:
    inner, numbers = _maker(item), item is float

    def make(value: list[Any]) -> tuple[Any, ...]:
        if numbers and set(map(type, value)) == {float}:
            return tuple(value)  # the long columns, quickly
        return tuple(map(inner, value))

    return _checked(kind, list, make)


def _checked(kind: Any, of: type, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if not isinstance(value, of):
            raise _mismatch(value, kind)
        return make(value)

    return checked


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) not in {int, float}:
        raise _mismatch(value, float)
    return float(value)


def _same(value: Any, kind: Any, origin: Any, literals: tuple[Any, ...]) -> Any:
    if kind is Any or type(value) is kind or (origin is Literal and value in literals):
        return value
    raise _mismatch(value, kind)


def _mismatch(value: Any, kind: Any) -> TypeError:
    return TypeError(f"got {shown(value)}, expected {getattr(kind, '__name__', kind)}")
