"""Counts by group, label and prediction, of arrays, a data frame or a file."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trivet.errors import UsageError
from trivet.fairness.counting.arrays import ArraySource, sensitive_arrays
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.design import EVERY_ROW, UNIT, Cut, Design, Placed, Scale, quantile_of
from trivet.fairness.counting.files import FileSource
from trivet.fairness.counting.frames import FrameSource, with_text_names
from trivet.fairness.counting.tabulate import ask, assemble
from trivet.tables.opening import Table, open_table
from trivet.wording import quote

__all__ = ["counts_at_cut", "group_counts", "placed_cut"]


def group_counts(
    table: Any,
    y_true: Any,
    y_pred: Any,
    sensitive: Any,
    *,
    positive: object = None,
    cut: Cut | None = None,
    multiclass: bool = False,
    scale: Scale = UNIT,
    weight: Any = None,
    strata: Any = None,
    cluster: Any = None,
    count: Any = None,
    selected: Any = None,
    total: Any = None,
) -> GroupCounts:
    """Count the rows of each group, label and prediction.

    A table is aggregated once and where it is, by DuckDB or its own engine. The same numbers, texts, truth
    values, dates and times give the same counts in every engine; times with a zone, durations, and times
    finer than a microsecond are called as the engine calls them.

    Parameters
    ----------
    table
        The path of a .csv or .parquet file, or FILE.duckdb:TABLE; such a table that is open; a data frame of
        pandas, Polars (lazy or not), PyArrow, DuckDB, Spark or another that narwhals knows; or None for
        arrays.
    y_true, y_pred
        Names of the columns of labels and of predictions (or the numbers that a frame of pandas has for
        names); without a table arrays of shape (rows,). Where there are no labels `y_true` is None, and with
        totals both are.
    sensitive
        Name of the sensitive column, or a sequence of names: each combination of their values that has
        a row is a group. Without a table an array of shape (rows,) or (rows, columns), or a mapping from
        names to arrays.
    positive
        The value that counts as positive, all others being negative; ``V,V`` where several do, as ``yes,1``
        of labels yes and predictions 1. Not needed where both are 0 and 1, or true and false.
    cut
        Where `y_pred` holds scores: the score from which a row is predicted positive. ``median`` and ``q0.8``
        are quantiles of the scores: rows above it are.
    multiclass
        Whether all classes are kept where `positive` is not given; none of them is the positive one.
    scale
        Where scores lie, and whether high or low ones are selected.
    weight, strata, cluster
        Survey weights, finite numbers from 0 up, and the stratum and primary sampling unit of each row: names
        of columns, or arrays of shape (rows,).
    count
        How many equal rows each row is; the same.
    selected, total
        Of how many rows with its groups, and how many of them are selected; the same.

    Returns
    -------
    GroupCounts
        Groups and classes are in order: by value where all names are numbers, else by text.

    Raises
    ------
    UsageError
        If there is no such column or kind of table, there are more than 1,000 groups or 100 classes, or
        it is not clear which value is positive.
    DataError
        If a file cannot be read, there is no row or only one group, arrays differ in length, a value is
        missing, or a score is not a number in [0, 1].
    """
    counts, _ = counts_at_cut(
        table,
        y_true,
        y_pred,
        sensitive,
        positive=positive,
        cut=cut,
        multiclass=multiclass,
        scale=scale,
        weight=weight,
        strata=strata,
        cluster=cluster,
        count=count,
        selected=selected,
        total=total,
    )
    return counts


def counts_at_cut(
    table: Any,
    y_true: Any,
    y_pred: Any,
    sensitive: Any,
    *,
    positive: object = None,
    cut: Cut | None = None,
    multiclass: bool = False,
    scale: Scale = UNIT,
    **amounts: Any,
) -> tuple[GroupCounts, Placed | None]:
    """Return what `group_counts` does, and where the cut lies."""
    design = {role: each for role, each in amounts.items() if each is not None}
    asked: dict[str, Any] = {"positive": positive, "multiclass": multiclass, "scale": scale}
    if table is None:
        arrays = sensitive_arrays(sensitive)
        source = ArraySource(y_true=y_true, y_pred=y_pred, sensitive=arrays, **design)
        named = Design(**{role: role for role in design})
        known = None if y_true is None else "y_true", None if y_pred is None else "y_pred"
        return _counted(source, *known, tuple(arrays), cut=cut, design=named, **asked)
    one = isinstance(sensitive, str) or not isinstance(sensitive, Iterable)
    names: tuple[Any, ...] = (sensitive,) if one else tuple(sensitive)
    of_file = isinstance(table, str | os.PathLike | Table)
    if not of_file:
        table, (y_true, y_pred, *others) = with_text_names(table, (y_true, y_pred, *names, *design.values()))
        names = tuple(others[: len(names)])
        design = dict(zip(design, others[len(names) :], strict=True))
    _require_names(*(each for each in (y_true, y_pred) if each is not None), *names, *design.values())
    named = Design(**design)
    if of_file:
        with open_table(Path(table) if isinstance(table, os.PathLike) else table) as opened:
            source = FileSource(opened)
            return _counted(source, y_true, y_pred, names, cut=cut, design=named, **asked)
    return _counted(FrameSource(table), y_true, y_pred, names, cut=cut, design=named, **asked)


def _counted(
    source: ArraySource | FileSource | FrameSource,
    y_true: str | None,
    y_pred: str | None,
    sensitive: tuple[str, ...],
    *,
    cut: Cut | None,
    scale: Scale,
    design: Design,
    **asked: Any,
) -> tuple[GroupCounts, Placed | None]:
    """Count the rows of a source; a cut at a quantile of the scores is found first."""
    if design.total is None and y_pred is None:
        raise UsageError(
            "there is nothing to count: name the predictions, the scores, or selected and total."
        )
    if design.total is not None and (y_pred is not None or y_true is not None):
        raise UsageError("totals of rows have no labels or predictions of their own; leave these out.")
    placed = None if cut is None else _placed(source, y_pred or "", cut, scale=scale, design=design)
    place = None if placed is None else placed.place
    question = ask(y_true, y_pred, sensitive, cut=place, scale=scale, design=design, **asked)
    return assemble(source, question), placed


def placed_cut(
    table: Table, score: str, cut: Cut, *, scale: Scale = UNIT, design: Design = EVERY_ROW
) -> Placed:
    """Return where a cut of the scores in an open table lies; a quantile is that of its rows."""
    return _placed(FileSource(table), score, cut, scale=scale, design=design)


def _placed(
    source: ArraySource | FileSource | FrameSource, name: str, cut: Cut, *, scale: Scale, design: Design
) -> Placed:
    if isinstance(cut, Placed):
        return cut
    if isinstance(cut, str):
        place = source.upper_cut(name, quantile_of(cut), scale=scale, design=design)
        return Placed(place, scale.score(place))
    return scale.placed(cut)


def _require_names(*names: Any) -> None:
    for name in names:
        if not isinstance(name, str):
            raise UsageError(
                f"with a table y_true, y_pred and sensitive are names of its columns, found "
                f"{quote(type(name).__name__)}; for arrays give None as the table."
            )
