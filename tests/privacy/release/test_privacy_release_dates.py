"""Questions about dates: conditions and histograms over years, months and days, in every kind of file."""

import duckdb
import pytest
from tables_to_ask import exact

from trivet.errors import UsageError
from trivet.privacy import create_ledger, open_ledger, release
from trivet.privacy.releases.keys import MOST_KEYS, prepare_keys, private_key_sql
from trivet.tables.opening import Column, Kind, open_table
from trivet.tables.settings import Reading

ROWS = """(VALUES
    (1, DATE '2024-05-31', TIMESTAMP '2024-05-31 23:59:59.5', TIMESTAMPTZ '2024-06-01 00:30:00+02'),
    (2, DATE '2024-06-01', TIMESTAMP '2024-06-01 00:00:00', TIMESTAMPTZ '2024-06-01 00:30:00-02'),
    (3, DATE '2023-12-31', TIMESTAMP '2023-12-31 12:30:00', TIMESTAMPTZ '2024-01-01 00:00:00+00'),
    (4, NULL, NULL, NULL),
    (5, DATE 'infinity', TIMESTAMP '-infinity', TIMESTAMPTZ 'infinity'),
    (6, DATE '12000-01-01', TIMESTAMP '12000-01-01 00:00:00', TIMESTAMPTZ '12000-01-01 00:00:00+00')
) AS t(n, day, moment, zoned)"""


def write_visits(folder, suffix):
    path = folder / f"visits{suffix}"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        connection.execute(f"CREATE TABLE t AS SELECT * FROM {ROWS}")
        if suffix == ".duckdb":
            connection.execute(f"ATTACH '{path}' AS filed")
            connection.execute("CREATE TABLE filed.t AS FROM t")
            connection.execute("DETACH filed")
            return f"{path}:t"
        connection.execute(f"COPY t TO '{path}'")
    return path


@pytest.fixture(scope="module", params=[".parquet", ".duckdb", ".csv"])
def visits(tmp_path_factory, request):
    return write_visits(tmp_path_factory.mktemp("visits"), request.param)


@pytest.fixture(scope="module", params=[".parquet", ".duckdb"])
def typed_visits(tmp_path_factory, request):
    return write_visits(tmp_path_factory.mktemp("typed"), request.param)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("year(day) = 2024", 2),
        ("YEAR( day ) != 2024", 1),
        ("year(day) in (2022, 2023)", 1),
        ("month(moment) = '2024-05'", 1),
        ("month(moment) >= '2024-05' and month(moment) < '2024-07'", 2),
        ("month(day) not in ('2024-05')", 5),
        ("day(moment) = '2024-05-31'", 1),
        ("day(zoned) = '2024-05-31'", 1),
        ("day(zoned) >= '2024-01-01' and day(zoned) <= '2024-05-31'", 2),
        ("day(day) = day(moment)", 3),
        ("'2024-01-01' > day(day)", 1),
        ("not year(day) = 2024", 4),
    ],
)
def test_parts_of_dates_select_the_same_in_every_kind_of_file(visits, where, rows):
    assert exact(visits, query="count", where=where)[0] == (rows,)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("day >= '2024-06-01'", 1),
        ("moment >= '2024-05-31 23:59:59.5'", 2),
        ("moment > '2024-05-31T23:59:59.5'", 1),
        ("zoned < '2024-06-01'", 2),
        ("zoned = '2024-06-01T02:30:00Z'", 1),
        ("zoned = '2024-05-31 22:30:00' or zoned = '2024-06-01T00:30-02:00'", 2),
        ("day = moment", 1),
        ("day in ('2024-05-31', '2024-06-01')", 2),
        ("month(day) < month(moment)", 0),
    ],
)
def test_columns_of_dates_are_compared_with_iso_text(typed_visits, where, rows):
    assert exact(typed_visits, query="count", where=where)[0] == (rows,)


@pytest.mark.parametrize(
    ("column", "categories", "counts"),
    [
        ("year(day)", ("2022..2024",), {"2022": 0, "2023": 1, "2024": 2}),
        (
            "month(moment)",
            ("2023-12..2024-02", "2024-05"),
            {"2023-12": 1, "2024-01": 0, "2024-02": 0, "2024-05": 1},
        ),
        ("Month(zoned)", ("2024-01", "2024-05..2024-06"), {"2024-01": 1, "2024-05": 1, "2024-06": 1}),
        ('day("day")', ("2024-05-30..2024-06-01",), {"2024-05-30": 0, "2024-05-31": 1, "2024-06-01": 1}),
    ],
)
def test_a_histogram_over_parts_of_dates(visits, column, categories, counts):
    found, prepared = exact(visits, query="histogram", column=column, categories=categories)
    assert dict(zip(prepared.question.categories, found, strict=True)) == counts
    assert prepared.parts[0].moves.l1 == 1


