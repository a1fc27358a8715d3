"""Reading YAML that a stranger may have written: safely, and with every line known.

Only plain mappings, lists and scalars: no tags, no anchors, no duplicate keys; at most 1 MiB, 32
levels and 20,000 keys and values. Duplicates aside, all is checked on the stream of events, before
anything is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from levelfield.errors import UserError, shown
from levelfield.spec.fields import FieldError, path_text

LARGEST, DEEPEST, MOST, LONGEST = 1 << 20, 32, 20_000, 100
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file's value, and the line where each of its keys stands."""

    source: str
    value: Any
    lines: dict[Path_, int]

    def located(self, error: FieldError) -> UserError:
        """Return the error with the file and line of the key it speaks of."""
        path = error.path
        while path and path not in self.lines:
            path = path[:-1]
        where = f"{self.source}:{self.lines.get(path, 1)}"
        if error.path:
            where += f" ({path_text(error.path)})"
        return UserError(error.seen, where=where, expected=error.expected, hint=error.hint)


def read(path: Path) -> Document:
    """Read a YAML file; raise `UserError` where it cannot be read or is not plain YAML."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if len(data) > LARGEST:
        raise UserError("the file is too large", where=str(path), expected="at most 1 MiB of YAML")
    try:
        return parse(data.decode("utf-8"), source=str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text (byte {error.start})", where=str(path)) from None


def parse(text: str, *, source: str) -> Document:
    """Parse YAML text; ``source`` names it in messages."""
    try:
        _check(text, source)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[Path_, int] = {}
        value = None if node is None else _value(node, (), lines, source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}" if mark else source
        seen = ", ".join(filter(None, (error.context, error.problem)))
        raise UserError(f"not valid YAML: {seen}", where=where) from None
    except yaml.reader.ReaderError as error:
        where = f"{source}:{text.count(chr(10), 0, error.position) + 1}"
        raise UserError(f"a character that YAML forbids, U+{error.character:04X}", where) from None
    except (ValueError, OverflowError) as error:  # of escapes that name no character
        raise UserError(f"not valid YAML: {error}", where=source) from None
    return Document(source=source, value=value, lines=lines)


def scalar(text: str) -> Any:
    """Return what a scalar, or a plain list or mapping, means in YAML: for ``--set key=value``."""
    return parse(text, source=f"--set {shown(text)}").value


def _check(text: str, source: str) -> None:
    """Walk the events: how many, how deep, tags, anchors."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        where = f"{source}:{_line(event)}"
        if count > MOST:
            raise UserError("too long", where=where, expected=f"at most {MOST:,} keys and values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise UserError("nested too deep", where=where, expected=f"at most {DEEPEST} levels")
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            raise UserError(
                f"an anchor or alias ({shown(anchor)})",
                where=where,
                expected="plain values: write them out where they are used",
            )
        if tag is not None:
            raise UserError(f"the tag {shown(tag)}", where=where, expected="no tags")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _value(node: yaml.Node, path: Path_, lines: dict[Path_, int], source: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), lines, source) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, lines, source))
    return _scalar(node, source)


def _pairs(
    node: yaml.MappingNode, path: Path_, lines: dict[Path_, int], source: str
) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise UserError(f"a {key_node.id} as a key", where=f"{source}:{line}", expected="text")
        key = _scalar(key_node, source)
        if not isinstance(key, str):
            raise UserError(f"the key {shown(key)}", where=f"{source}:{line}", expected="text")
        if key in seen:
            raise UserError(
                f"the key {shown(key)} stands twice (first in line {seen[key]})",
                where=f"{source}:{line}",
                expected="each key once",
            )
        seen[key] = lines[(*path, key)] = line
        yield key, _value(value_node, (*path, key), lines, source)


def _scalar(node: yaml.Node, source: str) -> Any:
    where = f"{source}:{node.start_mark.line + 1}"
    if len(node.value) > LONGEST and node.tag != "tag:yaml.org,2002:str":
        raise UserError(
            f"a number of {len(node.value)} characters",
            where=where,
            expected=f"at most {LONGEST}",
        )
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (ValueError, OverflowError) as error:
        raise UserError(f"not a value: {error}", where=where) from None
    finally:
        loader.dispose()
