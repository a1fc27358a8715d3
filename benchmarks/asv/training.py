"""What asv tracks: numbers of Levelfield's own trials, by contender and workload.

The suite is run once for each environment and commit, in `setup_cache`; every number is then read
from its records. Only the command line, the suite's file and the records' JSON tie it to the code
that is measured, so that older commits can be measured too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from . import metrics

SUITE = Path(__file__).resolve().parents[1] / "suites" / "history.yaml"
PLAN: dict[str, Any] = yaml.safe_load(SUITE.read_text(encoding="utf-8"))

param_names = ["contender", "workload"]
params = [list(PLAN["contenders"]), [workload["name"] for workload in PLAN["workloads"]]]


def setup_cache() -> list[metrics.Facts]:
    """Run the suite; gives the JSON of every trial's record."""
    folder = Path("study").resolve()
    command = [sys.executable, "-P", "-m", "levelfield", "run", str(SUITE), "--out", str(folder)]
    # What asv's own environment has is measured; none of Levelfield's is made beside it.
    environ = {**os.environ, "LEVELFIELD_ENVIRONMENT": "current"}
    done = subprocess.run([*command, "--quiet"], check=False, env=environ)
    records = folder / "records.jsonl"
    # 1 may be no more than that no trial ended well: then every record says why.
    if done.returncode not in {0, 1} or not records.exists():
        raise RuntimeError(f"levelfield run ended with exit code {done.returncode}")
    lines = records.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["type"] == "trial"]


setup_cache.timeout = 3600  # type: ignore[attr-defined]  # asv's way of saying it


def _tracked(metric: metrics.Metric) -> Callable[[list[metrics.Facts], str, str], float]:
    """The function that asv finds, with its attributes."""

    def track(records: list[metrics.Facts], contender: str, workload: str) -> float:
        mine = [
            facts
            for facts in records
            if metrics.label(facts) == contender and facts["workload"] == workload
        ]
        if why := metrics.reason(mine):
            print(f"{contender} on {workload}: {why}", file=sys.stderr)
        found = metrics.value(metric, mine)
        if found is None:
            raise RuntimeError(metrics.reason(mine))
        return found

    track.__name__ = f"track_{metric.name}"
    track.__doc__ = metric.about
    vars(track).update(unit=metric.unit, version=metric.version, pretty_name=metric.about)
    return track


for _metric in metrics.METRICS:
    globals()[f"track_{_metric.name}"] = _tracked(_metric)
