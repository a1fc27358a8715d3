"""A study beside the published one: figures side by side, and which of its findings hold here.

What is compared, and when a finding holds, is said by the study's module in `reproductions`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from levelfield.errors import UserError
from levelfield.results.reproductions import reproduction


def describe(what: str, study: Any) -> str:
    """Tables and findings in words, of what the published study's own `load` gives.

    Raises a `UserError` where nothing in the study was published.
    """
    lines = list(reproduction(what).lines(study))
    if not lines:
        raise UserError(
            "nothing in this study was published",
            where=str(study.folder),
            expected=f"good trials of the suite {what}",
        )
    return "\n".join(lines)


def of_folder(what: str, folder: Path) -> str:
    """The same of a folder; raise a `UserError` where it has no such results."""
    return describe(what, reproduction(what).load(folder))
