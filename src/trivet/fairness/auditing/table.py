"""Audit of a table: of its predictions, or of models fitted on its rows."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

from trivet.errors import UsageError
from trivet.fairness.auditing.groups import named_values
from trivet.fairness.auditing.mitigations import chosen_mitigations, compare_mitigations
from trivet.fairness.auditing.predictions import audit_counts, audit_predictions
from trivet.fairness.auditing.results import MISSING_OUTCOME, Caution, FairnessAudit, FairnessComparison
from trivet.fairness.auditing.rows import (
    AuditRows,
    Predicted,
    adult_rows,
    read_predicted,
    read_rows,
    read_weights,
)
from trivet.fairness.auditing.settings import (
    ADULT,
    USUAL_CUT,
    Favourable,
    Missing,
    MissingOutcome,
    ReferenceName,
    TableOptions,
    TableSettings,
    given_settings,
)
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.design import Design, Placed, Scale, score_range
from trivet.fairness.counting.files import rows_of_none
from trivet.fairness.counting.group_counts import group_counts, placed_cut
from trivet.fairness.counting.tabulate import nearest
from trivet.fairness.law.suppression import suppressed
from trivet.fairness.measures.registry import measures_named
from trivet.fairness.search.table import search_table
from trivet.fairness.shaping import Shape, rows_without_outcome, shape_table
from trivet.tables.opening import Table, open_table, table_file
from trivet.tables.settings import DecimalMark, Encoding, Thousands
from trivet.wording import quote

__all__ = ["audit", "audit_table", "compare", "rows_of", "scored_of"]

Progress = Callable[[str, float | None], object]
Keep = Callable[[Predicted], object]

#: Above this many rows only counts are taken, unless a number of rows is given.
MOST_LOOKED_AT: Final = 10_000_000
GENDER: Final = ("gender",)
#: Options that change a table before it is read, or are of its other columns.
_OF_FILES: Final = frozenset(
    {
        *("ignore", "rows", "bins", "one_hot", "missing", "missing_outcome", "exclude", "decimal"),
        *("thousands", "encoding"),
        *("search", "search_split", "search_rows", "search_columns"),
    }
)


class AuditOptions(TypedDict, total=False):
    """Options of `audit`: those of `TableOptions` that are not of models."""

    positive: str | None
    privileged: str | None
    cut: float | str | None
    score_range: str | None
    favourable: Favourable
    selected: Any
    total: Any
    count: Any
    weight: Any
    strata: Any
    cluster: Any
    bins: str | None
    one_hot: str | None
    missing: Missing
    missing_outcome: MissingOutcome
    exclude: str | None
    four_fifths: float
    level: float
    ignore: Sequence[str]
    rows: int | None
    counts_only: bool
    reference: ReferenceName | None
    difference_band: float | None
    decimal: DecimalMark
    thousands: Thousands | None
    encoding: Encoding
    search: bool
    search_split: bool
    search_rows: int | None
    search_columns: Sequence[str]
    suppress: int | None


def audit_table(
    settings: TableSettings,
    *,
    seed: int,
    workers: int | None = None,
    progress: Progress = lambda _step, _share: None,
    keep: Keep = lambda _predicted: None,
) -> FairnessAudit | FairnessComparison:
    """Audit the predictions of a table, or fit and compare mitigations on its rows.

    `keep` is called with the rows and their predictions, where they were read and nothing is suppressed.
    """
    if settings.of_outcomes:
        raise UsageError(
            "amounts, ranks and several classes are audited by `trivet fairness` on its own, and by "
            "trivet.fairness.audit_outcome."
        )
    if settings.estimator is None:
        return _audit(settings, seed=seed, workers=workers, progress=progress, keep=keep)
    return _compare(settings, settings.estimator, seed=seed, workers=workers, progress=progress)


def _compare(
    settings: TableSettings, estimator: Any, *, seed: int, workers: int | None, progress: Progress
) -> FairnessComparison:
    names = chosen_mitigations(settings.mitigate)
    progress("loading", None)
    data, notes, noted = rows_of(settings, seed=seed)
    compared = compare_mitigations(
        data,
        estimator=estimator,
        cautions=[Caution("rows", note) for note in notes],
        mitigations=names,
        privileged=named_values(data.columns, settings.privileged),
        repeats=settings.repeats,
        four_fifths=settings.four_fifths,
        level=settings.level,
        seed=seed,
        workers=workers or os.cpu_count() or 1,
        progress=progress,
    )
    return replace(
        compared,
        baseline=replace(
            compared.baseline,
            cautions=(*noted, *compared.baseline.cautions),
            left_out=_left_out(noted),
            settings=given_settings(settings),
        ),
    )


def rows_of(settings: TableSettings, *, seed: int) -> tuple[AuditRows, Sequence[str], tuple[Caution, ...]]:
    """Return the rows that models are fitted on, notes on rows, and cautions on columns."""
    if settings.table == ADULT:
        return adult_rows(settings.sensitive or GENDER), (), ()
    shape = shape_of(settings)
    with open_table(settings.table, reading=settings.reading) as opened:
        shaped, notes = shape_table(opened, shape)
        data = read_rows(
            shaped,
            label=settings.label or "",
            sensitive=settings.sensitive,
            positive=settings.positive,
            weight=settings.weight,
            made_of=[name for names in shape.one_hot.values() for name in names],
            ignored=settings.ignore,
            limit=settings.rows,
            seed=seed,
        )
        noted = (*_without_outcome(opened, shape), *_noted(opened, data.features.notes))
        return replace(data, sources=shape.sources), notes, noted


def scored_of(settings: TableSettings, *, seed: int) -> tuple[Predicted, float] | None:
    """Return the rows of a table with scores and labels, and the place of the cut; None of another table."""
    if settings.score is None or settings.label is None:
        return None
    design = design_of(settings)
    if not design.of_rows:
        return None
    with open_table(settings.table, reading=settings.reading) as opened:
        shaped, _ = shape_table(opened, shape_of(settings), design.amount)
        cut, counts = _counted(shaped, settings)
        assert cut is not None
        predicted = read_predicted(
            shaped,
            counts,
            label=settings.label,
            prediction=settings.score,
            cut=cut,
            scale=scale_of(settings),
            ignored=(*settings.ignore, *design.columns),
            limit=settings.rows,
            seed=seed,
        )
        if settings.weight is not None:
            weights = read_weights(shaped, settings.weight, counts.rows, limit=settings.rows, seed=seed)
            rows = replace(predicted.rows, weight=settings.weight, weights=weights)
            predicted = replace(predicted, rows=rows)
    return predicted, float(cut.place)


def weighted_counts(settings: TableSettings) -> tuple[GroupCounts, float]:
    """Return the counts of a table of predictions whose rows have weights, and the largest of these."""
    assert settings.weight is not None
    with open_table(settings.table, reading=settings.reading) as opened:
        shaped, _ = shape_table(opened, shape_of(settings))
        _, counts = _counted(shaped, settings)
        weights = read_weights(shaped, settings.weight, counts.rows, limit=counts.rows, seed=0)
    return counts, float(weights.max())


def _counted(shaped: Table, settings: TableSettings) -> tuple[Placed | None, GroupCounts]:
    """Place the cut, where there are scores, and count rows by group, label and decision."""
    scale, design, cut = scale_of(settings), design_of(settings), None
    if settings.score is not None:
        asked = USUAL_CUT if settings.cut is None else settings.cut
        cut = placed_cut(shaped, settings.score, asked, scale=scale, design=design)
    counts = group_counts(
        shaped,
        settings.label,
        settings.prediction or settings.score,
        settings.sensitive,
        positive=settings.positive,
        cut=cut,
        scale=scale,
        **asdict(design),
    )
    return cut, counts


def _noted(opened: Table, notes: Sequence[str] = ()) -> tuple[Caution, ...]:
    """Return cautions on what a table's columns are called, and on cells that may be meant otherwise."""
    return tuple(Caution("columns", each) for each in (*opened.notes, *notes))


