"""Settings: a field is an option of a command, a key of audit.toml and a parameter in Python at once."""

import csv
import math
import operator
from collections.abc import Callable, Mapping
from functools import cache
from numbers import Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Interval

from trivet.errors import UsageError
from trivet.wording import quote

__all__ = [
    "A_VALUE",
    "Count",
    "Positive",
    "Rate",
    "Seed",
    "SettingError",
    "Settings",
    "Share",
    "parts_of",
    "require",
]

Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
Count = Annotated[int, Ge(1)]
Share = Annotated[float, Interval(gt=0, lt=1)]
Rate = Annotated[float, Interval(ge=0, le=1)]
Positive = Annotated[float, Interval(gt=0, lt=math.inf)]

#: Metadata of a field that holds values, of which one may begin with a hyphen, as -1 does.
A_VALUE: Final = {"value": True}

_A_TEXT: Final = "a text"
#: How each bound compares, and its words.
_KINDS: Final[Mapping[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "ge": (operator.ge, "{} or more"),
    "gt": (operator.gt, "above {}"),
    "le": (operator.le, "at most {}"),
    "lt": (operator.lt, "below {}"),
}


class SettingError(UsageError, ValueError):
    """Settings that are out of their bounds, or do not go together.

    ``{name}`` in the text is one of `values`, or else a setting, which each edge writes in its own way.
    """

    def __init__(self, text: str, /, **values: object) -> None:
        self.text, self.values = text, values
        super().__init__(self.spelled(str))

    def spelled(self, spell: Callable[[str], str]) -> str:
        """Return the message with settings written by `spell`."""
        return self.text.format_map(_Names(self.values, spell))


class _Names(dict[str, object]):
    def __init__(self, values: Mapping[str, object], spell: Callable[[str], str]) -> None:
        super().__init__(values)
        self.spell = spell

    def __missing__(self, name: str) -> str:
        return self.spell(name)


class Settings:
    """Base of dataclasses whose numbers lie in the bounds that their types name."""

    def __post_init__(self) -> None:
        self.require(**{name: getattr(self, name) for name in _hints(type(self))})

    @classmethod
    def require(cls, /, **values: Any) -> None:
        """Raise SettingError unless these values are in the bounds of the fields of their names."""
        for name, value in values.items():
            require(_hints(cls)[name], **{name: value})


def require(kind: Any, /, **values: Any) -> None:
    """Raise SettingError for a value out of a type's bounds, of none of its names, or of another type."""
    for setting, value in values.items():
        if not _fits(kind, value):
            text = f"{{{setting}}} is {{found}}; expected {{expected}}."
            found = quote(value) if isinstance(value, str) else value
            expected = _expected(kind)
            if expected == _A_TEXT and isinstance(value, list | tuple):
                expected += f", such as {quote(','.join(map(str, value)))}"
            raise SettingError(text, found=found, expected=expected)


def parts_of(text: str) -> tuple[str, ...]:
    """Return the parts of a text with commas between; one in quotation marks may have commas within."""
    if '"' not in text:
        return tuple(part.strip() for part in text.split(","))
    try:
        (parts,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise SettingError(
            "{text} has quotation marks that do not match; in a list, a name with a comma stands between "
            "them, as in {example}.",
            text=quote(text),
            example="'\"a, b\",c'",
        ) from error
    return tuple(part.strip() for part in parts)


def _fits(kind: Any, value: Any) -> bool:
    plain = _plain_types(kind)
    if plain and isinstance(value, str | list | tuple | Mapping) and not isinstance(value, plain):
        return value in _names(kind) if isinstance(value, str) else False
    if isinstance(value, str):
        return not _names(kind) or value in _names(kind)
    return not isinstance(value, Real) or all(_KINDS[name][0](value, limit) for name, limit in _bounds(kind))


def _expected(kind: Any) -> str:
    bounds = dict(_bounds(kind))
    finite = [name for name, limit in bounds.items() if math.isfinite(limit)]
    said = {name: f"{limit:g}" if isinstance(limit, float) else f"{limit}" for name, limit in bounds.items()}
    if _names(kind):
        return f"one of: {', '.join(_names(kind))}"
    if not bounds:
        return _A_TEXT if str in _plain_types(kind) else "a number"
    if finite == ["ge", "le"]:
        return f"{said['ge']} to {said['le']}"
    words = " and ".join(_KINDS[name][1].format(said[name]) for name in finite)
    return words if len(finite) == len(bounds) else f"a finite number {words}".rstrip()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _plain_types(kind: Any) -> tuple[type, ...]:
    """Return the types of a field that holds one text or number; nothing of one that holds anything else."""
    if get_origin(kind) is Annotated:
        return _plain_types(get_args(kind)[0])
    members = (
        [_plain_types(each) for each in get_args(kind)] if get_origin(kind) in {Union, UnionType} else []
    )
    if members:
        return () if () in members else tuple(dict.fromkeys(type_ for each in members for type_ in each))
    if get_origin(kind) is Literal:
        return tuple({type(name): None for name in get_args(kind)})
    if kind is Path:
        return (Path, str)
    return (kind,) if kind in {str, int, float, bool, NoneType} else ()


@cache
def _names(kind: Any) -> tuple[str, ...]:
    literals = [hint for hint in (kind, *get_args(kind)) if get_origin(hint) is Literal]
    return tuple(name for literal in literals for name in get_args(literal))


@cache
def _bounds(kind: Any) -> tuple[tuple[str, float], ...]:
    """Bounds of an annotated type, or of the members of a union: a name of `_KINDS`, and the limit."""
    if get_origin(kind) is tuple:
        return ()
    marks = [
        each
        for mark in getattr(kind, "__metadata__", ())
        for each in (mark if isinstance(mark, GroupedMetadata) else (mark,))
    ]
    own = [(name, getattr(each, name)) for each in marks for name in _KINDS if hasattr(each, name)]
    members = get_args(kind)[: 1 if get_origin(kind) is Annotated else None]
    return (*own, *(bound for member in members for bound in _bounds(member)))
