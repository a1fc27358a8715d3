"""Where libraries mean different things by one name, and which meanings there are.

An adapter declares its own in ``Backend.semantics``; the float64 reference follows whatever is
declared, so that every backend's *stock* part is checked against its own definition. A key that is
not declared has the first meaning.

Symbols: g gradient, r rate, t step from 1, m and v running means of g and g^2 (decays b1 and b2),
m' and v' the same divided by 1 - b^t, s sum or mean of g^2, e epsilon, w weights, p probability.
Rate and momentum are those of the step, where a schedule changes them: both uses of the momentum in
Nesterov's step (w -= r (g + momentum m), or its other form) have the same one.

A framework may leave a choice to the machine: TensorFlow takes other kernels on processors with
instructions for neural networks. Several meanings are declared then, and verification finds out
which of them holds; the verdict names that one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levelfield.errors import unknown
from levelfield.results.record import Meaning

if TYPE_CHECKING:
    from levelfield.backend import Declared
    from levelfield.spec.workload import Workload


PLANE = 2
"""Axes of an image."""


def _always(workload: Workload) -> bool:  # noqa: ARG001 - others look at it
    return True


def _momentum(workload: Workload) -> bool:
    return getattr(workload.optimizer, "momentum", 0.0) != 0


def _volumes(workload: Workload) -> bool:
    pools = [part for part in workload.parts() if part.kind == "max_pool"]
    return any(len(pool.window) > PLANE for pool in pools)  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing that libraries define differently."""

    about: str
    meanings: Mapping[str, str]
    """Name of each meaning -> its formula; the first is the published one."""
    where: Callable[[Workload], bool] = _always
    """Whether it bears on a workload that has what it is named after: a layer, a loss ..."""


CHOICES: Mapping[str, Choice] = {
    "adam.epsilon": Choice(
        about="Adam: where epsilon is added",
        meanings={
            "after correction": "w -= r m' / (sqrt(v') + e)",
            "before correction": "w -= r sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + e)",
        },
    ),
    "adamax.epsilon": Choice(
        about="Adamax: where epsilon is added",
        meanings={
            "to the norm": "u = max(b2 u, |g|); w -= r m' / (u + e)",
            "inside the maximum": "u = max(b2 u, |g| + e); w -= r m' / u",
        },
    ),
    "adagrad.epsilon": Choice(
        about="Adagrad: where epsilon is added",
        meanings={
            "outside the root": "w -= r g / (sqrt(s) + e)",
            "inside the root": "w -= r g / sqrt(s + e)",
        },
    ),
    "rmsprop.epsilon": Choice(
        about="RMSprop: where epsilon is added",
        meanings={
            "outside the root": "d = g / (sqrt(s) + e)",
            "inside the root": "d = g / sqrt(s + e)",
        },
    ),
    "rmsprop.rate": Choice(
        about="RMSprop with momentum: what the rate scales (differs when rates change)",
        where=_momentum,
        meanings={
            "the sum": "m = momentum m + d; w -= r m",
            "each term": "m = momentum m + r d; w -= m",
        },
    ),
    "sgd.rate": Choice(
        about="SGD with momentum: what the rate scales (differs when rates change)",
        where=_momentum,
        meanings={
            "the sum": "m = momentum m + g; w -= r m",
            "each term": "m = momentum m + r g; w -= m",
        },
    ),
    "binary_crossentropy": Choice(
        about="Binary cross-entropy: from what it is computed",
        meanings={
            "logits": "exact, from the last layer before its sigmoid",
            "clipped": "from p = min(max(sigmoid, 1e-7), 1 - 1e-7), no gradient outside",
        },
    ),
    "categorical_crossentropy": Choice(
        about="Categorical cross-entropy: from what it is computed",
        meanings={
            "logits": "exact, from the last layer before its softmax",
            "clipped": "from p = min(max(softmax, 1e-7), 1 - 1e-7), no gradient outside",
        },
    ),
    "relu.zero": Choice(
        about="ReLU: its slope at zero",
        meanings={
            "nothing": "f'(0) = 0",
            "half": "f'(0) = 1/2",
        },
    ),
    "selu.zero": Choice(
        about="SELU: its slope at zero",
        meanings={
            "from below": "f'(0) = 1.0507 * 1.6733",
            "from above": "f'(0) = 1.0507",
        },
    ),
    "max_pool.ties": Choice(
        about="Max pooling: where the gradient goes when several values of a window are largest",
        meanings={
            "first": "to the first of them, row after row",
            "each": "to each of them, whole",
            "shared": "to each of them, an equal part",
        },
    ),
    "max_pool.volumes": Choice(
        about="Max pooling of volumes: the same",
        where=_volumes,
        meanings={
            "as of images": "as above",
            "each": "to each of them, whole",
        },
    ),
}


