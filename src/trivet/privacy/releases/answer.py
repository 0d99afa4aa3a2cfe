"""Exact answers from the rows, and the noisy ones made of them."""

from collections import Counter
from dataclasses import dataclass
from itertools import product

from trivet.errors import DataError, UsageError
from trivet.privacy.releases.noise import Measurement, half_width
from trivet.privacy.releases.question import Prepared
from trivet.privacy.releases.results import Cell
from trivet.tables.opening import Table
from trivet.wording import quoted, reason

__all__ = ["CONFIDENCE", "Answer", "answer_from", "read_exact", "require_answerable"]

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
            f"the question cannot be answered from {quoted(table.name)}: {reason(error)}. Ask of another "
            "column, or change its type."
        ) from error


def read_exact(table: Table, prepared: Prepared) -> tuple[int, ...]:
    """Read the exact answers: one integer a part, of a histogram one a category. They must not leave."""
    try:
        rows = table.added_up(prepared.sql, prepared.values, prepared.columns)
    except Exception:  # noqa: BLE001 - whatever it is, it may quote a row
        raise DataError("not all rows of the table could be read; which, and why, stays private.") from None
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
