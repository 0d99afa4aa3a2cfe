"""Check of a table: what it finds in files of many kinds, that its options help, and what is charged for."""

import duckdb
import pytest
from tables_to_ask import exact
from written_elsewhere import FILES, write

from trivet.errors import DataError, UsageError
from trivet.privacy import check_table, create_ledger, open_ledger, release
from trivet.tables.opening import open_table
from trivet.tables.settings import Reading

#: What a check finds, a part of it, and the options that it suggests.
FOUND = {
    "decimal-comma": ("300 of 300 cells cannot be read as a number, such as '1000,50'", "--decimal comma"),
    "odd-groups": ("300 of 300 cells cannot be read as a number, such as '1000.000,5'", ""),
    "latin1": ("300 lines with bytes that are not of the encoding", "--encoding latin-1"),
    "ragged": ("1 line with fewer cells than columns: the last cells are missing", ""),
    "thousands": ("300 of 300 cells cannot be read as a number, such as '1,000'", "--thousands comma"),
    "percent-currency": ("300 of 300 cells cannot be read as a number, such as '$1000'", ""),
    "spaces": ("300 cells begin or end with a blank, which is part of the text", ""),
    "dates-day-first": (
        "300 of 300 cells cannot be read as a date, such as '01.06.2024'",
        "--date-format dmy",
    ),
    "dates-month-first": ("300 of 300 cells cannot be read as a date", "--date-format mdy"),
    "brackets": ("300 of 300 cells cannot be read as a number, such as '(0.5)'", ""),
    "typographic-minus": ("300 of 300 cells cannot be read as a number, such as '\u22120'", ""),
    "minus-behind": ("300 of 300 cells cannot be read as a number, such as '0-'", ""),
    "short-years": ("300 of 300 cells cannot be read as a date, such as '1.6.24'", ""),
    "months-in-words": ("300 of 300 cells cannot be read as a date, such as '1 Juin 2024'", ""),
    "months-first": ("300 of 300 cells cannot be read as a date, such as 'Mar 1, 2024'", ""),
    "nul": ("300 lines with NUL characters", ""),
}
AS_IS = ("trailing-comma", "sep-line", "blank-lines", "dates", "utf16")
#: What is refused on account of the header, with what is to be done.
REFUSED = {
    "cr-only": "convert them to line feeds",
    "year-columns": "none of them a number alone",
    "multiline-header": "Put a name of several lines on one",
    "utf16-unmarked": "give --encoding utf-16",
    "twice": "rename one",
}


def test_every_file_is_found_something_in_read_as_it_is_or_refused():
    assert FILES.keys() == {*FOUND, *AS_IS, *REFUSED}


def reading_of(options):
    names = [each.removeprefix("--").replace("-", "_") for each in options[::2]]
    return Reading(**dict(zip(names, options[1::2], strict=True)))


@pytest.mark.parametrize("name", FOUND)
def test_what_is_lost_is_found_and_the_options_read_it(tmp_path, name):
    problem, options = FOUND[name]
    table = write(tmp_path, name)
    found = check_table(table)
    assert not found.reads_as_is
    (finding,) = found.findings
    assert problem in finding.problem
    assert found.rows == 300
    assert " ".join(found.options) == options
    assert finding.rows == (1 if name == "ragged" else 300)
    if options:
        assert options in finding.remedy
        assert options in found.command
        again = check_table(table, reading=reading_of(found.options))
        assert (again.reads_as_is, again.options, again.findings) == (True, found.options, ())
        assert all(column.missing == 0 for column in again.columns)


@pytest.mark.parametrize("name", AS_IS)
def test_a_file_that_is_read_as_it_is_needs_nothing(tmp_path, name):
    found = check_table(write(tmp_path, name))
    assert (found.reads_as_is, found.findings, found.options, found.rows) == (True, (), (), 300)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_header_tells_costs_nothing_and_says_what_to_do(tmp_path, name):
    table = write(tmp_path, name)
    ledger = create_ledger(tmp_path / "b.db", epsilon="1")
    for ask in (
        lambda: check_table(table),
        lambda: release(table, query="count", epsilon="1", ledger=ledger),
    ):
        with pytest.raises(DataError) as refused:
            ask()
        assert REFUSED[name] in str(refused.value)
    assert open_ledger(tmp_path / "b.db").state().entries == ()