def meanings(declared: Declared, key: str) -> tuple[str, ...]:
    """All that a declaration lets a key mean; the published meaning where it is silent."""
    given = declared.get(key, next(iter(CHOICES[key].meanings)))
    return (given,) if isinstance(given, str) else given


def meaning(declared: Declared, key: str) -> str:
    """The meaning that a declaration gives to a key, its first one if there are several."""
    return meanings(declared, key)[0]


def ways(declared: Declared, workload: Workload) -> Iterator[dict[str, str]]:
    """Every way to understand a declaration: one, but for what is left to the machine.

    What does not bear on the workload makes no difference, and no further way.
    """
    options = []
    for key in declared:
        every = meanings(declared, key)
        options.append(every if _bears(key, workload) else every[:1])
    for chosen in itertools.product(*options):
        yield dict(zip(declared, chosen, strict=True))


def others(declared: Mapping[str, str], workload: Workload) -> Iterator[tuple[str, str]]:
    """Every other meaning that a key could have been given, where it bears on the workload."""
    for key, choice in CHOICES.items():
        if _bears(key, workload):
            for name in choice.meanings:
                if name != meaning(declared, key):
                    yield key, name


def differences(declared: Mapping[str, str], workload: Workload) -> tuple[Meaning, ...]:
    """Declared meanings that are not the first of their choice, and bear on the workload."""
    return tuple(
        Meaning(name=CHOICES[key].about, meaning=meaning, formula=CHOICES[key].meanings[meaning])
        for key, meaning in sorted(declared.items())
        if _bears(key, workload) and meaning != next(iter(CHOICES[key].meanings))
    )


def _bears(key: str, workload: Workload) -> bool:
    """Whether a choice makes a difference to a workload."""
    kinds = {workload.optimizer.kind, workload.loss}
    for part in workload.parts():
        kinds |= {part.kind, getattr(part, "activation", "")}
    return key.partition(".")[0] in kinds and CHOICES[key].where(workload)


def check(declared: Declared, *, where: str) -> None:
    """Raise `UserError` where a declaration names a key or a meaning that does not exist."""
    for key in declared:
        if key not in CHOICES:
            raise unknown("semantics", key, CHOICES, where=where)
        for value in meanings(declared, key):
            if value not in CHOICES[key].meanings:
                raise unknown(f"meaning of {key}", value, CHOICES[key].meanings, where=where)


def table(declarations: Mapping[str, Mapping[str, Declared]]) -> str:
    """Return a Markdown table of every choice and of who stands on each side of it.

    declarations: by backend and mode; a mode is named where others of its backend differ. Whom the
    machine decides for stands on several sides.
    """
    lines = ["| what | meaning | formula | backends |", "|---|---|---|---|"]
    for key, choice in CHOICES.items():
        about = choice.about
        for name, formula in choice.meanings.items():
            who = []
            for backend, modes in declarations.items():
                here = [mode for mode, said in modes.items() if name in meanings(said, key)]
                everywhere = len(here) == len(modes)
                who += [backend] if everywhere else [f"{backend}/{mode}" for mode in here]
            formula = formula.replace("|", "\\|")  # noqa: PLW2901 - a pipe ends a cell
            lines.append(f"| {about} | {name} | `{formula}` | {', '.join(who) or 'none'} |")
            about = ""
    return "\n".join(lines) + "\n"