def _audit(
    settings: TableSettings,
    *,
    seed: int,
    workers: int | None,
    progress: Progress,
    keep: Keep = lambda _predicted: None,
) -> FairnessAudit:
    measures_named(settings.metric)  # first: a name may be wrong, and counting takes time
    label, prediction = settings.label, settings.prediction or settings.score
    scale, design = scale_of(settings), design_of(settings)
    progress("counting", None)
    with open_table(settings.table, reading=settings.reading) as opened:
        shape = shape_of(settings)
        shaped, notes = shape_table(opened, shape, design.amount)
        cut, counts = _counted(shaped, settings)
        amount = design.count or design.total
        if amount is not None and (none := rows_of_none(shaped, amount)):
            stand = "1 line of the table stands" if none == 1 else f"{none:,} lines of the table stand"
            notes = (*notes, f"{stand} for nobody, with 0 in {quote(amount)}.")
        predicted, cautions = None, _without_outcome(opened, shape, design.amount)
        cautions += tuple(Caution("rows", note) for note in notes)
        searched = None
        why = _not_looked_at(settings, counts, design)
        if why is not None or prediction is None or label is None:
            beside = " beside the search" if settings.search or settings.search_split else ""
            message = f"The other columns, and scores within groups, were not looked at{beside}{why or ''}."
            cautions += (Caution("not looked at", message),)
        else:
            progress("columns", None)
            predicted = read_predicted(
                shaped,
                counts,
                label=label,
                prediction=prediction,
                cut=cut,
                scale=scale,
                ignored=(*settings.ignore, *design.columns),
                limit=settings.rows,
                seed=seed,
            )
            predicted = replace(predicted, rows=replace(predicted.rows, sources=shape.sources))
            if settings.suppress is None and not design.weighted:
                keep(predicted)
        if settings.search or settings.search_split:
            progress("subgroups", None)
            searched = search_table(
                shaped, counts, settings, predicted, seed=seed, workers=workers, progress=progress
            )
    if predicted is None and searched is not None and searched.rows < counts.rows:
        cautions += (Caution("rows", f"The search is of {searched.rows:,} rows, drawn at random."),)
    if predicted is not None and len(predicted.places) < counts.rows:
        message = (
            f"What columns and scores tell is of {len(predicted.places):,} rows, drawn at random; "
            "the rest is of all."
        )
        cautions += (Caution("rows", message),)
    if predicted is not None and design.weighted:
        message = (
            "Where a difference comes from, by class and column, is not taken apart for rows with weights; "
            "scores within groups are of rows without them."
        )
        cautions += (Caution("not looked at", message),)
    cautions = (*_noted(opened, () if predicted is None else predicted.rows.features.notes), *cautions)
    progress("audit", None)
    audited = audit_counts(
        counts,
        privileged=settings.privileged,
        data=Path(settings.table).name,
        label=label or "",
        prediction=prediction or settings.selected or "",
        cut=None if cut is None else cut.score,
        scale=scale,
        design=design,
        four_fifths=settings.four_fifths,
        level=settings.level,
        seed=seed,
        predicted=predicted,
        cautions=cautions,
        metric=settings.metric,
        reference=settings.reference,
        difference_band=settings.difference_band,
    )
    audited = replace(audited, left_out=_left_out(cautions), settings=given_settings(settings))
    audited = audited if searched is None else replace(audited, subgroups=searched)
    return audited if settings.suppress is None else suppressed(audited, settings.suppress, counts)


