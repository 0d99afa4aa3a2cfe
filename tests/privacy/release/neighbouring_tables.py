"""Random neighbouring tables of every kind of file, with odd rows and random questions about them."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import duckdb
from tables_to_ask import write_table

from trivet.errors import UsageError
from trivet.privacy import Adjacency
from trivet.privacy.releases.question import (
    Exact,
    Prepared,
    prepare,
    read_exact,
    require_answerable,
)
from trivet.privacy.releases.settings import Question
from trivet.tables.opening import open_table
from trivet.tables.settings import Reading

NUMBERS = ["0", "-0.0", "1", "-3", "7.25", "0.1", "1e3", "nan", "inf", "-inf", "1e300", "-1e-320", "40"]
WHOLE = ["0", "1", "-3", "7", "40", "9007199254740993", "9223372036854775807", "-9223372036854775808"]
TEXTS = ["", "a", "b", "A", "ä", "a b", 'a"', "x,y", "1", " 7 ", "true", "nan", "'", "\0", "\r", "\u2028"]
VALUES = {
    "DOUBLE": NUMBERS,
    "FLOAT": [*NUMBERS[:9], "16777217"],
    "BIGINT": WHOLE,
    "UBIGINT": ["0", "1", "7", "40", "18446744073709551615", "9223372036854775808"],
    "TINYINT": ["0", "1", "-3", "127", "-128"],
    "HUGEINT": [*WHOLE, str(2**127 - 1), str(1 - 2**127), str(2**64)],
    "DECIMAL(38,10)": ["0", "7.25", "-3", "9" * 28, "-" + "9" * 28, "0.0000000001"],
    "DECIMAL(9,2)": ["0", "7.25", "-3", "9999999.99"],
    "BOOLEAN": ["true", "false"],
    "VARCHAR": TEXTS,
    "VARCHAR COLLATE NOCASE": TEXTS,
    "ENUM('a', 'b', 'A')": ["a", "b", "A"],
    "DATE": ["2020-01-01", "1066-10-14", "infinity", "-infinity", "12000-01-01", "0044-03-15 (BC)"],
    "TIMESTAMP": ["2020-01-01 00:00:00", "1066-10-14 01:02:03", "infinity", "290000-01-01 00:00:00"],
    "TIMESTAMP_NS": ["2020-01-01 23:59:59.999999999", "2024-06-01 00:00:00"],
    "TIMESTAMP_S": ["2020-01-01 00:00:00", "290000-01-01 00:00:00"],
    "TIMESTAMP WITH TIME ZONE": ["2020-01-01 00:30:00+02", "-infinity", "9999-12-31 23:30:00-02"],
    "UUID": ["00000000-0000-0000-0000-000000000007"],
}
DATED = ("DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE")
#: Dates and numbers as they are written elsewhere, and what looks like them.
WRITTEN = [
    *("2024-06-01", "2024-6-1", "01.06.2024", "6/1/2024", "31.12.9999", "2024-06-01T00:30:00+02:00"),
    *("2024-06-01 24:00", "9999-12-31T23:59:59-18:00", "0000-01-01", "2024-02-30", "2024-06-01 12:30Z"),
    *(
        "1.007,50",
        "1 007",
        "1\u00a0007,5",
        "1'007.5",
        "1,007",
        "1,007.50",
        "1.2.3",
        ",5",
        "-1.000.000",
        "1e5,5",
    ),
]
PARTS = {
    "year": ("2019..2024",),
    "month": ("2020-01", "2024-05..2024-06"),
    "day": ("2024-05-30..2024-06-02",),
}
#: Of which a line of a CSV file is made.
PIECES = [
    *NUMBERS,
    *WHOLE,
    *TEXTS,
    *WRITTEN,
    '"',
    '""',
    ",",
    ",",
    ",",
    ";",
    "\t",
    "\\",
    '"a',
    'b"',
    '","',
    "#",
    " ",
]
BYTES = [b"\xff", b"\xc3", b"\x80", b"\xef\xbb\xbf", b"\x1a", b"\x01"]
BOUNDS = [(0, 1), (-5, 10), (10, 12), (-12, -10), (0, 2**60), (0.1, 0.3), (-1e200, 1e200), (0, 1e-250)]
CATEGORIES = [("a", "b"), ("1", "7"), ("true", "false"), ("", "a"), ("A", "a", "ä")]
NUMBERS_ASKED = ["1", "0.1", "-3", "9007199254740993", "18446744073709551615", "1e300"]
OPERATORS = ["=", "!=", "<", "<=", ">", ">="]
MACROS = ["least(a, b) AS a", "greatest(a, b) AS a", "isfinite(x) AS true", "encode(x) AS 'a'::BLOB"]


@dataclass(frozen=True)
class Pair:
    """Two neighbouring tables, the types of their columns by name, and their relation."""

    one: Path | str
    other: Path | str
    columns: dict[str, str]
    adjacency: Adjacency
    reading: Reading | None = None


def pair_of_csv(random: Random, folder: Path) -> Pair:
    """Two files that differ in one line, whatever is in it."""
    width = random.choice([1, 2, 2, 3, 4])
    names = tuple(random.sample(["age", "pay", "sex", "a b", 'q"q', "x,y"], width))
    delimiter = random.choice([",", ",", ";", "\t"])
    header = delimiter.join('"' + name.replace('"', '""') + '"' for name in names).encode()
    lines = [_line(random, width, delimiter) for _ in range(random.choice([0, 1, 3, 10, 40]))]
    adjacency, changed = _changed(random, lines, lambda: _line(random, width, delimiter))
    end = random.choice([b"\n", b"\n", b"\r\n"])
    last = random.choice([b"", end])
    if not all(rows and rows[-1] for rows in (lines, changed)):
        last = end  # an empty last line is one by its end alone
    reading = _reading(random)
    bom = random.choice([b"", b"", b"\xef\xbb\xbf"]) if reading.encoding == "utf-8" else b""
    first = random.choice([b"", b"", b"sep=" + delimiter.encode() + end])
    paths = []
    for name, rows in (("one", lines), ("other", changed)):
        path = folder / f"{name}.csv"
        whole = bom + first + end.join([header, *rows]) + last
        path.write_bytes(_wide(whole) if reading.encoding == "utf-16" else whole)
        paths.append(path)
    return Pair(*paths, dict.fromkeys(names, "cell"), adjacency, reading)


def _reading(random: Random) -> Reading:
    decimal = random.choice(["point", "point", "comma"])
    return Reading(
        decimal=decimal,
        thousands=random.choice([None, None, "comma" if decimal == "point" else "point", "space"]),
        encoding=random.choice(["utf-8", "utf-8", "latin-1", "utf-16"]),
        date_format=random.choice(["iso", "dmy", "mdy"]),
    )


def _wide(content: bytes) -> bytes:
    """The same in UTF-16, with halves of characters in the place of what is not ASCII."""
    halves = "".join(chr(0xD800 + 9 * each) if each > 127 else chr(each) for each in content)
    return halves.encode("utf-16-le", "surrogatepass")


def pair_of_typed(random: Random, folder: Path, suffix: str) -> Pair:
    """Two Parquet files or databases that differ in one row of extreme values."""
    known = [sort for sort in VALUES if suffix == ".duckdb" or sort != "HUGEINT"]
    sorts = [random.choice(known) for _ in range(random.choice([1, 2, 3]))]
    names = tuple(f"c {i}" for i in range(len(sorts)))

    def row() -> tuple[str | None, ...]:
        return tuple(None if random.random() < 0.15 else random.choice(VALUES[sort]) for sort in sorts)

    rows = [row() for _ in range(random.choice([0, 1, 3, 10, 40]))]
    adjacency, changed = _changed(random, rows, row)
    types = dict(zip(names, sorts, strict=True))
    tables = [
        write_table(folder / f"one{suffix}", types, rows),
        write_table(folder / f"other{suffix}", types, changed),
    ]
    return Pair(*tables, types, adjacency)


def add_macro(random: Random, database: str) -> None:
    """Give a database a macro that is called like a function of DuckDB."""
    with duckdb.connect(database.removesuffix(":people")) as connection:
        connection.execute(f"CREATE MACRO {random.choice(MACROS)}")


def question_about(random: Random, columns: dict[str, str]) -> dict[str, Any]:
    """A question, which a column's type may forbid."""
    column = random.choice(list(columns))
    query = random.choice(_queries_of(columns[column]))
    asked: dict[str, Any] = {"query": query}
    if query != "count":
        asked["column"] = column
    if query in ("sum", "mean"):
        asked["bounds"] = bounds = random.choice(BOUNDS)
        asked["missing"] = random.choice(["drop", "drop", str(bounds[0])])
    if query == "histogram":
        numbers = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
        known = [("1", "7", "0")] if any(each in columns[column] for each in numbers) else CATEGORIES
        known = [("true", "false")] if columns[column] == "BOOLEAN" else known
        asked["categories"] = categories = random.choice(known)
        part = random.choice([None, *PARTS])
        if columns[column] in (*DATED, "cell") and part is not None:
            asked["column"] = f"{part}({_quoted(column)})"
            asked["categories"] = categories = PARTS[part]
        asked["missing"] = random.choice([None, "drop", categories[0].partition("..")[0]])
    if query == "count" or random.random() < 0.4:
        asked["where"] = _condition(random, columns)
    return asked


