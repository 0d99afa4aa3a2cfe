"""Counts of a rate at each look: of several tables in their order, or of one that a column divides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.results import MISSING_OUTCOME, Caution
from trivet.fairness.counting.counts import GroupCounts, folded_values
from trivet.fairness.counting.design import score_range
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.counting.naming import in_order
from trivet.fairness.metrics.group_rates import GroupRate
from trivet.fairness.metrics.measure import METRICS
from trivet.fairness.monitoring.settings import WatchOptions
from trivet.fairness.shaping import Shape, rows_without_outcome, shape_table
from trivet.tables.dates import DATED, PARTS, moment_sql, part_sql
from trivet.tables.opening import Column, Kind, Table, find_column, open_table
from trivet.tables.values import literal
from trivet.wording import one_line, quote

__all__ = ["Counted", "Look", "read_looks", "watched_rate"]

#: Kinds of columns whose values have the order of time as they are.
_IN_ORDER: Final = (Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)
#: Forms of texts that are in order where all have the same one: numbers, then what begins with the year.
_FORMS: Final = (
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    *(rf"\d{{4}}{mark}\d{{2}}" for mark in "-/."),
    *(rf"\d{{4}}{mark}\d{{2}}{mark}\d{{2}}" for mark in "/."),
    *(rf"\d{{4}}{mark}[{letter}]\d" for mark in ("", "-", " ", "/") for letter in ("Qq", "Hh")),
    *(rf"\d{{4}}{mark}[Ww]\d{{2}}" for mark in ("", "-", " ", "/")),
)
#: What does not begin with the year: a day and a month, or a month alone, which passes for a number.
_DAY: Final = r"\d{1,2}[./-]\d{1,2}[./-]\d{4}.*"
_SHORT: Final = r"\d{1,2}[./-]\d{1,2}[./-]\d{2}(\D.*)?"
_MONTH: Final = r"(0?[1-9]|1[0-2])[./-](19|20)\d{2}"


def timed(table: Table, column: Column, period: str) -> Column:
    """Return a column whose values, as texts or numbers, are looks in the order of time.

    Raises
    ------
    UsageError, DataError
        The column has no dates for a period, or values whose order in time is not known.
    """
    if period == "value" and column.kind in _IN_ORDER:
        return column
    if period != "value" and column.kind not in DATED:
        raise UsageError(f"the column {quote(column.name)} holds {column.kind}; expected dates.")
    moment = moment_sql(column)
    if column.kind not in (Kind.DATE, Kind.TIMESTAMP):
        text = f"trim(CAST({column.sql} AS VARCHAR), e' \\t\\r\\n')"
        undated = f"{text} <> '' AND ({moment}) IS NULL"
        known, without, months, *formed = _counts(
            table, f"{text} <> ''", undated, *(_has(text, form) for form in (_MONTH, *_FORMS))
        )
        if known and months == known:
            raise _refusal(table, column, text, undated, period)
        if period == "value" and known in formed:
            return column
        if without:
            raise _refusal(table, column, text, undated, period)
    if period == "value":
        # A midnight is a day, which stands before its hours.
        day = literal(PARTS["day"].form)
        sql = (
            f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN strftime({moment}, {day}) "
            f"ELSE CAST({moment} AS VARCHAR) END"
        )
    elif period == "quarter":
        sql = f"{part_sql(PARTS['year'], column)} || '-Q' || CAST(quarter({moment}) AS VARCHAR)"
    else:
        sql = part_sql(PARTS[period], column)
    return replace(column, kind=Kind.TEXT, type="VARCHAR", sql=f"({sql})", derived=True)


def _refusal(table: Table, column: Column, text: str, undated: str, period: str) -> DataError:
    """Return an error that says what the cells hold whose order is not known, and the way in."""
    rows, days, short, months = _counts(
        table, undated, *(f"{undated} AND {_has(text, form)}" for form in (_DAY, _SHORT, _MONTH))
    )
    ((example,),) = table.rows(f"SELECT min({text}) FROM {table.source} WHERE {undated}")  # noqa: S608 - quoted
    of = f"{quote(column.name)}, such as {quote(example)},"
    hold = f"1 row of {of} holds" if rows == 1 else f"{rows:,} rows of {of} hold"
    form = column.reading.date_format
    if form != "iso" and days:
        return DataError(f"{hold} no date as --date-format {form} reads it; give what is meant, dmy or mdy.")
    if days:
        return DataError(
            f"{hold} no ISO date; give --date-format dmy (day first) or mdy (month first), as is meant."
        )
    if short:
        return DataError(f"{hold} no ISO date; write the year with four digits.")
    if months:
        return DataError(f"{hold} no ISO date; write a month as 2025-03, and leave --period out.")
    if period != "value":
        return DataError(
            f"{hold} no ISO date; expected dates such as 2025-03-01. Leave --period out for other values."
        )
    return DataError(
        f"{hold} no ISO date, number or month such as 2025-03, so that their order in time is not known; "
        "write them as one of these, or name several tables, a look each, in their order."
    )


def _has(text: str, form: str) -> str:
    return f"regexp_full_match({text}, {literal(form)})"


def _counts(table: Table, *conditions: str) -> list[int]:
    counted = ", ".join(f"count(*) FILTER (WHERE {each})" for each in conditions)
    ((*found,),) = table.rows(f"SELECT {counted} FROM {table.source}")  # noqa: S608 - names are quoted
    return [int(each) for each in found]


#: The cut of scores from 0 to 1, where none is given.
USUAL_CUT: Final = 0.5
_ORDER: Final = "look"


@dataclass(frozen=True)
class Look:
    """Counts at one look: by group the rows that the rate is the share of, and how many of them count."""

    name: str
    rows: int
    tallies: dict[str, tuple[int, int]]


def watched_rate(name: str) -> GroupRate:
    """Return a rate that can be watched, by its name."""
    found = METRICS.get(name)
    if not isinstance(found, GroupRate) or not found.is_share:
        raise UsageError(f"{quote(name)} is not a share of rows, and only these are watched.")
    return found


@dataclass(frozen=True, eq=False)
class Counted:
    """Looks in their order, the counts of all their rows, and what was done before rows were counted."""

    looks: tuple[Look, ...]
    counts: GroupCounts
    cautions: tuple[Caution, ...]


def read_looks(tables: Sequence[str | Path], options: WatchOptions) -> Counted:
    """Count each look of some tables, in order."""
    rate = watched_rate(options.metric)
    if not tables:
        raise UsageError("a table is missing: name one with --time or --every, or several in their order.")
    divided = options.time is not None or options.every is not None
    if divided and len(tables) > 1:
        raise UsageError("several tables are a look each; leave --time and --every out, or name one table.")
    if not divided:
        names = _names(tables)
        counted = [_counted_file(table, options, name) for table, name in zip(tables, names, strict=True)]
        return Counted(
            tuple(
                look
                for (counts, _), name in zip(counted, names, strict=True)
                for look in _looks(counts, rate, name)
            ),
            _together([counts for counts, _ in counted]),
            tuple(caution for _, cautions in counted for caution in cautions),
        )
    with open_table(tables[0], reading=options.reading) as opened:
        shaped, cautions = _shaped(opened, options)
        column, whole = _divided(shaped, options)
        counts = _counted(whole, options, column.name)
    looks = _looks(counts, rate, None)
    if options.every is not None:
        every = options.every
        ends = [(int(look.name) - 1) * every for look in looks]
        looks = tuple(
            replace(look, name=f"rows {start + 1:,} to {start + look.rows:,}")
            for look, start in zip(looks, ends, strict=True)
        )
    return Counted(looks, counts.over(*counts.columns[1:]), cautions)


def _counted_file(
    table: str | Path, options: WatchOptions, name: str
) -> tuple[GroupCounts, tuple[Caution, ...]]:
    with open_table(table, reading=options.reading) as opened:
        shaped, cautions = _shaped(opened, options)
        named = tuple(replace(each, message=f"{one_line(name)}: {each.message}") for each in cautions)
        return _counted(shaped, options), named


def _shaped(opened: Table, options: WatchOptions) -> tuple[Table, tuple[Caution, ...]]:
    """Return a table with what is missing as a group or left out, and a caution for each."""
    outcomes = [each for each in (options.label, options.prediction, options.score) if each is not None]
    shape = Shape.typed(
        options.sensitive,
        exclude=options.exclude,
        missing=options.missing,
        outcomes=outcomes if options.missing_outcome == "drop" else (),
    )
    shaped, notes = shape_table(opened, shape)
    count, message = rows_without_outcome(opened, shape)
    without = (Caution(MISSING_OUTCOME, message, count),) if count else ()
    return shaped, (*without, *(Caution("rows", note) for note in notes))


def _together(counted: Sequence[GroupCounts]) -> GroupCounts:
    """Return the counts of the rows of several tables."""
    groups = in_order(group for each in counted for group in each.groups)
    table = np.zeros((len(groups), *counted[0].table.shape[1:]), dtype=np.int64)
    sides: dict[str, Counter[str]] = {"label": Counter(), "prediction": Counter()}
    for each in counted:
        np.add.at(table, [groups.index(group) for group in each.groups], each.table)
        for value in each.folded:
            sides[value.side][value.value] += value.rows
        if not each.folded:
            sides["label"][each.classes[0]] += int(each.table[:, 0].sum())
            sides["prediction"][each.classes[0]] += int(each.table[:, :, 0].sum())
    if not counted[0].labelled:
        sides["label"].clear()
    also = tuple(dict.fromkeys(value for each in counted for value in each.also))
    folded = folded_values([(side, dict(values)) for side, values in sides.items()])
    return replace(counted[0], groups=groups, table=table, folded=folded, also=also)


def _names(tables: Sequence[str | Path]) -> list[str]:
    """Return the name of each table, with its folder where two are called alike."""
    places = [Path(table).resolve() for table in tables]
    if twice := [table for table, place in zip(tables, places, strict=True) if places.count(place) > 1]:
        raise UsageError(
            f"{quote(str(twice[0]))} is named twice, and its rows would count twice; name it once."
        )
    short = [Path(table).name for table in tables]
    return [own if short.count(own) == 1 else str(table) for own, table in zip(short, tables, strict=True)]


def _divided(opened: Table, options: WatchOptions) -> tuple[Column, Table]:
    """Return a table with a column of looks, and that column."""
    if options.every is not None:
        # A name of its own, whatever the columns are called.
        name = _ORDER
        while any(column.name == name for column in opened.columns):
            name += "_"
        inner = '"trivet look"'
        number = f"CAST((row_number() OVER () - 1) // {options.every} + 1 AS VARCHAR) AS {inner}"
        source = f"(SELECT *, {number} FROM {opened.source})"  # noqa: S608 - a number
        column = Column(name, Kind.TEXT, "VARCHAR", inner, derived=True)
        return column, replace(opened, columns=(*opened.columns, column), source=source)
    column = find_column(opened.columns, options.time or "")
    if column.name in options.sensitive:
        raise UsageError(f"{quote(column.name)} is named for the time and for the groups; name two columns.")
    dated = timed(opened, column, options.period)
    columns = tuple(dated if each.name == column.name else each for each in opened.columns)
    return dated, replace(opened, columns=columns)


def _counted(table: Any, options: WatchOptions, *first: str) -> GroupCounts:
    score = options.score is not None
    cut = options.cut if options.cut is not None else USUAL_CUT
    return group_counts(
        table,
        options.label if options.metric != WatchOptions.metric else None,
        options.score if score else options.prediction,
        (*first, *options.sensitive),
        positive=options.positive,
        cut=cut if score else None,
        scale=score_range(options.score_range, options.favourable),
        selected=options.selected,
        total=options.total,
    )


def _looks(counts: GroupCounts, rate: GroupRate, name: str | None) -> tuple[Look, ...]:
    """Divide counts by their first column, unless all are of one look that has a name."""
    successes, rows = (each.tolist() for each in rate.fractions(counts.table))
    whole = counts.table.sum(axis=(1, 2)).tolist()
    if name is not None:
        return (
            Look(name, sum(whole), dict(zip(counts.names, zip(rows, successes, strict=True), strict=True))),
        )
    order = [value for (value,) in in_order((values[0],) for values in counts.groups)]
    others = counts.over(*counts.columns[1:])
    if len(others.groups) == 1:
        raise DataError(
            f"there is only one group, {quote(others.names[0])}; two or more are compared. Name another "
            "column."
        )
    called = dict(zip(others.groups, others.names, strict=True))
    tallies: dict[str, dict[str, tuple[int, int]]] = {value: {} for value in order}
    sizes = dict.fromkeys(order, 0)
    for (value, *group), n, x, size in zip(counts.groups, rows, successes, whole, strict=True):
        tallies[value][called[tuple(group)]] = (n, x)
        sizes[value] += size
    return tuple(Look(value, sizes[value], tallies[value]) for value in order)