def _not_looked_at(settings: TableSettings, counts: GroupCounts, design: Design) -> str | None:
    """Say why only counts are taken, or nothing where rows are looked at as well."""
    if settings.counts_only:
        return ""
    if not design.of_rows:
        return ", for a row of the table stands for several"
    if not counts.labelled:
        return ", for the table has no labels"
    if settings.rows is None and counts.rows > MOST_LOOKED_AT:
        return f", for there are more than {MOST_LOOKED_AT:,} rows; --rows N looks at N drawn ones"
    return None


def scale_of(settings: TableOptions) -> Scale:
    """Return where the scores lie."""
    return score_range(settings.score_range, settings.favourable)


def design_of(settings: TableOptions) -> Design:
    """Return what a row stands for."""
    return Design(**{each.name: getattr(settings, each.name) for each in fields(Design)})


def shape_of(settings: TableOptions) -> Shape:
    """Return what is made of the sensitive columns."""
    return Shape.typed(
        settings.sensitive,
        bins=settings.bins,
        one_hot=settings.one_hot,
        exclude=settings.exclude,
        missing=settings.missing,
        outcomes=[
            name
            for name in (settings.label, settings.prediction, settings.score)
            if name is not None and settings.missing_outcome == "drop"
        ],
    )


def _left_out(cautions: Sequence[Caution]) -> int:
    """Return the number of rows that a caution says are left out for want of an outcome."""
    return int(sum(each.amount or 0 for each in cautions if each.kind == MISSING_OUTCOME))


def _without_outcome(opened: Table, shape: Shape, amount: str | None = None) -> tuple[Caution, ...]:
    """Return a caution on rows that are left out for want of a label, a prediction or a score."""
    count, message = rows_without_outcome(opened, shape, amount)
    return (Caution(MISSING_OUTCOME, message, count),) if count else ()


