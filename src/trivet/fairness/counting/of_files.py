"""Counting the rows of a CSV file, a Parquet file or a DuckDB table: one GROUP BY, no row in Python."""

from collections.abc import Sequence

import numpy as np

from trivet.errors import UsageError
from trivet.fairness.counting.naming import name_of
from trivet.fairness.counting.question import MISSING, OUTSIDE, UNREADABLE, Part, Question, Row
from trivet.fairness.counting.reading_sql import fetched, groupable, scored
from trivet.tables.opening import Table
from trivet.tables.reading import TooManyError
from trivet.tables.schema import Column, find_column
from trivet.tables.swallowed_rows import require_no_swallowed_rows
from trivet.wording import one_line, quoted

__all__ = ["FileSource", "combinations", "distinct"]


class FileSource:
    """Rows of an open table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        names = [*question.sensitive, question.y_true]
        if question.cut is None:
            names.append(question.y_pred)
        columns = [groupable(self._table, name) for name in names]
        keys: list[str] = []
        if question.cut is not None:
            score = scored(self._table, question.y_pred)
            keys.append(
                f"CASE WHEN {score.missing} THEN {MISSING} WHEN {score.unreadable} THEN {UNREADABLE} "
                f"WHEN {score.outside} THEN {OUTSIDE} "
                f"WHEN {score.number} >= CAST({question.cut!r} AS DOUBLE) THEN 1 ELSE 0 END"
            )
        found = combinations(self._table, columns, *keys, limit=limit)
        if found is None:
            return None
        labels = {name_of(values[len(question.sensitive)]) for values, _ in found}
        require_no_swallowed_rows(self._table, question.y_true, lambda text: name_of(text) in labels)
        return [(tuple(groups), label, prediction, count) for (*groups, label, prediction), count in found]

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        return distinct(self._table, question.columns(part))


def combinations(
    table: Table, columns: Sequence[Column], *keys: str, limit: int
) -> list[tuple[list[object], int]] | None:
    """Return each combination of values of some columns, and of SQL expressions, and its rows.

    Nothing where there are more than `limit`.
    """
    # Values are grouped as they are stored: naming those of each row would cost more than counting.
    inner = ", ".join(f"{key} AS k{i}" for i, key in enumerate([*(each.sql for each in columns), *keys]))
    shown = [fetched(column, f"k{i}") for i, column in enumerate(columns)]
    shown += [f"k{len(columns) + i}" for i in range(len(keys))]
    sql = (
        f"SELECT {', '.join(shown)}, n FROM "  # noqa: S608 - names are quoted
        f"(SELECT {inner}, count(*) AS n FROM {table.source} GROUP BY ALL LIMIT {limit + 1})"
    )
    try:
        rows = table.rows(sql)
    except TooManyError:
        return None
    if len(rows) > limit:
        return None
    # Python has one kind of float, in which a single-precision number has more digits.
    single = [i for i, column in enumerate(columns) if column.type == "FLOAT"]
    found: list[tuple[list[object], int]] = []
    for *values, count in rows:
        for place in single:
            if values[place] is not None:
                values[place] = np.float32(values[place])
        found.append((values, count))
    return found


def distinct(table: Table, names: Sequence[str]) -> int:
    """Return how many combinations of values some columns have, missing ones included."""
    columns = ", ".join(find_column(table.columns, name).sql for name in names)
    try:
        ((found,),) = table.rows(
            f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table.source})"  # noqa: S608 - as above
        )
    except TooManyError as error:
        listed = one_line(", ".join(map(quoted, names)), limit=200)
        raise UsageError(
            f"{listed} has more different values than there is memory for; name a column with few, or bin it."
        ) from error
    return int(found)
