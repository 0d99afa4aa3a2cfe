"""Question of a release, and what has to be read and covered by noise to answer it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import add
from typing import Any, Final

from trivet.errors import DataError, UsageError
from trivet.privacy.adjacency import Adjacency
from trivet.privacy.releases.keys import KeySql, is_unicode, prepare_keys, private_key_sql
from trivet.privacy.releases.records import NO_KEY, Bound, Moves, RecordSql, Sql, moves, records_sql
from trivet.privacy.releases.results import Query
from trivet.privacy.releases.settings import Question
from trivet.privacy.releases.where import EVERY_ROW, Selection, number_sql, select_rows
from trivet.settings import require
from trivet.tables.opening import Column, Kind, Table, find_column
from trivet.wording import first_line, one_line, quote

__all__ = ["Exact", "Part", "Prepared", "prepare", "read_exact", "require_answerable"]


@dataclass(frozen=True)
class Part:
    """Exact numbers, one a group, and by how much one unit moves them, in steps of `grid` units.

    A choice has scores in place of numbers, each of which moves by `moves.l1` at most.
    """

    name: str
    moves: Moves
    grid: float = 1.0
    choice: Fraction | None = None


@dataclass(frozen=True)
class Prepared:
    """Question with everything needed to answer it.

    Attributes
    ----------
    question, words : As understood.
    sql, columns : What is read, of which columns.
    parts : The numbers, or choices, that get noise.
    bound : Records of one unit that count.
    groups : Public keys, None in a place that has none; no entry where keys come from the data.
    threshold_for : Groups that one unit can be in, where keys come from the data; 0 otherwise.
    grid, lower, upper, centre : Of values: the step in units, and the rest in steps.
    candidates : Of quantiles: what is chosen from, in steps.
    """

    question: Question
    words: str
    sql: Sql
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    bound: Bound
    groups: tuple[str | None, ...] = (None,)
    threshold_for: int = 0
    grid: float = 1.0
    lower: int = 0
    upper: int = 0
    centre: int = 0
    candidates: tuple[int, ...] = ()


#: For each group (None: all rows) and each part its exact numbers in steps: one, or the scores of a choice.
Exact = Mapping[str | None, tuple[tuple[int, ...], ...]]

#: 2^20 steps between the bounds at least: rounding moves a value by half a millionth of the range.
_STEPS_EXPONENT: Final = 20
#: The same of values that are squared: 2^35 squares of half the range have room in 64 bits.
_SQUARED: Final = 14
#: No value becomes an integer above 2^36, so that sums have room in 64 bits.
_UNITS_EXPONENT: Final = 36
#: What the rows of a unit add up to is followed up to 2^62 steps a row.
_LARGEST_STEPS: Final = 2**62
_LARGEST_BOUND: Final = 1e200
#: Smaller steps would leave the range of normal doubles.
_SMALLEST_EXPONENT: Final = -1000
_NUMBERS: Final = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.CELL)
#: Values that a quantile is chosen from, evenly spaced between the bounds.
_CANDIDATES: Final = 1000
_MOST_QUANTILES: Final = 100
_FINEST_QUANTILE: Final = 10_000

_OF_NUMBERS: Final = ("sum", "mean", "variance", "median", "quantile")
#: Of each query, what it takes beside where, by, keys, unit and the bounds on a unit's records.
_TAKES: Final = {
    "count": {"non_negative"},
    "units": {"non_negative"},
    "sum": {"column", "bounds", "bounds_of", "missing"},
    "mean": {"column", "bounds", "bounds_of", "missing"},
    "variance": {"column", "bounds", "bounds_of", "missing"},
    "median": {"column", "bounds", "bounds_of", "missing"},
    "quantile": {"column", "bounds", "bounds_of", "missing", "at"},
    "proportion": {"of"},
    "histogram": {"column", "categories", "missing", "non_negative"},
}
_GIVEN: Final = ("column", "bounds", "categories", "missing", "of", "at", "non_negative")


def prepare(
    question: Question,
    columns: tuple[Column, ...],
    *,
    adjacency: Adjacency,
    unit: str | None = None,
    parted_by: str | None = None,
    salt: bytes = b"",
) -> Prepared:
    """Check a question against a schema and say how it is answered; no row is looked at.

    `unit` and `parted_by` are columns of the ledger: whose row each is, and which part of the table it is in.
    """
    _require_taken(question)
    question = _spelled_out(question)
    selection = EVERY_ROW
    if question.where is not None:
        selection = select_rows(question.where, columns)
        question = replace(question, where=selection.text)
    bound, whose = _bound(question, columns, unit=unit, parted_by=parted_by)
    grouped = _grouped(question, columns)
    values = _values(question, columns, bound)
    if question.query == "histogram":
        question = replace(question, categories=grouped.listed, missing=grouped.missing)
    else:
        keys = () if question.by is None or question.private_keys else grouped.listed
        question = replace(question, keys=keys, missing=values.missing)
    sql = records_sql(
        RecordSql(
            grouped.key, values.steps, Sql(selection.sql, selection.values), grouped.kept, values.total
        ),
        bound,
        numbers=", ".join(f"coalesce({each}, 0)" for each in _numbers_sql(question, values, bound)),
        code=_code_sql(values) if values.candidates else "",
        salt=salt,
    )
    return Prepared(
        question=question,
        words=_words(question, values, bound),
        sql=sql,
        columns=tuple(dict.fromkeys((*selection.columns, *whose, *grouped.columns, *values.columns))),
        parts=_parts(question, values, bound, adjacency, cells=grouped.cells),
        bound=bound,
        groups=() if question.private_keys else grouped.listed or (None,),
        threshold_for=bound.most if question.private_keys else 0,
        grid=values.grid,
        lower=values.lower,
        upper=values.upper,
        centre=values.centre,
        candidates=values.candidates,
    )


def _require_taken(question: Question) -> None:
    """Refuse what the query does not take, and what goes only together."""
    query = question.query
    require(Query, query=query)
    for name in _GIVEN:
        if name not in _TAKES[query] and getattr(question, name):
            if query == "count" and name in ("column", "bounds", "missing"):
                raise UsageError(f"a count is of rows and takes no --{name}; choose rows with --where.")
            raise UsageError(f"a {query} takes no --{name.replace('_', '-')}; leave it out.")
    if question.bounds_of == "unit" and "bounds_of" not in _TAKES[query]:
        raise UsageError(f"a {query} takes no --bounds-of; leave it out.")
    if query in (*_OF_NUMBERS, "histogram") and question.column is None:
        _require_rows_of_units(question)
    if query == "proportion" and question.of is None:
        raise UsageError("a proportion is of the rows that a condition holds for; give --of CONDITION.")
    if question.by is not None:
        _require_groups(question)
    elif question.keys or question.private_keys:
        raise UsageError("--keys and --private-keys are of groups; give --by COLUMN.")
    if query == "quantile":
        _require_quantiles(question)


def _require_rows_of_units(question: Question) -> None:
    """Refuse a question without a column, unless it is of how many rows a unit has."""
    if question.query == "histogram" or question.bounds_of == "row":
        raise UsageError(f"a {question.query} is of a column; give --column.")
    if question.missing is not None:
        raise UsageError("the number of rows of a unit is never missing; leave --missing out.")


def _require_groups(question: Question) -> None:
    if question.query == "histogram":
        raise UsageError("a histogram has its own groups; count with --query count --by COLUMN instead.")
    if bool(question.keys) == question.private_keys:
        raise UsageError(
            "groups need their keys: --keys A,B,C where they are known without the data, or --private-keys "
            "to take those with enough units from it, at the cost of a delta."
        )
    if question.private_keys and question.query in ("median", "quantile"):
        raise UsageError(f"a {question.query} by groups needs public keys; give --keys A,B,C.")
    if len(question.at) > 1:
        raise UsageError("groups have one quantile at a time; release the others apart.")


def _require_quantiles(question: Question) -> None:
    if not question.at:
        raise UsageError("which quantiles is open; give --at, such as 0.25,0.5,0.75.")
    if len(question.at) > _MOST_QUANTILES:
        raise UsageError(f"there are {len(question.at)} quantiles; at most {_MOST_QUANTILES}.")
    for at in question.at:
        if not 0 <= at <= 1 or Fraction(str(at)).denominator > _FINEST_QUANTILE:
            raise UsageError(f"a quantile is a number of at most four digits from 0 to 1, not {at}.")
    if len(set(question.at)) < len(question.at):
        raise UsageError("a quantile is given twice.")


def _spelled_out(question: Question) -> Question:
    return replace(question, at=(0.5,)) if question.query == "median" else question


def _bound(
    question: Question, columns: tuple[Column, ...], *, unit: str | None, parted_by: str | None
) -> tuple[Bound, list[Column]]:
    """Return how many records of one unit count, and the columns that say whose a row is and where."""
    used: list[Column] = []
    home, within = "", b""
    if question.within is not None:
        if parted_by is None:
            raise UsageError(
                "--within names a part of the table, and this ledger composes none in parallel; make one "
                "with `trivet privacy ledger FILE --create --parted-by COLUMN`, or choose rows with --where."
            )
        if question.unit not in (None, unit):
            raise UsageError(
                "--within goes with the unit's column of the ledger: by another one a unit may be in another "
                "part. Leave --unit or --within out."
            )
        if not is_unicode(question.within):
            raise UsageError(f"the part {quote(question.within)} is not valid Unicode.")
        used.append(find_column(columns, parted_by))
        home, within = _as_bytes(used[0]), question.within.encode()
    of_unit = {
        "--max-rows": question.max_rows is not None,
        "--max-groups": question.max_groups is not None,
        "--bounds-of unit": question.bounds_of == "unit",
        "--query units": question.query == "units",
        "--unit": question.unit is not None,
    }
    if unit is None:
        given = next((option for option, is_given in of_unit.items() if is_given), None)
        if given is not None:
            raise UsageError(
                f"{given} is about units, such as persons, and this ledger protects one row; make one with "
                "`trivet privacy ledger FILE --create --unit COLUMN`."
            )
        return Bound(home=home, within=within), used
    if question.unit not in (None, unit) and any(column.name == unit for column in columns):
        # By another column the rows of one unit would count as those of many.
        raise UsageError(
            f"the table has the column {quote(unit)}, by which this ledger says whose row each is; leave "
            "--unit out, or rename that column where it says something else here."
        )
    whose = find_column(columns, question.unit or unit)
    totals = question.query == "units" or question.bounds_of == "unit"
    most = _most_groups(question, unit) if totals else _most_rows(question, unit)
    return Bound(_as_bytes(whose), most, totals, home, within), [*used, whose]


def _most_groups(question: Question, unit: str) -> int:
    """Return in how many groups one unit counts, where its rows in a group are one record."""
    if question.max_rows is not None:
        raise UsageError(f"all rows of one {one_line(unit)} count here; leave --max-rows out.")
    if question.by is None:
        if question.max_groups is not None:
            raise UsageError("--max-groups is of groups; give --by COLUMN, or leave it out.")
        return 1
    if question.max_groups is None:
        raise UsageError(
            f"in how many groups one {one_line(unit)} may count is open; give --max-groups G. It must not "
            "come from the data."
        )
    return question.max_groups


def _most_rows(question: Question, unit: str) -> int:
    """Return how many rows of one unit count."""
    if question.max_groups is not None:
        raise UsageError(
            "--max-groups goes with --bounds-of unit or --query units; leave it out, and give --max-rows."
        )
    if question.max_rows is None:
        other = ", or --bounds-of unit to add them up" if "bounds_of" in _TAKES[question.query] else ""
        raise UsageError(
            f"how many rows of one {one_line(unit)} may count is open; give --max-rows M{other}. It must not "
            "come from the data."
        )
    return question.max_rows


def _as_bytes(column: Column) -> str:
    # By its bytes, as keys are: no collation makes two units one.
    return f"encode(CAST({column.sql} AS VARCHAR))"


@dataclass(frozen=True)
class _Grouped:
    """Key of a row, which keys are kept, and the public ones."""

    key: Sql
    kept: Sql
    listed: tuple[str, ...] = ()
    missing: str | None = None
    columns: tuple[Column, ...] = ()
    cells: int | None = 1


def _grouped(question: Question, columns: tuple[Column, ...]) -> _Grouped:
    if question.query == "histogram":
        assert question.column is not None, "the query needs it"
        return _of_public(
            prepare_keys(question.column, question.categories, columns, missing=question.missing)
        )
    if question.by is None:
        return _Grouped(Sql(NO_KEY), Sql("TRUE"))
    if not question.private_keys:
        return _of_public(prepare_keys(question.by, question.keys, columns))
    text, column = private_key_sql(question.by, columns)
    return _Grouped(Sql(f"encode({text})"), Sql("key IS NOT NULL"), columns=(column,), cells=None)


def _of_public(found: KeySql) -> _Grouped:
    return _Grouped(
        Sql(found.sql, found.values),
        # As a set: a comparison with each of a list takes as many times the rows as there are keys.
        Sql("key IN (SELECT unnest(CAST(? AS BLOB[])))", (found.listed,)),
        found.keys,
        found.missing,
        (found.column,),
        len(found.keys),
    )


@dataclass(frozen=True)
class _Values:
    """Value of a row in steps, NULL where it does not count; fields as in `Prepared`."""

    steps: Sql
    columns: tuple[Column, ...] = ()
    grid: float = 1.0
    lower: int = 0
    upper: int = 0
    centre: int = 0
    candidates: tuple[int, ...] = ()
    missing: str | None = None
    total: str = "{}"
    leaves: bool = True


def _values(question: Question, columns: tuple[Column, ...], bound: Bound) -> _Values:
    if question.query == "proportion":
        assert question.of is not None, "the query needs it"
        held = select_rows(question.of, columns)
        steps = Sql(f"CAST(CASE WHEN {held.sql} THEN 2 ELSE 0 END AS HUGEINT)", held.values)
        leaves = question.where is not None or question.by is not None or _has_cells(held)
        return _Values(steps, held.columns, 0.5, 0, 2, 1, leaves=leaves)
    if question.query not in _OF_NUMBERS:
        return _Values(Sql("CAST(0 AS HUGEINT)"))
    if question.column is None:
        # Of how many rows a unit has.
        return _of_column(question, Column("rows", Kind.INTEGER, "HUGEINT", "1"), bound)
    return _of_column(question, find_column(columns, question.column), bound)


def _has_cells(selection: Selection) -> bool:
    return any(column.kind is Kind.CELL for column in selection.columns)


def _of_column(question: Question, column: Column, bound: Bound) -> _Values:
    query = question.query
    if column.kind not in _NUMBERS:
        instead = {
            Kind.BOOLEAN: f"ask for its share with --query proportion --of {quote(column.name)}",
            Kind.DATE: "count dates with --query histogram or --where",
            Kind.TIMESTAMP: "count dates with --query histogram or --where",
        }.get(column.kind, "choose another column")
        raise UsageError(
            f"a {query} needs numbers, but {quote(column.name)} is {one_line(column.type)}; {instead}."
        )
    lower, upper = _bounds(question, column)
    whole = column.kind is Kind.INTEGER and query != "variance"
    finest = _SQUARED if query == "variance" else _STEPS_EXPONENT
    exponent = _exponent(lower, upper, whole=whole, steps=finest)
    whole = whole and exponent == 0
    grid = math.ldexp(1.0, exponent)
    low, high = round(lower / grid), round(upper / grid)
    if low >= high:
        raise UsageError(f"the bounds {lower} and {upper} are too close together for their size.")
    value, dropped, missing = _value_sql(question, column, whole=whole)
    of_rows = (-_LARGEST_STEPS, _LARGEST_STEPS) if bound.totals else (low, high)
    steps = _steps_sql(value, grid, *of_rows, whole=whole)
    # A row that the condition or a missing value keeps out adds 0, and so does an empty line of a CSV file.
    leaves = dropped or question.where is not None or question.by is not None or column.kind is Kind.CELL
    return _Values(
        Sql(steps),
        (column,) if question.column is not None else (),
        grid,
        low,
        high,
        (low + high) // 2 if query in ("mean", "variance") else 0,
        _candidates(low, high) if query in ("median", "quantile") else (),
        missing,
        f"greatest(least({{}}, {high}), {low})" if bound.totals else "{}",
        leaves,
    )


def _candidates(low: int, high: int) -> tuple[int, ...]:
    return (*range(low, high, _between(low, high)), high)


def _between(low: int, high: int) -> int:
    """Return the steps between candidates."""
    return -(-(high - low) // _CANDIDATES)


def _code_sql(values: _Values) -> str:
    """Return SQL of twice the place of the candidate that a value is, or one more where it is above it."""
    low, high, between = values.lower, values.upper, _between(values.lower, values.upper)
    last = 2 * (len(values.candidates) - 1)
    above = f"CASE WHEN (steps - {low}) % {between} > 0 THEN 1 ELSE 0 END"
    return f"CASE WHEN steps = {high} THEN {last} ELSE 2 * ((steps - {low}) // {between}) + {above} END"


def _counts_units(question: Question, bound: Bound) -> bool:
    """Return whether the number of units in a group is the answer itself."""
    return question.query == "units" or (question.query == "count" and not bound.unit)


def _numbers_sql(question: Question, values: _Values, bound: Bound) -> list[str]:
    """Return SQL of the numbers of a group, one a part."""
    present = ["count(DISTINCT unit)" if bound.unit else "count(*)"] if question.private_keys else []
    if present and _counts_units(question, bound):
        return present
    moved = f"steps - {values.centre}"
    numbers = {
        "sum": [f"sum({moved})"],
        "mean": [f"sum({moved})", "count(*)"],
        "proportion": [f"sum({moved})", "count(*)"],
        "variance": [f"sum({moved})", f"sum(({moved}) * ({moved}))", "count(*)"],
    }
    return [*present, *numbers.get(question.query, ["count(*)"])]


def _parts(
    question: Question, values: _Values, bound: Bound, adjacency: Adjacency, *, cells: int | None
) -> tuple[Part, ...]:
    def moved(least: int, greatest: int, *, leaves: bool = True) -> Moves:
        return moves(least, greatest, bound=bound, adjacency=adjacency, cells=cells, leaves=leaves)

    low, high = values.lower - values.centre, values.upper - values.centre
    grid, query = values.grid, question.query
    if query in ("median", "quantile"):
        return tuple(
            Part(f"quantile {at:g}", _score_moves(at, bound, adjacency, cells), choice=Fraction(str(at)))
            for at in question.at
        )
    present: tuple[Part, ...] = ()
    if question.private_keys:
        # A unit adds 1 at most to each group that it is in.
        apart = replace(bound, totals=True)
        found = moves(1, 1, bound=apart, adjacency=adjacency, cells=None, leaves=True)
        present = (Part("groups", found),)
        if _counts_units(question, bound):
            return present
    if query == "sum":
        return (*present, Part("sum", moved(low, high, leaves=values.leaves), grid))
    name = "cells" if query == "histogram" else "count"
    count = Part(name, moved(1, 1))
    if query in ("count", "units", "histogram"):
        return (*present, count)
    parts = [*present, Part("centred sum", moved(low, high, leaves=values.leaves), grid)]
    if query == "variance":
        parts.append(Part("centred squares", moved(0, max(low**2, high**2)), grid**2))
    return (*parts, count)


def _score_moves(at: float, bound: Bound, adjacency: Adjacency, cells: int | None) -> Moves:
    """By how much one unit moves the scores of all groups together.

    A score is minus the distance of a rank from the one wanted, in parts of a row: a row below counts as
    much as the share above, and a row above as much as the share below.
    """
    share = Fraction(str(at))
    below, above = share.denominator - share.numerator, share.numerator
    if adjacency is Adjacency.ADD_REMOVE:
        each = max(below, above)
    else:
        each = below + above if cells == 1 else 2 * max(below, above)
    return Moves(bound.most * each, 0)


def _bounds(question: Question, column: Column) -> tuple[float, float]:
    if question.bounds is None:
        raise UsageError(
            f"a {question.query} needs bounds that do not come from the data; give --bounds LOWER,UPPER. "
            "Values outside are clamped to them."
        )
    lower, upper = question.bounds
    for bound in (lower, upper):
        # A square has twice the exponent.
        largest = math.sqrt(_LARGEST_BOUND) if question.query == "variance" else _LARGEST_BOUND
        if not abs(bound) <= largest:  # so that NaN is refused as well
            raise UsageError(f"the bounds must be finite numbers within {largest:g} of 0, not {bound}.")
        if column.kind is Kind.INTEGER and not float(bound).is_integer():
            raise UsageError(
                f"{quote(column.name)} holds whole numbers; its bounds must be whole, not {bound}."
            )
    if lower >= upper:
        raise UsageError(f"the lower bound {lower} is not below the upper bound {upper}; write LOWER,UPPER.")
    return float(lower), float(upper)


def _exponent(lower: float, upper: float, *, whole: bool, steps: int) -> int:
    """Return the exponent of the step."""
    coarsest = math.frexp(max(abs(lower), abs(upper)))[1] - _UNITS_EXPONENT
    if whole:
        return max(0, coarsest)
    exponent = max(math.frexp(upper - lower)[1] - 1 - steps, coarsest)
    if exponent < (_SMALLEST_EXPONENT // 2 if steps == _SQUARED else _SMALLEST_EXPONENT):
        raise UsageError("the bounds are too close to each other and to 0; use a larger unit.")
    return exponent


def _value_sql(question: Question, column: Column, *, whole: bool) -> tuple[str, bool, str | None]:
    """Return SQL of the value, whether a missing one is dropped, and what one counts as."""
    value = f"CAST({column.sql} AS HUGEINT)" if whole else number_sql(column)
    if question.column is None:
        return value, False, None
    if question.missing is None:
        why = {
            Kind.FLOAT: "its type can hold NaN and NULL",
            Kind.CELL: "a cell can be empty or no number",
        }.get(column.kind, "its type can hold NULL")
        raise UsageError(
            f"what a missing value of {quote(column.name)} counts as is open: {why}, whether or not any is "
            "there; give --missing drop, or --missing with a value within the bounds."
        )
    if question.missing == "drop":
        return value, True, question.missing
    assert question.bounds is not None
    try:
        filled = float(question.missing)
    except ValueError:
        filled = math.nan
    if not question.bounds[0] <= filled <= question.bounds[1]:
        raise UsageError(
            f"--missing must be drop or a number within the bounds, not {one_line(question.missing)}."
        )
    if column.kind is Kind.INTEGER and not filled.is_integer():
        raise UsageError(f"{quote(column.name)} holds whole numbers; --missing must be whole, not {filled}.")
    constant = f"CAST({int(filled)} AS HUGEINT)" if whole else _double(filled)
    return f"COALESCE({value}, {constant})", False, repr(filled).removesuffix(".0")


def _steps_sql(value: str, grid: float, low: int, high: int, *, whole: bool) -> str:
    """Return SQL that clamps a value and counts its steps; NULL stays NULL."""
    if whole:
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE greatest(least({value}, {high}), {low}) END"
    # Both bounds are whole steps and exact doubles, and dividing by a power of two is exact.
    clamped = f"greatest(least({value}, {_double(high * grid)}), {_double(low * grid)})"
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE CAST(round({clamped} / {_double(grid)}) AS HUGEINT) END"


def _double(value: float) -> str:
    """Return SQL of a double, exactly; a bare 0.1 would be a decimal first."""
    return f"CAST('{value!r}' AS DOUBLE)"


def _words(question: Question, values: _Values, bound: Bound) -> str:
    """Return the whole question in words."""
    numbers = question.query in _OF_NUMBERS
    of = question.of or question.column or ("rows of one unit" if numbers else None)
    each = " for each unit" if question.bounds_of == "unit" else ""
    bounds = f"{_short(values.lower * values.grid)}, {_short(values.upper * values.grid)}"
    keys = "private keys" if question.private_keys else ", ".join(question.keys)
    most = f"{bound.most} {'group' if bound.totals else 'row'}{'s'[: bound.most != 1]}"
    said = {
        f" of {of}": of is not None,
        f" at {', '.join(f'{at:g}' for at in question.at)}": question.query == "quantile",
        f" in [{bounds}]{each}": question.bounds is not None,
        f" over {', '.join(question.categories)}": bool(question.categories),
        f" by {question.by}, {keys}": question.by is not None,
        f", missing: {question.missing}": question.missing is not None,
        f", where {question.where}": question.where is not None,
        f", within {question.within}": question.within is not None,
        f", units by {question.unit}": question.unit is not None,
        f", at most {most} of one unit": bool(bound.unit) and (not bound.totals or question.by is not None),
    }
    return question.query + "".join(words for words, is_said in said.items() if is_said)


def _short(number: float) -> str:
    return repr(number).removesuffix(".0")


def require_answerable(table: Table, prepared: Prepared) -> None:
    """See whether the question fits the schema as DuckDB has it; no row is read."""
    try:
        table.added_up(
            prepared.sql.text,
            prepared.sql.values,
            prepared.columns,
            without_rows=True,
            whole=bool(prepared.bound.unit),
        )
    except Exception as error:
        raise UsageError(
            f"the question cannot be answered from {quote(table.name)}: {first_line(error)}. Ask of another "
            "column, or change its type."
        ) from error


def read_exact(table: Table, prepared: Prepared) -> Exact:
    """Read the exact answers, which must not leave."""
    whole = bool(prepared.bound.unit)
    try:
        rows = table.added_up(prepared.sql.text, prepared.sql.values, prepared.columns, whole=whole)
    except Exception:  # noqa: BLE001 - whatever it is, it may quote a row
        raise DataError(
            "not all rows of the table could be read; which, and why, stays private. The owner can see it "
            "with `trivet privacy check`."
        ) from None
    # A group without rows has a row of zeros, so that each takes the same way.
    nothing = (0,) * (1 if prepared.candidates else len(prepared.parts))
    empty = [(None if group is None else group.encode(), 0, *nothing) for group in prepared.groups]
    found: dict[str | None, dict[int, tuple[int, ...]]] = {}
    for key, code, *numbers in (*empty, *rows):
        codes = found.setdefault(None if key is None else bytes(key).decode(), {})
        codes[int(code)] = tuple(map(add, codes.get(int(code), nothing), map(int, numbers)))
    if prepared.candidates:
        return {group: _scores(prepared, codes) for group, codes in found.items()}
    return {group: tuple((number,) for number in codes[0]) for group, codes in found.items()}


def _scores(prepared: Prepared, codes: Mapping[int, Any]) -> tuple[tuple[int, ...], ...]:
    """Return for each quantile the score of each candidate: minus the distance of its rank."""
    counts = [codes.get(code, [0])[0] for code in range(2 * len(prepared.candidates))]
    every, below = sum(counts), 0
    ranks: list[tuple[int, int]] = []
    for place in range(len(prepared.candidates)):
        here = counts[2 * place]
        ranks.append((below, every - below - here))
        below += here + counts[2 * place + 1]
    shares = [part.choice for part in prepared.parts if part.choice is not None]
    return tuple(
        tuple(
            -abs((share.denominator - share.numerator) * below - share.numerator * above)
            for below, above in ranks
        )
        for share in shares
    )
