"""Reads a report as a tree, strictly: a page whose tags do not match is no page."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from levelfield.reports import page

from levelfield.results.record import Limit, Record, Sentinel
from levelfield.results.store import Head
from levelfield.results.study import Study

VOID = {"meta", "link", "input", "img", "br", "wbr", "path"}
RAW = {"script", "style"}


@dataclass
class Node:
    """An element, its attributes, and what is in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    def all(self, tag: str = "", **wanted: str) -> list[Node]:
        """Every element below with this tag, and these attributes (``class_``: one of them)."""
        return [node for node in self.walk() if node.fits(tag, wanted)]

    def one(self, tag: str = "", **wanted: str) -> Node:
        """The only such element."""
        (node,) = self.all(tag, **wanted)
        return node

    def fits(self, tag: str, wanted: dict[str, str]) -> bool:
        """Whether this is such an element."""
        if tag and self.tag != tag:
            return False
        classes = self.attributes.get("class", "").split()
        return all(
            value in classes
            if name == "class_"
            else self.attributes.get(name.replace("_", "-")) == value
            for name, value in wanted.items()
        )

    def walk(self) -> Iterator[Node]:
        """This element and all below, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    @property
    def text(self) -> str:
        """What a reader sees in it, in one line."""
        return " ".join(self._texts().split())

    def _texts(self) -> str:
        if self.tag in RAW:
            return ""
        parts = [child if isinstance(child, str) else child._texts() for child in self.children]
        return " ".join(parts) if self.tag in {"tr", "td", "th", "li", "div"} else "".join(parts)

    @property
    def raw(self) -> str:
        """Text of a script or style."""
        return "".join(child for child in self.children if isinstance(child, str))


class Reader(HTMLParser):
    """Builds the tree."""

    def __init__(self) -> None:
        """Begin with an empty document."""
        super().__init__(convert_charrefs=True)
        self.stack = [Node("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.stack[-1].children.append(node)
        if tag not in VOID:
            self.stack.append(node)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that is open, and no other."""
        if tag not in VOID:
            assert self.stack.pop().tag == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        """Add text."""
        self.stack[-1].children.append(data)


def read(text: str) -> Node:
    """Return the tree of a page."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.stack) == 1, "an element was left open"
    return reader.stack[0]


def study(folder: Path, head: Head, rows: Sequence[Record | Sentinel | Limit]) -> Study:
    """Return a study of rows in memory; its folder need not be there."""
    records = tuple(row for row in rows if isinstance(row, Record))
    sentinels = tuple(row for row in rows if isinstance(row, Sentinel))
    return Study(folder, head, records, sentinels, tuple(r for r in rows if isinstance(r, Limit)))


def rendered(given: Study, **options: Any) -> Node:
    """Return the tree of a study's page."""
    return read(page.render(given, **options))


def rows(section: Node, table: int = 0) -> list[list[str]]:
    """Return the texts of a table's body."""
    body = section.all("tbody")[table]
    return [
        [cell.text for cell in row.children if isinstance(cell, Node)] for row in body.all("tr")
    ]


def figure(tree: Node, name: str) -> dict[str, Any]:
    """Return a chart's figure, its packed arrays as lists."""
    return _unpacked(json.loads(tree.one("script", id=f"{name}-data").raw))


def file(tree: Node, name: str) -> bytes:
    """Return a file that lies in the page."""
    return gzip.decompress(base64.b64decode(tree.one("script", data_packed=name).raw))


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict) and "bdata" in value:
        return np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"]).tolist()
    if isinstance(value, dict):
        return {key: _unpacked(each) for key, each in value.items()}
    return [_unpacked(each) for each in value] if isinstance(value, list) else value
