"""Counting and reading of the columns of a CSV file, a Parquet file or a DuckDB table, by SQL."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.arrays import combined_codes, factorised
from trivet.fairness.counting.design import UNIT, Design, Scale
from trivet.fairness.counting.naming import in_order, name_of
from trivet.fairness.counting.tabulate import (
    MISSING,
    MOST_COMBINATIONS,
    OUTSIDE,
    UNREADABLE,
    Part,
    Question,
    Row,
    require_few_groups,
    require_no_missing,
    require_rows,
    require_scores,
    rows_of,
)
from trivet.tables.numbers import cell_sql, has_percent_signs, number_sql, why_unreadable
from trivet.tables.opening import (
    Column,
    Kind,
    Table,
    find_column,
    is_nan,
    open_table,
    require_no_swallowed_rows,
)
from trivet.tables.reading import TooManyError
from trivet.wording import one_line, quote

__all__ = ["CodedColumn", "CodedColumns", "FileSource", "read_columns", "rows_of_none"]

#: Squares of larger weights are beyond all floats.
LARGEST_WEIGHT: Final = 1e150
#: Squares of weights that are all smaller are rounded to 0.
SMALLEST_WEIGHT: Final = 1e-100
#: Timestamps without a zone, other than DATE; Python has one type for them.
_TIMES: Final = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
_NESTED: Final = re.compile(r"(STRUCT|MAP|UNION|BLOB|BIT|GEOMETRY|VARIANT)\b.*|.*\]", re.DOTALL)


@dataclass(frozen=True)
class Score:
    """A column of scores in SQL: its number, and when it is missing, unreadable or outside of [0, 1]."""

    number: str
    missing: str
    unreadable: str
    outside: str


def groupable(table: Table, name: str) -> Column:
    """Return a column whose values can be groups or classes."""
    column = find_column(table.columns, name)
    if column.kind is Kind.OTHER and _NESTED.fullmatch(column.type):
        raise UsageError(
            f"the column {quote(name)} holds {quote(column.type)}; expected numbers, text, truth values or "
            "dates. Name another column."
        )
    return column


def fetched(column: Column, sql: str) -> str:
    """Return SQL for a value of a column as it is brought into Python."""
    if column.type in _TIMES:
        return f"CAST({sql} AS TIMESTAMP)"
    # Python has no type for some others, or one that needs another library, as a time with a zone does.
    has_type = is_time(column) or column.kind not in (Kind.OTHER, Kind.TIMESTAMP)
    return sql if has_type else f"CAST({sql} AS VARCHAR)"


def is_time(column: Column) -> bool:
    """Return True if a column holds dates, or timestamps without a zone."""
    return column.type == "DATE" or column.type in _TIMES


def scored(table: Table, name: str, scale: Scale = UNIT) -> Score:
    """Return SQL for a column of scores, as places on their scale."""
    column = find_column(table.columns, name)
    if column.kind is Kind.CELL:
        cell = f"trim({column.sql}, e' \\t\\r\\n')"
        percent = has_percent_signs(table, column)
        if percent and (scale.low, scale.high) != (UNIT.low, UNIT.high):
            raise UsageError(
                f"the scores in {quote(name)} have percent signs, so that 50% is 0.5; leave out the range of "
                "scores, and give a cut from 0 to 1."
            )
        number = cell_sql(cell, column.reading, percent=percent)
        return Score(
            scale.sql(number),
            # Of what cannot be a number nothing but NULL is known of NaN.
            f"({column.sql} IS NULL OR {cell} = '' OR coalesce({is_nan(number)}, false))",
            f"{number} IS NULL",
            f"{scale.sql(number)} NOT BETWEEN 0 AND 1",
        )
    if column.kind not in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT):
        raise UsageError(
            f"the scores in {quote(name)} are {column.kind} ({column.type}); expected numbers from "
            f"{scale.low:g} to {scale.high:g}."
        )
    number = f"CAST({column.sql} AS DOUBLE)"
    return Score(
        scale.sql(number),
        f"({number} IS NULL OR {is_nan(number)})",
        "false",
        f"{scale.sql(number)} NOT BETWEEN 0 AND 1",
    )


def require_readable(table: Table, name: str, scale: Scale | None = UNIT) -> None:
    """Raise a DataError where scores, on a scale or on any, are written otherwise, with the way in."""
    column, score = find_column(table.columns, name), scored(table, name, scale or UNIT)
    if column.kind is not Kind.CELL:
        return
    percent = has_percent_signs(table, column)
    why = why_unreadable(table, column, score.unreadable, percent=percent)
    if why is not None:
        ends = "" if scale is None else f" from {scale.low:g} to {scale.high:g}"
        raise DataError(f"the scores in {quote(name)} should be numbers{ends}; {why}.")


def require_amounts_readable(table: Table, names: Sequence[str | None]) -> None:
    """Raise a DataError with the way in where weights, or numbers of rows, are written otherwise."""
    for name in filter(None, names):
        column = amount_column(table, name)
        if column.kind is not Kind.CELL:
            continue
        why = why_unreadable(table, column, f"({number_sql(column)}) IS NULL")
        if why is not None:
            raise DataError(f"the column {quote(name)} should hold numbers; {why}.")


class FileSource:
    """Rows of an open table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        columns_by = {name: groupable(self._table, name) for name in question.keys}
        columns = [columns_by[name] for name in question.keys]
        keys: list[str] = []
        if question.cut is not None:
            score = scored(self._table, question.y_pred or "", question.scale)
            keys.append(
                f"CASE WHEN {score.missing} THEN {MISSING} WHEN {score.unreadable} THEN {UNREADABLE} "
                f"WHEN {score.outside} THEN {OUTSIDE} "
                f"WHEN {score.number} >= CAST({question.cut!r} AS DOUBLE) THEN 1 ELSE 0 END"
            )
        sums = _summed(self._table, question.design)
        found = combinations(self._table, columns, *keys, limit=limit, sums=sums)
        if found is None:
            return None
        if question.cut is not None and any(values[-1] == UNREADABLE for values, _ in found):
            require_readable(self._table, question.y_pred or "", question.scale)
        # The label's values, or others' that are those of the file, tell a row in a cell from other text.
        own = [name for name in (question.y_true, *question.keys) if name and not columns_by[name].derived]
        known: set[str | None] = set()
        if own:
            known = {name_of(values[question.keys.index(own[0])]) for values, _ in found}
        require_no_swallowed_rows(self._table, own[0] if own else None, lambda text: name_of(text) in known)
        rows: list[Row] = []
        try:
            for values, amounts in found:
                scored_as = values.pop() if keys else None
                rows += rows_of(question, values, scored_as, amounts)
        except DataError:
            design = question.design
            require_amounts_readable(
                self._table, (design.weight, design.count, design.selected, design.total)
            )
            raise
        return rows

    def upper_cut(self, name: str, share: float, *, scale: Scale, design: Design) -> float:
        """Return what `upper_cut` does."""
        return upper_cut(self._table, name, share, scale=scale, design=design)

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        return distinct(self._table, question.columns(part))