def audit(
    table: Any,
    *,
    label: Any = None,
    sensitive: Any,
    prediction: Any = None,
    score: Any = None,
    metric: str | Sequence[str] = (),
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
    **options: Unpack[AuditOptions],
) -> FairnessAudit:
    """Audit predictions, as ``trivet fairness`` does.

    Parameters
    ----------
    table
        A file as of ``trivet fairness`` (.csv, .parquet, .xlsx and others, FILE.duckdb:TABLE), any data frame
        that narwhals knows, or None with arrays.
    label, prediction, score
        Names of columns, or arrays of shape (rows,) where there is no table. One of the last two is given:
        predicted labels, or scores; or `selected` and `total` are. Without labels only selection is audited.
    sensitive
        Names of the columns of the groups; or arrays by name.
    metric
        Metrics that the verdict is about, of `trivet.fairness.measures.registry.MEASURES`; by default
        ``selection_rate``.
    seed
        Of everything random.
    progress
        Called with a step's name and its finished share, None where that is unknown.
    **options
        As of the command line and `trivet.fairness.auditing.settings.TableOptions`. `weight`, `strata`,
        `cluster`, `count`, `selected` and `total` can be arrays where there is no table. `ignore`, `rows`,
        `bins`, `one_hot`, `missing`, `missing_outcome`, `exclude` and those of the search are of a file, or
        of a frame, which is then written to one.

    Returns
    -------
    FairnessAudit
        A file gives the same figures as a frame, and also how well its other columns predict the groups.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    columns = (sensitive,) if isinstance(sensitive, str) else sensitive
    rest: dict[str, Any] = dict(options)
    if unknown := sorted(rest.keys() - AuditOptions.__annotations__.keys()):
        near = nearest(unknown[0], AuditOptions.__annotations__.keys())
        hint = f"; did you mean {near!r}?" if near else ""
        raise TypeError(f"audit() got an unexpected keyword argument {unknown[0]!r}{hint}")
    rest["metric"] = tuple(metric.split(",") if isinstance(metric, str) else metric)
    of_file = isinstance(table, str | Path)
    if of_file or (table is not None and options.keys() & _OF_FILES):
        for name in ("ignore", "search_columns"):
            named = rest.get(name, ())
            rest[name] = (named,) if isinstance(named, str) else tuple(named)
        with table_file(table) as file:
            settings = TableSettings(
                table=str(file),
                label=label,
                sensitive=tuple(columns),
                prediction=prediction,
                score=score,
                **rest,
            )
            found = audit_table(settings, seed=seed, progress=progress)
        assert isinstance(found, FairnessAudit)
        return found if of_file else replace(found, data="the table")
    if used := sorted(options.keys() & _OF_FILES):
        raise UsageError(f"{', '.join(used)}: of a file or a frame; leave them out for arrays.")
    return audit_predictions(
        table,
        label,
        score if prediction is None else prediction,
        columns,
        scored=score is not None,
        seed=seed,
        **{name: each for name, each in rest.items() if name != "counts_only"},
    )


def compare(
    table: Any = ADULT,
    *,
    label: str | None = None,
    sensitive: str | Sequence[str] = (),
    estimator: Any = "logistic",
    mitigate: str | Sequence[str] = TableOptions.mitigate,
    repeats: int = TableOptions.repeats,
    positive: str | None = None,
    privileged: str | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    weight: str | None = None,
    bins: str | None = None,
    one_hot: str | None = None,
    missing: Missing = "refuse",
    missing_outcome: MissingOutcome = "refuse",
    exclude: str | None = None,
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
    weight
        Column of the rows' weights, by which models are fitted and all figures weighted.
    bins, one_hot, missing, missing_outcome, exclude
        As of `audit`.
    estimator
        ``logistic``, ``boosting``, ``package.module:factory`` of your own, or an unfitted scikit-learn
        classifier, which is given the columns as numbers: missing ones filled and marked, texts one-hot, all
        standardised.
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
            estimator=estimator if isinstance(estimator, str) else "own:classifier",
            mitigate=mitigate if isinstance(mitigate, str) else tuple(mitigate),
            repeats=repeats,
            positive=positive,
            privileged=privileged,
            four_fifths=four_fifths,
            level=level,
            weight=weight,
            bins=bins,
            one_hot=one_hot,
            missing=missing,
            missing_outcome=missing_outcome,
            exclude=exclude,
            ignore=(ignore,) if isinstance(ignore, str) else tuple(ignore),
            rows=rows,
            decimal=decimal,
            thousands=thousands,
            encoding=encoding,
        )
        return _compare(settings, estimator, seed=seed, workers=workers, progress=progress)