def test_rows_without_a_date_can_be_counted_with_a_category(visits):
    asked = {"query": "histogram", "column": "year(day)", "categories": ("2023", "2024", "9999")}
    assert exact(visits, missing="9999", **asked)[0] == (1, 2, 3)
    with pytest.raises(UsageError, match="--missing must be drop or one of the categories"):
        exact(visits, missing="2022", **asked)


def test_a_column_of_days_is_its_days(typed_visits):
    asked = {"query": "histogram", "column": "day", "categories": ("2024-05-31..2024-06-02",)}
    assert exact(typed_visits, **asked)[0] == (1, 1, 0)


def test_whole_numbers_have_ranges_and_texts_have_none(tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql("SELECT range - 3 AS age, '1..2' AS name FROM range(10)").write_parquet(str(path))
    assert exact(path, query="histogram", column="age", categories=("-1..1", "5"))[0] == (1, 1, 1, 1)
    assert exact(path, query="histogram", column="name", categories=("1..2", "1"))[0] == (10, 0)


def test_cells_have_ranges_of_whole_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("stars,name\n-1,a..b\n0,a..b\n2,c\n12,c\n", encoding="utf-8")
    asked = {"query": "histogram", "column": "stars"}
    assert exact(path, **asked, categories=("-1..2", "12"))[0] == (1, 1, 0, 1, 1)
    # What a whole number is not written as is no end of a range.
    assert exact(path, **asked, categories=("00..2",))[0] == (0,)
    assert exact(path, query="histogram", column="name", categories=("a..b", "c"))[0] == (2, 2)


#: Compared as texts, 13.06.2024 comes before 2024-06-01, and 02.05.2024 after 01.06.2024.
@pytest.mark.parametrize(
    ("form", "question"),
    [
        ("dmy", {"query": "count", "where": "d >= '2024-06-01'"}),
        ("dmy", {"query": "count", "where": "'2024-06-01 12:00:00' > d"}),
        ("mdy", {"query": "count", "where": "d in ('06/01/2024', '2024-06-01')"}),
        ("iso", {"query": "count", "where": "d < '01.06.2024'"}),
        ("dmy", {"query": "histogram", "column": "d", "categories": ("2024-06-01",)}),
        ("dmy", {"query": "count", "by": "d", "keys": ("2024-06-01",)}),
    ],
)
def test_cells_are_not_compared_as_text_with_dates_that_they_write_otherwise(tmp_path, form, question):
    path = tmp_path / "t.csv"
    path.write_text("d\n13.06.2024\n02.05.2024\n", encoding="utf-8")
    with open_table(path, by_line=True, reading=Reading(date_format=form)) as opened:
        with pytest.raises(UsageError, match=r"'d' (would be compared )?as text"):
            exact(opened, **question)
        assert exact(opened, query="count", where="day(d) >= '2024-06-01'")[0] == ((form == "dmy"),)
        assert exact(opened, query="count", where="d = '13.06.2024'")[0] == (1,)


def test_a_column_may_be_called_like_a_part(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("year(d),d,year\n1999,2024-06-01,7\n", encoding="utf-8")
    assert exact(path, query="histogram", column="year(d)", categories=("1999", "2024"))[0] == (1, 0)
    assert exact(path, query="count", where="\"year(d)\" = '1999' and year(d) = 2024 and year = 7")[0] == (1,)


def test_dates_of_cells_are_read_as_the_reading_says(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("d\n01.06.2024\n06/01/2024\n2024-06-01\n13.06.2024\n", encoding="utf-8")
    counts = {}
    for form in ("iso", "dmy", "mdy"):
        with open_table(path, by_line=True, reading=Reading(date_format=form)) as opened:
            asked = {"query": "histogram", "column": "month(d)", "categories": ("2024-01", "2024-06")}
            counts[form] = exact(opened, **asked)[0]
    assert counts == {"iso": (0, 1), "dmy": (1, 3), "mdy": (1, 2)}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            {"query": "count", "where": "day >= '2024-02-30'"},
            "this is not a date; expected one such as '2024-06-01'",
        ),
        ({"query": "count", "where": "moment >= 'yesterday'"}, "this is not a date"),
        (
            {"query": "count", "where": "month(day) = '2024-13'"},
            "this is not a month; expected one such as '2024-06'",
        ),
        (
            {"query": "count", "where": "month(day) = 6"},
            "compared with a number; write one such as '2024-06'",
        ),
        ({"query": "count", "where": "year(day) = '2024'"}, "a number cannot be compared with a text"),
        ({"query": "count", "where": "year(n) = 2024"}, "year() is of dates, and the column is INTEGER"),
        ({"query": "count", "where": "day"}, "a date is not a condition"),
        ({"query": "count", "where": "year(day"}, "expected )"),
        ({"query": "count", "where": "year(2024) = 1"}, "expected a column"),
        (
            {"query": "histogram", "column": "moment", "categories": ("2024",)},
            "'month(moment)' or 'day(moment)'",
        ),
        (
            {"query": "histogram", "column": "month(n)", "categories": ("2024-01",)},
            "month() is of dates, but 'n' is",
        ),
        ({"query": "histogram", "column": "month(day)"}, "needs its categories"),
        (
            {"query": "histogram", "column": "month(day)", "categories": ("2024-6",)},
            "expected one such as 2024-06, or",
        ),
        (
            {"query": "histogram", "column": "day(day)", "categories": ("2023-02-29",)},
            "is not a day of 'day'",
        ),
        (
            {"query": "histogram", "column": "day(day)", "categories": ("2024-06-02..2024-06-01",)},
            "end before they",
        ),
        (
            {"query": "histogram", "column": "day(day)", "categories": ("0001-01-01..9999-12-31",)},
            "more than 10,000",
        ),
        (
            {"query": "histogram", "column": "year(day)", "categories": ("2020..2024", "2022")},
            "'2022' is given twice",
        ),
        ({"query": "mean", "column": "day", "bounds": (0, 1)}, "is DATE; count dates with --query histogram"),
    ],
)
def test_what_is_refused_is_refused_before_the_charge(tmp_path, question, said):
    path = tmp_path / "visits.parquet"
    duckdb.sql(f"SELECT * FROM {ROWS}").write_parquet(str(path))
    ledger = create_ledger(tmp_path / "b.db", epsilon="1")
    with pytest.raises(UsageError) as refused:
        release(path, epsilon="1", ledger=ledger, **question)
    assert said in str(refused.value)
    assert open_ledger(tmp_path / "b.db").state().entries == ()


