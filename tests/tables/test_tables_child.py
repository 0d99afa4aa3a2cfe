"""The process that reads tables: what it hands back, turns of threads, and a death that is one line."""

import math
import os
import signal
import threading
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import DataError
from trivet.fairness import group_counts
from trivet.tables import session
from trivet.tables.child import Child, usual_child
from trivet.tables.opening import open_table
from trivet.tables.values import plain, restored

values = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.uuids(),
    ),
    *(st.decimals(allow_nan=False), st.dates(), st.datetimes(), st.times(), st.timedeltas()),
)


@given(st.lists(st.lists(values)))
def test_values_come_back_as_they_went(rows):
    assert restored(plain(rows)) == rows


def test_not_a_number_and_infinities_come_back():
    found = restored(plain([math.nan, math.inf, -math.inf, -0.0]))
    assert np.array_equal(found, [math.nan, math.inf, -math.inf, -0.0], equal_nan=True)
    assert math.copysign(1, found[3]) == -1
    with pytest.raises(DataError, match="of a type that is not handed back: complex"):
        plain(1j)


def test_rows_and_arrays_of_every_type(tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql(
        "SELECT * FROM (VALUES (1, 1.5::DOUBLE, 'ä', true, DATE '2020-01-02', 2.50::DECIMAL(5, 2)), "
        "(NULL, 'nan'::DOUBLE, NULL, NULL, NULL, NULL)) t(i, d, s, b, day, m)"
    ).write_parquet(str(path))
    with open_table(path) as opened:
        first, second = opened.rows(
            f"SELECT *, INTERVAL 1 DAY, TIMESTAMP '2020-01-02 03:04:05' FROM {opened.source}"
        )
        arrays = opened.arrays(f"SELECT * FROM {opened.source}", count=6)
    moment = datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the table has it
    assert first == [1, 1.5, "ä", True, date(2020, 1, 2), Decimal("2.50"), timedelta(days=1), moment]
    assert second[0] is None
    assert math.isnan(second[1])
    assert arrays["i"].tolist() == [1, None]
    assert arrays["s"].tolist() == ["ä", None]
    assert arrays["day"][0] == np.datetime64("2020-01-02")


def test_long_answers_are_whole(tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql("SELECT range AS i, repeat('x', 50) AS s FROM range(50_000)").write_parquet(str(path))
    with open_table(path) as opened:
        rows = opened.rows(f"SELECT * FROM {opened.source}")
    assert rows == [[i, "x" * 50] for i in range(50_000)]


def test_threads_take_turns(tmp_path):
    tables = []
    for number in range(1, 5):
        tables.append(tmp_path / f"t{number}.csv")
        tables[-1].write_text("y,p,s\n" + "1,1,a\n0,0,b\n1,0,b\n0,1,a\n" * number, encoding="utf-8")
    found = {}

    def count(table):
        found[table] = group_counts(table, "y", "p", "s").rows

    threads = [threading.Thread(target=count, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[table] for table in tables] == [4, 8, 12, 16]


def test_the_death_of_the_process_is_one_line_and_the_next_table_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n", encoding="utf-8")
    with open_table(path) as opened:
        os.kill(usual_child()._confined._child.pid, signal.SIGKILL)
        with pytest.raises(DataError, match=r"^'t\.csv' cannot be read: ") as died:
            opened.rows(f"SELECT * FROM {opened.source}")
    assert "\n" not in str(died.value)
    with open_table(path) as opened:
        assert opened.rows(f"SELECT * FROM {opened.source}") == [["1"]]


@pytest.mark.slow
def test_an_answer_too_large_for_the_memory_is_one_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n", encoding="utf-8")
    child = Child()
    request = {
        "path": str(path),
        "size": 4,
        "kind": "csv",
        "ordered": False,
        "by_line": True,
        "width": 1,
        "delimiter": ",",
    }
    number, _ = child.open(request)
    asked = {"ask": "rows", "number": number, "path": str(path), "size": 4, "name": "t.csv", "values": ()}
    with pytest.raises(DataError):
        child.ask(asked | {"sql": "SELECT len(repeat('x', 2_000_000_000) || 'y')"})
    child.close()


def test_a_duckdb_that_gave_up_is_replaced_for_the_next_table(tmp_path):
    def ask(what):
        given = {"path": str(tmp_path / "t.csv"), "kind": "csv", "by_line": True, "number": -1}
        return session.answer({"ask": what, **given}, tmp_path)

    session._without_files().close()
    assert ask("open") == {"source": "", "columns": []}
    ask("close")
