"""SQL of a condition: the tree checked against the columns, with bound values.

Nothing that the user typed becomes SQL: columns are those of the table, quoted, and values are bound.
A comparison with a missing value (NULL, NaN, or a CSV cell that is not a number in a numeric column)
is false, so ``not age < 40`` selects a row without an age.
"""

from dataclasses import dataclass
from typing import Final

from trivet.errors import UsageError
from trivet.privacy.releases.where_syntax import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Literal,
    Membership,
    Named,
    Negation,
    parse_where,
)
from trivet.privacy.releases.where_tokens import misplaced
from trivet.tables.not_a_number import is_nan
from trivet.tables.schema import Column, Kind, find_column

__all__ = ["EVERY_ROW", "Selection", "number_sql", "select_rows"]

_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
#: What a literal or a column is when two sides are compared.
_NUMBER, _TEXT, _BOOLEAN = "a number", "a text", "true or false"
_SQL_TYPE: Final = {_TEXT: "VARCHAR", _BOOLEAN: "BOOLEAN"}


@dataclass(frozen=True)
class Selection:
    """A condition as it was understood, its SQL, the values that its marks stand for, and its columns."""

    text: str
    sql: str
    values: tuple[str | bool | int | float, ...]
    columns: tuple[Column, ...]


EVERY_ROW: Final = Selection("", "TRUE", (), ())


def select_rows(where: str, columns: tuple[Column, ...]) -> Selection:
    """Parse a condition, check it against the columns, and turn it into SQL."""
    writer = _Writer(where, columns)
    sql = writer.condition(parse_where(where))
    return Selection(_text(parse_where(where)), sql, tuple(writer.values), tuple(writer.used))


def number_sql(column: Column) -> str:
    """Return SQL for a column of numbers as DOUBLE, NULL where it is missing or NaN."""
    cast = "TRY_CAST" if column.kind is Kind.CELL else "CAST"
    number = f"{cast}({column.sql} AS DOUBLE)"
    if column.kind not in (Kind.CELL, Kind.FLOAT):
        return number
    return f"CASE WHEN {is_nan(number)} THEN NULL ELSE {number} END"


class _Writer:
    def __init__(self, where: str, columns: tuple[Column, ...]) -> None:
        self._where = where
        self._columns = columns
        self.values: list[str | bool | int | float] = []
        self.used: dict[Column, None] = {}

    def condition(self, condition: Condition) -> str:
        match condition:
            case AllOf(conditions):
                return "(" + " AND ".join(self.condition(each) for each in conditions) + ")"
            case AnyOf(conditions):
                return "(" + " OR ".join(self.condition(each) for each in conditions) + ")"
            case Negation(inner):
                return f"(NOT {self.condition(inner)})"
            case Membership(column, values):
                return self._compared((column, *values), "IN")
            case Comparison():
                return self._compared((condition.left, condition.right), condition.operator)

    def _compared(self, sides: tuple[Named | Literal, ...], operator: str) -> str:
        """Compare two sides, or the first with each of a list."""
        kinds = tuple(self._kind(side) for side in sides)
        if not any(isinstance(side, Named) for side in sides):
            raise self._wrong(sides[0], "two values are compared; one side has to be a column")
        asked = next((kind for kind in kinds if kind is not Kind.CELL), None)
        if asked is None:
            raise self._wrong(
                sides[1], "two columns of a CSV file have no types to be compared by; use a Parquet file"
            )
        for side, kind in zip(sides, kinds, strict=True):
            if kind not in (Kind.CELL, asked):
                alone = side.at == sides[0].at
                complaint = "is not a condition" if alone else f"cannot be compared with {kind}"
                raise self._wrong(side, f"{asked} {complaint}")
        if asked == _BOOLEAN and operator not in ("=", "!=", "IN"):
            raise self._wrong(sides[1], "true and false are compared with = or != only")
        whole = asked == _NUMBER and all(self._is_whole(side) for side in sides)
        first, *others = (self._operand(side, asked, whole=whole) for side in sides)
        compared = f"({', '.join(others)})" if operator == "IN" else others[0]
        return f"COALESCE({first} {'<>' if operator == '!=' else operator} {compared}, FALSE)"

    def _kind(self, side: Named | Literal) -> str:
        if isinstance(side, Literal):
            if isinstance(side.value, bool):
                return _BOOLEAN
            return _TEXT if isinstance(side.value, str) else _NUMBER
        kind = self._column(side).kind
        if kind in _NUMBERS:
            return _NUMBER
        if kind is Kind.OTHER:
            raise self._wrong(side, f"a column of type {self._column(side).type} cannot be compared")
        return {Kind.TEXT: _TEXT, Kind.BOOLEAN: _BOOLEAN}.get(kind, kind)

    def _is_whole(self, side: Named | Literal) -> bool:
        if isinstance(side, Literal):
            return isinstance(side.value, int)
        return self._column(side).kind is Kind.INTEGER

    def _operand(self, side: Named | Literal, asked: str, *, whole: bool) -> str:
        wanted = _SQL_TYPE.get(asked, "HUGEINT" if whole else "DOUBLE")
        if isinstance(side, Literal):
            self.values.append(side.value)
            return f"CAST(? AS {wanted})"
        column = self._column(side)
        if wanted == "DOUBLE":
            return number_sql(column)
        cast = "TRY_CAST" if column.kind is Kind.CELL else "CAST"
        return f"{cast}({column.sql} AS {wanted})"

    def _column(self, side: Named) -> Column:
        try:
            column = find_column(self._columns, side.name)
        except UsageError as error:
            raise self._wrong(side, str(error).rstrip(".")) from error
        self.used[column] = None
        return column

    def _wrong(self, side: Named | Literal, complaint: str) -> UsageError:
        return misplaced(self._where, side.at, complaint)


def _text(condition: Condition) -> str:
    """Write a condition in one way, whatever the spaces and quotation marks it was typed with."""
    match condition:
        case AllOf(conditions):
            return " and ".join(_within(each, AnyOf) for each in conditions)
        case AnyOf(conditions):
            return " or ".join(_text(each) for each in conditions)
        case Negation(inner):
            return f"not {_within(inner, AllOf, AnyOf)}"
        case Membership(column, values):
            return f"{_side(column)} in ({', '.join(map(_side, values))})"
        case Comparison(left, operator, right):
            return f"{_side(left)} {operator} {_side(right)}"


def _within(condition: Condition, *looser: type) -> str:
    text = _text(condition)
    return f"({text})" if isinstance(condition, looser) else text


def _side(side: Named | Literal) -> str:
    if isinstance(side, Named):
        return '"' + side.name.replace('"', '""') + '"'
    if isinstance(side.value, bool):
        return str(side.value).lower()
    if isinstance(side.value, str):
        return "'" + side.value.replace("'", "''") + "'"
    return repr(side.value)