@pytest.mark.parametrize("name", [*FOUND, *AS_IS])
def test_a_release_counts_the_rows_that_the_check_counts(tmp_path, name):
    table = write(tmp_path, name)
    found = check_table(table)
    with open_table(table, by_line=True, reading=reading_of(found.options)) as opened:
        assert exact(opened, query="count")[0] == (found.rows,)


def write_lines(folder, *lines):
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def problems(found):
    return [(each.column, each.problem, each.lines) for each in found.findings]


def test_a_stray_quotation_mark_and_a_cell_of_two_lines_are_told_apart(tmp_path):
    rows = [f"p{i},{20 + i % 60},{1000 + i}" for i in range(100)]
    rows[10:10] = ['"Bob,33,1000']
    rows[90] = 'screen 24",44,1001'
    found = check_table(write_lines(tmp_path, "name,age,income", *rows))
    line = "1 line with a quotation mark that lacks its second: it is a character like any other"
    assert problems(found) == [(None, line, (12,))]
    assert found.rows == 101
    rows = ["Ann,1,2", '"two', 'lines",3,4']
    found = check_table(write_lines(tmp_path, "name,age,income", *rows))
    said = [problem for _, problem, _ in problems(found)]
    assert said[0] == "1 line with a cell that goes on over lines: each of its lines is a row of its own"


def test_counts_are_what_a_release_takes_for_missing(tmp_path):
    cells = ["41", "n/a", "", "-", "nan", "many", "17.5"]
    table = write_lines(tmp_path, "age,n", *(f"{cell},{i}" for i, cell in enumerate(cells)))
    found = check_table(table, columns=["age"], where="age > 20 or n = 6")
    (age,) = found.columns
    rows = exact(table, query="mean", column="age", bounds=(0, 99), missing="drop")[0][1]
    assert (age.holds, found.rows, found.rows - age.missing) == ("numbers", 7, rows)
    assert found.selected == exact(table, query="count", where="age > 20 or n = 6")[0][0] == 2
    kinds = {each.kind: each.cells for each in age.cells}
    assert kinds == {
        "marks of a missing value": 3,
        "whole numbers": 1,
        "empty": 1,
        "texts": 1,
        "numbers with a decimal point": 1,
    }
    assert problems(found) == [("age", "1 of 6 cells cannot be read as a number, such as 'many'", ())]
    assert "--query mean --column age --bounds LOWER,UPPER --missing drop --where 'age > 20" in found.command


def test_columns_that_no_one_option_reads_are_named(tmp_path):
    rows = [f"{i},5;{i}.5;1.007" for i in range(10)]
    found = check_table(write_lines(tmp_path, "a;b;c", *rows))
    assert found.options == ("--decimal", "comma")
    assert problems(found) == [
        ("a", "10 of 10 cells cannot be read as a number, such as '0,5'", ()),
        ("b", "10 cells cannot be read as a number with --decimal comma, which other columns need", ()),
        ("c", "10 cells such as '1.007' have a point that may stand between thousands", ()),
    ]


def test_a_comma_before_three_digits_stays_the_owner_s_to_know(tmp_path):
    for delimiter, options in ((";", ("--decimal", "comma")), ("|", ("--thousands", "comma"))):
        found = check_table(
            write_lines(tmp_path, f"a{delimiter}b", f"1,007{delimiter}2", f"2,500{delimiter}3")
        )
        assert found.options == options
        assert any("which only you know" in note for note in found.notes)
    # Once it is said, nothing is left to ask.
    for reading in (Reading(decimal="comma"), Reading(thousands="comma")):
        found = check_table(tmp_path / "t.csv", reading=reading)
        assert (found.reads_as_is, found.options) == (True, reading.options)


