"""Frozen specifications that check themselves, built alike from YAML and from Python.

A specification is a frozen dataclass that inherits `Spec`. On construction every field is checked
against its annotation, and plain mappings and lists are turned into the types the annotation names,
so ``Workload(**yaml.load(...))`` and ``Workload(layers=(Dense(...), ...))`` pass one gate.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from levelfield.errors import UserError, shown, unknown


@dataclass(frozen=True)
class Range:
    """A rule for numbers, put into an annotation: ``Annotated[int, Range(1)]``."""

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        """Whether the finite number lies inside."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and value < math.inf

    def __str__(self) -> str:
        """Return the rule in words, as it stands after 'expected a number'."""
        if self.high == math.inf:
            return f"above {self.low:g}" if self.open_low else f"of at least {self.low:g}"
        brackets = "(["[not self.open_low], ")]"[not self.open_high]
        return f"in {brackets[0]}{self.low:g}, {self.high:g}{brackets[1]}"


QUIET: Mapping[str, bool] = types.MappingProxyType({"quiet": True})
"""Metadata of a field that came later: `Spec.plain` leaves it out where it has its default.

So the fingerprint of a workload that does not use it stays what it was.
"""


@dataclass(eq=False)
class FieldError(UserError):
    """Bad input inside a specification, with the path of keys that leads to it."""

    path: tuple[str | int, ...] = ()

    def under(self, key: str | int) -> FieldError:
        """Return the same error seen from one level further out."""
        path = (key, *self.path)
        return dataclasses.replace(self, path=path, where=path_text(path))


def path_text(path: tuple[str | int, ...]) -> str:
    """Return a path of keys as a reader writes it: ``workloads[0].optimizer.epsilon``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


class Spec:
    """A frozen dataclass whose fields are checked, and converted, on construction."""

    def __post_init__(self) -> None:
        """Check every field against its annotation."""
        for name, annotation in hints(type(self)).items():
            try:
                value = conform(getattr(self, name), annotation)
            except FieldError as error:
                raise error.under(name) from None
            object.__setattr__(self, name, value)

    @classmethod
    def build(cls, given: object) -> Spec:
        """Build from a mapping, as read from YAML; unknown and missing keys are named."""
        if not isinstance(given, Mapping):
            raise FieldError(f"got {shown(given)}", expected="a mapping of keys to values")
        known = hints(cls)
        for key in given:
            if key not in known:
                error = unknown("key", key, known)
                at = key if isinstance(key, str) else shown(key)
                raise FieldError(error.seen, "", error.expected, error.hint).under(at)
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            optional = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
            if field.name not in given and not optional:
                what = getattr(cls, "example", "") and f"for example {getattr(cls, 'example', '')}"
                raise FieldError(f"the key '{field.name}' is missing", hint=what)
        return cls(**given)

    def plain(self) -> dict[str, Any]:
        """Return the specification as plain mappings, lists and scalars, fit for JSON and YAML."""
        return {
            field.name: plain(getattr(self, field.name))
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if not (field.metadata.get("quiet") and getattr(self, field.name) == field.default)
        }


class Tagged(Spec):
    """A family of specifications told apart by their ``kind``: layers, optimizers, schedules.

    A direct subclass is a family; each of its subclasses is a kind. When ``family_package`` names a
    package, every module in it is imported first: a kind is found by being there.
    """

    kind: ClassVar[str]
    example: ClassVar[str]
    family_package: ClassVar[str] = ""

    @classmethod
    def kinds(cls) -> dict[str, type[Tagged]]:
        """Every kind of this family, by name."""
        if cls.family_package:
            package = importlib.import_module(cls.family_package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{cls.family_package}.{module.name}")
        return {kind.kind: kind for kind in cls.__subclasses__()}

    @classmethod
    def choose(cls, given: object) -> Spec:
        """Build the kind that a mapping names under the key ``kind``."""
        family = cls.__name__.lower()
        if not isinstance(given, Mapping) or "kind" not in given:
            raise FieldError(
                f"got {shown(given)}",
                expected=f"a mapping with the key 'kind' ({', '.join(sorted(cls.kinds()))})",
                hint=f"for example {next(iter(cls.kinds().values())).example}",
            )
        kinds = cls.kinds()
        if not isinstance(given["kind"], str) or given["kind"] not in kinds:
            error = unknown(family, given["kind"], kinds)
            raise FieldError(error.seen, "", error.expected, error.hint).under("kind")
        return kinds[given["kind"]].build({k: v for k, v in given.items() if k != "kind"})

    def plain(self) -> dict[str, Any]:
        """Return the specification as plain values, its kind first."""
        return {"kind": self.kind, **super().plain()}


_HINTS: dict[type, dict[str, Any]] = {}


def hints(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass' fields, resolved."""
    if cls not in _HINTS:
        found = get_type_hints(cls, include_extras=True)
        _HINTS[cls] = {field.name: found[field.name] for field in dataclasses.fields(cls)}
    return _HINTS[cls]


def conform(value: Any, annotation: Any) -> Any:
    """Return the value in the annotated type, or raise a `FieldError`."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _ruled(conform(value, args[0]), args[1:])
    if origin is Literal:
        if not isinstance(value, str) or value not in args:
            error = unknown("value", value, map(str, args))
            raise FieldError(error.seen, "", error.expected, error.hint)
        return value
    if origin in {Union, types.UnionType}:
        if value is None and type(None) in args:
            return None
        return conform(value, next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return tuple(_items(value, args[0]))
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return _spec(value, annotation)
    return _scalar(value, annotation)


def plain(value: object) -> Any:
    """Return a field's value as plain mappings, lists and scalars."""
    if isinstance(value, Spec):
        return value.plain()
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _ruled(value: Any, rules: tuple[Any, ...]) -> Any:
    for rule in rules:
        if value not in rule:
            noun = "a whole number" if isinstance(value, int) else "a number"
            noun = "a name" if isinstance(value, str) else noun
            raise FieldError(f"got {shown(value)}", expected=f"{noun} {rule}")
    return value


def _items(value: object, annotation: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise FieldError(f"got {shown(value)}", expected="a list")
    items = []
    for index, item in enumerate(value):
        try:
            items.append(conform(item, annotation))
        except FieldError as error:
            raise error.under(index) from None
    if not items:
        raise FieldError("got an empty list", expected="at least one item")
    return items


def _spec(value: object, wanted: type[Spec]) -> Spec:
    if isinstance(value, wanted):
        return value
    if Tagged in wanted.__bases__ and issubclass(wanted, Tagged):
        return wanted.choose(value)
    return wanted.build(value)


_NOUNS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _scalar(value: Any, wanted: Any) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise FieldError(f"got {shown(value)}", expected="a finite number") from None
    if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
        hint = ""
        if wanted is float and isinstance(value, str) and _reads_as_number(value):
            hint = f"write {_yaml(float(value))} (YAML reads 1e-3 as text, 1.0e-3 as a number)"
        raise FieldError(f"got {shown(value)}", expected=_NOUNS.get(wanted, str(wanted)), hint=hint)
    if wanted is float and not math.isfinite(value):
        raise FieldError(f"got {value}", expected="a finite number")
    return value


def _yaml(number: float) -> str:
    """A number as YAML 1.1 knows it for one: with a point before its exponent."""
    text = repr(number)
    return text if "." in text else text.replace("e", ".0e")


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
