"""Counting the rows of a data frame in its own engine: pandas, Polars, Arrow, DuckDB, Spark and others."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.question import MISSING, OUTSIDE, Part, Question, Row
from trivet.tables.schema import Column, Kind, find_column
from trivet.wording import one_line, quoted, told

__all__ = ["FrameSource"]

_COUNT = "rows"


class FrameSource:
    """Rows of a data frame.

    Raises
    ------
    UsageError
        If it is no data frame.
    """

    def __init__(self, table: Any) -> None:
        try:
            self._frame: Any = nw.from_native(table)
            self._schema = self._frame.collect_schema()
        except TypeError as error:
            raise UsageError(
                f"a table of type {quoted(type(table).__name__)} is not known; give the path of a file, a "
                "data frame of pandas, Polars, Arrow, DuckDB or Spark, or arrays and no table."
            ) from error
        except Exception as error:
            raise _unreadable(error) from error

    def tally(self, question: Question, *, limit: int) -> Sequence[Row]:
        """Return each combination of values and how many rows have it; no more than `limit`."""
        names = [*question.sensitive, question.y_true]
        if question.cut is None:
            names.append(question.y_pred)
        columns = [self._groupable(name).alias(f"k{i}") for i, name in enumerate(names)]
        if question.cut is not None:
            columns.append(self._cut(question.y_pred, question.cut).alias(f"k{len(columns)}"))
        keys = [f"k{i}" for i in range(len(columns))]
        rows = _rows(
            self._frame.select(*columns).group_by(*keys).agg(nw.len().alias(_COUNT)).head(limit),
            [*keys, _COUNT],
        )
        single = [i for i, name in enumerate(names) if self._schema[name] == nw.Float32]
        return [_row(list(row), single) for row in rows]

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        columns = [nw.col(name).alias(f"k{i}") for i, name in enumerate(question.columns(part))]
        keys = [f"k{i}" for i in range(len(columns))]
        groups = self._frame.select(*columns).group_by(*keys).agg(nw.len().alias(_COUNT))
        ((found,),) = _rows(groups.select(nw.len().alias(_COUNT)), [_COUNT])
        return int(found)

    def _find(self, name: str) -> Any:
        find_column(tuple(Column(each, Kind.OTHER, "", "") for each in self._schema), name)
        return self._schema[name]

    def _groupable(self, name: str) -> Any:
        of = self._find(name)
        if of.is_nested() or of == nw.Binary:
            raise UsageError(
                f"the column {quoted(name)} holds {quoted(str(of))}; expected numbers, text, truth values or "
                "dates. Name another column."
            )
        return nw.col(name)

    def _cut(self, name: str, cut: float) -> Any:
        of = self._find(name)
        if not of.is_numeric():
            raise UsageError(
                f"the scores in {quoted(name)} are {one_line(of)}; expected numbers from 0 to 1."
            )
        # In single precision a score below the cut can be equal to it.
        score = nw.col(name).cast(nw.Float64)
        return (
            nw.when(score.is_null() | score.is_nan())
            .then(nw.lit(MISSING))
            .otherwise(
                nw.when((score < 0) | (score > 1))
                .then(nw.lit(OUTSIDE))
                .otherwise(nw.when(score >= cut).then(nw.lit(1)).otherwise(nw.lit(0)))
            )
        )


def _rows(frame: Any, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the few rows of an aggregate."""
    frame = frame.select(*names)
    try:
        if frame.implementation.is_duckdb():
            return frame.to_native().fetchall()
        if frame.implementation.is_spark_like():
            return [tuple(row) for row in frame.to_native().collect()]
        few = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        return list(zip(*(few[name].to_list() for name in names), strict=True))
    except Exception as error:
        raise _unreadable(error) from error


def _row(row: list[Any], single: Sequence[int]) -> Row:
    for place in single:
        if isinstance(row[place], float):
            row[place] = np.float32(row[place])
    *values, label, prediction, count = row
    return tuple(values), label, prediction, int(count)


def _unreadable(error: Exception) -> DataError:
    return DataError(f"the table cannot be counted: {told(error)}.")