def shares(pair: Pair, questions: list[dict[str, Any]]) -> list[float]:
    """For each question the largest change of an exact answer, as a share of what its receipt would say.

    A question that the schema forbids is left out; both tables have the same.
    """
    found = []
    with (
        open_table(pair.one, by_line=True, reading=pair.reading) as one,
        open_table(pair.other, by_line=True, reading=pair.reading) as other,
    ):
        for question in questions:
            try:
                prepared = prepare(Question(**question), one.columns, adjacency=pair.adjacency)
            except UsageError:
                continue
            require_answerable(one, prepared)
            found.append(largest_share(prepared, read_exact(one, prepared), read_exact(other, prepared)))
    return found


def largest_share(prepared: Prepared, one: Exact, other: Exact) -> float:
    """The largest change of a part in L1 or L2, as a share of what is charged for."""
    found = [0.0]
    for place, part in enumerate(prepared.parts):
        nothing = ((0,) * (len(prepared.candidates) or 1),) * len(prepared.parts)
        moved = [
            [
                abs(a - b)
                for a, b in zip(one.get(key, nothing)[place], other.get(key, nothing)[place], strict=True)
            ]
            for key in {*one, *other}
        ]
        if part.choice is not None:
            # Scores of a group move together; groups add up.
            found.append(sum(max(scores) for scores in moved) / part.moves.l1)
            continue
        numbers = [number for numbers in moved for number in numbers]
        found.append(sum(numbers) / part.moves.l1)
        found.append(sum(number**2 for number in numbers) / part.moves.l2_squared)
    return max(found)


