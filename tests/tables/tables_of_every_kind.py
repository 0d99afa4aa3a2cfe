"""One small table in every form that it may come in, and forms that are refused."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from xml.sax.saxutils import escape

import duckdb
import pyarrow as pa
import pyarrow.feather

COLUMNS = ("sex", "age", "x", "label", "pred", "score")
#: Ages, and a number with digits enough for a decimal mark, of groups whose names need an encoding.
ROWS = tuple(
    (
        "Männer" if i % 2 else "Frauen",
        20 + i % 7,
        round(1000.5 + i * 1.25, 2),
        int(i % 3 == 0),
        int(i % 5 < 2),
        round(i % 50 / 50, 2),
    )
    for i in range(60)
)
Write = Callable[[Path], Path | str]


class Door(NamedTuple):
    """How a table is written, the options that it needs, names that are others there, and what is noted."""

    write: Write
    reading: Mapping[str, str] = MappingProxyType({})
    names: Mapping[str, str] = MappingProxyType({})
    notes: tuple[str, ...] = ()
    #: More features than the table has.
    more: tuple[str, ...] = ()


class Closed(NamedTuple):
    """How a file is written, the options given, and what is said of it."""

    write: Write
    said: str
    reading: Mapping[str, str] = MappingProxyType({})


def text(
    *,
    names=COLUMNS,
    rows=ROWS,
    mark=",",
    decimal=".",
    before="",
    after="",
    end="\n",
    cell=lambda _, value: value,
):
    def written(name, value):
        shown = str(cell(name, value))
        shown = shown.replace(".", decimal) if isinstance(value, float) else shown
        return f'"{shown}"' if mark in shown else shown

    lines = [mark.join(f'"{name}"' if mark in name else name for name in names)]
    lines += [mark.join(map(written, COLUMNS, row)) for row in rows]
    return "".join(f"{before}{line}{after}{end}" for line in lines)


def put(content, name="t.csv", encoding="utf-8"):
    def write(folder):
        path = folder / name
        found = content() if callable(content) else content
        path.write_bytes(found if isinstance(found, bytes) else found.encode(encoding))
        return path

    return write


def with_names(more, cells):
    """The table with columns beside its own, before or after them, of equal cells or of each row's own."""
    lines = text().splitlines()
    rows = [cells(i) for i in range(len(ROWS))]
    return (
        "\n".join(
            [f"{lines[0]},{more}", *(f"{line},{row}" for line, row in zip(lines[1:], rows, strict=True))]
        )
        + "\n"
    )


def numbered(first=""):
    lines = text().splitlines()
    return "\n".join([f"{first},{lines[0]}", *(f"{i},{line}" for i, line in enumerate(lines[1:]))]) + "\n"


def archive(**members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "."), content)
    return packed.getvalue()


HIDDEN = ' state="hidden"'


def workbook(rows, sheets=("Sheet 1",), *, hidden=()):
    """A spreadsheet as Excel writes one, of the same rows on each sheet."""

    def cell(value):
        if value is None:
            return "<c/>"
        if isinstance(value, bool):
            return f'<c t="b"><v>{int(value)}</v></c>'
        if isinstance(value, int | float):
            return f"<c><v>{value!r}</v></c>"
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'

    data = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{i}" r:id="r{i}"{HIDDEN if name in hidden else ""}/>'
        for i, name in enumerate(sheets, 1)
    )
    relations = "".join(
        f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/sheet{i}.xml"/>' for i in parts
    )
    types = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    )
    types += f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
    types += "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kind}.worksheet+xml"/>'
        for i in parts
    )
    book = f'<Relationship Id="w" Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
    one = f'<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>'
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">{book}</Relationships>',
        "xl/workbook.xml": (
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{package}/relationships">{relations}</Relationships>'
        ),
        **{f"xl/worksheets/sheet{i}.xml": one for i in parts},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return packed.getvalue()


def arrow(name):
    def write(folder):
        columns = {each: [row[i] for row in ROWS] for i, each in enumerate(COLUMNS)}
        pyarrow.feather.write_feather(pa.table(columns), str(folder / name), compression="uncompressed")
        return folder / name

    return write


