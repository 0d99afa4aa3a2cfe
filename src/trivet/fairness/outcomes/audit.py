"""Audit of a table's amounts, rankings or classes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from trivet.errors import UsageError
from trivet.fairness.auditing.group_names import caution_groups, constant_columns
from trivet.fairness.auditing.groups import named_values
from trivet.fairness.auditing.settings import TableOptions, TableSettings
from trivet.fairness.auditing.table import design_of, shape_of
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.outcomes.amounts import audit_amounts
from trivet.fairness.outcomes.classes import audit_classes
from trivet.fairness.outcomes.rankings import audit_rankings
from trivet.fairness.outcomes.reading import read_numbers
from trivet.fairness.outcomes.results import AmountAudit, MulticlassAudit, RankingAudit
from trivet.fairness.outcomes.suppressed import suppressed_amounts
from trivet.fairness.shaping import shape_table
from trivet.tables.opening import open_table, table_file

__all__ = ["OutcomeAudit", "audit_outcome", "audit_outcomes"]

OutcomeAudit = AmountAudit | RankingAudit | MulticlassAudit
Progress = Callable[[str, float | None], object]


def audit_outcomes(
    settings: TableSettings, *, seed: int, progress: Progress = lambda _step, _share: None
) -> OutcomeAudit:
    """Audit what the settings name: amounts, ranks or several classes."""
    progress("reading", None)
    named = named_values(settings.sensitive, settings.privileged)
    with open_table(settings.table, reading=settings.reading) as opened:
        shaped, notes = shape_table(opened, shape_of(settings), design_of(settings).amount)
        notes = (*opened.notes, *notes)
        if settings.multiclass:
            counts = group_counts(
                shaped,
                settings.label,
                settings.prediction,
                settings.sensitive,
                multiclass=True,
                **asdict(design_of(settings)),
            )
            progress("audit", None)
            constant = constant_columns(counts.columns, counts.groups, named)
            found = audit_classes(counts, settings, data=settings.table, notes=(*constant, *notes))
            return _with_groups(found, counts.columns, counts.groups)
        rows = read_numbers(
            shaped, settings.outcome or settings.rank or "", settings, query=settings.query, notes=notes
        )
    progress("audit", None)
    rows = replace(rows, notes=(*constant_columns(rows.columns, rows.values, named), *rows.notes))
    if settings.outcome is None:
        found = audit_rankings(rows, settings, data=settings.table, seed=seed)
    else:
        found = audit_amounts(rows, settings, data=settings.table, seed=seed)
        if settings.suppress is not None:
            found = suppressed_amounts(found, rows, settings.suppress)
    return _with_groups(found, rows.columns, rows.values)


def _with_groups(
    found: OutcomeAudit, columns: Sequence[str], groups: Sequence[tuple[str, ...]]
) -> OutcomeAudit:
    return replace(found, cautions=(*found.cautions, *caution_groups(columns, groups)))


def audit_outcome(
    table: Any,
    *,
    sensitive: str | tuple[str, ...] | list[str],
    outcome: str | None = None,
    rank: str | None = None,
    query: str | None = None,
    top: int = TableOptions.top,
    label: str | None = None,
    prediction: str | None = None,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
    **options: Any,
) -> OutcomeAudit:
    """Audit amounts, a ranking or predictions of several classes, as ``trivet fairness`` does.

    Parameters
    ----------
    table
        A .csv or .parquet file, FILE.duckdb:TABLE, or any data frame that narwhals knows.
    sensitive
        Names of the columns of the groups.
    outcome
        Column of amounts, such as credit limits, prices or wages.
    rank, query, top
        Or a column of ranks, 1 being the first, the query that each belongs to, and how many are the top.
    label, prediction
        Or columns of labels and predictions of several classes.
    seed
        Of everything random.
    progress
        Called with a step's name and its finished share, None where that is unknown.
    options
        Others of ``trivet fairness``: privileged, weight, strata, cluster, count, bins, one_hot, missing,
        exclude, four_fifths, level, and for amounts suppress.

    Returns
    -------
    AmountAudit, RankingAudit or MulticlassAudit
        By what is named.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    if [outcome, rank, prediction].count(None) != 2:  # noqa: PLR2004 - one of three is there
        raise UsageError("give one of outcome, rank, and prediction with its label.")
    names = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    with table_file(table) as file:
        settings = TableSettings(
            table=str(file),
            sensitive=names,
            outcome=outcome,
            rank=rank,
            query=query,
            top=top,
            label=label,
            prediction=prediction,
            multiclass=prediction is not None,
            **options,
        )
        return audit_outcomes(settings, seed=seed, progress=progress)
