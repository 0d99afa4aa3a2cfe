"""Counts by group, label and prediction, of arrays, a data frame or a file."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trivet.errors import UsageError
from trivet.fairness.counting.arrays import ArraySource, sensitive_arrays
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.files import FileSource
from trivet.fairness.counting.frames import FrameSource, with_text_names
from trivet.fairness.counting.tabulate import ask, assemble
from trivet.tables.opening import Table, open_table
from trivet.wording import quote

__all__ = ["group_counts"]


def group_counts(
    table: Any,
    y_true: Any,
    y_pred: Any,
    sensitive: Any,
    *,
    positive: object = None,
    cut: float | None = None,
    multiclass: bool = False,
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
        names); without a table arrays of shape (rows,).
    sensitive
        Name of the sensitive column, or a sequence of names: each combination of their values that has
        a row is a group. Without a table an array of shape (rows,) or (rows, columns), or a mapping from
        names to arrays.
    positive
        The value that counts as positive, all others being negative. Not needed where labels and
        predictions are 0 and 1, or true and false.
    cut
        Then `y_pred` holds scores in [0, 1], and from the cut on a row is predicted positive.
    multiclass
        Whether all classes are kept where `positive` is not given; none of them is the positive one.

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
    if table is None:
        arrays = sensitive_arrays(sensitive)
        question = ask("y_true", "y_pred", tuple(arrays), positive=positive, cut=cut, multiclass=multiclass)
        return assemble(ArraySource(y_true, y_pred, arrays), question)
    one = isinstance(sensitive, str) or not isinstance(sensitive, Iterable)
    names: tuple[Any, ...] = (sensitive,) if one else tuple(sensitive)
    of_file = isinstance(table, str | os.PathLike | Table)
    if not of_file:
        table, (y_true, y_pred, *others) = with_text_names(table, (y_true, y_pred, *names))
        names = tuple(others)
    _require_names(y_true, y_pred, *names)
    question = ask(y_true, y_pred, names, positive=positive, cut=cut, multiclass=multiclass)
    if of_file:
        with open_table(Path(table) if isinstance(table, os.PathLike) else table) as opened:
            return assemble(FileSource(opened), question)
    return assemble(FrameSource(table), question)


def _require_names(*names: Any) -> None:
    for name in names:
        if not isinstance(name, str):
            raise UsageError(
                f"with a table y_true, y_pred and sensitive are names of its columns, found "
                f"{quote(type(name).__name__)}; for arrays give None as the table."
            )
