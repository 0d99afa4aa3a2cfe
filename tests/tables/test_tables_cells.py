"""Numbers and dates of cells: each read as it is alone, held against Python, and never an error."""

# ruff: noqa: DTZ001 - dates of tables have no zone

from datetime import date, datetime, timedelta
from itertools import product

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.settings import SettingError
from trivet.tables.dates import PARTS, moment_sql, parse_moment, part_sql
from trivet.tables.numbers import number_sql
from trivet.tables.opening import Column, Kind
from trivet.tables.settings import Reading

READINGS = [
    Reading(decimal=decimal, thousands=thousands, date_format=dates)
    for decimal, thousands, dates in product(
        ("point", "comma"), (None, "comma", "point", "space", "apostrophe"), ("iso", "dmy", "mdy")
    )
    if decimal != thousands
]


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        # Whatever the zone of the machine.
        connection.execute("SET TimeZone = 'Pacific/Kiritimati'")
        yield connection


def asked(connection, sql, cells):
    rows = "SELECT unnest(CAST(? AS VARCHAR[])) AS c0"
    return [value for (value,) in connection.execute(f"SELECT {sql} FROM ({rows})", [cells]).fetchall()]


def numbers(connection, cells, **reading):
    return asked(connection, number_sql(Column("x", Kind.CELL, "cell", "c0", Reading(**reading))), cells)


def moments(connection, cells, **reading):
    return asked(connection, moment_sql(Column("x", Kind.CELL, "cell", "c0", Reading(**reading))), cells)


#: One number, as it is written in places, and what reads it.
WRITTEN = [
    ("1007.50", {}, 1007.5),
    (" 1e3 ", {}, 1000.0),
    ("1,007.50", {}, None),
    ("1,007.50", {"thousands": "comma"}, 1007.5),
    ("1007.50", {"thousands": "comma"}, 1007.5),
    ("1,234,567", {"thousands": "comma"}, 1_234_567.0),
    ("1,07", {"thousands": "comma"}, None),
    ("10,0700", {"thousands": "comma"}, None),
    ("1 007.5", {"thousands": "space"}, 1007.5),
    ("1'007.5", {"thousands": "apostrophe"}, 1007.5),
    ("1,007.5", {"thousands": "apostrophe"}, None),
    ("1007,50", {}, None),
    ("1007,50", {"decimal": "comma"}, 1007.5),
    ("1.007,50", {"decimal": "comma"}, 1007.5),
    ("1 007,50", {"decimal": "comma"}, 1007.5),
    ("1\u00a0007,50", {"decimal": "comma"}, 1007.5),
    ("1\u202f007,50", {"decimal": "comma"}, 1007.5),
    ("1'007,50", {"decimal": "comma"}, 1007.5),
    ("1\u2019007,50", {"decimal": "comma"}, 1007.5),
    ("-1.234.567,8", {"decimal": "comma"}, -1_234_567.8),
    ("1.007", {"decimal": "comma"}, 1007.0),
    ("12.5", {"decimal": "comma"}, None),
    ("1.007 500", {"decimal": "comma"}, None),
    ("1.007,50", {"decimal": "comma", "thousands": "space"}, None),
    (",5", {"decimal": "comma"}, 0.5),
    ("1,5e3", {"decimal": "comma"}, 1500.0),
    ("nan", {"decimal": "comma"}, None),
    ("$1007", {}, None),
    ("12 %", {"decimal": "comma"}, None),
]


@pytest.mark.parametrize(("cell", "reading", "number"), WRITTEN)
def test_a_number_as_it_is_written(connection, cell, reading, number):
    assert numbers(connection, [cell], **reading) == [number]


@given(
    number=st.decimals(-(10**9), 10**9, places=2),
    how=st.sampled_from(
        [("point", "comma", ",", "."), ("comma", "point", ".", ","), ("comma", "space", " ", ",")]
    ),
    given_=st.booleans(),
)
def test_numbers_are_read_as_python_writes_them(connection, number, how, given_):
    decimal, thousands, group, mark = how
    cell = f"{number:,}".replace(",", "g").replace(".", mark).replace("g", group)
    if decimal == "comma" and not given_:
        thousands = None
    assert numbers(connection, [cell], decimal=decimal, thousands=thousands) == [float(number)]


def test_marks_that_are_the_same_are_refused():
    with pytest.raises(SettingError, match="decimal and thousands are both comma"):
        Reading(decimal="comma", thousands="comma")
    with pytest.raises(UsageError, match="encoding is 'utf-7'; expected one of: utf-8, latin-1, utf-16"):
        Reading(encoding="utf-7")


characters = st.sampled_from(
    [*"0123456789.,:-+/TZ eE'_ ", "\u00a0", "\u202f", "\0", "\u0661", "9999", "2024-"]
)
cells = st.lists(st.lists(characters, max_size=14).map("".join) | st.text(max_size=5), min_size=1, max_size=6)


