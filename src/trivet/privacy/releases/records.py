"""Records that an answer is made of, a bounded number for each unit, and by how much one unit moves it.

Without a unit each row is a record, of a group at most. With one, rows of a unit are bounded in one of two
ways:

- by rows: as many as were said are kept, chosen by a keyed hash of the unit's own rows, in whatever groups;
- by totals: all rows of a unit in a group are added up to one record, and so many groups are kept.

What is kept of a unit depends on its own rows alone.
"""

from dataclasses import dataclass
from typing import Final

from trivet.privacy.adjacency import Adjacency

__all__ = ["NO_KEY", "Bound", "Moves", "RecordSql", "Sql", "moves", "records_sql"]


#: Key of all rows where there are no groups.
NO_KEY: Final = "NULL"


@dataclass(frozen=True)
class Bound:
    """At most `most` records of a unit count; `unit` and `home` are SQL, and empty where there is none.

    With `totals` a record is what the rows of a unit in a group add up to. `home` is the part of the table
    that a row is in, and `within` the one that the query is of.
    """

    unit: str = ""
    most: int = 1
    totals: bool = False
    home: str = ""
    within: bytes = b""


@dataclass(frozen=True)
class Moves:
    """Largest change of numbers between neighbouring tables, in steps: L1, and the square of L2."""

    l1: int
    l2_squared: int


def moves(
    least: int, greatest: int, *, bound: Bound, adjacency: Adjacency, cells: int | None, leaves: bool
) -> Moves:
    """Return by how much one unit moves sums of records between two bounds, in `cells` groups (None: any)."""
    most, largest = bound.most, max(abs(least), abs(greatest))
    # Each record of a unit is in a group of its own, or all may be in one.
    apart = bound.totals or most == 1
    touched = most if cells is None else min(most, cells)
    if adjacency is Adjacency.ADD_REMOVE:
        if apart:
            return Moves(touched * largest, touched * largest**2)
        return Moves(most * largest, (most * largest) ** 2)
    if leaves or bound.unit or cells != 1:
        least, greatest = min(least, 0), max(greatest, 0)
    width = greatest - least
    if cells == 1:
        each = width * (1 if apart else most)
        return Moves(each, each**2)
    if not apart:
        return Moves(2 * most * largest, max((most * width) ** 2, 2 * (most * largest) ** 2))
    # Groups that the one who goes and the one who comes are both in, at least.
    shared = 0 if cells is None else max(0, 2 * touched - cells)
    l1 = shared * width + 2 * (touched - shared) * largest
    squares = [both * width**2 + 2 * (touched - both) * largest**2 for both in (shared, touched)]
    return Moves(l1, max(squares))


@dataclass(frozen=True)
class Sql:
    """SQL, and the values that its marks stand for, in their order."""

    text: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True)
class RecordSql:
    """Key of a row, its value in steps, and which rows are selected and then kept.

    `total` is what becomes of the sum of a unit's steps, with a place for it.
    """

    key: Sql
    steps: Sql
    selected: Sql
    kept: Sql
    total: str = "{}"


def records_sql(records: RecordSql, bound: Bound, *, numbers: str, code: str, salt: bytes) -> Sql:
    """Return SQL of numbers by group and code, where `code` divides the records of a group."""
    columns = f"{bound.unit or 'NULL'} AS unit, {records.key.text} AS key, {records.steps.text} AS steps"
    selected = records.selected
    if bound.unit and bound.home:
        # A unit is in the first of the parts that its rows are in. Of the table's own columns none goes on,
        # so that none is taken for the part.
        text = (
            f"SELECT {columns}, {selected.text} AS chosen, "  # noqa: S608
            f"min({bound.home}) OVER (PARTITION BY {bound.unit}) AS home FROM rows_asked"
        )
        text = f"SELECT unit, key, steps FROM ({text}) WHERE chosen AND home = CAST(? AS BLOB)"  # noqa: S608
        values = (*records.key.values, *records.steps.values, *selected.values, bound.within)
    else:
        if bound.home:
            selected = Sql(
                f"{bound.home} = CAST(? AS BLOB) AND {selected.text}", (bound.within, *selected.values)
            )
        text = f"SELECT {columns} FROM rows_asked WHERE {selected.text}"  # noqa: S608
        values = (*records.key.values, *records.steps.values, *selected.values)
    text = f"SELECT unit, key, steps FROM ({text}) WHERE steps IS NOT NULL AND {records.kept.text}"  # noqa: S608
    values = (*values, *records.kept.values)
    if bound.unit:
        hashed, group = "unit, key, steps", ""
        columns = "unit, key, steps"
        if bound.totals:
            hashed, group = "unit, key", " GROUP BY unit, key"
            columns = f"unit, key, {records.total.format('sum(steps)')} AS steps"
        # Rows that are alike may change places; others are in an order that no other unit changes.
        order = f"hash(CAST(? AS BLOB), {hashed}), {hashed}"
        text = (
            f"SELECT {columns}, row_number() OVER (PARTITION BY unit ORDER BY {order}) AS place "  # noqa: S608
            f"FROM ({text}) WHERE unit IS NOT NULL{group}"
        )
        values = (salt, *values)
        text = f"SELECT * FROM ({text}) WHERE place <= {bound.most}"  # noqa: S608
    groups = " GROUP BY key, code"
    if records.key.text == NO_KEY and not code:
        # One row whatever the table is, so that an empty selection takes the same way.
        groups = ""
    key = "key" if groups else NO_KEY
    return Sql(f"SELECT {key} AS key, {code or 0} AS code, {numbers} FROM ({text}){groups}", values)  # noqa: S608
