"""Values of answers and queries as JSON has them, exactly, and names and texts as SQL writes them."""

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from trivet.errors import DataError

__all__ = ["identifier", "literal", "plain", "restored"]

_MICROSECOND: Final = timedelta(microseconds=1)
#: Values that JSON has no form of: how they are written, and read again.
_FORMS: Final[dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]]] = {
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "decimal": (Decimal, str, Decimal),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "float": (float, float.hex, float.fromhex),
    "uuid": (UUID, str, UUID),
    "span": (timedelta, lambda span: str(span // _MICROSECOND), lambda text: int(text) * _MICROSECOND),
}


def plain(value: Any) -> Any:
    """Return a value of an answer or a query as JSON has it."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    for name, (kind, written, _) in _FORMS.items():
        if isinstance(value, kind):
            return {name: written(value)}
    raise DataError(f"a value is of a type that is not handed back: {type(value).__name__}.")


def restored(value: Any) -> Any:
    """Return what `plain` was given."""
    if isinstance(value, list):
        return [restored(each) for each in value]
    if isinstance(value, dict):
        ((name, text),) = value.items()
        return _FORMS[name][2](text)
    return value


def literal(text: str) -> str:
    """Return a text in single quotation marks."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name in double quotation marks."""
    return '"' + name.replace('"', '""') + '"'