@settings(max_examples=settings().max_examples // 3)  # an example is many queries
@given(cells=cells, reading=st.sampled_from(READINGS))
def test_no_cell_is_an_error_or_decides_on_another(connection, cells, reading):
    column = Column("x", Kind.CELL, "cell", "c0", reading)
    for sql in (number_sql(column), moment_sql(column), *(part_sql(part, column) for part in PARTS.values())):
        together = asked(connection, sql, cells)
        assert together == [asked(connection, sql, [cell])[0] for cell in cells]


@pytest.mark.parametrize(
    ("cell", "dates", "moment"),
    [
        ("2024-06-01", "iso", datetime(2024, 6, 1)),
        ("2024-6-1", "mdy", datetime(2024, 6, 1)),
        (" 2024-06-01 12:30 ", "iso", datetime(2024, 6, 1, 12, 30)),
        ("2024-06-01T12:30:05.25", "dmy", datetime(2024, 6, 1, 12, 30, 5, 250_000)),
        ("2024-06-01T00:30:00+02:00", "iso", datetime(2024, 5, 31, 22, 30)),
        ("2024-06-01 00:30:00Z", "iso", datetime(2024, 6, 1, 0, 30)),
        ("2024-06-01 23:30-0130", "iso", datetime(2024, 6, 2, 1, 0)),
        ("2024-06-01 23:30+02", "iso", datetime(2024, 6, 1, 21, 30)),
        ("01.06.2024", "dmy", datetime(2024, 6, 1)),
        ("1/6/2024 08:15", "dmy", datetime(2024, 6, 1, 8, 15)),
        ("01-06-2024", "mdy", datetime(2024, 1, 6)),
        ("31.06.2024", "dmy", None),
        ("13/01/2024", "mdy", None),
        ("01.06.2024", "iso", None),
        ("01.06.24", "dmy", None),
        ("2024-06-31", "iso", None),
        ("0000-06-01", "iso", None),
        ("9999-12-31 24:00", "iso", None),
        ("9999-12-31 23:30-01", "iso", None),
        ("12024-06-01", "iso", None),
        ("2024-06-01 (BC)", "iso", None),
        ("infinity", "iso", None),
        ("epoch", "iso", None),
        ("20240601", "iso", None),
        ("", "iso", None),
        (None, "iso", None),
    ],
)
def test_a_date_as_it_is_written(connection, cell, dates, moment):
    assert moments(connection, [cell], date_format=dates) == [moment]


forms = st.sampled_from([("dmy", "%d.%m.%Y"), ("mdy", "%m/%d/%Y"), ("iso", "%Y-%m-%d")])


@given(moment=st.datetimes(datetime(1000, 1, 1)), form=forms)
def test_dates_are_read_as_python_writes_them(connection, moment, form):
    dates, shape = form
    cell = f"{moment.strftime(shape)} {moment.time().isoformat()}"
    assert moments(connection, [cell], date_format=dates) == [moment]


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)), st.integers(-14 * 60, 14 * 60))
def test_a_literal_means_what_a_cell_means(connection, moment, offset):
    sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
    text = f"{moment.isoformat()}{sign}{hours:02}:{minutes:02}"
    expected = moment - timedelta(minutes=offset)
    assert parse_moment(text) == expected.isoformat(" ")
    assert moments(connection, [text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-06",
        "2024-6-1",
        "2024-02-30",
        "0000-01-01",
        "2024-06-01 24:00",
        "20240601",
        "2024-W01-1",
        "٢٠٢٤-06-01",
        "2024-06-01T",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-01:00",
        "now",
    ],
)
def test_a_literal_that_is_no_date(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever, it becomes a complaint about the place
        parse_moment(text)


@given(st.dates(max_value=date(9998, 12, 31)), st.sampled_from(list(PARTS.values())))
def test_parts_follow_each_other_and_are_those_of_sql(connection, day, part):
    column = Column("x", Kind.CELL, "cell", "c0")
    text = day.isoformat()[: len(part.example)]
    assert part.parse(text) == text
    assert asked(connection, part_sql(part, column), [day.isoformat()]) == [text]
    later = part.after(text)
    assert later > text
    first = date.fromisoformat((later + "-01-01")[:10])
    assert (first - timedelta(days=1)).isoformat()[: len(text)] == text


def test_the_last_of_all_has_none_after_it():
    for name, last in (("year", "9999"), ("month", "9999-12"), ("day", "9999-12-31")):
        with pytest.raises(ValueError):  # noqa: PT011 - as above
            PARTS[name].after(last)


def test_columns_of_every_type_of_date_are_read_in_utc(connection):
    typed = {
        "DATE '2024-06-01'": datetime(2024, 6, 1),
        "TIMESTAMP '2024-06-01 12:30:00'": datetime(2024, 6, 1, 12, 30),
        "TIMESTAMP_S '2024-06-01 12:30:00'": datetime(2024, 6, 1, 12, 30),
        "TIMESTAMP_MS '2024-06-01 12:30:00'": datetime(2024, 6, 1, 12, 30),
        "TIMESTAMP_NS '2024-06-01 12:30:00'": datetime(2024, 6, 1, 12, 30),
        "TIMESTAMPTZ '2024-06-01 00:30:00+02'": datetime(2024, 5, 31, 22, 30),
        "DATE 'infinity'": None,
        "DATE '5000000-01-01'": None,
        "DATE '0044-03-15 (BC)'": None,
        "TIMESTAMP '-infinity'": None,
        "TIMESTAMP_S '290000-01-01 00:00:00'": None,
        "TIMESTAMPTZ 'infinity'": None,
        "TIMESTAMPTZ '9999-12-31 23:30:00-02'": None,
    }
    for value, moment in typed.items():
        ((of,),) = connection.execute(f"SELECT typeof({value})").fetchall()
        kind = Kind.DATE if of == "DATE" else Kind.TIMESTAMP
        sql = moment_sql(Column("x", kind, of, "c0"))
        found = connection.execute(f"SELECT {sql} FROM (SELECT {value} AS c0)").fetchall()
        assert found == [(moment,)], value
