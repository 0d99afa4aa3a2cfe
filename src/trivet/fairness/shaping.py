"""Groups that no column names as they are: bins, one column a group, missing values, rows left out."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.files import amount_column
from trivet.fairness.counting.naming import name_of
from trivet.tables.numbers import number_sql
from trivet.tables.opening import Column, Kind, Table, find_column
from trivet.tables.values import literal
from trivet.wording import one_line, quote

__all__ = ["MISSING", "Shape", "rows_without_outcome", "shape_table", "with_values"]

#: What a missing value is called as a group of its own, and a row that is marked as of several groups.
MISSING: Final = "missing"
SEVERAL: Final = "several"
#: Values of a sensitive column that are looked at for those to leave out.
_MOST_VALUES: Final = 10_000
#: Values of it that a sentence names, those with the most rows first.
_MOST_TOLD: Final = 5
#: Rows that a line can stand for; sums of more would not be exact.
_MOST_ROWS: Final = 2**53
_YES: Final = ("1", "true", "yes", "y", "x")
_NO: Final = ("0", "false", "no", "n", "")


@dataclass(frozen=True)
class Shape:
    """Making of the sensitive columns before rows are counted.

    Attributes
    ----------
    sensitive : Names of the sensitive columns.
    bins : Edges of groups of a column of numbers, in ascending order, by its name.
    one_hot : Columns with a mark in each row of a group, by the name of the sensitive column they make.
    exclude : Values whose rows are left out, by the sensitive column; under "" of any of them.
    missing : Whether a missing value is refused, a group of its own, or left out.
    outcomes : Columns of labels, predictions and scores without which a row is left out.
    """

    sensitive: tuple[str, ...]
    bins: Mapping[str, tuple[float, ...]]
    one_hot: Mapping[str, tuple[str, ...]]
    exclude: Mapping[str, tuple[str, ...]]
    missing: str = "refuse"
    outcomes: tuple[str, ...] = ()

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Columns that each sensitive column of bins or marks is made of."""
        return {**self.one_hot, **{name: (name,) for name in self.bins}}

    @classmethod
    def typed(
        cls,
        sensitive: Sequence[str],
        *,
        bins: str | None = None,
        one_hot: str | None = None,
        exclude: str | None = None,
        missing: str = "refuse",
        outcomes: Sequence[str] = (),
    ) -> "Shape":
        """Return a shape as it is typed: ``age=25,45; income=10``, ``race=Black,White``, ``race=Unknown``."""
        edges = {name: _edges(name, values) for name, values in _pairs("bins", bins).items()}
        left_out = _pairs("exclude", exclude, bare=True)
        marks = _pairs("one hot", one_hot)
        shape = cls(tuple(sensitive), edges, marks, left_out, missing, tuple(outcomes))
        for what, named in (("bins", edges), ("one hot", shape.one_hot), ("exclude", left_out)):
            for name in named:
                if name and name not in shape.sensitive:
                    raise UsageError(
                        f"{what} names {quote(name)}, which is not a sensitive column; these are "
                        f"{one_line(', '.join(map(quote, shape.sensitive)), limit=200)}."
                    )
        if twice := edges.keys() & shape.one_hot.keys():
            raise UsageError(f"{quote(min(twice))} is made of bins and of columns; leave one out.")
        return shape


def with_values(groups: Sequence[tuple[str, ...]]) -> NDArray[np.bool_]:
    """Tell which groups can be a yardstick by themselves: not those without a value, or with several."""
    return np.array([not {MISSING, SEVERAL} & set(values) for values in groups])


def shape_table(table: Table, shape: Shape, amount: str | None = None) -> tuple[Table, tuple[str, ...]]:
    """Return a table with the sensitive columns as they are to be grouped, and a sentence for each change.

    The sentences have numbers of rows: with `amount`, of those that the lines stand for by this column.
    """
    columns: list[Column] = []
    notes: list[str] = []
    for name in shape.sensitive:
        column = _made(table, name, shape)
        text = _text(column)
        if name in shape.one_hot and (count := _amount(table, f"{text} = {literal(SEVERAL)}", amount)):
            notes.append(
                f"{_rows(count)} with marks of more than one group of {quote(name)} are a group of their "
                f"own, {SEVERAL!r}."
            )
        if shape.missing == "group":
            column = _derived(name, f"coalesce({text}, {literal(MISSING)})")
            if count := _amount(table, f"{text} IS NULL", amount):
                named = _amount(table, f"{text} = {literal(MISSING)}", amount)
                own = f", with {_rows(named)} that hold this word" if named else " of their own"
                notes.append(f"{_rows(count)} without {quote(name)} are a group{own}, {MISSING!r}.")
        columns.append(column)
    conditions = dict(_left_out(table, columns, shape))
    left_out = {what: count for what, each in conditions.items() if (count := _amount(table, each, amount))}
    notes += [f"Left out: {_rows(count)} {what}." for what, count in left_out.items()]
    if len(left_out) > 1:
        every = _amount(table, " OR ".join(f"({each})" for each in conditions.values()), amount)
        if every < sum(left_out.values()):
            notes.append(f"Some are several of these: {_rows(every)} are left out in all.")
    # Those that were made stand first, where they are found before a column of the same name.
    made = tuple(column for column in columns if column.derived)
    shaped = replace(table, columns=(*made, *table.columns))
    if every := [*conditions.values(), *_outcomes(table, shape).values()]:
        kept = " AND ".join(f"({each}) IS NOT TRUE" for each in every)
        shaped = replace(shaped, source=f"(SELECT * FROM {table.source} WHERE {kept})")  # noqa: S608 - quoted
        if not _count(shaped, "true"):
            raise DataError(f"no row of {quote(table.name)} is left. {' '.join(notes)}")
    return shaped, tuple(notes)


