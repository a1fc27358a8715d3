"""The gate before the clock: every contender is verified on every workload, or told why not."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from levelfield import data, registry
from levelfield.results.record import Verification
from levelfield.run import gpu
from levelfield.run.bench import Bench
from levelfield.run.process import Process, WorkerError
from levelfield.run.progress import Progress
from levelfield.spec.device import kind_of
from levelfield.spec.plan import Contender
from levelfield.spec.workload import Workload
from levelfield.verify import cache
from levelfield.verify.check import verify
from levelfield.verify.reference import Reference

Checked = Mapping[tuple[str, Contender], Verification]
"""By the workload's name and contender."""


def verify_all(bench: Bench, *, fresh: bool = False) -> Checked:
    """Verify every contender on every workload; verdicts are cached.

    Two at a time, but one by one where some of them share a GPU: the barrier's level is a time.
    """
    verdicts = cache.Verdicts(data.cache_directory() / "verified")
    pairs = [(w, c) for w in bench.suite.workloads for c in bench.contenders]
    references = {name: Reference(material) for name, material in bench.materials.items()}
    checked: dict[tuple[str, Contender], Verification] = {}
    workers = _Workers(bench)
    with Progress(steps=len(pairs), quiet=bench.options.quiet) as progress:

        def check(pair: tuple[Workload, Contender]) -> tuple[Verification, bool]:
            workload, contender = pair
            reference = references[workload.name]
            return _check(bench, workers, reference, contender, verdicts, fresh=fresh)

        shared = any(kind_of(contender.device) == "cuda" for contender in bench.contenders)
        with ThreadPoolExecutor(max_workers=1 if shared else 2) as pool:
            progress.start("verifying")
            try:
                for (workload, contender), (verdict, kept) in zip(
                    pairs, pool.map(check, pairs), strict=True
                ):
                    checked[workload.name, contender] = verdict
                    known = " (known from before)" if kept else ""
                    label, said = f"{contender} on {workload.name}", verdict.status + known
                    if verdict.status == "failed":
                        said = f"{said}: {verdict.reason}"
                    elif verdict.reason:
                        said = progress.why(said, verdict.reason, who=str(contender))
                    progress.finish(f"verify {label}: {said}")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                workers.stop()
                raise
    return checked


class _Workers:
    """The workers that verify side by side: an interrupt must not wait until they have an end."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._started: list[Process] = []
        self._stopped = threading.Event()

    def start(self, contender: Contender, scratch: Path) -> Process:
        """Start one; it is ended at once where all were to stop."""
        process = self.bench.process(contender, scratch)
        self._started.append(process)
        if self._stopped.is_set():
            process.kill()
        return process

    def stop(self) -> None:
        """End them all, and those that are still to be started."""
        self._stopped.set()
        for process in self._started:
            process.kill()


def _check(
    bench: Bench,
    workers: _Workers,
    reference: Reference,
    contender: Contender,
    verdicts: cache.Verdicts,
    *,
    fresh: bool,
) -> tuple[Verification, bool]:
    """The verdict on one contender, and whether it was known from before."""
    if reason := bench.absent(contender):
        return Verification(status="unverified", reason=reason), False
    adapter = registry.adapter(contender.backend, contender.source)
    workload, threads = reference.material.workload, bench.options.threads
    how = {"mode": contender.mode, "device": contender.device, "threads": threads}
    digest = bench.settings[workload.name].digest
    versions = bench.home(contender).versions(("python", "numpy", *adapter.packages))
    key = cache.key(
        workload,
        adapter,
        data=digest,
        versions=versions,
        **how,
        environment=contender.environment,
        gpu=gpu.here().told(contender.device),
        random=[layer.plain() for layer in reference.material.random],
    )
    kept = None if fresh else verdicts.find(key)
    if kept is not None:
        return kept, True
    with bench.folder() as scratch:
        try:
            verdict = verify(
                reference,
                adapter,
                lambda: workers.start(contender, scratch),
                scratch,
                backend=contender.backend,
                module=contender.module,
                source=contender.source,
                **how,
            )
        except WorkerError as error:
            if error.status == "skipped":
                return Verification(status="unverified", reason=error.reason), False
            bench.broken[workload.name, contender] = error
            return Verification(status="failed", reason=error.reason), False
    verdicts.keep(key, verdict)
    return verdict, False
