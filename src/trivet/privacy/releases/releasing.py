"""Release of one answer: checked, charged, read, covered with noise, and receipted."""

import contextlib
from collections.abc import Sequence
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

from trivet.errors import DataError
from trivet.privacy.releases.ledger import Asked, Ledger, open_ledger
from trivet.privacy.releases.noise import (
    LIBRARY,
    MECHANISM,
    Measurement,
    calibrate,
    half_width,
    library_version,
)
from trivet.privacy.releases.question import (
    CONFIDENCE,
    Amount,
    Prepared,
    Question,
    answer_from,
    as_text,
    prepare,
    read_exact,
    require_answerable,
    require_epsilon,
    written,
)
from trivet.privacy.releases.results import Noise, Receipt, Release
from trivet.tables.opening import fingerprint, open_table
from trivet.tables.settings import Reading

__all__ = ["release"]


def release(
    table: str | Path,
    *,
    query: str,
    ledger: str | Path | Ledger,
    epsilon: Amount,
    column: str | None = None,
    bounds: tuple[float, float] | None = None,
    categories: Sequence[str] = (),
    missing: str | float | None = None,
    where: str | None = None,
    reading: Reading | None = None,
) -> Release:
    """Answer a question about a table with noise, after a ledger was charged for it.

    Every error that is raised before the charge depends on the question, the schema and the ledger
    alone. After it there is one: that the rows cannot be read.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE.
    query
        ``count`` of rows, ``sum`` or ``mean`` of a column of numbers, or ``histogram`` of a column of
        categories.
    ledger
        The ledger, or its file.
    epsilon
        What the answer may cost, above 0; decimal text is kept as it is written.
    column
        Of a sum, mean or histogram.
    bounds
        Of a sum or mean: (lower, upper), to which values are clamped; they must not come from the data.
    categories
        Of a histogram: its keys; they must not come from the data.
    missing
        What a missing value (NULL, NaN, a CSV cell that is not a number) counts as: ``drop``,
        or a value within the bounds, or a category. A sum or mean needs it.
    where
        Condition on rows, as in `trivet.privacy.releases.where`. A comparison with a missing
        value is false.
    reading
        How the cells of a CSV file are read; None reads decimal points, UTF-8 and ISO dates.

    Returns
    -------
    Release
        The answer and its receipt.

    Raises
    ------
    UsageError
        If the question cannot be answered or the ledger refuses it; nothing was charged.
    DataError
        If the ledger or the table cannot be used.

    Notes
    -----
    Noise is the discrete Laplace of Ghosh, Roughgarden and Sundararajan 2009, drawn by OpenDP. How long an
    answer takes is not covered.
    """
    book = ledger if isinstance(ledger, Ledger) else open_ledger(ledger)
    whole = require_epsilon(epsilon)
    question = Question(
        query=query,
        column=column,
        bounds=bounds,
        categories=tuple(categories),
        missing=None if missing is None else str(missing),
        where=where,
    )
    with open_table(table, by_line=True, reading=reading) as opened:
        prepared = prepare(question, opened.columns, adjacency=book.adjacency)
        require_answerable(opened, prepared)
        measurements = _measurements(prepared, whole)
        noise = tuple(_noise(prepared, i, each, whole) for i, each in enumerate(measurements))
        entry = book.charge(
            Asked(
                table=opened.name,
                fingerprint=fingerprint(opened.path, key=book.fingerprint_key),
                query=query,
                asked=prepared.words,
                mechanism=MECHANISM,
                scales=tuple(each.scale for each in noise),
                epsilon=written(epsilon),
                delta="0",
            )
        )
        try:
            exact = read_exact(opened, prepared)
        except DataError as error:
            raise DataError(f"{error} The charge {entry} stays.") from None
        answer = answer_from(prepared, exact, measurements)
    # The charge is what counts: an answer is not withheld because the mark could not be written.
    with contextlib.suppress(DataError):
        book.mark_answered(entry)
    receipt = _receipt(prepared, noise, table=opened.name, entry=entry, epsilon=written(epsilon), book=book)
    return Release(answer.value, answer.cells, answer.half_width, answer.message, receipt)


def _measurements(prepared: Prepared, epsilon: Fraction) -> tuple[Measurement, ...]:
    share = epsilon / len(prepared.parts)
    vector = prepared.question.query == "histogram"
    return tuple(
        calibrate(sensitivity=part.sensitivity, epsilon=share, vector=vector) for part in prepared.parts
    )


def _noise(prepared: Prepared, index: int, measurement: Measurement, epsilon: Fraction) -> Noise:
    part = prepared.parts[index]
    step = 1.0 if part.name == "count" else prepared.grid
    return Noise(
        part=part.name,
        mechanism=MECHANISM,
        sensitivity=part.sensitivity * step,
        scale=measurement.scale * step,
        epsilon=as_text(epsilon / len(prepared.parts)),
        delta="0",
        proven_epsilon=measurement.proven_epsilon,
        proven_delta=0.0,
        half_width=half_width(measurement.scale, probability=1 - CONFIDENCE) * step,
    )


def _receipt(
    prepared: Prepared, noise: tuple[Noise, ...], *, table: str, entry: str, epsilon: str, book: Ledger
) -> Receipt:
    question = prepared.question
    numbers = question.bounds is not None
    return Receipt(
        entry=entry,
        table=table,
        query=question.query,
        column=question.column,
        where=question.where,
        missing=question.missing,
        categories=question.categories,
        lower=prepared.lower * prepared.grid if numbers else None,
        upper=prepared.upper * prepared.grid if numbers else None,
        grid=prepared.grid if numbers else None,
        noise=noise,
        epsilon=epsilon,
        delta="0",
        adjacency=book.adjacency.value,
        unit=book.unit,
        library=LIBRARY,
        library_version=library_version(),
        trivet_version=version("trivet"),
    )
