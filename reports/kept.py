"""Outputs of trained models that lie beside a study's records, contender by contender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from levelfield.errors import UserError
from levelfield.results import outputs
from levelfield.results.outputs import Originals

from .measures import Standing
from .view import Contender, View, Workload

Made = TypeVar("Made")
"""What is kept of a trial: rebuilt samples, or answers."""


@dataclass(frozen=True, kw_only=True)
class Kept(Generic[Made]):
    """What is kept of one workload."""

    workload: Workload
    given: Originals
    made: tuple[tuple[Contender, Standing, Made], ...]
    """Fastest first: of each contender the first trial that has outputs."""
    without: tuple[Contender, ...]
    """Contenders that were timed, but whose outputs were not kept, or cannot be read."""


def kept(view: View, read: Callable[[Path, str, Originals], Made | None]) -> Iterator[Kept[Made]]:
    """Every workload that has such outputs.

    read: `outputs.rebuilt` or `outputs.answers`.
    """
    folder = view.study.folder
    names = outputs.kept(folder)
    for workload, ranked in view.ranked():
        if workload.fingerprint not in names:
            continue
        try:
            given = outputs.originals(folder, workload.fingerprint)
        except UserError:
            continue
        keys = _keys(view, workload, names)
        made, without = [], []
        for standing in ranked:
            who = view.contenders[standing.contender]
            found = _read(folder, keys.get(standing.contender), given, read)
            if found is None:
                without.append(who)
            else:
                made.append((who, standing, found))
        if made:
            yield Kept(workload=workload, given=given, made=tuple(made), without=tuple(without))


def _keys(view: View, workload: Workload, names: frozenset[str]) -> dict[int, str]:
    """By contender's place: the key of its first good trial that has outputs."""
    trials = view.trials
    mine = (trials["fingerprint"] == workload.fingerprint) & (trials["status"] == "ok")
    first = trials[mine & trials["key"].isin(names)].drop_duplicates("contender")
    return dict(zip(first["contender"].tolist(), first["key"].tolist(), strict=True))


def _read(
    folder: Path,
    key: str | None,
    given: Originals,
    read: Callable[[Path, str, Originals], Made | None],
) -> Made | None:
    if key is None:
        return None
    try:
        return read(folder, key, given)
    except UserError:
        return None
