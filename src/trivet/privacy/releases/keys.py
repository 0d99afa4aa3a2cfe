"""Cells of a histogram, and its sensitivity to one row."""

import math
from dataclasses import replace
from typing import Final

from trivet.errors import UsageError
from trivet.privacy.adjacency import Adjacency, histogram_sensitivity
from trivet.privacy.releases.question import Part, Prepared, Question
from trivet.privacy.releases.where_sql import Selection
from trivet.privacy.releases.where_tokens import is_unicode
from trivet.tables.schema import Column, Kind
from trivet.wording import one_line, quoted

__all__ = ["prepare_histogram"]

_MOST_CATEGORIES: Final = 10_000
_KEYS: Final = (Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN, Kind.CELL)


def prepare_histogram(
    question: Question, column: Column, selection: Selection, *, adjacency: Adjacency
) -> Prepared:
    """Say how a histogram is answered: a row is in one cell at most.

    A value outside the categories is in no cell, and so is a missing one unless it counts as a category.
    """
    if column.kind not in _KEYS:
        raise UsageError(
            f"a histogram needs text, whole numbers or truth values, but {quoted(column.name)} is "
            f"{one_line(column.type)}; count ranges with --query count --where."
        )
    if not question.categories:
        raise UsageError(
            "a histogram needs its categories, since a key that comes from the data betrays a row; "
            "give --categories a,b,c."
        )
    if len(question.categories) > _MOST_CATEGORIES:
        raise UsageError(f"there are {len(question.categories)} categories; at most {_MOST_CATEGORIES}.")
    keys = tuple(_key(each, column) for each in question.categories)
    if len(set(keys)) < len(keys):
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise UsageError(f"the category {quoted(twice)} is given twice.")
    # By its bytes: under a collation that takes a for A, which of both a cell is named after would be
    # decided by the rows, and one row could move all of a cell.
    key_sql = f"encode(CAST({column.sql} AS VARCHAR))"
    values: tuple[object, ...] = selection.values
    missing = question.missing
    if missing is not None and missing != "drop":
        missing = _key(missing, column)
        if missing not in keys:
            raise UsageError(f"--missing must be drop or one of the categories, not {quoted(missing)}.")
        key_sql = f"COALESCE({key_sql}, CAST(? AS BLOB))"
        values = (missing.encode(), *values)
    sql = (
        f"SELECT key, count(*) FROM (SELECT {key_sql} AS key FROM rows_asked WHERE {selection.sql}) "  # noqa: S608
        "WHERE list_contains(CAST(? AS BLOB[]), key) GROUP BY key"
    )
    understood = replace(question, categories=keys, missing=missing)
    moves = math.ceil(histogram_sensitivity(adjacency, cells=len(keys)))
    values = (*values, [key.encode() for key in keys])
    return Prepared(understood, sql, values, (*selection.columns, column), (Part("cells", moves),))


def _key(text: str, column: Column) -> str:
    """Return a category as DuckDB writes it."""
    if not is_unicode(text):
        raise UsageError(f"the category {quoted(text)} is not valid Unicode.")
    if column.kind is Kind.INTEGER:
        digits = text.strip().removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 40):  # noqa: PLR2004 - longer than any
            raise UsageError(f"{quoted(column.name)} holds whole numbers, but a category is {quoted(text)}.")
        return str(int(text))
    if column.kind is Kind.BOOLEAN:
        if text.strip().lower() not in ("true", "false"):
            raise UsageError(f"{quoted(column.name)} holds truth values, but a category is {quoted(text)}.")
        return text.strip().lower()
    return text
