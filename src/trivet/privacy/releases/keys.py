"""Keys of rows: the value of a column or a part of its dates, as text, and the public keys of a question.

A column is named by its name, or as ``month(visited)``, ``year(visited)`` or ``day(visited)``. Keys are given
one by one or as ranges such as ``2024-01..2024-12``; what a range holds depends on the question alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.tables.dates import DATED, PARTS, Part, is_not_as_written, part_sql
from trivet.tables.numbers import number_sql
from trivet.tables.opening import Column, Kind, find_column
from trivet.wording import one_line, quote

__all__ = ["MOST_KEYS", "KeySql", "is_unicode", "prepare_keys", "private_key_sql"]

MOST_KEYS: Final = 10_000
#: From here on not every whole number is a double.
_LARGEST: Final = 2**53
#: More digits than any whole number of a table has.
_MOST_DIGITS: Final = 40
#: Numbers, of which the whole ones can be keys: a missing value makes floats of a column of whole numbers.
_NUMBERS: Final = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)
_KEYED: Final = (*_NUMBERS, Kind.TEXT, Kind.BOOLEAN, Kind.CELL, Kind.DATE)
#: Key of all numbers that are not whole, which no public key is.
_BROKEN: Final = "not whole"
#: A whole number as a cell has it.
_WHOLE: Final = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_PART: Final = re.compile(r"\s*(year|month|day)\s*\(\s*(.+?)\s*\)\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class KeySql:
    """SQL of a row's key as bytes, the values of its marks, and the public keys in the order given.

    The SQL is NULL where a row has no key; a key that it has need not be a public one. `missing` is the
    public key that a row without one has, or ``drop``, or None.
    """

    sql: str
    values: tuple[object, ...]
    keys: tuple[str, ...]
    column: Column
    missing: str | None

    @property
    def listed(self) -> list[bytes]:
        """The public keys, as the SQL has them."""
        return [key.encode() for key in self.keys]


def prepare_keys(
    expression: str, keys: Sequence[str], columns: tuple[Column, ...], *, missing: str | None = None
) -> KeySql:
    """Say what the key of a row is; keys and `missing` are checked by the schema alone."""
    column, part = _understood(expression, columns)
    public = tuple(_expanded(keys, column, part))
    once = set(public)
    if len(once) < len(public):
        twice = next(key for i, key in enumerate(public) if key in public[:i])
        raise UsageError(f"the category {quote(twice)} is given twice.")
    # By its bytes: under a collation that takes a for A, which of both a cell is named after would be
    # decided by the rows, and one row could move all of a cell.
    sql = f"encode({_text_sql(column, part)})"
    if missing is None or missing == "drop":
        return KeySql(sql, (), public, column, missing)
    missing = _key(missing, column, part)
    if missing not in once:
        raise UsageError(f"--missing must be drop or one of the categories, not {quote(missing)}.")
    return KeySql(f"COALESCE({sql}, CAST(? AS BLOB))", (missing.encode(),), public, column, missing)


def private_key_sql(expression: str, columns: tuple[Column, ...]) -> tuple[str, Column]:
    """Return SQL of a row's key as text, NULL where it is missing, and the column that it is of."""
    column, part = _understood(expression, columns)
    if column.kind in (Kind.FLOAT, Kind.DECIMAL):
        raise UsageError(
            f"{quote(column.name)} is {one_line(column.type)}, of which each number may be a key of its own; "
            "give whole ones with --keys."
        )
    return _text_sql(column, part), column