def test_a_release_by_month(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("visited\n" + "05.06.2024\n" * 40 + "06.05.2024\n" * 20, encoding="utf-8")
    ledger = create_ledger(tmp_path / "b.db", epsilon="40")
    found = release(
        path,
        query="histogram",
        column="month(visited)",
        categories=("2024-05..2024-07",),
        epsilon="40",
        ledger=ledger,
        reading=Reading(date_format="dmy"),
    )
    assert [(cell.key, cell.value) for cell in found.cells] == [
        ("2024-05", 20),
        ("2024-06", 40),
        ("2024-07", 0),
    ]
    assert found.receipt.column == "month(visited)"
    assert found.receipt.categories == ("2024-05", "2024-06", "2024-07")


def test_keys_that_nobody_named_have_sql_too(tmp_path):
    columns = (Column("visited", Kind.CELL, "a CSV cell", "c0"), Column("n", Kind.INTEGER, "INTEGER", '"n"'))
    assert private_key_sql("n", columns) == ('CAST("n" AS VARCHAR)', columns[1])
    sql, column = private_key_sql("month(visited)", columns)
    assert column is columns[0]
    cells = ["2024-06-01", "x", None]
    rows = duckdb.execute(f"SELECT {sql} FROM (SELECT unnest(?) AS c0)", [cells]).fetchall()
    assert rows == [("2024-06",), (None,), (None,)]
    assert len(prepare_keys("n", (f"1..{MOST_KEYS}",), columns).keys) == MOST_KEYS
    with pytest.raises(UsageError, match="more than 10,000 categories"):
        prepare_keys("n", (f"0..{MOST_KEYS}",), columns)
    with pytest.raises(UsageError, match="more than 10,000 categories"):
        prepare_keys("n", ("0..99999999999999999999",), columns)