_ROWS: Final = "count(*)"


def _summed(table: Table, design: Design) -> tuple[str, ...]:
    """Return SQL for what `rows_of` takes of each combination of values."""

    def number(name: str) -> str:
        return number_sql(amount_column(table, name))

    def wrong(name: str, also: str = "") -> str:
        return f"count(*) FILTER (({number(name)} >= 0 AND isfinite({number(name)}){also}) IS NOT TRUE)"

    def not_whole(name: str) -> str:
        return wrong(name, f" AND {number(name)} = floor({number(name)})")

    if design.total is not None and design.selected is not None:
        names = design.selected, design.total
        sums = (f"sum({number(name)})" for name in names)
        above = f"count(*) FILTER ({number(design.selected)} > {number(design.total)})"
        return (*sums, *map(not_whole, names), above)
    if design.count is not None:
        return f"sum({number(design.count)})", not_whole(design.count)
    if design.weight is not None:
        return _weight_sums(table, design.weight, number(design.weight))
    return (_ROWS,)


#: Bits of the largest weight, and of its square, as a whole number; more where others are far smaller.
_BITS: Final = 52
_MORE_BITS: Final = 96
#: How many times the smallest weight the largest one is: with fewer bits, and at all.
_NEAR: Final = 2.0**16
_FAR: Final = 2.0**40


