"""Rows of a table with numbers beside their groups: amounts or ranks, weights and clusters."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.counting.files import CodedColumns, read_columns, require_amounts_readable
from trivet.fairness.counting.naming import group_name, in_order
from trivet.fairness.counting.tabulate import require_few_groups, require_no_missing
from trivet.fairness.intervals.linearised import design_sentence
from trivet.fairness.outcomes.means import RowDesign
from trivet.tables.numbers import number_sql
from trivet.tables.opening import Column, Kind, Table, find_column
from trivet.wording import one_line, quote, rows_hold

__all__ = ["NumberRows", "read_numbers"]

#: More rows than this are not repeated by their count.
_MOST: Final = 10_000_000
#: Groups that a sentence names.
_NAMED: Final = 5
_NUMBERS: Final = (Kind.CELL, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumberRows:
    """Rows that have a number.

    Attributes
    ----------
    numbers : Shape (rows,).
    groups : Place of each row's group in `values`, shape (rows,).
    columns, values : The sensitive columns, and for each group its value in each of them.
    design : Weights, strata and clusters, or None where rows count alike.
    query : Code of each row's query, or None.
    notes : What has to be known of the rows, a sentence each.
    """

    numbers: NDArray[np.float64]
    groups: Ints
    columns: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    design: RowDesign | None
    query: Ints | None
    notes: tuple[str, ...]

    def over(self, *columns: str) -> tuple[Ints, tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Return the places, names and values of the groups of some of the columns."""
        places = [self.columns.index(name) for name in columns]
        shorter = [tuple(values[place] for place in places) for values in self.values]
        known = in_order(shorter)
        lookup = np.array([known.index(values) for values in shorter], dtype=np.int64)
        return lookup[self.groups], tuple(map(group_name, known)), known


def read_numbers(
    opened: Table,
    name: str,
    settings: TableOptions,
    *,
    query: str | None = None,
    notes: Sequence[str] = (),
) -> NumberRows:
    """Read a column of numbers with the sensitive columns; rows without a number are left out and counted."""
    column = _number_column(opened, name)
    number, missing = number_sql(column), _missing(column)
    sql = [f"CASE WHEN isfinite({number}) THEN {number} END", missing]
    design = settings
    sql += [number_sql(_number_column(opened, each)) for each in (design.weight, design.count) if each]
    parts = [each for each in (design.strata, design.cluster, query) if each is not None]
    for each in parts:
        cell = find_column(opened.columns, each)
        sql += [f"CAST(hash(CAST({cell.sql} AS VARCHAR)) >> 1 AS BIGINT)", _missing(cell)]
    listed = ", ".join(f"{each} AS c{i}" for i, each in enumerate(sql))
    read = read_columns(opened, coded=settings.sensitive)
    found = opened.arrays(f"SELECT {listed} FROM {opened.source}", count=len(sql))  # noqa: S608 - quoted
    opened.require_unchanged()
    arrays = [found[f"c{i}"] for i in range(len(sql))]
    try:
        numbers, known = _checked(arrays[0], arrays[1], name)
    except DataError:
        require_amounts_readable(opened, (name,))
        raise
    groups, values = _groups(read, settings.sensitive)
    notes = (*notes, *_left_out(name, groups, values, known, listing=settings.suppress is None))
    rest = iter(arrays[2:])
    weights = counts = None
    if design.weight is not None:
        weights = _amounts(next(rest), design.weight, whole=False)
    if design.count is not None:
        counts = _amounts(next(rest), design.count, whole=True)
    codes = {each: _codes(next(rest), next(rest), each) for each in parts}
    kept = np.flatnonzero(known)
    if counts is not None:
        kept = _repeated(kept, counts, design.count or "")
    if weights is not None:
        weightless = np.bincount(groups[kept], weights[kept], minlength=len(values)) == 0
        notes = (*notes, *_weightless(design.weight or "", groups[kept], values, weightless))
        kept = kept[~weightless[groups[kept]]]
    groups, values = _present(groups[kept], values)
    if len(values) < 2:  # noqa: PLR2004 - a comparison takes two
        found_ones = "only one group with a number" if values else "no group with a number"
        weigh = "" if design.weight is None and design.count is None else " in rows that count"
        raise DataError(f"there is {found_ones}{weigh}; two or more are compared.")
    weighed = _design(design, weights, codes, kept)
    if weighed is not None:
        notes = (*notes, design_sentence(weighed.sample, design.weight or ""))
    return NumberRows(
        numbers=numbers[kept],
        groups=groups,
        columns=settings.sensitive,
        values=values,
        design=weighed,
        query=None if query is None else np.unique(codes[query][kept], return_inverse=True)[1],
        notes=notes,
    )


