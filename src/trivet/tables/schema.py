"""Schema of a table: the columns and the types that are public."""

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from trivet.errors import UsageError
from trivet.wording import one_line, quoted

__all__ = ["Column", "Kind", "find_column", "kind_of"]


class Kind(StrEnum):
    """Type of a column's values."""

    INTEGER = "whole numbers"
    DECIMAL = "decimal numbers"
    FLOAT = "floating-point numbers"
    TEXT = "text"
    BOOLEAN = "true or false"
    #: A cell of a CSV file, which is a number or a text as the query asks.
    CELL = "cells of a CSV file"
    OTHER = "something else"


_INTEGERS: Final = frozenset(
    {
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    }
)


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    kind: Kind
    type: str
    sql: str


def kind_of(duckdb_type: str) -> Kind:
    """Return what the values of a DuckDB type are."""
    if duckdb_type in _INTEGERS:
        return Kind.INTEGER
    if duckdb_type in ("FLOAT", "DOUBLE"):
        return Kind.FLOAT
    if duckdb_type == "BOOLEAN":
        return Kind.BOOLEAN
    if duckdb_type == "VARCHAR" or (duckdb_type.startswith("ENUM(") and duckdb_type.endswith(")")):
        return Kind.TEXT
    if duckdb_type.startswith("DECIMAL(") and duckdb_type.endswith(")"):
        return Kind.DECIMAL
    return Kind.OTHER


def find_column(columns: tuple[Column, ...], name: str) -> Column:
    """Return the column of exactly this name."""
    for column in columns:
        if column.name == name:
            return column
    by_folded = {column.name.casefold(): column.name for column in columns}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(quoted(by_folded[each]) for each in near)}?"
    else:
        names = ", ".join(quoted(column.name) for column in columns)
        hint = f"it has {one_line(names, limit=200)}."
    raise UsageError(f"the table has no column {quoted(name)}; {hint}")