def _weight_sums(table: Table, name: str, weight: str) -> tuple[str, ...]:
    """Return SQL for rows, sum of weights, sum of squares, and wrong weights."""
    # Whole numbers add up to the same whatever the order of threads: as many bits as floats have are kept.
    right = f"({weight} >= 0 AND isfinite({weight}))"
    ((largest, smallest),) = table.rows(
        f"SELECT max({weight}) FILTER ({right}), "  # noqa: S608 - names are quoted
        f"min({weight}) FILTER ({right} AND {weight} > 0) "
        f"FROM {table.source}"
    )
    if largest and largest < SMALLEST_WEIGHT:
        raise DataError(f"the weights in {quote(name)} are too small to be squared; multiply all by as much.")
    if largest and largest <= LARGEST_WEIGHT and largest > _FAR * smallest:
        raise DataError(
            f"the weights in {quote(name)} are from {smallest:g} to {largest:g}, so that the small ones "
            "would be lost in sums; correct the largest, or leave such rows out."
        )
    if largest and largest > LARGEST_WEIGHT:
        sums = ("CAST('inf' AS DOUBLE)",) * 2
    elif largest:
        known = f"CASE WHEN {right} THEN {weight} END"
        wide = largest > _NEAR * smallest
        sums = (
            _exact_sum(known, largest, wide=wide),
            _exact_sum(f"({known} * {known})", largest * largest, wide=wide),
        )
    else:
        sums = ("CAST(0 AS DOUBLE)",) * 2
    return _ROWS, *sums, f"count(*) - count(CASE WHEN {right} THEN 1 END)"


def _exact_sum(number: str, largest: float, *, wide: bool) -> str:
    """Return SQL for the sum of numbers from 0 to the largest, rounded below its last bit."""
    bits, kind = (_MORE_BITS, "HUGEINT") if wide else (_BITS, "BIGINT")
    factor = f"CAST({math.ldexp(1.0, bits - math.frexp(largest)[1])!r} AS DOUBLE)"
    return f"coalesce(CAST(sum(CAST({number} * {factor} AS {kind})) AS DOUBLE), 0) / {factor}"


def amount_column(table: Table, name: str) -> Column:
    """Return a column of weights or of numbers of rows."""
    column = find_column(table.columns, name)
    if column.kind not in (Kind.CELL, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT):
        raise UsageError(
            f"the column {quote(name)} holds {column.kind} ({one_line(column.type)}); expected numbers."
        )
    # Where all that is wanted of a cell is a number, DuckDB reads one, and stumbles over what is none.
    return replace(column, sql=f"trim({column.sql})") if column.kind is Kind.CELL else column


def combinations(
    table: Table, columns: Sequence[Column], *keys: str, limit: int, sums: Sequence[str] = (_ROWS,)
) -> list[tuple[list[object], list[Any]]] | None:
    """Return each combination of values of columns and expressions with its sums; None beyond `limit`."""
    # Values are grouped as they are stored: naming those of each row would cost more than counting.
    inner = ", ".join(f"{key} AS k{i}" for i, key in enumerate([*(each.sql for each in columns), *keys]))
    shown = [fetched(column, f"k{i}") for i, column in enumerate(columns)]
    shown += [f"k{len(columns) + i}" for i in range(len(keys))]
    named = [f"s{i}" for i in range(len(sums))]
    added = ", ".join(f"{each} AS {name}" for each, name in zip(sums, named, strict=True))
    sql = (
        f"SELECT {', '.join(shown + named)} FROM "  # noqa: S608 - names are quoted
        f"(SELECT {inner}, {added} FROM {table.source} GROUP BY ALL LIMIT {limit + 1})"
    )
    try:
        rows = table.rows(sql)
    except TooManyError:
        return None
    if len(rows) > limit:
        return None
    # Python has one kind of float, in which a single-precision number has more digits.
    single = [i for i, column in enumerate(columns) if column.type == "FLOAT"]
    found: list[tuple[list[object], list[Any]]] = []
    for row in rows:
        values = row[: len(shown)]
        for place in single:
            if values[place] is not None:
                values[place] = np.float32(values[place])
        found.append((values, row[len(shown) :]))
    return found


