"""What range tests found, in words; and the suite of long cyclical trainings between its bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from levelfield.errors import UserError
from levelfield.results.estimate import Interval
from levelfield.results.lr_range import Bounds, cyclical
from levelfield.results.sweep import Group, Sweep, beside, labelled
from levelfield.run import doctor
from levelfield.spec.suite import Suite
from levelfield.spec.workload import Workload

HEAD = (
    "workload",
    "contender",
    "verdict",
    "starts to climb",
    "flattens",
    "best",
    "beside training",
)


def table(sweeps: Sequence[Sweep], found: Mapping[Group, Bounds]) -> str:
    """A table of the bounds of every workload and contender, then what could not be swept."""
    named = labelled(sweeps)
    rows = [
        (
            workload,
            contender,
            bounds.verdict,
            _rate(bounds.low),
            _rate(bounds.high),
            f"{bounds.best:.3f}",
            f"{100 * beside([s for who, s in named if (s.workload, who) == group]):.1f} %",
        )
        for group, bounds in found.items()
        for workload, contender in [group]
    ]
    absent = dict.fromkeys(
        f"  {who} on {s.workload}: {s.reason}" for who, s in named if s.status != "ok"
    )
    return "\n".join([doctor.table(HEAD, rows), *absent])


def _rate(found: Interval | None) -> str:
    if found is None:
        return "-"
    return f"{found.estimate:.3g} [{found.low:.3g}, {found.high:.3g}]"


def write(
    suite: Suite,
    workloads: Sequence[Workload],
    found: Mapping[Group, Bounds],
    path: Path,
    *,
    epochs: int,
    half_cycle: float,
    keep: int | None,
) -> Path | None:
    """Write the suite of long trainings: triangular2 rates between the bounds of each workload.

    All contenders of a workload get the same rates, since they compute the same thing: the medians
    of their bounds. Workloads that half of the contenders or more do not learn are left out; with
    ``keep``, so are all but those of the highest accuracies. None where nothing is left.
    """
    import yaml

    chosen: list[tuple[float, Workload]] = []
    for workload in workloads:
        mine = [bounds for (name, _), bounds in found.items() if name == workload.name]
        rates = list(filter(None, (_cyclical(bounds, half_cycle) for bounds in mine)))
        if not rates or 2 * len(rates) <= len(mine):
            continue
        fields = {
            "kind": "triangular2",
            "low": _round(median(each["low"] for each in rates)),
            "high": _round(median(each["high"] for each in rates)),
            "half_cycle": half_cycle,
        }
        score = median(bounds.best for bounds in mine)
        made = Workload.build({**workload.plain(), "schedule": fields, "epochs": epochs})
        assert isinstance(made, Workload)  # noqa: S101 - for the type checker
        chosen.append((score, made))
    if not chosen:
        return None
    if keep is not None:
        chosen = sorted(chosen, key=lambda pair: -pair[0])[:keep]
    about = f"Cyclical training between the bounds that range tests of {suite.suite} found."
    plain = {
        **suite.plain(),
        "suite": f"{suite.suite}-cyclical"[:64],
        "about": about,
        "workloads": [workload.plain() for _, workload in chosen],
    }
    try:
        path.write_text(yaml.safe_dump(plain, sort_keys=False, width=100), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=str(path)) from None
    return path


def _cyclical(bounds: Bounds, half_cycle: float) -> dict[str, float] | None:
    try:
        return cyclical(bounds, half_cycle=half_cycle)
    except UserError:
        return None


def _round(rate: float) -> float:
    """A rate with three digits: its interval is never narrower."""
    return float(f"{rate:.3g}")
