"""Counting the rows of a data frame in its own engine: pandas, Polars, Arrow, DuckDB, Spark and others."""

import math
from collections.abc import Generator, Hashable, Sequence
from contextlib import contextmanager
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError

from trivet.errors import DataError, TrivetError, UsageError
from trivet.fairness.counting.arrays import ArraySource
from trivet.fairness.counting.design import EVERY_ROW, Design, Scale
from trivet.fairness.counting.tabulate import MISSING, OUTSIDE, Part, Question, Row, rows_of
from trivet.tables.frames import tidy_frame
from trivet.tables.opening import Column, Kind, find_column
from trivet.wording import describe_error, one_line, quote

__all__ = ["FrameSource", "with_text_names"]


class FrameSource:
    """Rows of a data frame."""

    def __init__(self, table: Any) -> None:
        with _engine():
            try:
                self._frame: Any = nw.from_native(table)
            except TypeError as error:
                raise UsageError(
                    f"a table of type {quote(type(table).__name__)} is not known; give the path of a file, "
                    "a data frame of pandas, Polars, Arrow, DuckDB or Spark, or arrays and no table."
                ) from error
            self._schema = self._frame.collect_schema()
            #: What a column is called in the frame that is counted.
            self._called = {name: name for name in self._schema}
            if self._frame.implementation.is_spark_like():
                self._rename_for_spark()

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        names = question.keys
        if question.design != EVERY_ROW:
            return self._arrays(question).tally(question, limit=limit)
        columns = [self._groupable(name) for name in names]
        if question.cut is not None:
            columns.append(self._cut(question.y_pred or "", question.cut, question.scale))
        with _engine():
            rows = _rows(self._grouped(columns).head(limit + 1))
        if len(rows) > limit:
            return None
        single = [i for i, name in enumerate(names) if self._schema[name] == nw.Float32]
        found: list[Row] = []
        for row in rows:
            values = _values(list(row[: len(names)]), single)
            scored = row[len(names)] if question.cut is not None else None
            found += rows_of(question, values, scored, [int(row[-1])])
        return found

    def upper_cut(self, name: str, share: float, *, scale: Scale, design: Design) -> float:
        """Return what `trivet.fairness.counting.files.upper_cut` does."""
        wanted = tuple(each for each in (name, design.weight or design.count) if each is not None)
        return self._columns(wanted).upper_cut(name, share, scale=scale, design=design)

    def _arrays(self, question: Question) -> ArraySource:
        """Return the columns that a question is about, in memory."""
        named = (*question.sensitive, question.y_true, question.y_pred, *question.design.columns)
        return self._columns(tuple(name for name in dict.fromkeys(named) if name is not None))

    def _columns(self, names: Sequence[str]) -> ArraySource:
        for name in names:
            self._groupable(name)
        with _engine():
            part = self._frame.select(
                *(nw.col(self._called[name]).alias(f"k{i}") for i, name in enumerate(names))
            )
            rows = list(zip(*_rows(part), strict=True))
        return ArraySource(sensitive={name: list(values) for name, values in zip(names, rows, strict=True)})

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        columns = [nw.col(self._called[name]) for name in question.columns(part)]
        with _engine():
            ((found,),) = _rows(self._grouped(columns).select(nw.len()))
        return int(found)

    def _rename_for_spark(self) -> None:
        """Give columns numbers for names: a dot or a backtick in one is syntax to Spark."""
        native = self._frame.to_native()
        if len(native.columns) != len(self._schema):
            raise DuplicateError
        self._called = {name: f"c{i}" for i, name in enumerate(self._schema)}
        self._frame = nw.from_native(native.toDF(*self._called.values()))

    def _grouped(self, columns: Sequence[nw.Expr]) -> Any:
        """Return the combinations of values of some columns, and last how many rows have each."""
        # Two columns of the result may be one of the table.
        keys = [f"k{i}" for i in range(len(columns))]
        selected = self._frame.select(**dict(zip(keys, columns, strict=True)))
        return selected.group_by(*keys).agg(rows=nw.len()).select(*keys, "rows")

    def _find(self, name: str) -> Any:
        find_column(tuple(Column(each, Kind.OTHER, "", "") for each in self._schema), name)
        return self._schema[name]

    def _groupable(self, name: str) -> Any:
        of = self._find(name)
        if of.is_nested() or of == nw.Binary:
            raise UsageError(
                f"the column {quote(name)} holds {quote(str(of))}; expected numbers, text, truth values or "
                "dates. Name another column."
            )
        return nw.col(self._called[name])

    def _cut(self, name: str, cut: float, scale: Scale) -> Any:
        of = self._find(name)
        if not of.is_numeric():
            raise UsageError(
                f"the scores in {quote(name)} are {one_line(of)}; expected numbers from {scale.low:g} to "
                f"{scale.high:g}."
            )
        # In single precision a score below the cut can be equal to it.
        score = nw.col(self._called[name]).cast(nw.Float64)
        score = scale.shares(score)
        # DuckDB does not ask the rows of a Parquet file whether one is NaN; see `trivet.tables.opening`.
        nan = ~score.is_finite() & (score != math.inf) & (score != -math.inf)
        return (
            nw.when(score.is_null() | nan)
            .then(nw.lit(MISSING))
            .otherwise(
                nw.when((score < 0) | (score > 1))
                .then(nw.lit(OUTSIDE))
                .otherwise(nw.when(score >= cut).then(nw.lit(1)).otherwise(nw.lit(0)))
            )
        )


def with_text_names(table: Any, wanted: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return a frame whose columns have texts for names, and the wanted names; pandas may have numbers."""
    tidy, called = tidy_frame(table)
    return tidy, [called.get(name, name) if isinstance(name, Hashable) else name for name in wanted]


def _rows(frame: Any) -> list[tuple[Any, ...]]:
    """Return the few rows of an aggregate."""
    # A conversion of these two would need a library beside the engine.
    if frame.implementation.is_duckdb():
        return frame.to_native().fetchall()
    if frame.implementation.is_spark_like():
        return [tuple(row) for row in frame.to_native().collect()]
    few = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return list(zip(*(few[name].to_list() for name in few.columns), strict=True))


def _values(row: list[Any], single: Sequence[int]) -> list[Any]:
    for place in single:
        if isinstance(row[place], float):
            row[place] = np.float32(row[place])
    return row


@contextmanager
def _engine() -> Generator[None]:
    """Turn what an engine says of a table that it cannot read or count into an error in one line."""
    try:
        yield
    except TrivetError:
        raise
    except DuplicateError as error:
        raise UsageError("two columns of the table have the same name; rename one.") from error
    except Exception as error:
        raise DataError(f"the table cannot be counted: {describe_error(error)}.") from error
