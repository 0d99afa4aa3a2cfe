"""Tables: how one is named, its schema, and how its rows, and no other file, are read.

A CSV file's types are not guessed: a guess looks at the rows, and a schema that one row can change
would betray it. Each cell is read as the number or text that the query needs, and one that is not a
number where a number is needed is missing. Only the header line decides on names and delimiter.

DuckDB opens the file in a child process with limits, and hands back answers alone.
"""

import difflib
import hashlib
import hmac
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from trivet.errors import DataError, UsageError
from trivet.tables.child import LARGEST_USUAL, Child, usual_child
from trivet.tables.frames import tidy_frame
from trivet.tables.header import read_header
from trivet.tables.names import Named
from trivet.tables.paths import TableFile, state_of, table_file_of, unreadable
from trivet.tables.settings import AS_USUAL, Reading
from trivet.tables.values import identifier
from trivet.wording import first_line, one_line, quote

__all__ = [
    "Column",
    "Kind",
    "Table",
    "find_column",
    "fingerprint",
    "is_nan",
    "kind_of",
    "open_table",
    "require_no_swallowed_rows",
    "table_file",
]


class Kind(StrEnum):
    """Type of a column's values."""

    INTEGER = "whole numbers"
    DECIMAL = "decimal numbers"
    FLOAT = "floating-point numbers"
    TEXT = "text"
    BOOLEAN = "true or false"
    DATE = "dates"
    TIMESTAMP = "dates with a time"
    #: A cell of a CSV file, which is a number or a text as the query asks.
    CELL = "cells of a CSV file"
    OTHER = "something else"


_KINDS: Final = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Kind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.FLOAT),
    **dict.fromkeys(("VARCHAR", "UUID"), Kind.TEXT),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.TIMESTAMP),
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
}


@dataclass(frozen=True)
class Column:
    """One column; `reading` is of cells, `unnamed` called by its place, `derived` made of others."""

    name: str
    kind: Kind
    type: str
    sql: str
    reading: Reading = AS_USUAL
    unnamed: bool = False
    derived: bool = False


def kind_of(duckdb_type: str) -> Kind:
    """Return what the values of a DuckDB type are."""
    if duckdb_type.startswith("ENUM(") and duckdb_type.endswith(")"):
        return Kind.TEXT
    if duckdb_type.startswith("DECIMAL(") and duckdb_type.endswith(")"):
        return Kind.DECIMAL
    return _KINDS.get(duckdb_type, Kind.OTHER)


def find_column(columns: tuple[Column, ...], name: str) -> Column:
    """Return the column of exactly this name."""
    for column in columns:
        if column.name == name:
            return column
    by_folded = {column.name.casefold(): column.name for column in columns}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    within = [each for each in by_folded if "," in each and name.casefold() in each and each not in near]
    near = [*within[:1], *near][:3]
    if near:
        hint = f"did you mean {' or '.join(quote(by_folded[each]) for each in near)}?"
    else:
        names = ", ".join(quote(column.name) for column in columns)
        hint = f"it has {one_line(names, limit=200)}."
    raise UsageError(f"the table has no column {quote(name)}; {hint}{_way(columns, near, name)}")


def _way(columns: tuple[Column, ...], near: list[str], name: str) -> str:
    """Return what else may be wrong with a name, or with the header that lacks it."""
    if any("," in each for each in near):
        return " In a list, a name with a comma stands in quotation marks, as in '\"a, b\",c'."
    numbered = [each.name for each in columns if re.fullmatch(rf"{re.escape(name)}\.\d+", each.name)]
    if len(numbered) > 1:
        return f" {len(numbered)} columns have this name and other values, so they are numbered."
    if any(each.name.isdecimal() for each in columns):
        return " Where the first line is a row, add one with the names of the columns."
    if len(columns) == 1 and columns[0].kind is Kind.CELL:
        return (
            " Columns are separated by a comma, a semicolon, a tab or a vertical bar, and the first line has "
            "their names: leave out what stands above it."
        )
    return ""


#: Of an array, of DuckDB's answer before it becomes one, and of a copy.
_BYTES_A_CELL: Final = 24


