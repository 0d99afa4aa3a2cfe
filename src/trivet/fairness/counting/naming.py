"""Names of a table's values, equal in every engine, so that counts of the same data are equal."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final, cast

import numpy as np

from trivet.wording import quote

__all__ = ["group_name", "in_order", "is_missing", "name_of", "quoted", "shown"]

_WHOLE: Final = re.compile(r"([+-]?)(\d+)\.0+", re.ASCII)
_NUMERAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_TRUTHS: Final = frozenset({"true", "false"})
#: From here on a floating-point number is written with an exponent.
_LONGEST_FLOAT: Final = 1e16


def name_of(value: object) -> str | None:
    """Return what a value is called whatever its type (1, 1.0 and "1.0" are ``1``); None if missing."""
    if isinstance(value, np.generic) and not isinstance(value, np.floating):
        value = cast("Any", value).item()
    if is_missing(value):
        return None
    if isinstance(value, float | np.floating):
        return _float_name(value)
    if isinstance(value, datetime):
        return _time_name(value)
    return _text_name(format(value, "f") if isinstance(value, Decimal) else str(value))


def shown(value: str) -> str:
    """Return a name in quotation marks, with escapes where its letters are put together of several marks."""
    return quote(value) if unicodedata.is_normalized("NFC", value) else ascii(value)


def quoted(value: str) -> str:
    """Return a value as it stands beside others in the name of a group."""
    return f'"{value}"' if "," in value or '"' in value else value


def group_name(values: Sequence[str]) -> str:
    """Return the name of a group, of its value in each column."""
    return values[0] if len(values) == 1 else ", ".join(map(quoted, values))


def in_order(groups: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return names in order, each once: by value where all of a place are numbers, else by text."""
    once = list(set(groups))
    numeric = [all(map(_NUMERAL.fullmatch, names)) for names in zip(*once, strict=True)]

    def key(names: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
        return tuple(
            (float(name) if number else 0.0, name) for name, number in zip(names, numeric, strict=True)
        )

    return tuple(sorted(once, key=key))


def _text_name(text: str) -> str | None:
    trimmed = text.strip()
    whole = _WHOLE.fullmatch(trimmed)
    if whole is not None:
        sign = "-" if whole[1] == "-" and whole[2].strip("0") else ""
        return sign + whole[2]
    folded = trimmed.lower()
    return folded if folded in _TRUTHS else trimmed or None


def _float_name(value: "float | np.floating[Any]") -> str:
    # In half precision the bound is beyond all numbers.
    whole = abs(float(value)) < _LONGEST_FLOAT and value == int(value)
    return str(int(value) if whole else value)


def _time_name(value: datetime) -> str:
    midnight = value.time() == time() and value.tzinfo is None and not getattr(value, "nanosecond", 0)
    return str(value.date()) if midnight else value.isoformat(sep=" ")


def is_missing(value: object) -> bool:
    """Tell None, NaN, NaT and pandas' NA, which no comparison calls equal to themselves."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124 - the point
    except (TypeError, ValueError):
        return True
