"""Audit of a table: of its predictions, or of models fitted on its rows."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trivet.fairness.auditing.comparing import chosen_mitigations, compare_mitigations
from trivet.fairness.auditing.loading import adult_rows, read_predicted, read_rows
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.reference_group import named_values
from trivet.fairness.auditing.results import Caution, FairnessAudit, FairnessComparison
from trivet.fairness.auditing.settings import ADULT, TableSettings
from trivet.fairness.counting.group_counts import group_counts
from trivet.tables.opening import open_table

__all__ = ["ask_table"]

Progress = Callable[[str, float | None], object]

#: Above this many rows only counts are taken, unless a number of rows is given.
MOST_LOOKED_AT: Final = 10_000_000
GENDER: Final = ("gender",)


def ask_table(
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
    progress("loading", None)
    if settings.table == ADULT:
        data = adult_rows(settings.sensitive or GENDER)
    else:
        data = read_rows(
            settings.table,
            label=settings.label or "",
            sensitive=settings.sensitive,
            positive=settings.positive,
            ignored=settings.ignore,
            limit=settings.rows,
            seed=seed,
        )
    return compare_mitigations(
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


def _audit(settings: TableSettings, *, seed: int, progress: Progress) -> FairnessAudit:
    table, label = settings.table, settings.label or ""
    prediction = settings.prediction or settings.score or ""
    cut = None if settings.score is None else settings.cut
    progress("counting", None)
    with open_table(table) as opened:
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