@dataclass(frozen=True)
class Table:
    """An open table; `state` is the file's when it was opened, and `notes` say what is called otherwise."""

    name: str
    path: Path
    state: tuple[int, ...]
    columns: tuple[Column, ...]
    source: str
    number: int
    request: Mapping[str, Any]
    delimiter: str | None = None
    notes: tuple[str, ...] = ()

    def require_unchanged(self) -> None:
        """Raise a DataError if the file is not the one that was opened, or was written to."""
        if state_of(self.path) != self.state:
            raise DataError(
                f"{quote(self.name)} changed while it was read; read it again when nobody writes to it."
            )

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[list[Any]]:
        """Return the rows of a query's answer."""
        return usual_child().ask(self._query("rows", sql, values))

    def arrays(self, sql: str, values: Sequence[object] = (), *, count: int) -> dict[str, Any]:
        """Return the columns of a query's answer as arrays, masked where a value is missing."""
        ((rows,),) = self.rows(f"SELECT count(*) FROM {self.source}")  # noqa: S608 - quoted
        needed = int(rows) * count * _BYTES_A_CELL // 2**20
        if needed <= LARGEST_USUAL:
            return usual_child().arrays(self._query("arrays", sql, values))
        child = Child(extra_mib=needed)
        try:
            number, _ = child.open(self.request)
            return child.arrays(self._query("arrays", sql, values) | {"number": number})
        finally:
            child.close()

    def added_up(
        self,
        sql: str,
        values: Sequence[object],
        columns: Sequence[Column],
        *,
        without_rows: bool = False,
        whole: bool = False,
    ) -> list[list[Any]]:
        """Return the rows of answers to a query for some rows of the table at a time, which add up.

        With `whole` there is one answer, for all rows at once.
        """
        wanted = {column.sql for column in columns} or {self.columns[0].sql}
        places = [place for place, column in enumerate(self.columns) if column.sql in wanted]
        more = {"places": places, "without_rows": without_rows, "whole": whole}
        return usual_child().ask(self._query("added up", sql, values) | more)

    def survey(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Return what `trivet.tables.cell_kinds` finds in a CSV file, of some of its columns."""
        places = [place for place, column in enumerate(self.columns) if column in columns]
        return usual_child().ask({**self.request, "ask": "survey", "places": places})

    def _query(self, what: str, sql: str, values: Sequence[object]) -> dict[str, Any]:
        known = {each: self.request[each] for each in ("path", "size")}
        return known | {"ask": what, "number": self.number, "name": self.name, "sql": sql, "values": values}


@contextmanager
def open_table(
    table: str | Path | Table, *, by_line: bool = False, reading: Reading | None = None
) -> Generator[Table]:
    """Open a table to read its schema, and its rows when they have been paid for; an open one stays so.

    Where each line is a row, a reading says what its cells mean.
    """
    if isinstance(table, Table):
        yield table
        return
    file = table_file_of(table, strict=by_line)
    path, state = file.path, state_of(file.path)
    child, given = usual_child(), reading or AS_USUAL
    _require_meant(file, given)
    request: dict[str, Any] = {
        "path": str(path.resolve()),
        "called": file.called,
        "size": state[0],
        "kind": file.kind,
        "table": file.inner,
        "by_line": by_line,
        "options": reading is not None,
        "width": 0,
    }
    packing = file.packing if by_line else _packing(file, given)
    unpacked = None if packing is None else child.unpack(request | _unpacking(file, packing, given))
    try:
        with _opened(file, state, request, reading, unpacked) as opened:
            yield opened
    finally:
        if unpacked is not None:
            unpacked.unlink(missing_ok=True)


@contextmanager
def _opened(
    file: TableFile,
    state: tuple[int, ...],
    request: dict[str, Any],
    reading: Reading | None,
    unpacked: Path | None,
) -> Generator[Table]:
    """Open a file that is plain, or what was made of it."""
    plain, strict = unpacked or file.path, bool(request["by_line"])
    if unpacked is not None:
        request |= {"path": str(unpacked), "size": unpacked.stat().st_size}
    header = None
    if file.kind == "csv":
        options = reading or (AS_USUAL if strict else None)
        if options is not None and unpacked is not None:
            options = replace(options, encoding=AS_USUAL.encoding)
        header = read_header(plain, options, strict=strict, called=file.called)
        request |= {**asdict(header), "named": None, "width": len(header.names)}
    child = usual_child()
    number, described = child.open(request)
    try:
        if header is None:
            columns = tuple(_column(name, of) for name, of in described["columns"])
            columns = columns if strict else _trimmed(columns)
            yield Table(file.called, file.path, state, columns, described["source"], number, request)
            return
        columns = tuple(
            Column(name, Kind.CELL, "a CSV cell", f"c{i}", reading or AS_USUAL)
            for i, name in enumerate(header.names)
        )
        opened = Table(
            file.called, file.path, state, columns, described["source"], number, request, header.delimiter
        )
        yield opened if header.named is None else _with_names(opened, header.named)
    finally:
        child.ask({"ask": "close", "number": number, **request})


def _require_meant(file: TableFile, reading: Reading) -> None:
    """Refuse what is said of cells where a file has types, or of an encoding where it has its own."""
    if file.kind != "csv" and reading.options:
        raise UsageError(
            f"{' '.join(reading.options)} is for CSV files; the columns of {quote(file.path.name)} have "
            "types."
        )
    if file.packing == "spreadsheet" and reading.encoding != AS_USUAL.encoding:
        raise UsageError("--encoding is for CSV files; a spreadsheet has its own. Leave it out.")


def _packing(file: TableFile, reading: Reading) -> str | None:
    """Return how a file is packed; "" for one that is in another encoding, None for one to read as it is."""
    if file.packing is not None or file.kind != "csv":
        return file.packing
    try:
        with file.path.open("rb") as stream:
            start = stream.read(3)
    except OSError as error:
        raise unreadable(file.path, error) from error
    other = start[:2] in (BOM_UTF16_LE, BOM_UTF16_BE)
    return "" if other or (reading.encoding != "utf-8" and start != BOM_UTF8) else None


def _unpacking(file: TableFile, packing: str, reading: Reading) -> dict[str, Any]:
    of_text = {"encoding": reading.encoding, "decimal": reading.decimal}
    return {"packing": packing, "inner": file.inner, **of_text}


def _trimmed(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return columns without the blanks around their names, where these still differ."""
    names = [column.name.strip() for column in columns]
    if len(set(names)) < len(names) or not all(names):
        return columns
    return tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True))


