import gzip
import importlib.util
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from trivet.datasets import load_adult
from trivet.datasets.adult import COLUMNS, ROWS
from trivet.errors import DataError

EMBEDDED = Path(str(files("trivet.datasets") / "data" / "adult.parquet"))
BUILDER = Path(__file__).parents[2] / "tools" / "build_adult.py"


@pytest.fixture(scope="module")
def table():
    return load_adult()


@pytest.fixture
def builder():
    spec = importlib.util.spec_from_file_location("build_adult", BUILDER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_and_column_is_there(table):
    assert table.rows == ROWS
    assert list(table.columns) == list(COLUMNS)
    assert {len(column) for column in table.columns.values()} == {ROWS}


def test_rows_of_the_test_file_come_first(table):
    assert (table["file"][:16_281] == "test").all()
    assert (table["file"][16_281:] == "data").all()


def test_first_and_last_row_are_those_of_the_originals(table):
    first = [table[name][0] for name in COLUMNS]
    last = [table[name][-1] for name in COLUMNS]
    # fmt: off
    assert first == [
        25, "Private", 226802, "11th", 7, "Never-married", "Machine-op-inspct", "Own-child", "Black", "Male",
        0, 0, 40, "United-States", "<=50K", "test",
    ]
    assert last == [
        52, "Self-emp-inc", 287927, "HS-grad", 9, "Married-civ-spouse", "Exec-managerial", "Wife", "White",
        "Female", 15024, 0, 40, "United-States", ">50K", "data",
    ]
    # fmt: on


def test_labels_have_no_full_stop_and_the_documented_shares(table):
    assert set(table["income"]) == {"<=50K", ">50K"}
    rich = table["income"] == ">50K"
    assert rich[table["file"] == "data"].sum() == 7_841
    assert rich[table["file"] == "test"].sum() == 3_846


def test_question_marks_are_none(table):
    missing = {name: sum(value is None for value in column) for name, column in table.columns.items()}
    expected = {"workclass": 2799, "occupation": 2809, "native-country": 857}
    assert {name: count for name, count in missing.items() if count} == expected
    assert not any((column == "?").any() for column in table.columns.values())


def test_numbers_are_integers(table):
    kinds = {name: table[name].dtype for name, kind in COLUMNS.items() if kind == "INTEGER"}
    assert set(kinds.values()) == {np.dtype(np.int32)}
    assert len(kinds) == 6


def test_loading_takes_under_a_second(table):
    assert table.rows == ROWS  # the fixture paid for the imports
    start = time.process_time()
    load_adult()
    assert time.process_time() - start < 1


def test_a_damaged_file_is_refused(tmp_path):
    content = bytearray(EMBEDDED.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / "adult.parquet"
    damaged.write_bytes(content)
    with pytest.raises(DataError, match=r"adult\.parquet is damaged.*Reinstall trivet"):
        load_adult(damaged)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.parquet cannot be read \(No such file"):
        load_adult(tmp_path / "gone.parquet")


def test_the_builder_refuses_other_originals_and_writes_nothing(builder, tmp_path, monkeypatch):
    target = tmp_path / "adult.parquet"
    monkeypatch.setattr(builder, "TARGET", target)
    for name in ("adult.test", "adult.data"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"39, Private\n"))
    with pytest.raises(SystemExit, match="nothing was written"):
        builder.main(tmp_path)
    assert not target.exists()


def test_the_builder_reads_records_and_nothing_else(builder):
    text = "|1x3 Cross validator\n25, Private, <=50K.\n38, ?, >50K.\n\n"
    assert builder.to_csv(text, "adult.test") == "25,Private,<=50K,test\n38,?,>50K,test\n"


def test_the_builder_writes_the_same_bytes_twice(builder, tmp_path):
    record = ",".join("1" if kind == "INTEGER" else "?" for kind in COLUMNS.values())
    for name in ("one.parquet", "two.parquet"):
        builder.write_parquet(f"{record}\n" * 3, tmp_path / name)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
