"""Audit of a table: of its predictions, or of models fitted on its rows."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from trivet.errors import UsageError
from trivet.fairness.auditing.groups import named_values
from trivet.fairness.auditing.mitigations import chosen_mitigations, compare_mitigations
from trivet.fairness.auditing.predictions import audit_counts, audit_predictions
from trivet.fairness.auditing.results import Caution, FairnessAudit, FairnessComparison
from trivet.fairness.auditing.rows import AuditRows, adult_rows, read_predicted, read_rows
from trivet.fairness.auditing.settings import ADULT, EstimatorName, TableOptions, TableSettings
from trivet.fairness.counting.group_counts import group_counts
from trivet.tables.opening import Table, open_table, table_file
from trivet.tables.settings import DecimalMark, Encoding, Reading, Thousands

__all__ = ["audit", "audit_table", "compare"]

Progress = Callable[[str, float | None], object]

#: Above this many rows only counts are taken, unless a number of rows is given.
MOST_LOOKED_AT: Final = 10_000_000
GENDER: Final = ("gender",)


def audit_table(
    settings: TableSettings,
    *,
    seed: int,
    workers: int | None = None,
    progress: Progress = lambda _step, _share: None,
) -> FairnessAudit | FairnessComparison:
    """Audit the predictions of a table, or fit and compare mitigations on its rows."""
    if settings.estimator is None:
        return _audit(settings, seed=seed, progress=progress)
    names = chosen_mitigations(settings.mitigate)
    noted: tuple[Caution, ...] = ()
    progress("loading", None)
    if settings.table == ADULT:
        data = adult_rows(settings.sensitive or GENDER)
    else:
        with open_table(settings.table, reading=settings.reading) as opened:
            data = read_rows(
                opened,
                label=settings.label or "",
                sensitive=settings.sensitive,
                positive=settings.positive,
                ignored=settings.ignore,
                limit=settings.rows,
                seed=seed,
            )
            noted = _noted(opened, data.features.notes)
    compared = compare_mitigations(
        data,
        estimator=settings.estimator,
        mitigations=names,
        privileged=named_values(data.columns, settings.privileged),
        repeats=settings.repeats,
        four_fifths=settings.four_fifths,
        level=settings.level,
        seed=seed,
        workers=workers or os.cpu_count() or 1,
        progress=progress,
    )
    if not noted:
        return compared
    return replace(
        compared,
        baseline=replace(compared.baseline, cautions=(*noted, *compared.baseline.cautions)),
    )


def _noted(opened: Table, notes: Sequence[str] = ()) -> tuple[Caution, ...]:
    """Return cautions on what a table's columns are called, and on cells that may be meant otherwise."""
    return tuple(Caution("columns", each) for each in (*opened.notes, *notes))


def _audit(settings: TableSettings, *, seed: int, progress: Progress) -> FairnessAudit:
    table, label = settings.table, settings.label or ""
    prediction = settings.prediction or settings.score or ""
    cut = None if settings.score is None else settings.cut
    progress("counting", None)
    with open_table(table, reading=settings.reading) as opened:
        counts = group_counts(
            opened, label, prediction, settings.sensitive, positive=settings.positive, cut=cut
        )
        predicted, cautions = None, ()
        if settings.counts_only or (settings.rows is None and counts.rows > MOST_LOOKED_AT):
            many = f", for there are more than {MOST_LOOKED_AT:,} rows; --rows N looks at N drawn ones"
            why = "" if settings.counts_only else many
            message = f"The other columns, and scores within groups, were not looked at{why}."
            cautions = (Caution("not looked at", message),)
        else:
            progress("columns", None)
            predicted = read_predicted(
                opened,
                counts,
                label=label,
                prediction=prediction,
                cut=cut,
                ignored=settings.ignore,
                limit=settings.rows,
                seed=seed,
            )
    if predicted is not None and len(predicted.places) < counts.rows:
        message = (
            f"What columns and scores tell is of {len(predicted.places):,} rows, drawn at random; "
            "the rest is of all."
        )
        cautions = (Caution("rows", message),)
    cautions = (*_noted(opened, () if predicted is None else predicted.rows.features.notes), *cautions)
    progress("audit", None)
    return audit_counts(
        counts,
        privileged=settings.privileged,
        data=Path(table).name,
        label=label,
        prediction=prediction,
        cut=cut,
        four_fifths=settings.four_fifths,
        level=settings.level,
        seed=seed,
        predicted=predicted,
        cautions=cautions,
    )