def test_dates_that_could_be_either_are_not_guessed(tmp_path):
    found = check_table(write_lines(tmp_path, "d,n", "01/02/2024,1", "03/04/2024,2"))
    assert found.options == ()
    assert found.findings[0].remedy == "give --date-format dmy or mdy, whichever is meant"
    mixed = check_table(write_lines(tmp_path, "d,n", "13/02/2024,1", "02/13/2024,2", "14/02/2024,3"))
    assert mixed.options == ("--date-format", "dmy")
    assert mixed.findings[0].remedy == "--date-format dmy reads all but 1 of them"


def test_an_option_that_the_cells_speak_against_is_found(tmp_path):
    table = write_lines(tmp_path, "a", "1.5", "2.25")
    assert check_table(table).reads_as_is
    found = check_table(table, reading=Reading(decimal="comma"))
    assert (found.reads_as_is, found.options) == (False, ())


def test_a_column_of_persons_is_suggested_as_unit(tmp_path):
    rows = [f"p{i // 3},{i},{i // 3}" for i in range(600)]
    found = check_table(write_lines(tmp_path, "patient_id,visit_id,paid", *rows))
    (note,) = (note for note in found.notes if "--unit" in note)
    assert note.startswith("'patient_id' may say whose row each is, with about 3.0 rows a value")
    assert note.endswith("Where it does, --unit 'patient_id' protects all rows of each")
    path = tmp_path / "visits.parquet"
    duckdb.sql("SELECT range // 3 AS patient_id, range AS n FROM range(60000)").write_parquet(str(path))
    notes = check_table(path).notes
    assert len([note for note in notes if "'patient_id' may say whose row" in note]) == 1


