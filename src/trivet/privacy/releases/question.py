"""Query of a release, and what has to be read and covered by noise to answer it."""

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Final

from trivet.errors import DataError, UsageError
from trivet.privacy.adjacency import Adjacency, histogram_sensitivity, sum_sensitivity
from trivet.privacy.releases.keys import prepare_keys
from trivet.privacy.releases.noise import Measurement, half_width
from trivet.privacy.releases.results import Cell, Query
from trivet.privacy.releases.where import EVERY_ROW, Selection, number_sql, select_rows
from trivet.settings import require
from trivet.tables.opening import Column, Kind, Table, find_column
from trivet.wording import first_line, one_line, quote

__all__ = [
    "CONFIDENCE",
    "Amount",
    "Prepared",
    "Question",
    "answer_from",
    "as_text",
    "exact",
    "prepare",
    "prepare_number",
    "read_exact",
    "require_answerable",
    "require_delta",
    "require_epsilon",
    "written",
]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query as the user gave it."""

    query: str
    column: str | None = None
    bounds: tuple[float, float] | None = None
    categories: tuple[str, ...] = ()
    missing: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Part:
    """One exact answer: its name, and the largest L1 change, in steps, between neighbouring tables."""

    name: str
    sensitivity: int


@dataclass(frozen=True)
class Prepared:
    """Query with everything needed to answer it."""

    question: Question
    sql: str
    values: tuple[object, ...]
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    grid: float = 1.0
    lower: int = 0
    upper: int = 0
    centre: int = 0

    @property
    def words(self) -> str:
        """The whole question in words."""
        asked = self.question
        said = asked.query if asked.column is None else f"{asked.query} of {asked.column}"
        if asked.bounds is not None:
            said += f" in [{_short(self.lower * self.grid)}, {_short(self.upper * self.grid)}]"
        if asked.categories:
            said += f" over {', '.join(asked.categories)}"
        if asked.missing is not None:
            said += f", missing: {asked.missing}"
        return said if asked.where is None else f"{said}, where {asked.where}"


def _short(number: float) -> str:
    return repr(number).removesuffix(".0")


def prepare_histogram(
    question: Question, columns: tuple[Column, ...], selection: Selection, *, adjacency: Adjacency
) -> Prepared:
    """Say how a histogram is answered: a row is in one cell at most, an unlisted value in none."""
    assert question.column is not None
    key = prepare_keys(question.column, question.categories, columns, missing=question.missing)
    # As a set: a comparison with each of a list takes as many times the rows as there are keys.
    sql = (
        f"SELECT key, count(*) FROM (SELECT {key.sql} AS key FROM rows_asked WHERE {selection.sql}) "  # noqa: S608
        "WHERE key IN (SELECT unnest(CAST(? AS BLOB[]))) GROUP BY key"
    )
    understood = replace(question, categories=key.keys, missing=key.missing)
    moves = math.ceil(histogram_sensitivity(adjacency, cells=len(key.keys)))
    values = (*key.values, *selection.values, key.listed)
    return Prepared(understood, sql, values, (*selection.columns, key.column), (Part("cells", moves),))


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
        way = {
            Kind.BOOLEAN: "use --query proportion",
            Kind.DATE: "count dates with --query histogram or --where",
            Kind.TIMESTAMP: "count dates with --query histogram or --where",
        }.get(column.kind, "choose another column")
        raise UsageError(
            f"a {query} needs numbers, but {quote(column.name)} is {one_line(column.type)}; {way}."
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
                f"{quote(column.name)} holds whole numbers; its bounds must be whole, not {bound}."
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
            f"what a missing value of {quote(column.name)} counts as is open: {why}, whether or not any is "
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
        raise UsageError(f"{quote(column.name)} holds whole numbers; --missing must be whole, not {filled}.")
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


#: What each query takes; anything else given is a misunderstanding, and said so.
_TAKES: Final = {
    "count": {"where"},
    "sum": {"where", "column", "bounds", "missing"},
    "mean": {"where", "column", "bounds", "missing"},
    "histogram": {"where", "column", "categories", "missing"},
}


def prepare(question: Question, columns: tuple[Column, ...], *, adjacency: Adjacency) -> Prepared:
    """Check a question against a schema and say how it is answered; no row is looked at."""
    require(Query, query=question.query)
    for name in ("column", "bounds", "categories", "missing"):
        if name not in _TAKES[question.query] and getattr(question, name):
            raise UsageError(_meaningless(question.query, name))
    selection = EVERY_ROW
    if question.where is not None:
        selection = select_rows(question.where, columns)
        question = replace(question, where=selection.text)
    if question.query == "count":
        sql = f"SELECT count(*) FROM rows_asked WHERE {selection.sql}"  # noqa: S608 - quoted and bound
        return Prepared(question, sql, selection.values, selection.columns, (Part("count", 1),))
    if question.column is None:
        raise UsageError(f"a {question.query} is of a column; give --column.")
    if question.query == "histogram":
        return prepare_histogram(question, columns, selection, adjacency=adjacency)
    column = find_column(columns, question.column)
    return prepare_number(question, column, selection, adjacency=adjacency)


def _meaningless(query: str, name: str) -> str:
    if query == "count":
        return f"a count is of rows and takes no --{name}; choose rows with --where."
    return f"a {query} takes no --{name}; leave it out."


#: Probability with which the noise moves an answer by no more than its half-width.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Answer:
    """Fields as in `Release`."""

    value: float | int | None
    cells: tuple[Cell, ...]
    half_width: float | None
    message: str | None


def require_answerable(table: Table, prepared: Prepared) -> None:
    """See whether the question fits the schema as DuckDB has it; no row is read."""
    try:
        table.added_up(prepared.sql, prepared.values, prepared.columns, without_rows=True)
    except Exception as error:
        raise UsageError(
            f"the question cannot be answered from {quote(table.name)}: {first_line(error)}. Ask of another "
            "column, or change its type."
        ) from error


def read_exact(table: Table, prepared: Prepared) -> tuple[int, ...]:
    """Read the exact answers: one integer a part, of a histogram one a category. They must not leave."""
    try:
        rows = table.added_up(prepared.sql, prepared.values, prepared.columns)
    except Exception:  # noqa: BLE001 - whatever it is, it may quote a row
        raise DataError(
            "not all rows of the table could be read; which, and why, stays private. The owner can see it "
            "with `trivet privacy check`."
        ) from None
    if prepared.question.query == "histogram":
        counts = Counter[bytes]()
        for key, count in rows:
            counts[bytes(key)] += int(count)
        return tuple(counts[key.encode()] for key in prepared.question.categories)
    return tuple(sum(int(row[i]) for row in rows) for i in range(len(prepared.parts)))


def answer_from(prepared: Prepared, exact: tuple[int, ...], measurements: tuple[Measurement, ...]) -> Answer:
    """Add noise to exact answers and say what they mean in units of the column."""
    query, wrong = prepared.question.query, 1 - CONFIDENCE
    if query == "histogram":
        (measurement,) = measurements
        noisy = measurement.add(exact)
        cells = tuple(Cell(*pair) for pair in zip(prepared.question.categories, noisy, strict=True))
        return Answer(None, cells, half_width(measurement.scale, probability=wrong), None)
    noisy = tuple(each.add((number,))[0] for each, number in zip(measurements, exact, strict=True))
    if query == "mean":
        return _mean(prepared, noisy, measurements)
    error = half_width(measurements[0].scale, probability=wrong)
    return Answer(_in_units(noisy[0], prepared.grid), (), _in_units(error, prepared.grid), None)


def _mean(prepared: Prepared, noisy: tuple[int, ...], measurements: tuple[Measurement, ...]) -> Answer:
    """Divide a noisy sum by a noisy count; both stay within their errors with probability 0.95."""
    total, rows = noisy
    total_error, rows_error = (
        half_width(each.scale, probability=(1 - CONFIDENCE) / len(measurements)) for each in measurements
    )
    if rows <= rows_error:
        return Answer(
            None,
            (),
            None,
            f"the noisy count is {rows}, within its noise of {rows_error}: too few rows for a mean.",
        )
    low, high = prepared.lower - prepared.centre, prepared.upper - prepared.centre

    def within(quotient: float) -> float:
        return max(low, min(high, quotient))

    value = within(total / rows)
    corners = product((total - total_error, total + total_error), (rows - rows_error, rows + rows_error))
    error = max(abs(within(each / count) - value) for each, count in corners)
    return Answer((prepared.centre + value) * prepared.grid, (), error * prepared.grid, None)


def _in_units(steps: int, grid: float) -> float | int:
    return steps if grid == 1 else steps * grid


#: What a caller may give: text as written, or a number, which means its shortest decimal.
Amount = str | int | float | Decimal

_DECIMAL: Final = re.compile(r"(\d{1,12}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?", re.ASCII)


def written(amount: Amount) -> str:
    """Return an amount as decimal text: text as it stands, without spaces around it, a number in short."""
    return amount.strip() if isinstance(amount, str) else str(amount)


def exact(text: str) -> Fraction | None:
    """Return the number that decimal text means; None for any other text."""
    return Fraction(Decimal(text)) if _DECIMAL.fullmatch(text) else None


def as_text(value: Fraction) -> str:
    """Write a fraction that has a finite decimal expansion, all digits of it."""
    places, rest = 0, value.denominator
    while 10**places % rest:
        places += 1
        if places > rest.bit_length():
            raise ValueError("no finite decimal")
    digits = str(value.numerator * 10**places // rest).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def require_epsilon(amount: Amount) -> Fraction:
    """Return an epsilon as a fraction."""
    value = exact(written(amount))
    if value is None or value <= 0 or not math.isfinite(value):
        raise UsageError(f"epsilon must be a positive decimal such as 0.1, not {one_line(amount)}.")
    return value


def require_delta(amount: Amount) -> Fraction:
    """Return a delta as a fraction; 0 is pure differential privacy."""
    value = exact(written(amount))
    if value is None or not 0 <= value < 1:
        raise UsageError(
            f"delta must be a decimal, at least 0 and below 1, such as 1e-6, not {one_line(amount)}."
        )
    return value
