"""Exact sensitivity of a sum or a mean: values become integers on a grid before they are added.

Each value is clamped to the bounds and rounded to a grid whose step is a power of two. A sum of floats
depends on its order, and noise in floating point betrays the true answer by its low bits (Mironov 2012;
Casacuberta, Shoemate, Vadhan and Wagaman 2022); a sum of integers with integer noise does neither.
"""

import math
from dataclasses import replace
from typing import Final

from trivet.errors import UsageError
from trivet.privacy.adjacency import Adjacency, sum_sensitivity
from trivet.privacy.releases.question import Part, Prepared, Question
from trivet.privacy.releases.where_sql import Selection, number_sql
from trivet.tables.schema import Column, Kind
from trivet.wording import one_line, quoted

__all__ = ["prepare_number"]

#: 2^20 steps between the bounds at least: rounding moves a value by half a millionth of the range.
_STEPS_EXPONENT: Final = 20
#: No value becomes an integer above 2^36, so that sums have room in 64 bits.
_UNITS_EXPONENT: Final = 36
_LARGEST_BOUND: Final = 1e200
#: Smaller steps would leave the range of normal doubles.
_SMALLEST_EXPONENT: Final = -1000
_NUMBERS: Final = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.CELL)


def prepare_number(
    question: Question, column: Column, selection: Selection, *, adjacency: Adjacency
) -> Prepared:
    """Say how a sum or a mean is answered."""
    query = question.query
    if column.kind not in _NUMBERS:
        raise UsageError(
            f"a {query} needs numbers, but {quoted(column.name)} is {one_line(column.type)}; "
            "choose another column."
        )
    lower, upper = _bounds(question, column)
    exponent = _exponent(lower, upper, whole=column.kind is Kind.INTEGER)
    whole = column.kind is Kind.INTEGER and exponent == 0
    grid = math.ldexp(1.0, exponent)
    low, high = round(lower / grid), round(upper / grid)
    if low >= high:
        raise UsageError(f"the bounds {lower} and {upper} are too close together for their size.")
    value, dropped, question = _value_sql(question, column, whole=whole)
    steps = _steps_sql(value, grid, low, high, whole=whole)
    centre = (low + high) // 2 if query == "mean" else 0
    # A row that the condition or a missing value keeps out adds 0, and so does an empty line of a CSV file.
    leaves = dropped or question.where is not None or column.kind is Kind.CELL
    # Whole numbers of steps, within 2^37, are exact.
    moves = int(sum_sensitivity(low - centre, high - centre, adjacency, leaves=leaves))
    # Numbers are the grid's own; columns are quoted and the values of the condition bound.
    sql = (
        f"SELECT coalesce(sum(steps - {centre}), 0), count(*) FROM "  # noqa: S608
        f"(SELECT {steps} AS steps FROM rows_asked WHERE {selection.sql}) WHERE steps IS NOT NULL"
    )
    parts = (Part("sum", moves),)
    if query == "mean":
        parts = (Part("centred sum", moves), Part("count", 1))
    columns = (*selection.columns, column)
    return Prepared(question, sql, selection.values, columns, parts, grid, low, high, centre)


def _bounds(question: Question, column: Column) -> tuple[float, float]:
    if question.bounds is None:
        raise UsageError(
            f"a {question.query} needs bounds that do not come from the data; give --bounds LOWER,UPPER. "
            "Values outside are clamped to them."
        )
    lower, upper = question.bounds
    for bound in (lower, upper):
        if not abs(bound) <= _LARGEST_BOUND:  # so that NaN is refused as well
            raise UsageError(f"the bounds must be finite numbers within 1e200 of 0, not {bound}.")
        if column.kind is Kind.INTEGER and not float(bound).is_integer():
            raise UsageError(
                f"{quoted(column.name)} holds whole numbers; its bounds must be whole, not {bound}."
            )
    if lower >= upper:
        raise UsageError(f"the lower bound {lower} is not below the upper bound {upper}; write LOWER,UPPER.")
    return float(lower), float(upper)


def _exponent(lower: float, upper: float, *, whole: bool) -> int:
    """Return the exponent of the step."""
    coarsest = math.frexp(max(abs(lower), abs(upper)))[1] - _UNITS_EXPONENT
    if whole:
        return max(0, coarsest)
    exponent = max(math.frexp(upper - lower)[1] - 1 - _STEPS_EXPONENT, coarsest)
    if exponent < _SMALLEST_EXPONENT:
        raise UsageError("the bounds are too close to each other and to 0; use a larger unit.")
    return exponent


def _value_sql(question: Question, column: Column, *, whole: bool) -> tuple[str, bool, Question]:
    """Return SQL of the value, whether a missing one is dropped, and the question as understood."""
    value = f"CAST({column.sql} AS HUGEINT)" if whole else number_sql(column)
    if question.missing is None:
        why = {
            Kind.FLOAT: "its type can hold NaN and NULL",
            Kind.CELL: "a cell can be empty or no number",
        }.get(column.kind, "its type can hold NULL")
        raise UsageError(
            f"what a missing value of {quoted(column.name)} counts as is open: {why}, whether or not any is "
            "there; give --missing drop, or --missing with a value within the bounds."
        )
    if question.missing == "drop":
        return value, True, question
    assert question.bounds is not None
    try:
        filled = float(question.missing)
    except ValueError:
        filled = math.nan
    if not question.bounds[0] <= filled <= question.bounds[1]:
        raise UsageError(
            f"--missing must be drop or a number within the bounds, not {one_line(question.missing)}."
        )
    if column.kind is Kind.INTEGER and not filled.is_integer():
        raise UsageError(f"{quoted(column.name)} holds whole numbers; --missing must be whole, not {filled}.")
    constant = f"CAST({int(filled)} AS HUGEINT)" if whole else _double(filled)
    shown = repr(filled).removesuffix(".0")
    return f"COALESCE({value}, {constant})", False, replace(question, missing=shown)


def _steps_sql(value: str, grid: float, low: int, high: int, *, whole: bool) -> str:
    """Return SQL that clamps a value and counts its steps; NULL stays NULL."""
    if whole:
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE greatest(least({value}, {high}), {low}) END"
    # Both bounds are whole steps and exact doubles, and dividing by a power of two is exact.
    clamped = f"greatest(least({value}, {_double(high * grid)}), {_double(low * grid)})"
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE CAST(round({clamped} / {_double(grid)}) AS HUGEINT) END"


def _double(value: float) -> str:
    """Return SQL of a double, exactly; a bare 0.1 would be a decimal first."""
    return f"CAST('{value!r}' AS DOUBLE)"