def upper_cut(table: Table, name: str, share: float, *, scale: Scale, design: Design) -> float:
    """Return the lowest score, as a place on its scale, that is above a quantile of the scores.

    The quantile is the least score that this share of the rows does not exceed, each as often as it counts.
    """
    score = scored(table, name, scale)
    amount = design.weight or design.count
    rows = "1" if amount is None else number_sql(amount_column(table, amount))
    held = (
        f"SELECT {score.number} AS s, sum({rows}) AS n FROM {table.source} "  # noqa: S608 - names are quoted
        f"WHERE isfinite({score.number}) GROUP BY s"
    )
    below = f"SELECT s, sum(n) OVER (ORDER BY s) AS below, sum(n) OVER () AS whole FROM ({held})"  # noqa: S608
    at = f"SELECT min(s) FROM ({below}) WHERE below >= {design.up_to(share)!r} * whole"  # noqa: S608 - as above
    ((middle, cut),) = table.rows(
        f"SELECT ({at}), min(s) FROM ({held}) WHERE s > ({at})"  # noqa: S608 - as above
    )
    if middle is None:
        require_no_missing({name: count_of(table)}, count_of(table))
        raise DataError(f"there is no score in {quote(name)}.")
    # Where no score is above it nobody is selected.
    return math.nextafter(middle, math.inf) if cut is None else cut


def rows_of_none(table: Table, name: str) -> int:
    """Return how many rows of a table of counts stand for no row."""
    ((rows,),) = table.rows(
        f"SELECT count(*) FROM {table.source} WHERE {number_sql(amount_column(table, name))} = 0"  # noqa: S608 - quoted
    )
    return int(rows)


def count_of(table: Table) -> int:
    """Return how many rows a table has."""
    ((rows,),) = table.rows(f"SELECT count(*) FROM {table.source}")  # noqa: S608 - as above
    return int(rows)


def distinct(table: Table, names: Sequence[str]) -> int:
    """Return how many combinations of values some columns have, missing ones included."""
    columns = ", ".join(find_column(table.columns, name).sql for name in names)
    try:
        ((found,),) = table.rows(
            f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table.source})"  # noqa: S608 - as above
        )
    except TooManyError as error:
        listed = one_line(", ".join(map(quote, names)), limit=200)
        raise UsageError(
            f"{listed} has more different values than there is memory for; name a column with few, or bin it."
        ) from error
    return int(found)


Codes = NDArray[np.int32]
Scores = NDArray[np.float64]

#: NumPy has a type of its own for these; the values of others are coded by DuckDB.
_OF_NUMPY: Final = (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN)
_WIDER_THAN_NUMPY: Final = ("HUGEINT", "UHUGEINT")


@dataclass(frozen=True, eq=False)
class CodedColumn:
    """A column of few values."""

    codes: Codes
    categories: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CodedColumns:
    """Columns of a table, row by row.

    Attributes
    ----------
    rows : How many there are.
    coded : Labels, predictions and groups by the name of the column.
    scores : Scores by the name of the column, shape (rows,), in [0, 1].
    """

    rows: int
    coded: dict[str, CodedColumn]
    scores: dict[str, Scores]

    def groups(self, *columns: str) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
        """Return the combinations of values of some columns, and the place of each row's among them."""
        chosen = [self.coded[name] for name in columns]
        codes, kinds = combined_codes([(each.codes, len(each.categories)) for each in chosen])
        named = [
            tuple(each.categories[code] for each, code in zip(chosen, kind, strict=True))
            for kind in kinds.tolist()
        ]
        return named, codes


