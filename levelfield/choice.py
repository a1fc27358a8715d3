"""What the words of the command line choose: a suite, its contenders, how to run them."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levelfield.run.bench import Options
    from levelfield.spec.plan import Contender
    from levelfield.spec.suite import Suite


def chosen(options: Namespace) -> tuple[Suite, list[Contender], Options]:
    """What the options choose: the suite, its contenders, how to run them."""
    import dataclasses

    from levelfield import data, registry
    from levelfield.run.bench import Options
    from levelfield.spec import plan, suite

    folder = Path(str(registry.suites()))
    made = suite.load(suite.find(options.suite, folder), changes=options.set)
    if getattr(options, "repeats", None) is not None:
        made = dataclasses.replace(made, repeats=options.repeats)
    if options.only:
        made = suite.only(made, names(options.only))
    if options.seed is not None:
        workloads = tuple(w.replace(seed=options.seed) for w in made.workloads)
        made = dataclasses.replace(made, workloads=workloads)
    threads = options.threads or len(os.sched_getaffinity(0))
    adapters, backends, source = registry.backends(), names(options.backends), ""
    if options.backend:
        source = str(Path(options.backend).resolve())
        found = registry.backends_in(Path(source))
        adapters = {**adapters, **found}
        contenders = plan.contenders(
            list(found), found, modes=names(options.modes) or ["all"], source=source,
            device=options.device, environment=options.environment, cores=threads,
        )  # fmt: skip
    if not source or backends:
        contenders = (contenders if source else []) + plan.contenders(
            made.contenders,
            adapters,
            backends=backends,
            modes=names(options.modes),
            device=options.device,
            environment=options.environment,
            cores=threads,
        )
    how = Options(
        data=data.data_directory(options.data),
        seed=options.seed or 0,
        timeout=options.timeout or made.timeout,
        memory=getattr(options, "memory", None),
        threads=threads,
        schedule=getattr(options, "schedule", "blocks"),
        unverified=getattr(options, "unverified", False),
        quiet=options.quiet,
    )
    return made, contenders, how


def names(text: str | None) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def fresh_folder(suite: str) -> str:
    """A folder that a study of now may have."""
    from datetime import UTC, datetime

    return f"results/{suite}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
