"""Published figures beside ours, where the suite repeats a published study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levelfield.errors import UserError
from levelfield.results.reproductions import HOLDS, NOT, OPEN, reproductions

from . import Section, View

BADGES = {HOLDS: "passed", NOT: "failed", OPEN: "unverified"}
"""How answers look, by how verdicts of verification do."""
MOST = 300
"""Rows of a table; `levelfield reproduce` prints all."""


def content(view: View) -> Mapping[str, Any] | None:
    """Return tables and findings; None where the suite repeats no published study."""
    study = reproductions().get(view.study.head.suite)
    if study is None or study.verb != "run":
        return None
    try:
        found = study.compared(view.study)
    except (UserError, ValueError, ArithmeticError, LookupError, TypeError) as error:
        # A study may call itself by a published one's name and hold something else.
        return {"found": None, "trouble": str(error), "name": study.name}
    if found is None:
        return None
    return {
        "found": found,
        "name": study.name,
        "badges": BADGES,
        "most": MOST,
        "marked": any(each.marked for each in found.findings)
        or any(row.marked for table in found.tables for row in table.rows),
    }


SECTION = Section(order=60, title="Beside the published study", content=content)