def is_unicode(text: str) -> bool:
    """Return whether text can be written as UTF-8; bytes of a command line that are none cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _understood(expression: str, columns: tuple[Column, ...]) -> tuple[Column, Part | None]:
    """Return a column, and the part of its dates that is meant; a column may be called like a part."""
    match = _PART.fullmatch(expression)
    if match is None or any(column.name == expression for column in columns):
        return _keyed(find_column(columns, expression))
    name = match[2]
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].replace('""', '"')
    column, part = find_column(columns, name), PARTS[match[1].lower()]
    if column.kind not in DATED:
        raise UsageError(
            f"{part.name}() is of dates, but {quote(column.name)} is {one_line(column.type)}; name a column "
            "of dates."
        )
    return column, part


def _keyed(column: Column) -> tuple[Column, Part | None]:
    if column.kind is Kind.TIMESTAMP:
        name = one_line(column.name)
        raise UsageError(
            f"{quote(column.name)} holds dates with a time; take the year, month or day of them: "
            f"'year({name})', 'month({name})' or 'day({name})'."
        )
    if column.kind not in _KEYED:
        raise UsageError(
            f"a histogram needs text, whole numbers, truth values or dates, but {quote(column.name)} is "
            f"{one_line(column.type)}; make a column of one of these types."
        )
    return column, PARTS["day"] if column.kind is Kind.DATE else None


def _text_sql(column: Column, part: Part | None) -> str:
    if part is not None:
        return part_sql(part, column)
    if column.kind not in (Kind.FLOAT, Kind.DECIMAL):
        return f"CAST({column.sql} AS VARCHAR)"
    number = number_sql(column)
    whole = f"abs({number}) < {_LARGEST} AND {number} = trunc({number})"
    return (
        f"CASE WHEN {number} IS NULL THEN NULL WHEN {whole} "
        f"THEN CAST(TRY_CAST({number} AS BIGINT) AS VARCHAR) ELSE '{_BROKEN}' END"
    )


def _expanded(given: Sequence[str], column: Column, part: Part | None) -> Iterator[str]:
    """Yield keys as DuckDB writes them, and those of ranges one by one, as long as they are not too many."""
    count = 0
    for text in given:
        for key in _range(text, column, part):
            count += 1
            if count > MOST_KEYS:
                raise UsageError(f"there are more than {MOST_KEYS:,} categories; give fewer.")
            yield key
    if not count:
        raise UsageError(
            "a histogram needs its categories, since a key that comes from the data betrays a row; "
            "give --categories a,b,c."
        )


def _range(text: str, column: Column, part: Part | None) -> Iterable[str]:
    first, dots, last = text.partition("..")
    numbered = column.kind in _NUMBERS or (
        column.kind is Kind.CELL and all(map(_WHOLE.fullmatch, (first, last)))
    )
    if not dots or (part is None and not numbered):
        yield _key(text, column, part)
        return
    key, end = _key(first, column, part), _key(last, column, part)
    if (int(key) > int(end)) if part is None else (key > end):
        raise UsageError(f"the categories {quote(text)} end before they begin; write FIRST..LAST.")
    while key != end:
        yield key
        key = str(int(key) + 1) if part is None else part.after(key)
    yield end


def _key(text: str, column: Column, part: Part | None) -> str:
    """Return a category as DuckDB writes it."""
    if not is_unicode(text):
        raise UsageError(f"the category {quote(text)} is not valid Unicode.")
    name, shown = quote(column.name), quote(text)
    if part is not None:
        try:
            return part.parse(text.strip())
        except ValueError as error:
            raise UsageError(
                f"the category {shown} is not a {part.name} of {name}; expected one such as {part.example}, "
                f"or a range such as {part.example}..{part.after(part.example)}."
            ) from error
    if column.kind in _NUMBERS:
        digits, whole = text.strip().removeprefix("-"), column.kind is Kind.INTEGER
        known = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
        if not known or not (whole or int(digits) < _LARGEST):
            holds = "holds whole numbers" if whole else "has whole numbers below 2^53 for categories"
            raise UsageError(f"{name} {holds}, but a category is {shown}.")
        return str(int(text))
    if column.kind is Kind.BOOLEAN:
        if text.strip().lower() not in ("true", "false"):
            raise UsageError(f"{name} holds truth values, but a category is {shown}.")
        return text.strip().lower()
    if is_not_as_written(text, column):
        raise UsageError(
            f"the category {shown} would be compared with {name} as text; for dates name the column as "
            f"{quote(f'day({column.name})')}."
        )
    return text
