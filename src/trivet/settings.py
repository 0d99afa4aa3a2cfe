"""Settings: a field is an option of a command, a key of audit.toml and a parameter in Python at once."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from numbers import Real
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Interval, Le, Lt

from trivet.errors import UsageError
from trivet.wording import quoted

__all__ = ["Count", "Seed", "SettingError", "Settings", "Share", "require"]

Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
Count = Annotated[int, Ge(1)]
Share = Annotated[float, Interval(gt=0, lt=1)]

_KINDS: Final[Mapping[type, tuple[str, Callable[[Any, Any], bool], str]]] = {
    Ge: ("ge", operator.ge, "{} or more"),
    Gt: ("gt", operator.gt, "above {}"),
    Le: ("le", operator.le, "at most {}"),
    Lt: ("lt", operator.lt, "below {}"),
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
    """Raise SettingError for a number out of the bounds of a type, or a text that is none of its names."""
    names = [
        each for hint in (kind, *get_args(kind)) if get_origin(hint) is Literal for each in get_args(hint)
    ]
    for setting, value in values.items():
        if names and isinstance(value, str) and value not in names:
            text = f"{{{setting}}} is {{found}}; expected one of: {{expected}}."
            raise SettingError(text, found=quoted(value), expected=", ".join(names))
    limits = [(name, getattr(bound, name), holds, word) for bound, (name, holds, word) in _bounds(kind)]
    for setting, value in values.items():
        if not isinstance(value, Real) or all(holds(value, limit) for _, limit, holds, _ in limits):
            continue
        words = [word.format(_said(limit)) for _, limit, _, word in limits if math.isfinite(limit)]
        expected = " and ".join(words) or "a finite number"
        if [name for name, *_ in limits] == ["ge", "le"]:
            expected = f"{_said(limits[0][1])} to {_said(limits[1][1])}"
        text = f"{{{setting}}} is {{found!r}}; expected {{expected}}."
        raise SettingError(text, found=value, expected=expected)


def _said(limit: float) -> str:
    return f"{limit:g}" if isinstance(limit, float) else f"{limit}"


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _bounds(kind: Any) -> Iterator[tuple[Any, tuple[str, Callable[[Any, Any], bool], str]]]:
    """Bounds in an annotated type, or in the members of a union."""
    if get_origin(kind) is tuple:
        return
    for mark in getattr(kind, "__metadata__", ()):
        for each in mark if isinstance(mark, GroupedMetadata) else (mark,):
            if type(each) in _KINDS:
                yield each, _KINDS[type(each)]
    for member in get_args(kind)[: 1 if get_origin(kind) is Annotated else None]:
        yield from _bounds(member)
