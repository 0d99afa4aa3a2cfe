"""Numbers of individuals and of those selected, by sex and race, as a table has them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.files import (
    combinations,
    groupable,
    require_amounts_readable,
    require_readable,
    scored,
)
from trivet.fairness.counting.naming import name_of
from trivet.fairness.counting.tabulate import (
    MOST_COMBINATIONS,
    MOST_GROUPS,
    nearest,
    require_no_missing,
    require_rows,
)
from trivet.tables.numbers import cell_sql
from trivet.tables.opening import Column, Kind, Table, find_column, is_nan, require_no_swallowed_rows
from trivet.wording import listed, one_line, quote

__all__ = ["UNKNOWN", "Tallies", "read_counts", "read_scores", "read_selections"]

#: Spellings, in lower case, of a sex or race that is not known.
UNKNOWN: Final = frozenset(
    {
        "unknown", "unkown", "n/a", "na", "#n/a", "none", "null", "nan", "missing", "?", "-", "not known",
        "not specified", "unspecified", "not stated", "not disclosed", "undisclosed", "not provided",
        "no answer", "no response", "not reported", "not applicable", "declined", "decline",
        "decline to answer", "decline to state", "decline to self-identify", "declined to self-identify",
        "declined to answer", "declined to state", "prefer not to say", "prefer not to answer",
        "prefer not to disclose", "i prefer not to say", "i do not wish to answer",
        "i don't wish to answer", "choose not to disclose", "chose not to disclose",
    }
)  # fmt: skip
#: Numbers of individuals beyond which a sum would not be exact.
_MOST: Final = 2**53
_TRUTHS: Final = {"0": False, "1": True, "false": False, "true": True}

Cells = Mapping[tuple[str | None, str | None], tuple[int, int]]


@dataclass(frozen=True)
class Tallies:
    """Numbers selected, and of all, by sex and race, None where unknown; the median of scores."""

    cells: Cells
    unknown_values: tuple[str, ...]
    median: float | None = None


def read_selections(
    table: Table, *, sex: str, race: str, prediction: str, positive: str | None, unknown: Sequence[str] = ()
) -> Tallies:
    """Count a table with a row an individual and a column of decisions."""
    columns = [groupable(table, name) for name in (sex, race, prediction)]
    rows = _combined(table, columns)
    values = {name_of(value) for (_, _, value), _ in rows}
    absent = sum(count for (_, _, value), count in rows if name_of(value) is None)
    require_no_missing({prediction: absent} if absent else {}, sum(count for _, count in rows))
    chosen = _positive({value for value in values if value is not None}, prediction, positive)
    require_no_swallowed_rows(table, prediction, lambda text: name_of(text) in values)
    return _tallied(
        [(own, other, name_of(value) in chosen, count) for (own, other, value), count in rows], unknown
    )


def read_scores(table: Table, *, sex: str, race: str, score: str, unknown: Sequence[str] = ()) -> Tallies:
    """Count a table with a row an individual and a column of scores: those above the median are selected."""
    found = scored(table, score)
    sql = (
        f"SELECT count(*), count(*) FILTER ({found.missing}), "  # noqa: S608 - names are quoted
        f"count(*) FILTER (NOT {found.missing} AND {found.unreadable}), median({found.number}) "
        f"FROM {table.source}"
    )
    ((rows, missing, unreadable, median),) = table.rows(sql)
    require_rows(rows)
    require_no_missing({score: missing} if missing else {}, rows)
    if unreadable:
        require_readable(table, score, None)
        hold = "1 row holds" if unreadable == 1 else f"{unreadable:,} rows hold"
        raise DataError(f"the scores in {quote(score)} should be numbers; {hold} no number.")
    columns = [groupable(table, name) for name in (sex, race)]
    key = f"{found.number} > CAST({float(median)!r} AS DOUBLE)"
    counted = _combined(table, columns, key)
    tallies = _tallied([(own, other, bool(above), count) for (own, other, above), count in counted], unknown)
    return Tallies(tallies.cells, tallies.unknown_values, float(median))


def read_counts(
    table: Table, *, sex: str, race: str, selected: str, total: str, unknown: Sequence[str] = ()
) -> Tallies:
    """Add up a table with a row a category, and columns of how many were selected and how many there are."""
    names = (sex, race)
    groups = [groupable(table, name) for name in names]
    numbers = [_number(find_column(table.columns, name)) for name in (selected, total)]
    inner = ", ".join(f"{sql} AS k{i}" for i, sql in enumerate([*(each.sql for each in groups), *numbers]))
    sql = f"SELECT * FROM (SELECT {inner} FROM {table.source}) LIMIT {MOST_COMBINATIONS + 1}"  # noqa: S608 - as above
    rows = table.rows(sql)
    require_rows(len(rows))
    if len(rows) > MOST_COMBINATIONS:
        raise UsageError(
            f"a table of counts has more than {MOST_COMBINATIONS:,} rows; expected a row a category. Where a "
            "row is an individual, name the column of decisions with prediction, or of scores with score."
        )
    told: list[tuple[object, object, bool, int]] = []
    for number, (own, other, some, whole) in enumerate(rows, 1):
        if not (_is_count(some) and _is_count(whole) and some <= whole):
            require_amounts_readable(table, (selected, total))
            raise DataError(
                f"row {number} of the table of counts has {quote(some)} in {quote(selected)} and "
                f"{quote(whole)} in {quote(total)}; expected whole numbers, from 0 up to the number of all."
            )
        told += [(own, other, True, int(some)), (own, other, False, int(whole - some))]
    return _tallied(told, unknown)


def _combined(table: Table, columns: Sequence[Column], *keys: str) -> list[tuple[list[object], int]]:
    found = combinations(table, columns, *keys, limit=MOST_COMBINATIONS)
    if found is None:
        names = listed([quote(column.name) for column in columns])
        raise UsageError(
            f"{names} have more than {MOST_COMBINATIONS:,} combinations of values; name columns of "
            "categories."
        )
    require_rows(len(found))
    return [(values, int(rows)) for values, (rows,) in found]


def _positive(values: set[str], prediction: str, positive: str | None) -> set[str]:
    """Return the values that say that an individual was selected."""
    if values <= set(_TRUTHS) and (positive is None or positive.casefold() in _TRUTHS):
        wanted = positive is None or _TRUTHS[positive.casefold()]
        return {value for value in values if _TRUTHS[value] == wanted}
    shown = one_line(", ".join(map(quote, sorted(values)[:8])), limit=200)
    if positive is None:
        raise UsageError(f"{quote(prediction)} has the values {shown}; say which one is positive.")
    if (called := name_of(positive)) not in values:
        near = nearest(positive, values)
        hint = f" Did you mean {quote(near)}?" if near else ""
        raise UsageError(f"no value of {quote(prediction)} is {quote(positive)}; there are {shown}.{hint}")
    return {called or ""}


def _tallied(rows: Sequence[tuple[object, object, bool, int]], unknown: Sequence[str]) -> Tallies:
    """Add up rows of sex, race, whether selected, and how many."""
    extra = {called for value in unknown if (called := name_of(value)) is not None}
    chosen, whole = Counter[tuple[str | None, str | None]](), Counter[tuple[str | None, str | None]]()
    seen = set[str]()
    for own, other, selected, count in rows:
        names = tuple(name_of(value) for value in (own, other))
        hidden = {
            name for name in names if name is not None and (name in extra or name.casefold() in UNKNOWN)
        }
        seen |= hidden
        first, second = (None if name in hidden else name for name in names)
        whole[first, second] += count
        chosen[first, second] += count if selected else 0
    if idle := extra - seen:
        raise UsageError(f"no sex or race in the table is {quote(min(idle))}, which is to count as unknown.")
    if len(whole) > MOST_GROUPS:
        raise UsageError(
            f"sex and race have {len(whole):,} combinations of values; expected {MOST_GROUPS:,} or fewer. "
            "Name columns of categories."
        )
    if not sum(whole.values()):
        raise DataError(
            "the table has no individual, so there is nothing to count; check that it is the one."
        )
    return Tallies({key: (chosen[key], whole[key]) for key in whole if whole[key]}, tuple(sorted(seen)))


def _number(column: Column) -> str:
    """Return SQL for a column's values as numbers; NULL for what is none."""
    if column.kind is Kind.CELL:
        return cell_sql(f"trim({column.sql}, e' \\t\\r\\n')", column.reading)
    if column.kind not in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT):
        raise UsageError(
            f"the counts in {quote(column.name)} are {column.kind} ({column.type}); expected whole numbers."
        )
    number = f"CAST({column.sql} AS DOUBLE)"
    return f"CASE WHEN {is_nan(number)} THEN NULL ELSE {number} END"


def _is_count(value: object) -> bool:
    return isinstance(value, float) and 0 <= value < _MOST and value.is_integer()