def of_duckdb(kind, names=COLUMNS):
    def write(folder):
        (folder / "plain.csv").write_text(text(), encoding="utf-8")
        called = ", ".join(f'{name} AS "{other}"' for name, other in zip(COLUMNS, names, strict=True))
        rows = f"SELECT {called} FROM '{folder / 'plain.csv'}'"
        if kind == "parquet":
            duckdb.sql(rows).write_parquet(str(folder / "t.parquet"))
            return folder / "t.parquet"
        with duckdb.connect(str(folder / "t.duckdb")) as connection:
            connection.execute(f"CREATE TABLE people AS {rows}")
        return f"{folder / 't.duckdb'}:people"

    return write


def sheet(**other):
    return workbook([COLUMNS, *ROWS], **other)


PLAIN = text()
NUMBERS = ("'column 1' numbers the rows",)
ONE_UNNAMED = ("A column without a name is called by its place: 'column 1'", *NUMBERS)
COMMA = {"decimal": "comma"}
SIGNED = text(cell=lambda name, value: f"{100 * value:.1f}%" if name == "score" else value)
WIDE = PLAIN.encode("utf-16-le")

OPEN: dict[str, Door] = {
    "plain": Door(put(PLAIN)),
    "a mark of UTF-8": Door(put(PLAIN, encoding="utf-8-sig")),
    "lines of Windows": Door(put(text(end="\r\n"))),
    "no last line end": Door(put(PLAIN.rstrip())),
    "quoted cells": Door(
        put("\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in PLAIN.split("\n")[:-1]))
    ),
    "an index of pandas": Door(put(numbered()), notes=ONE_UNNAMED),
    "row names of R": Door(put(numbered('""')), notes=ONE_UNNAMED),
    "trailing commas": Door(
        put(text(after=",")), notes=("called by its place: 'column 7'", "'column 7' is empty")
    ),
    "two trailing commas": Door(
        put(text(after=",,")), notes=("by their places: 'column 7' and 'column 8'", "'column 8' is empty")
    ),
    "trailing commas below the header": Door(put(PLAIN.replace("\n", ",\n").replace(",\n", "\n", 1))),
    "a column twice": Door(
        put(with_names("age", lambda i: ROWS[i][1])),
        notes=("the name 'age' 2 times, for columns with the same",),
    ),
    "a name twice": Door(
        put(with_names("age", lambda i: i % 4)),
        names={"age": "age.0"},
        notes=("one name for 2 columns whose values differ; they are called 'age.0' and 'age.1'",),
        more=("age.1",),
    ),
    "a name twice, and its number": Door(
        put(with_names("age,age.1", lambda i: f"{ROWS[i][1]},{i % 4}")),
        notes=("the name 'age' 2 times",),
        more=("age.1",),
    ),
    "years": Door(put(with_names("2019,2020", lambda i: f"{i % 3},{i % 4}")), more=("2019", "2020")),
    "a turned table": Door(put(with_names("0,1,2", lambda i: f"{i % 3},{i % 4},1")), more=("0", "1", "2")),
    "blanks around names": Door(put(text(mark=", ").replace('"', ""))),
    "tabs around names": Door(put(PLAIN.replace(",", ",\t", 5))),
    "a comma in a name": Door(
        put(text(names=("Sex, at birth", *COLUMNS[1:]))), names={"sex": "Sex, at birth"}
    ),
    "semicolons": Door(put(text(mark=";"))),
    "bars": Door(put(text(mark="|"), "t.txt")),
    "tabs": Door(put(text(mark="\t"), "t.tsv")),
    "tabs and commas": Door(
        put(text(mark="\t", names=("a, b, c, d, e, f", *COLUMNS[1:])), "t.TAB"),
        names={"sex": "a, b, c, d, e, f"},
    ),
    "a line for Excel": Door(put("sep=;\n" + text(mark=";"))),
    "decimal commas": Door(put(text(mark=";", decimal=",")), reading=COMMA),
    "decimal commas in quotation marks": Door(put(text(decimal=",")), reading=COMMA),
    "thousands": Door(
        put(text(cell=lambda _, value: f"{value:,}" if isinstance(value, float) else value)),
        reading={"thousands": "comma"},
    ),
    "percent signs": Door(put(SIGNED)),
    "percent signs and decimal commas": Door(
        put(text(mark=";", decimal=",", cell=lambda n, v: f"{100 * v:.0f} %" if n == "score" else v)),
        reading=COMMA,
    ),
    "Windows-1252": Door(put(PLAIN, encoding="cp1252"), reading={"encoding": "latin-1"}),
    "UTF-16": Door(put(PLAIN, encoding="utf-16")),
    "UTF-16, big end first": Door(put(b"\xfe\xff" + PLAIN.encode("utf-16-be"))),
    "UTF-16 without a mark": Door(put(WIDE), reading={"encoding": "utf-16"}),
    "gzip": Door(put(gzip.compress(PLAIN.encode()), "t.csv.gz")),
    "gzip of tabs": Door(put(gzip.compress(text(mark="\t").encode()), "T.TSV.GZ")),
    "bzip2": Door(put(bz2.compress(PLAIN.encode()), "t.csv.bz2")),
    "xz": Door(put(lzma.compress(PLAIN.encode()), "t.txt.xz")),
    "zip": Door(put(archive(people__csv=PLAIN), "t.zip")),
    "zip beside what a Mac adds": Door(
        put(archive(**{"t__csv": PLAIN, "__MACOSX/__t__csv": "x"}), "t.csv.zip")
    ),
    "gzip of UTF-16": Door(put(gzip.compress(PLAIN.encode("utf-16")), "t.csv.gz")),
    "gzip of Windows-1252": Door(
        put(gzip.compress(PLAIN.encode("cp1252")), "t.csv.gz"), reading={"encoding": "latin-1"}
    ),
    "Excel": Door(put(sheet(), "t.xlsx")),
    "Excel with decimal commas": Door(put(sheet(), "t.xlsx"), reading=COMMA),
    "Excel with blank rows": Door(put(workbook([[], [None], COLUMNS, *ROWS, [None] * 6]), "t.xlsx")),
    "Excel with a hidden sheet": Door(put(sheet(sheets=("a", "b"), hidden=("a",)), "t.xlsx")),
    "a sheet": Door(lambda folder: f"{put(sheet(sheets=('a', 'b c')), 't.xlsx')(folder)}:b c"),
    "Feather": Door(arrow("t.feather")),
    "Arrow": Door(arrow("t.arrow")),
    "Parquet": Door(of_duckdb("parquet")),
    "Parquet with blanks around names": Door(of_duckdb("parquet", names=(" sex", *COLUMNS[1:]))),
    "DuckDB": Door(of_duckdb("duckdb")),
}

_HEADER = "a number where the name of a column is expected"
CLOSED: dict[str, Closed] = {
    "two tables in one": Closed(
        put(archive(a__csv="a\n1", b__csv="a\n1"), "t.zip"), "found 'a.csv', 'b.csv'"
    ),
    "no table in one": Closed(put(archive(a__py="a"), "t.zip"), "should hold one table"),
    "gzip that is none": Closed(put(PLAIN, "t.csv.gz"), "cannot be unpacked: it is damaged, cut off"),
    "gzip that is cut off": Closed(put(gzip.compress(PLAIN.encode())[:-20], "t.csv.gz"), "cut off"),
    "zip that is none": Closed(put(PLAIN, "t.zip"), "cannot be unpacked"),
    "xz that is none": Closed(put(PLAIN, "t.csv.xz"), "cannot be unpacked"),
    "a bomb": Closed(
        put(lambda: gzip.compress(b"a,b\n" + b"1,2\n" * 2**26, 1), "t.csv.gz"),
        "refused: it unpacks to more than 256 MiB",
    ),
    "compressed without a kind": Closed(put(b"", "t.gz"), r"must be a text file, as in NAME\.csv\.gz"),
    "Zstandard": Closed(put(b"", "t.csv.zst"), "unpack it with zstd -d"),
    "JSON": Closed(put(b"[]", "t.json"), r"write it as \.csv or \.parquet"),
    "a pickle": Closed(put(b"", "t.pkl"), "a pickle runs what its maker wrote"),
    "Stata": Closed(put(b"", "t.dta"), r"export it as \.csv from Stata"),
    "another suffix": Closed(put(PLAIN, "t.data"), r"expected a \.csv, \.tsv or \.txt file, one of these as"),
    "Excel that is none": Closed(put(PLAIN, "t.xlsx"), "cannot be read as a spreadsheet"),
    "Excel with two sheets": Closed(
        put(sheet(sheets=("a", "b")), "t.xlsx"), r"name one as t\.xlsx:SHEET\. It has 'a', 'b'"
    ),
    "another sheet": Closed(
        lambda folder: f"{put(sheet(), 't.xlsx')(folder)}:b", r"'t\.xlsx' has no sheet 'b'; it has 'Sheet 1'"
    ),
    "an empty sheet": Closed(put(workbook([]), "t.xlsx"), "is empty; expected the names"),
    "Excel with an encoding": Closed(
        put(sheet(), "t.xlsx"), "a spreadsheet has its own", {"encoding": "latin-1"}
    ),
    "Arrow that is none": Closed(put(PLAIN, "t.arrow"), "cannot be read as an Arrow file"),
    "Parquet with decimal commas": Closed(of_duckdb("parquet"), "have types", COMMA),
    "Windows-1252 without a word": Closed(
        put(PLAIN, encoding="cp1252"), "line 2 is not valid UTF-8|is not valid UTF-8; give --encoding latin-1"
    ),
    "UTF-16 without a word": Closed(put(WIDE), "give --encoding utf-16"),
    "half a character of UTF-16": Closed(put(PLAIN.encode("utf-16") + b"a"), "is not valid UTF-16"),
    "no header": Closed(put("\n".join(PLAIN.split("\n")[1:])), _HEADER),
    "no header, and whole numbers": Closed(put("M,66,1,0\nF,67,0,1\n"), _HEADER),
    "numbers alone": Closed(put("2019,2020\n1,2\n"), _HEADER),
    "a year twice": Closed(put("sex,2019,2019\na,1,2\n"), _HEADER),
    "UTF-32": Closed(put(PLAIN.encode("utf-32")), "is UTF-32, which is not read; convert it"),
    "nothing": Closed(put(b""), "is empty; expected a line with the names"),
    "no names": Closed(put(",,\n1,2,3\n"), "is not a header"),
    "a blank before quotation marks": Closed(put('sex, "a, b"\n1, 2\n'), "a blank before a quotation mark"),
    "a name on two lines": Closed(put('sex,"a\nb"\n1,2\n'), "on one line"),
    "old Macs": Closed(put(text(end="\r")), "end in carriage returns alone"),
    "more cells than names": Closed(
        put(PLAIN.replace("\n", ",x\n").replace(",x\n", "\n", 1)),
        "7 cells where the header has 6 names; .*, and a column of row numbers a name",
    ),
    "NUL characters": Closed(put(b"a\0,b\n1,2\n"), "NUL characters"),
    "a repeated name": Closed(
        put(with_names("sex", lambda i: i % 2)),
        r"no column 'sex'; did you mean .*'sex\.0'.* 2 columns have this name and other values",
    ),
    "other names": Closed(put("a;b\n1;2\n", "t.txt"), "no column 'sex'; it has 'a', 'b'"),
    "a title above the names": Closed(
        put("Hiring by sex\n" + PLAIN),
        "Columns are separated by .* the first line has their names: leave out what stands above it",
    ),
    "other separators": Closed(put("a b\n1 2\n", "t.txt"), "Columns are separated by a comma, a semicolon"),
    "decimal commas without a word": Closed(
        put(text(mark=";", decimal=",")), r"\d+ rows hold a number with a decimal comma; give --decimal comma"
    ),
    "decimal points, and commas meant": Closed(
        put(PLAIN), "a number with a decimal point; leave out --decimal comma", COMMA
    ),
    "some percent signs": Closed(put(SIGNED.replace("2.0%", "2.0")), "percent sign.* with it, or none"),
    "money": Closed(
        put(text(cell=lambda name, value: f"€{value}" if name == "score" else value)), "a sign of currency"
    ),
}