def rows_without_outcome(table: Table, shape: Shape, amount: str | None = None) -> tuple[int, str]:
    """Return the number of rows that are left out for want of an outcome, and a sentence on them.

    It says of each sensitive column how many they are by value, since a label that is missing more often in
    one group bends every comparison with it.
    """
    conditions = _outcomes(table, shape)
    without = " OR ".join(f"({each})" for each in conditions.values()) or "false"
    count = _amount(table, without, amount)
    if not count:
        return 0, ""
    told: list[str] = []
    for name in shape.sensitive:
        text = _text(_made(table, name, shape))
        values = table.rows(
            f"SELECT {text}, count(*) FROM {table.source} WHERE {without} GROUP BY 1 "  # noqa: S608 - quoted
            f"ORDER BY 2 DESC, 1 LIMIT {_MOST_TOLD}"
        )
        each = [
            f"{MISSING if value is None else quote(str(value))} "
            f"{_amount(table, f'({without}) AND {_is(text, value)}', amount):,} of "
            f"{_amount(table, _is(text, value), amount):,}"
            for value, _ in values
        ]
        told.append(f"of {quote(name)} {', '.join(each)}")
    every = _amount(table, "true", amount)
    named = " or ".join(map(quote, conditions))
    return count, f"Left out: {_rows(count)} of {every:,} without {named}; {'; '.join(told)}."


def _is(text: str, value: object) -> str:
    return f"{text} IS NULL" if value is None else f"{text} = {literal(str(value))}"


def _outcomes(table: Table, shape: Shape) -> dict[str, str]:
    """Return for each column of outcomes the condition of the rows without one."""
    return {name: f"{_text(find_column(table.columns, name))} IS NULL" for name in shape.outcomes}


def _left_out(table: Table, columns: Sequence[Column], shape: Shape) -> Iterator[tuple[str, str]]:
    """Yield for rows that are left out what they have in common, and the condition."""
    for name, values in shape.exclude.items():
        named = [each for each in columns if name in ("", each.name)]
        for value in values:
            of = f" in {quote(name)}" if name else ""
            yield f"with {quote(value)}{of}", _excluded(table, named, name, value)
    if shape.missing == "drop":
        for column in columns:
            yield f"without {quote(column.name)}", f"{_text(column)} IS NULL"


def _made(table: Table, name: str, shape: Shape) -> Column:
    if name in shape.bins:
        return _binned(table, find_column(table.columns, name), shape.bins[name])
    if name in shape.one_hot:
        return _of_marks(table, name, shape.one_hot[name])
    return find_column(table.columns, name)


def _binned(table: Table, column: Column, edges: Sequence[float]) -> Column:
    if column.kind not in (Kind.CELL, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT):
        raise UsageError(f"bins are of numbers; the column {quote(column.name)} holds {column.kind}.")
    number, text = number_sql(column), _text(column)
    if wrong := _count(table, f"{text} IS NOT NULL AND ({number}) IS NULL"):
        raise DataError(f"bins are of numbers; {_rows(wrong)} of {quote(column.name)} hold something else.")
    cases = [f"WHEN ({number}) IS NULL THEN NULL"]
    cases += [
        f"WHEN ({number}) < {edge!r} THEN {literal(_bin_name(edges, i))}" for i, edge in enumerate(edges)
    ]
    return _derived(column.name, f"CASE {' '.join(cases)} ELSE {literal(_bin_name(edges, len(edges)))} END")


def _bin_name(edges: Sequence[float], place: int) -> str:
    if place == 0:
        return f"below {edges[0]:.15g}"
    if place == len(edges):
        return f"{edges[-1]:.15g} or more"
    return f"{edges[place - 1]:.15g} to below {edges[place]:.15g}"