def _with_names(opened: Table, named: Named) -> Table:
    """Return a table whose columns of one name are one where they hold the same, and are numbered else."""
    different: list[tuple[int, ...]] = []
    if named.repeated:
        differ = [
            " OR ".join(f"c{places[0]} IS DISTINCT FROM c{i}" for i in places[1:])
            for places in named.repeated
        ]
        unequal = ", ".join(f"count(*) FILTER (WHERE {each})" for each in differ)
        (found,) = opened.rows(f"SELECT {unequal} FROM {opened.source}")  # noqa: S608 - numbers of columns
        different = [places for places, rows in zip(named.repeated, found, strict=True) if rows]
    once = {i for places in named.repeated if places not in different for i in places[1:]}
    names = named.apart(different).names
    columns = tuple(
        replace(column, name=name, unnamed=i in named.unnamed)
        for i, (column, name) in enumerate(zip(opened.columns, names, strict=True))
        if i not in once
    )
    return replace(opened, columns=columns, notes=named.apart(different).notes(different))


def fingerprint(table: Table, *, key: bytes) -> str:
    """Return the HMAC-SHA-256 of a table's bytes and encoding under a key, hexadecimal."""
    # A plain digest would let anyone who guesses all rows but one test guesses of that one. In another
    # encoding the same bytes are other texts, so that a row may be in another part of the table.
    path, encoding = table.path, table.request.get("encoding", AS_USUAL.encoding)
    try:
        with path.open("rb") as stream:
            digest = hmac.new(key, digestmod=hashlib.sha256)
            if encoding != AS_USUAL.encoding:
                digest.update(f"{encoding}\n".encode())
            while block := stream.read(2**20):
                digest.update(block)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()


def _column(name: str, of: str) -> Column:
    # An ENUM's type lists its values, which may have been taken from the rows.
    return Column(name, kind_of(of), "ENUM" if of.startswith("ENUM(") else of, identifier(name))