@pytest.mark.parametrize("suffix", [".parquet", ".duckdb"])
def test_tables_with_types(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT * FROM (VALUES "
            "(1, 'nan'::DOUBLE, 'a', DATE 'infinity', TIMESTAMPTZ '2024-06-01 00:00:00+02', true, [1]), "
            "(2, 1.5, NULL, DATE '2024-06-01', NULL, NULL, [2]), (NULL, NULL, 'b', NULL, NULL, false, NULL)"
            ") AS t(n, x, s, d, z, b, l)"
        )
        if suffix == ".duckdb":
            connection.execute(f"ATTACH '{path}' AS filed; CREATE TABLE filed.t AS FROM t; DETACH filed")
            path = f"{path}:t"
        else:
            connection.execute(f"COPY t TO '{path}'")
    found = check_table(path, where="n >= 1")
    assert (found.rows, found.selected, found.reads_as_is, found.encoding) == (3, 2, True, None)
    assert {each.name: (each.holds, each.missing, each.distinct) for each in found.columns} == {
        "n": ("numbers", 1, 2),
        "x": ("numbers", 2, 2),
        "s": ("text", 1, 2),
        "d": ("dates", 2, 2),
        "z": ("dates", 2, 1),
        "b": ("truth values", 1, 2),
        "l": ("something else", 1, None),
    }
    assert any("'l' is 'INTEGER[]', which no question takes" in note for note in found.notes)
    assert any("hold dates, read in UTC" in note for note in found.notes)
    with pytest.raises(UsageError, match="--decimal comma is for CSV files"):
        check_table(path, reading=Reading(decimal="comma"))


def test_a_table_without_rows(tmp_path):
    for path in (tmp_path / "t.parquet", tmp_path / "t.csv"):
        duckdb.sql("SELECT range AS user_id, 'a' AS s FROM range(0)").write_parquet(
            str(tmp_path / "t.parquet")
        )
        write_lines(tmp_path, "user_id,s")
        found = check_table(path, where="s = 'a'")
        assert (found.rows, found.selected, found.reads_as_is) == (0, 0, True)


def test_rows_that_cannot_be_read_are_found_with_their_column_before_they_cost(tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql("SELECT 'secret' || range AS name, range AS n FROM range(1000)").write_parquet(str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(500) + whole[504:])
    found = check_table(path)
    assert not found.reads_as_is
    assert [(each.column, each.rows) for each in found.findings] == [("name", None)]
    assert "its rows cannot be read" in found.findings[0].problem
    assert {each.name: each.missing is None for each in found.columns} == {"name": True, "n": False}
    ledger = create_ledger(tmp_path / "b.db", epsilon="1")
    with pytest.raises(DataError, match="The owner can see it with `trivet privacy check`"):
        release(path, query="count", where="name > 'a'", epsilon="1", ledger=ledger)


def test_what_does_not_fit_is_refused(tmp_path):
    table = write_lines(tmp_path, "a,b", "1,2")
    with pytest.raises(UsageError, match="no column 'c'"):
        check_table(table, columns=["a", "c"])
    with pytest.raises(UsageError, match="the condition, at character 1"):
        check_table(table, where="c = 1")
    with pytest.raises(DataError, match="is not there"):
        check_table(tmp_path / "none.csv")


def test_a_result_shows_itself_and_its_columns(tmp_path):
    found = check_table(write(tmp_path, "decimal-comma"))
    assert repr(found).splitlines()[0] == "TableCheck: False"
    assert "income  numbers  300      300" in repr(found)
    assert found.to_dict()["columns"][1]["cells"] == (
        {"kind": "numbers with a decimal comma", "cells": 300, "example": "1000,50"},
    )


#: A file, and a question that its reading leaves in doubt.
DOUBTFUL = {
    "comma": (b"name,age\n" + b"p,30\n" * 30 + b'"Bob,33\n' + b'24" screen,40\n', {"query": "count"}),
    "semicolon": (b"name;age\r\n" + b"p;30\r\n" * 30 + b'"Bob;33\r\n', {"query": "count"}),
    "tab": (b"name\tage\n" + b"p\t30\n" * 30 + b'B "o" b\t"33\n', {"query": "count"}),
    "cell of two lines": (b"name,note\n" + b"p,q\n" * 30 + b'r,"two\nlines"\n', {"query": "count"}),
    "ragged": (FILES["ragged"], {"query": "count"}),
    "latin1": (FILES["latin1"], {"query": "count"}),
    "decimals": (
        FILES["decimal-comma"],
        {"query": "sum", "column": "income", "bounds": (0, 9), "missing": 0},
    ),
    "dates": (FILES["dates-day-first"], {"query": "count", "where": "month(d) = '2024-06'"}),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_release_that_checks_is_not_charged_for_what_may_be_read_wrongly(tmp_path, name):
    content, asked = DOUBTFUL[name]
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    book = create_ledger(tmp_path / "l.db", epsilon="1")
    asked = {**asked, "epsilon": "0.5", "ledger": book}
    with pytest.raises(DataError, match=r"may not be read as it is meant, so nothing was charged: .*check"):
        release(table, check=True, **asked)
    assert book.state().entries == ()
    # Without, no row decides on whether there is an answer.
    assert release(table, **asked).receipt.entry == book.state().entries[0].id


def test_a_check_looks_at_the_columns_of_the_question_and_takes_words_among_numbers_for_missing(tmp_path):
    table = write_lines(tmp_path, "age;pay", *(f"{i};1,5" for i in range(20)), "many;1,5")
    book = create_ledger(tmp_path / "l.db", epsilon="1")
    asked = {"query": "sum", "bounds": (0, 99), "missing": 0, "epsilon": "0.2", "ledger": book, "check": True}
    release(table, column="age", **asked)
    with pytest.raises(DataError, match=r"pay: 21 of 21 cells .* --decimal comma reads them all"):
        release(table, column="pay", **asked)
    release(table, column="pay", reading=Reading(decimal="comma"), **asked)
    assert len(book.state().entries) == 2


def test_what_the_ledger_refuses_is_refused_before_a_row_is_looked_at(tmp_path):
    table = write(tmp_path, "ragged")
    book = create_ledger(tmp_path / "l.db", epsilon="0.1")
    with pytest.raises(UsageError, match="the ledger refuses"):
        release(table, query="count", epsilon="1", ledger=book, check=True)
