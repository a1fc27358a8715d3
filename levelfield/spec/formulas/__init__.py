"""Models that a few numbers describe: one module a formula, found by being in this folder.

In a workload, ``cnn: {blocks: 3, first_filters: 16}`` stands for the layers it gives.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.spec.fields import FieldError, Tagged

if TYPE_CHECKING:
    from levelfield.spec.layers import Layer, Shape


class Formula(Tagged):
    """Gives the layers of a model from the shape of a sample and the number of classes."""

    family_package: ClassVar[str] = "levelfield.spec.formulas"

    @abstractmethod
    def layers(self, shape: Shape, classes: int) -> list[Layer]:
        """The layers for samples of this shape (channels last) and so many classes."""


def spelt_out(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A workload as read from YAML, its formula (where it has one) replaced by its layers."""
    kinds = Formula.kinds()
    named = [kind for kind in kinds if kind in given]
    if not named:
        return given
    name = named[0]
    if len(named) > 1 or "layers" in given:
        raise FieldError(
            f"got {' and '.join([*named, *(['layers'] if 'layers' in given else [])])}",
            expected="layers, or one formula that stands for them",
        ).under(name)
    try:
        formula = kinds[name].build(given[name])
    except FieldError as error:
        raise error.under(name) from None
    assert isinstance(formula, Formula)  # noqa: S101 - for the type checker
    shape, classes = _samples(given)
    try:
        layers = tuple(formula.layers(shape, classes))
    except FieldError as error:
        raise error.under(name) from None
    return {**{key: value for key, value in given.items() if key != name}, "layers": layers}


def _samples(given: Mapping[str, Any]) -> tuple[Shape, int]:
    """Shape of a sample of the workload's data set, as it is to be seen, and its classes."""
    from levelfield import registry

    try:
        source = registry.dataset(str(given.get("dataset", "")))
    except FieldError as error:
        raise error.under("dataset") from None
    shape = given.get("input_shape") or source.shape
    if not source.classes:
        raise FieldError(
            f"{source.name} has no classes",
            expected="a data set with labels, since the formula is a classifier's",
        ).under("dataset")
    if not isinstance(shape, (list, tuple)) or not all(isinstance(n, int) for n in shape):
        raise FieldError(f"got {shape!r}", expected="a list of sizes").under("input_shape")
    return tuple(shape), len(source.classes)


__all__ = ["Formula", "spelt_out"]
