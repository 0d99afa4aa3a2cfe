"""Values that a figure draws, as a CSV table."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from trivet.places import spelling
from trivet.report.figure_places import PLACES

__all__ = ["MOST_VALUES", "figure_csv", "leaves"]

#: A figure of more values than this has no table on the page: it would outgrow what it explains.
MOST_VALUES: Final = 5_000
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
#: A cell that begins so is a formula to a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def figure_csv(record: Mapping[str, Any], name: str) -> str | None:
    """Write the values that a figure draws as CSV, in the columns ``place`` and ``value``.

    Numbers and truth values are spelled as in the record, what was not measured is empty. A text that a
    spreadsheet would take for a formula begins with an apostrophe. Lines end in CRLF (RFC 4180).
    """
    found = dict(
        islice(
            (leaf for pattern in PLACES.get(name, ()) for leaf in leaves(record, pattern)), MOST_VALUES + 1
        )
    )
    if not 0 < len(found) <= MOST_VALUES:
        return None
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(("place", "value"))
    writer.writerows((_cell(place), _cell(value)) for place, value in found.items())
    return stream.getvalue()


def leaves(record: Any, pattern: str, place: str = "") -> Iterator[tuple[str, Any]]:
    """Give place and value of everything at or below a pattern; what is not there is passed over."""
    step, _, rest = pattern.partition(".")
    if isinstance(record, Mapping):
        entries = [(str(key), value) for key, value in record.items()]
    elif isinstance(record, list | tuple):
        entries = [(str(index), value) for index, value in enumerate(record)]
    else:
        if not pattern:
            yield place, record
        return
    for key, value in entries:
        if step in {"", "*", key}:
            yield from leaves(value, rest, f"{place}.{key}" if place else key)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return spelling(value)