def _changed(random: Random, rows: list[Any], row: Any) -> tuple[Adjacency, list[Any]]:
    place = random.randrange(len(rows) + 1)
    if rows and random.random() < 0.5:
        place = min(place, len(rows) - 1)
        return Adjacency.REPLACE_ONE, [*rows[:place], row(), *rows[place + 1 :]]
    return Adjacency.ADD_REMOVE, [*rows[:place], row(), *rows[place:]]


def _line(random: Random, width: int, delimiter: str) -> bytes:
    if random.random() < 0.5:
        known = [*NUMBERS, *WHOLE, *TEXTS, *WRITTEN, '"a', 'b"', '"1"', *(f'"{each}"' for each in WRITTEN)]
        cells = [random.choice(known) for _ in range(width)]
        return delimiter.join(cells).encode()
    pieces = [random.choice(PIECES).encode() for _ in range(random.randrange(8))]
    if random.random() < 0.2:
        pieces.insert(random.randrange(len(pieces) + 1), random.choice(BYTES))
    if random.random() < 0.01:
        pieces.append(random.choice([b"9", b'"', b"a,"]) * random.choice([200_000, 1_100_000]))
    return b"".join(pieces)


def _queries_of(sort: str) -> list[str]:
    """What may be asked of a column."""
    if sort in DATED:
        return ["count", "histogram"]
    if sort == "cell":
        return ["count", "sum", "sum", "mean", "histogram"]
    if sort.startswith(("VARCHAR", "ENUM", "BOOLEAN", "UUID")):
        return ["count", "histogram"]
    return ["count", "sum", "mean", "histogram"]


def _condition(random: Random, columns: dict[str, str]) -> str:
    parts = []
    for _ in range(random.choice([1, 1, 2])):
        column = random.choice(list(columns))
        text, boolean = columns[column].startswith(("VARCHAR", "ENUM")), columns[column] == "BOOLEAN"
        values = ["true", "false"] if boolean else ["'a'", "'ä'", "''"] if text else NUMBERS_ASKED
        if columns[column] == "cell":
            values = ["true", "'a'", "'ä'", "''", *NUMBERS_ASKED]
        operator = random.choice(["=", "!="] if boolean or "true" in values else OPERATORS)
        value = random.choice(values)
        side = _quoted(column)
        if columns[column] in DATED:
            value = random.choice(["'2020-01-01'", "'2024-06-01T12:30:00+02:00'"])
        if columns[column] in (*DATED, "cell") and random.random() < 0.5:
            part, value = random.choice(
                [
                    ("year", "2024"),
                    ("month", "'2024-06'"),
                    ("day", "'2024-06-01'"),
                    ("day", "'2024-05-31 22:30'"),
                ]
            )
            side, operator = f"{part}({side})", random.choice(OPERATORS)
        one = f"{side} {operator} {value}"
        if random.random() < 0.2:
            one = f"{side} in ({value})"
        if random.random() < 0.1:
            one = f"{side} {operator} {random.choice([side, '1'])}"
        parts.append(f"not {one}" if random.random() < 0.3 else one)
    return random.choice([" and ", " or "]).join(parts)


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
