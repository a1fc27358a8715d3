"""The studies themselves, to take away."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from levelfield.results.gather import Member
from levelfield.results.store import HEAD, RECORDS

from ..sections import raw  # noqa: TID252 - mypy knows no mapped name
from .view import Many

MOST = 16 * 2**20
"""Characters of all files together; records beyond stay where they are."""


def content(many: Many) -> Mapping[str, Any]:
    """Return every study's files, and the studies whose records did not fit."""
    files, left_out, room = [], [], MOST
    for member in many.members:
        mine = [
            raw.packed(HEAD, "what holds for the whole study", raw.head(member.study)),
            raw.packed(RECORDS, "every record", raw.records(member.study)),
        ]
        for file in mine:
            if len(file.packed) > room:
                left_out.append(member)
                continue
            room -= len(file.packed)
            about = f"study {member.number}: {file.about}"
            name = f"{_stem(member)}-{file.name}"
            files.append(dataclasses.replace(file, name=name, about=about))
    return {"files": files, "left_out": left_out}


def _stem(member: Member) -> str:
    """A beginning of file names that no other study has."""
    return f"{member.number}-" + re.sub(r"[^A-Za-z0-9_]+", "-", member.name)[:40]