def _of_marks(table: Table, name: str, groups: Sequence[str]) -> Column:
    marks: list[str] = []
    groups = tuple(dict.fromkeys(groups))
    if SEVERAL in groups:
        raise UsageError(
            f"rows with several marks of {quote(name)} are a group called {SEVERAL!r}, which is a column of "
            "it as well; name that column otherwise."
        )
    for group in groups:
        column = find_column(table.columns, group)
        text = f"coalesce(lower({_text(column)}), '')"
        yes, no = (f"{text} IN ({', '.join(map(literal, words))})" for words in (_YES, _NO))
        # 1.0 and 0.0 are written so where a column has blanks.
        number = f"TRY_CAST({text} AS DOUBLE)"
        if wrong := _count(table, f"NOT ({yes} OR {no} OR coalesce({number} IN (0, 1), false))"):
            raise DataError(
                f"the column {quote(group)} marks the rows of a group; {_rows(wrong)} hold neither "
                f"{', '.join(_YES)} nor 0, no or a blank."
            )
        marks.append(f"({yes} OR coalesce({number} = 1, false))")
    many = " + ".join(f"CAST({mark} AS INTEGER)" for mark in marks)
    cases = [f"WHEN {mark} THEN {literal(group)}" for mark, group in zip(marks, groups, strict=True)]
    return _derived(name, f"CASE WHEN {many} > 1 THEN {literal(SEVERAL)} {' '.join(cases)} END")


def _excluded(table: Table, columns: Sequence[Column], name: str, value: str) -> str:
    """Return the condition of the rows that have a value, in one or any of the sensitive columns."""
    wanted = name_of(value)
    conditions: list[str] = []
    known: list[str] = []
    for column in columns:
        text = _text(column)
        rows = table.rows(
            f"SELECT DISTINCT {text} FROM {table.source} LIMIT {_MOST_VALUES}"  # noqa: S608 - quoted
        )
        texts = [str(each) for (each,) in rows if each is not None]
        known += texts
        alike = [each for each in texts if name_of(each) == wanted]
        if alike:
            conditions.append(f"{text} IN ({', '.join(map(literal, alike))})")
    if not conditions:
        of = f"of {quote(name)}" if name else "of a sensitive column"
        shown = one_line(", ".join(map(quote, sorted(known)[:8])), limit=200)
        raise UsageError(f"exclude names {quote(value)}, which is not a value {of}; there are {shown}.")
    return " OR ".join(conditions)


def _text(column: Column) -> str:
    """Return SQL for a value as a text without blanks around it, NULL where it is missing."""
    text = f"nullif(trim(CAST({column.sql} AS VARCHAR), e' \\t\\r\\n'), '')"
    return f"CASE WHEN lower({text}) = 'nan' THEN NULL ELSE {text} END" if column.kind is Kind.FLOAT else text


def _derived(name: str, sql: str) -> Column:
    return Column(name, Kind.TEXT, "VARCHAR", f"({sql})", derived=True)


def _count(table: Table, condition: str) -> int:
    ((rows,),) = table.rows(f"SELECT count(*) FROM {table.source} WHERE {condition}")  # noqa: S608 - quoted
    return int(rows)


def _amount(table: Table, condition: str, amount: str | None) -> int:
    """Return the number of rows that lines stand for; those whose amount is none are refused later."""
    if amount is None:
        return _count(table, condition)
    number = number_sql(amount_column(table, amount))
    sql = (
        f"SELECT sum({number}) FILTER ({number} BETWEEN 0 AND {_MOST_ROWS}) "  # noqa: S608 - quoted
        f"FROM {table.source} WHERE {condition}"
    )
    ((rows,),) = table.rows(sql)
    return int(rows or 0)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _pairs(what: str, text: str | None, *, bare: bool = False) -> dict[str, tuple[str, ...]]:
    """Return the values by column of ``a=1,2; b=3``; with `bare` those without a column stand under ""."""
    found: dict[str, tuple[str, ...]] = {}
    for part in _divided(text or "", ";"):
        named = re.fullmatch(r'((?:"(?:[^"]|"")*"|[^"=])+)=(.*)', part, re.DOTALL)
        if named is None and not bare:
            raise UsageError(
                f"{what} is {quote(text or '')}; expected COLUMN=VALUE,VALUE and a semicolon between columns."
            )
        name, listed = ("", part) if named is None else (_unquoted(named[1]), named[2])
        split = tuple(map(_unquoted, _divided(listed, ",")))
        if not split:
            raise UsageError(f"{what} names no value for {quote(name)}; give one or more.")
        found[name] = (*found.get(name, ()), *split)
    return found


def _divided(text: str, mark: str) -> tuple[str, ...]:
    """Divide a text at a mark outside of quotation marks, which the parts keep."""
    pieces = re.findall(rf'(?:"(?:[^"]|"")*"|[^"{mark}])+', text)
    if "".join(pieces).count('"') < text.count('"'):
        raise UsageError(f"the quotation marks in {quote(text)} do not match; close each.")
    return tuple(piece.strip() for piece in pieces if piece.strip())


def _unquoted(text: str) -> str:
    inner = text.strip()
    if len(inner) > 1 and inner[0] == inner[-1] == '"':
        return inner[1:-1].replace('""', '"')
    return inner


def _edges(name: str, values: Sequence[str]) -> tuple[float, ...]:
    try:
        edges = tuple(float(value) for value in values)
    except ValueError as error:
        raise UsageError(f"bins of {quote(name)} are {quote(','.join(values))}; expected numbers.") from error
    if not all(map(math.isfinite, edges)) or any(a >= b for a, b in pairwise(edges)):
        raise UsageError(f"bins of {quote(name)} are {quote(','.join(values))}; expected them to ascend.")
    return edges