def read_columns(
    table: str | Path | Table,
    *,
    coded: Sequence[str] = (),
    scores: Sequence[str] = (),
    scale: Scale = UNIT,
) -> CodedColumns:
    """Read some columns of a file, and no others, in the order of its rows.

    Values are called as `trivet.fairness.counting.group_counts.group_counts` calls them.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE; or such a table that is open.
    coded
        Names of columns of labels, predictions and groups.
    scores
        Names of columns of scores.
    scale
        Where these lie; by default from 0 to 1. What is read is their place on it, from 0 to 1.

    Raises
    ------
    UsageError
        If there is no such column or kind of table, scores are not numbers, or a column to code has more
        than 1,000 values.
    DataError
        If the file cannot be read, there is no row, a value is missing, or a score is not in [0, 1].
    """
    if not coded and not scores:
        raise UsageError("no column is named; name one or more.")
    with open_table(table) as opened:
        columns = {name: groupable(opened, name) for name in coded}
        values = _values(opened, columns)
        sql = [_code(columns[name], values[name]) for name in columns]
        # DuckDB has no second name for a column that is read twice.
        sql += [scored(opened, name, scale).number for name in dict.fromkeys(scores)]
        listed = ", ".join(f"{each} AS c{i}" for i, each in enumerate(sql))
        found = opened.arrays(f"SELECT {listed} FROM {opened.source}", count=len(sql))  # noqa: S608 - names are quoted
        rows = len(found["c0"])
        require_rows(rows)
        read = {
            name: _coded(found.pop(f"c{i}"), name, columns[name], values[name])
            for i, name in enumerate(columns)
        }
        numbers = {
            name: _checked(opened, name, found.pop(f"c{len(columns) + i}"), scale)
            for i, name in enumerate(dict.fromkeys(scores))
        }
        opened.require_unchanged()
    return CodedColumns(rows, read, numbers)


def _values(table: Table, columns: dict[str, Column]) -> dict[str, list[object]]:
    """Return the values that each column has, once no row is without one."""
    if not columns:
        return {}
    found = combinations(table, list(columns.values()), limit=MOST_COMBINATIONS)
    if found is None:
        for name in columns:
            require_few_groups(distinct(table, [name]), [name])
        raise UsageError(
            f"the columns have more than {MOST_COMBINATIONS:,} combinations of values; name fewer, or bin "
            "one."
        )
    require_rows(len(found))
    missing = Counter[str]()
    for kind, (count,) in found:
        missing.update(
            {name: count for name, value in zip(columns, kind, strict=True) if name_of(value) is None}
        )
    require_no_missing(dict(missing), sum(count for _, (count,) in found))
    values = {name: list(dict.fromkeys(kind[i] for kind, _ in found)) for i, name in enumerate(columns)}
    for name, known in values.items():
        require_few_groups(len(known), [name])
    first, named = next(iter(columns)), {name_of(value) for value in next(iter(values.values()))}
    require_no_swallowed_rows(table, first, lambda text: name_of(text) in named)
    return values


def _is_of_numpy(column: Column) -> bool:
    return is_time(column) or (column.kind in _OF_NUMPY and column.type not in _WIDER_THAN_NUMPY)


def _code(column: Column, values: Sequence[object]) -> str:
    """Return SQL for a column's values, or for their places among `values` where NumPy has no such type."""
    if _is_of_numpy(column):
        return fetched(column, column.sql)
    listed = ", ".join("'" + _text(value).replace("'", "''") + "'" for value in values)
    return f"enum_code(CAST(CAST({column.sql} AS VARCHAR) AS ENUM ({listed})))"


def _coded(found: Any, name: str, column: Column, values: Sequence[object]) -> CodedColumn:
    if _is_of_numpy(column):
        places, known = factorised(np.asarray(found), name)
        names = [name_of(each) for each in known]
    else:
        places, names = found, [name_of(value) for value in values]
    present = {name_of(value) for value in values}
    categories = tuple(each for (each,) in in_order((called,) for called in present if called is not None))
    code = {called: i for i, called in enumerate(categories)}
    # One that was not there before is of a file that changed meanwhile, which `read_columns` refuses.
    codes = np.array([code.get(called or "", -1) for called in names], dtype=np.int32)[places]
    return CodedColumn(codes, categories)


def _checked(table: Table, name: str, found: Any, scale: Scale) -> Scores:
    """Return scores, or say how many are missing, no number, or beyond their scale."""
    numbers = np.asarray(np.ma.filled(found, np.nan), dtype=np.float64)
    if not bool(((numbers >= 0) & (numbers <= 1)).all()):
        score = scored(table, name, scale)
        sql = ", ".join(
            f"count(*) FILTER ({condition})"
            for condition in (score.missing, f"NOT {score.missing} AND {score.unreadable}", score.outside)
        )
        ((missing, unreadable, outside),) = table.rows(
            f"SELECT {sql} FROM {table.source}"  # noqa: S608 - as above
        )
        if unreadable:
            require_readable(table, name, scale)
        require_no_missing({name: missing} if missing else {}, len(numbers))
        require_scores(name, outside=outside, unreadable=unreadable, scale=scale)
    return numbers


def _text(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
