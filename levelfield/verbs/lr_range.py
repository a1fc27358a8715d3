"""`levelfield lr-range`: sweep the learning rate; bounds, curves, a suite for later."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from levelfield.arguments import COUNT, NUMBER, SUITE
from levelfield.choice import chosen, fresh_folder, names
from levelfield.verbs import Verb


def words(verb: ArgumentParser) -> None:
    """Its own words."""
    verb.add_argument("suite", help=SUITE)
    range_words(verb)


def range_words(verb: ArgumentParser) -> None:
    """Add the words that `explore` has too."""
    verb.add_argument("--out", metavar="DIR", help="the folder of what is found")
    low, high = "lowest rate (default: 1e-4)", "highest rate (default: 0.1)"
    verb.add_argument("--low", type=NUMBER, default=1e-4, metavar="RATE", help=low)
    verb.add_argument("--high", type=NUMBER, default=0.1, metavar="RATE", help=high)
    scale = "how rates rise (default: exponential)"
    verb.add_argument(
        "--scale", choices=["linear", "exponential", "own"], default="exponential", help=scale
    )
    epochs = "epochs of a sweep (default: 8)"
    verb.add_argument("--sweep", type=COUNT, default=8, metavar="N", help=epochs)
    seeds = "seeds, from 0 (default: 5)"
    verb.add_argument("--seeds", type=COUNT, default=5, metavar="N", help=seeds)
    optimizers = "try each of these (adam,sgd) instead of the suite's"
    verb.add_argument("--optimizers", metavar="A,B", help=optimizers)
    every = "batches between two accuracies where a backend does not tell them (default: 16)"
    verb.add_argument("--every", type=COUNT, default=16, metavar="N", help=every)
    long = "epochs of the long training in the suite that is written (default: 50)"
    verb.add_argument("--long", type=COUNT, default=50, metavar="N", help=long)
    half = "epochs from the lowest rate to the highest there (default: 4)"
    verb.add_argument("--half-cycle", type=NUMBER, default=4.0, metavar="N", help=half)
    unverified = "sweep without verification"
    verb.add_argument("--unverified", action="store_true", help=unverified)


def act(options: Namespace) -> int:
    """Sweep the learning rate; find bounds, draw the curves, write the suite for later."""
    folder, made = explored(options)
    print(f"\ncurves: {folder / 'ranges.html'}")
    if made is None:
        print("no configuration learns in this range: there is no suite to write")
        return 1
    print(f"long training: levelfield run {made}")
    return 0


def explored(options: Namespace, *, keep: int | None = None) -> tuple[Path, Path | None]:
    """Range tests as the options want them: their folder, and the suite that was written."""
    import importlib

    from levelfield.results import sweep
    from levelfield.run import lr_range, lr_suite

    suite, contenders, how = chosen(options)
    folder = Path(options.out or fresh_folder(f"{suite.suite}-ranges"))
    wanted = lr_range.Range(
        low=options.low,
        high=options.high,
        epochs=options.sweep,
        seeds=options.seeds,
        scale=options.scale,
        optimizers=tuple(names(options.optimizers)),
        every=options.every,
    )
    sweeps = lr_range.run(suite, contenders, how, wanted, folder)
    found = sweep.found_bounds(sweeps)
    print(lr_suite.table(sweeps, found))
    page = importlib.import_module("levelfield.reports.ranges")
    page.write(f"{suite.suite}: learning rates", sweeps, found, folder / "ranges.html")
    made = lr_suite.write(
        suite,
        wanted.workloads(suite),
        found,
        folder / "cyclical.yaml",
        epochs=options.long,
        half_cycle=options.half_cycle,
        keep=keep,
    )
    return folder, made


VERB = Verb(
    order=130,
    about="Between which learning rates does each contender learn? "
    "Curves, bounds, a suite for later.",
    words=words,
    act=act,
    suited=True,
)
