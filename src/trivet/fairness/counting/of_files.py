"""Counting the rows of a CSV file, a Parquet file or a DuckDB table: one GROUP BY, no row in Python."""

from collections.abc import Sequence

import numpy as np

from trivet.fairness.counting.question import MISSING, OUTSIDE, UNREADABLE, Part, Question, Row
from trivet.fairness.counting.reading_sql import fetched, groupable, reading, scored
from trivet.tables.opening import Table
from trivet.tables.schema import find_column

__all__ = ["FileSource"]


class FileSource:
    """Rows of an open table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def tally(self, question: Question, *, limit: int) -> Sequence[Row]:
        """Return each combination of values and how many rows have it; no more than `limit`."""
        names = [*question.sensitive, question.y_true]
        if question.cut is None:
            names.append(question.y_pred)
        columns = [groupable(self._table, name) for name in names]
        keys = [column.sql for column in columns]
        # Values are grouped as they are stored: naming each row's would cost more than counting does.
        shown = [fetched(column, f"k{i}") for i, column in enumerate(columns)]
        if question.cut is not None:
            score = scored(self._table, question.y_pred)
            keys.append(
                f"CASE WHEN {score.missing} THEN {MISSING} WHEN {score.unreadable} THEN {UNREADABLE} "
                f"WHEN {score.outside} THEN {OUTSIDE} "
                f"WHEN {score.number} >= CAST({question.cut!r} AS DOUBLE) THEN 1 ELSE 0 END"
            )
            shown.append(f"k{len(columns)}")
        inner = ", ".join(f"{key} AS k{i}" for i, key in enumerate(keys))
        sql = (
            f"SELECT {', '.join(shown)}, n FROM "  # noqa: S608 - names are quoted
            f"(SELECT {inner}, count(*) AS n FROM {self._table.source} GROUP BY ALL LIMIT {limit})"
        )
        with reading(self._table):
            rows = self._table.connection.execute(sql).fetchall()
        # Python has one kind of float, in which a single-precision number has more digits.
        single = [i for i, column in enumerate(columns) if column.type == "FLOAT"]
        return [_row(list(row), single) for row in rows]

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        columns = ", ".join(find_column(self._table.columns, name).sql for name in question.columns(part))
        sql = f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {self._table.source})"  # noqa: S608 - as above
        with reading(self._table):
            ((found,),) = self._table.connection.execute(sql).fetchall()
        return int(found)


def _row(row: list[object], single: Sequence[int]) -> Row:
    for place in single:
        if isinstance(row[place], float):
            row[place] = np.float32(row[place])  # pyright: ignore[reportArgumentType] -- looked at above
    *values, label, prediction, count = row
    return tuple(values), label, prediction, int(str(count))
