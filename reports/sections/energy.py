"""Energy, and how GPUs fared: joules by contender, power, clocks, heat, and who else was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..energy import fared  # noqa: TID252 - mypy knows no mapped name
from . import Section, View


def content(view: View) -> Mapping[str, Any] | None:
    """Return one table a workload; None where nothing was read and nobody ran on a GPU."""
    records = view.study.records
    if not any(r.energy or r.readings.seconds or r.device.startswith("cuda") for r in records):
        return None
    tables = [(w, fared(view, ranked, w.fingerprint)) for w, ranked in view.ranked()]
    tables = [(w, rows) for w, rows in tables if any(row.spent or row.on_gpu for row in rows)]
    return {
        "tables": [
            (workload, rows, list(dict.fromkeys(name for row in rows for name in row.spent)))
            for workload, rows in tables
        ],
        "unread": sorted({pair for record in records for pair in record.unread.items()}),
        "foreign": sorted({text for record in records for text in record.foreign}),
    }


SECTION = Section(order=52, title="Energy and GPU", content=content)