def audit(
    table: Any,
    *,
    label: Any,
    sensitive: Any,
    prediction: Any = None,
    score: Any = None,
    cut: float = TableOptions.cut,
    positive: str | None = None,
    privileged: str | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    ignore: Sequence[str] = (),
    rows: int | None = None,
    counts_only: bool = False,
    decimal: DecimalMark = TableOptions.decimal,
    thousands: Thousands | None = TableOptions.thousands,
    encoding: Encoding = TableOptions.encoding,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
) -> FairnessAudit:
    """Audit predictions, as ``trivet fairness`` does.

    Parameters
    ----------
    table
        A file as of ``trivet fairness`` (.csv, .parquet, .xlsx and others, FILE.duckdb:TABLE), any data frame
        that narwhals knows, or None with arrays.
    label, prediction, score
        Names of columns, or arrays of shape (rows,) where there is no table. Exactly one of the last two is
        given: predicted labels, or scores from 0 to 1.
    sensitive
        Names of the columns of the groups; or arrays by name.
    cut
        Score from which a row is predicted positive.
    positive
        The label that counts as positive; not needed for 0 and 1, or true and false.
    privileged
        Value that the others are compared with, one a sensitive column with commas between.
    four_fifths
        Lower end of the band; the upper end is its inverse.
    level
        Confidence level of every interval, in (0, 1).
    ignore, rows, counts_only
        Of a file, whose other columns are looked at as well: columns that models do not see, how many rows at
        most, or counts alone.
    decimal, thousands, encoding
        Of a CSV file: how its numbers are written, and how its characters are.
    seed
        Of everything random.
    progress
        Called with a step's name and its finished share, None where that is unknown.

    Returns
    -------
    FairnessAudit
        A file gives the same figures as a frame, and what its other columns say of the groups.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    columns = (sensitive,) if isinstance(sensitive, str) else sensitive
    if isinstance(table, str | Path):
        found = audit_table(
            TableSettings(
                table=str(table),
                label=label,
                sensitive=tuple(columns),
                prediction=prediction,
                score=score,
                cut=cut,
                positive=positive,
                privileged=privileged,
                four_fifths=four_fifths,
                level=level,
                ignore=tuple(ignore),
                rows=rows,
                counts_only=counts_only,
                decimal=decimal,
                thousands=thousands,
                encoding=encoding,
            ),
            seed=seed,
            progress=progress,
        )
        assert isinstance(found, FairnessAudit)
        return found
    if (prediction is None) == (score is None):
        raise UsageError("give one of prediction and score.")
    if ignore or rows is not None:
        raise UsageError("ignore and rows belong to a file; leave them out for a frame or arrays.")
    if Reading(decimal=decimal, thousands=thousands, encoding=encoding).options:
        raise UsageError("decimal, thousands and encoding belong to a file; leave them out.")
    return audit_predictions(
        table,
        label,
        score if prediction is None else prediction,
        columns,
        positive=positive,
        cut=cut if prediction is None else None,
        privileged=privileged,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
    )


def compare(
    table: Any = ADULT,
    *,
    label: str | None = None,
    sensitive: str | Sequence[str] = (),
    estimator: EstimatorName = "logistic",
    mitigate: str | Sequence[str] = TableOptions.mitigate,
    repeats: int = TableOptions.repeats,
    positive: str | None = None,
    privileged: str | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    ignore: Sequence[str] = (),
    rows: int | None = None,
    decimal: DecimalMark = TableOptions.decimal,
    thousands: Thousands | None = TableOptions.thousands,
    encoding: Encoding = TableOptions.encoding,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = lambda _step, _share: None,
) -> FairnessComparison:
    """Fit a classifier without and with mitigations, as ``trivet fairness --estimator`` does.

    Parameters
    ----------
    table
        A file as of `audit`, ``adult`` for the embedded data, any data frame that narwhals knows, or rows
        that `trivet.fairness.auditing.rows` read.
    label, sensitive, positive, privileged, four_fifths, level, ignore, rows, decimal, thousands, encoding
        As of `audit`.
    seed, progress
        As of `audit`; Adult and rows have a label of their own.
    estimator
        ``logistic`` or ``boosting``.
    mitigate
        ``all``, or names of mitigations.
    repeats
        Trainings anew on other rows, for the spread of training.
    workers
        Processes, one a core by default; the result does not depend on it.

    Returns
    -------
    FairnessComparison
        Accuracy and disparities of each model on the same test rows.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    if isinstance(table, AuditRows):
        return compare_mitigations(
            table,
            estimator=estimator,
            mitigations=mitigate,
            privileged=named_values(table.columns, privileged),
            repeats=repeats,
            four_fifths=four_fifths,
            level=level,
            seed=seed,
            workers=workers or os.cpu_count() or 1,
            progress=progress,
        )
    with table_file(table) as file:
        settings = TableSettings(
            table=str(file),
            label=label,
            sensitive=(sensitive,) if isinstance(sensitive, str) else tuple(sensitive),
            estimator=estimator,
            mitigate=mitigate if isinstance(mitigate, str) else tuple(mitigate),
            repeats=repeats,
            positive=positive,
            privileged=privileged,
            four_fifths=four_fifths,
            level=level,
            ignore=tuple(ignore),
            rows=rows,
            decimal=decimal,
            thousands=thousands,
            encoding=encoding,
        )
        found = audit_table(settings, seed=seed, workers=workers, progress=progress)
    assert isinstance(found, FairnessComparison)
    return found