def is_nan(number: str) -> str:
    """Return SQL for whether a DOUBLE is NaN."""
    # The bounds that a Parquet file states of a column leave NaN out, and DuckDB takes their word:
    # ``isnan(x)``, and a comparison with NaN, are false there without a look at the rows.
    return f"(NOT isfinite({number}) AND {number} <> DOUBLE 'inf' AND {number} <> DOUBLE '-inf')"


#: Cells that are looked at, of those that have as many delimiters as the lines in them would need.
_LOOKED_AT: Final = 1_000


def require_no_swallowed_rows(table: Table, column: str | None, is_value: Callable[[str], bool]) -> None:
    """Refuse a CSV file of which a cell holds whole rows between its quotation marks."""
    # A quotation mark before a cell and one some lines below make a well-formed file with fewer rows. Such a
    # cell differs from text of more than one line by its delimiters: each whole line has all, and the first
    # and the last have those that their place leaves. In a column of few values, values are compared too.
    width = table.request["width"]
    if table.delimiter is None or width == 1:
        return
    # A column that repeats another is none of the table's, and still one of the file's.
    names = {each.sql: each.name for each in table.columns}
    found = None if column is None else find_column(table.columns, column)
    place = None if found is None or found.derived else int(found.sql[1:])
    suspects = " OR ".join(_suspect(f"c{i}", table.delimiter, width) for i in range(width))
    sql = f"SELECT * FROM {table.source} WHERE {suspects} LIMIT {_LOOKED_AT}"  # noqa: S608 - no text of others
    for row in table.rows(sql):
        for i, cell in enumerate(row):
            lines = (cell or "").split("\n")
            if _has_rows(lines, i, place, table.delimiter, width, is_value):
                name = quote(names.get(f"c{i}", f"column {i + 1}"))
                raise DataError(
                    f"a cell of {name} in {quote(table.name)} holds {len(lines):,} lines that look like "
                    "rows, between two quotation marks; remove these, or write two for one in a cell."
                )


def _suspect(sql: str, delimiter: str, width: int) -> str:
    # The length of bytes is known without counting characters, and both are single bytes.
    def count(character: str) -> str:
        return f"(strlen({sql}) - strlen(replace({sql}, {character}, '')))"

    breaks, delimiters = count("chr(10)"), count(f"chr({ord(delimiter)})")
    return f"(contains({sql}, chr(10)) AND {delimiters} = {width - 1} * {breaks})"


def _has_rows(
    lines: Sequence[str],
    place: int,
    known: int | None,
    delimiter: str,
    width: int,
    is_value: Callable[[str], bool],
) -> bool:
    """Return True if the lines of a cell, in the column at `place`, are those of rows."""
    expected = [width - 1 - place, *[width - 1] * (len(lines) - 2), place]
    if len(lines) == 1 or [line.count(delimiter) for line in lines] != expected:
        return False
    if known is None or known == place:
        return True
    own = lines[0].split(delimiter)[known - place] if known > place else lines[-1].split(delimiter)[known]
    return is_value(own)


@contextmanager
def table_file(table: Any) -> Generator[str | Path | Table]:
    """Yield a table's file, or what is open; a data frame is written to a file that goes afterwards."""
    if isinstance(table, str | Path | Table):
        yield table
        return
    import narwhals as nw  # noqa: PLC0415 - files need none of it

    try:
        # The index of pandas is not one of the columns.
        frame = nw.maybe_reset_index(nw.from_native(tidy_frame(table)[0]))
    except TypeError as error:
        raise UsageError(
            f"a table is the path of a file or a data frame; found {quote(type(table).__name__)}."
        ) from error
    with TemporaryDirectory(prefix="trivet-") as folder:
        path = Path(folder) / "frame.parquet"
        try:
            whole = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
            whole.write_parquet(path)
        except ImportError as error:
            raise UsageError(
                f"a frame is handed on as Parquet, and that needs another package: {one_line(error)}."
            ) from error
        except Exception as error:
            raise DataError(f"the frame cannot be written as Parquet: {first_line(error)}.") from error
        yield path