def _checked(found: Any, absent: Any, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers, and which rows have one, or say that some hold something else."""
    numbers = np.ma.filled(np.ma.asarray(found, dtype=np.float64), np.nan)
    missing = np.asarray(np.ma.filled(absent, fill_value=True), dtype=np.bool_)
    known = ~np.isnan(numbers)
    if wrong := int((~known & ~missing).sum()):
        raise DataError(
            f"the column {quote(name)} should hold numbers; {rows_hold(wrong)} something else. Leave these "
            "empty, or name another column."
        )
    if not known.any():
        raise DataError(f"no row has a number in {quote(name)}.")
    return numbers, known


def _repeated(kept: Ints, counts: NDArray[np.float64], name: str) -> Ints:
    """Return each row as often as it counts."""
    total = counts[kept].sum()
    if total > _MOST:
        raise DataError(
            f"the counts in {quote(name)} stand for {total:,.0f} rows; expected {_MOST:,} or fewer."
        )
    return np.repeat(kept, counts[kept].astype(np.int64))


def _design(
    settings: TableOptions, weights: NDArray[np.float64] | None, codes: dict[str, Ints], kept: Ints
) -> RowDesign | None:
    if weights is None and settings.strata is None and settings.cluster is None:
        return None
    ones = np.ones(len(kept))
    strata = np.zeros(len(kept), dtype=np.int64) if settings.strata is None else codes[settings.strata][kept]
    clusters = None
    if settings.cluster is not None:
        # Clusters are numbered within strata.
        _, own = np.unique(strata, return_inverse=True)
        _, unit = np.unique(codes[settings.cluster][kept], return_inverse=True)
        clusters = own * (unit.max() + 1) + unit
    return RowDesign(ones if weights is None else weights[kept], strata, clusters)


def _number_column(opened: Table, name: str) -> Column:
    column = find_column(opened.columns, name)
    if column.kind not in _NUMBERS:
        raise UsageError(
            f"the column {quote(name)} holds {column.kind} ({one_line(column.type)}); expected numbers."
        )
    return column


def _missing(column: Column) -> str:
    text = f"lower(trim(CAST({column.sql} AS VARCHAR)))"
    return f"coalesce({text} IN ('', 'nan'), true)"


def _groups(read: CodedColumns, columns: tuple[str, ...]) -> tuple[Ints, tuple[tuple[str, ...], ...]]:
    named, codes = read.groups(*columns)
    require_few_groups(len(named), columns)
    values = in_order(named)
    return np.array([values.index(each) for each in named], dtype=np.int64)[codes], values


def _present(groups: Ints, values: tuple[tuple[str, ...], ...]) -> tuple[Ints, tuple[tuple[str, ...], ...]]:
    """Leave out groups without a row."""
    found, codes = np.unique(groups, return_inverse=True)
    return codes.astype(np.int64), tuple(values[place] for place in found)


def _left_out(
    name: str, groups: Ints, values: tuple[tuple[str, ...], ...], known: NDArray[np.bool_], *, listing: bool
) -> tuple[str, ...]:
    if known.all():
        return ()
    without = Counter(groups[~known].tolist())
    rows = Counter(groups.tolist())
    # Names of several columns have commas.
    named = "; ".join(
        f"{one_line(', '.join(values[place]))} {count:,} of {rows[place]:,}"
        for place, count in without.most_common(_NAMED)
    )
    named += f"; and {len(without) - _NAMED} more groups" * (len(without) > _NAMED)
    total = sum(without.values())
    told = f": {named}" if listing else ""
    are = "row without a number is" if total == 1 else "rows without a number are"
    return (f"{total:,} {are} left out of {quote(name)}{told}.",)


def _weightless(
    name: str, groups: Ints, values: tuple[tuple[str, ...], ...], weightless: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Name the groups whose rows all weigh nothing, so that they have no mean."""
    rows = np.bincount(groups, minlength=len(values))
    places = np.flatnonzero(weightless & (rows > 0)).tolist()
    if not places:
        return ()
    named = ", ".join(f"{one_line(', '.join(values[place]))} ({rows[place]:,} rows)" for place in places[:5])
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""  # noqa: PLR2004 - as many are named
    return (f"Left out, with a weight of 0 in {quote(name)} in every row: {named}{more}.",)


def _amounts(found: Any, name: str, *, whole: bool) -> NDArray[np.float64]:
    amounts = np.ma.filled(np.ma.asarray(found, dtype=np.float64), np.nan)
    wrong = ~(np.isfinite(amounts) & (amounts >= 0))
    if whole:
        wrong |= amounts != np.floor(amounts)
    if wrong.any():
        kind = "a whole number" if whole else "a number"
        raise DataError(
            f"the column {quote(name)} should hold {kind} from 0 up in every row; "
            f"{rows_hold(int(wrong.sum()))} something else."
        )
    if not amounts.sum() > 0:
        raise DataError(f"the column {quote(name)} is 0 in every row.")
    return amounts


def _codes(found: Any, absent: Any, name: str) -> Ints:
    missing = np.asarray(np.ma.filled(absent, fill_value=True), dtype=np.bool_)
    require_no_missing({name: int(missing.sum())} if missing.any() else {}, len(missing))
    return np.asarray(np.ma.filled(found, 0), dtype=np.int64)
