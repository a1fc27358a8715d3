"""The machine's own limit, measured in the study itself: on each device, in each precision.

Every framework of the study that can is asked, since none reaches the limit for sure; the best of
them is what contenders are held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from levelfield import registry
from levelfield.backend import Backend
from levelfield.results.record import Limit
from levelfield.run.bench import Bench
from levelfield.run.process import WorkerError
from levelfield.run.progress import Progress
from levelfield.run.trial import ready
from levelfield.spec.device import clustered, kind_of
from levelfield.spec.plan import Contender


def wanted(bench: Bench) -> list[tuple[Contender, str]]:
    """Whom to ask in which precision: one contender for each way to measure, device and precision.

    Adapters that inherit theirs measure the same.
    """
    here = [c for c in bench.contenders if not clustered(c.device) and not bench.absent(c)]
    chosen: dict[tuple[object, str, str], tuple[Contender, str]] = {}
    for precision in dict.fromkeys(workload.precision for workload in bench.suite.workloads):
        for who in here:
            adapter = registry.adapter(who.backend, who.source)
            kind = kind_of(who.device)
            way = _way(adapter)
            if way is not _way(Backend) and kind in adapter.precisions.get(precision, ()):
                chosen.setdefault((way, who.device, precision), (who, precision))
    return list(chosen.values())


def _way(adapter: Any) -> object:
    """The function behind an adapter's `machine`."""
    return adapter.machine.__func__


def measure(bench: Bench, progress: Progress, *, known: Sequence[Limit]) -> Iterator[Limit]:
    """Measure those that are not known from before a study was broken off, one after the other.

    What cannot be measured says why.
    """
    done = {(limit.backend, limit.device, limit.precision) for limit in known}
    for who, precision in wanted(bench):
        if (who.backend, who.device, precision) in done:
            continue
        progress.start(f"the machine's limit in {precision} on {who.device}, by {who.backend}")
        limit = _measured(bench, who, precision)
        if limit.reason:
            progress.say(
                f"no limit of {who.device} in {precision} by {who.backend}: {limit.reason}"
            )
        yield limit


def _measured(bench: Bench, who: Contender, precision: str) -> Limit:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    threads = bench.options.threads
    facts: dict[str, object]
    try:
        with bench.folder() as scratch, bench.process(who, scratch) as process:
            process.ask("load", backend=who.backend, module=who.module, source=who.source)
            device = ready(who.device, process)
            how = {"device": device, "precision": precision, "threads": threads}
            reply = process.ask("limit", **how)
        names = ("product_size", "product_seconds", "copy_bytes", "copy_seconds")
        facts = {name: tuple(reply[name]) for name in names}
    except WorkerError as error:
        facts = {"reason": error.reason}
    return Limit(
        device=who.device,
        precision=precision,
        backend=who.backend,
        threads=threads,
        started=started,
        **facts,  # type: ignore[arg-type]
    )
