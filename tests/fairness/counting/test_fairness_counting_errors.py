"""What cannot be counted is told alike in every engine, in one line that says what to do."""

import math

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tables_of_every_engine import ENGINES, csv_of, table_of

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.files import read_columns
from trivet.fairness.counting.group_counts import group_counts
from trivet.settings import SettingError
from trivet.tables.opening import open_table

FILES = ("csv", "parquet", "duckdb")
COLUMNS = {
    "label": [0, 1, 1, 0],
    "prediction": [1, 1, 0, 0],
    "score": [0.25, 0.5, 1.0, 0.0],
    "sex": ["f", "f", "m", "m"],
}


def refused(kind, table, *args, **settings):
    with pytest.raises(kind) as caught:
        group_counts(table, *args, **settings)
    assert type(caught.value) in {kind, SettingError}
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    return message


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unknown_column_is_named_with_those_near_it(engine, tmp_path):
    table = table_of(engine, COLUMNS, tmp_path)
    for label, prediction, sensitive in (
        ("Lable", "prediction", "sex"),
        ("label", "predictions", "sex"),
        ("label", "prediction", ["sex", "s\nex"]),
    ):
        message = refused(UsageError, table, label, prediction, sensitive)
        assert "the table has no column" in message
        assert "did you mean" in message
    assert "did you mean 'score'" in refused(UsageError, table, "label", "scores", "sex", cut=0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_group_is_nothing_to_compare(engine, tmp_path):
    table = table_of(engine, {**COLUMNS, "sex": ["f"] * 4}, tmp_path)
    assert "only one group, 'sex' is 'f' in every row" in refused(
        DataError, table, "label", "prediction", "sex"
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["no", "yes", "no", "no"], "have 4 different values, '0', '1', 'no', 'yes'"),
        ([1, 2, 10, 2], "have 4 different values, '0', '1', '2', '10'"),
    ],
)
def test_other_labels_need_a_positive_one(engine, labels, found, tmp_path):
    table = table_of(engine, {**COLUMNS, "label": labels}, tmp_path)
    message = refused(UsageError, table, "label", "prediction", "sex")
    assert found in message
    assert "which one is positive" in message
    assert "have one value, 'no'" in refused(UsageError, None, ["no"] * 2, ["no"] * 2, ["f", "m"])
    message = refused(UsageError, table, "label", "prediction", "sex", positive="Yes")
    assert "no label or prediction is 'Yes'" in message
    assert found[found.index("'") :] in message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("column", ["label", "prediction", "sex", "score"])
def test_missing_values_are_counted_by_column(engine, column, tmp_path):
    values = [None, *COLUMNS[column][1:3], None]
    table = table_of(engine, {**COLUMNS, column: values}, tmp_path)
    scores = {"cut": 0.5} if column == "score" else {}
    prediction = "score" if scores else "prediction"
    message = refused(DataError, table, "label", prediction, "sex", **scores)
    assert f"missing in some of the 4 rows: {column!r} in 2. Leave such rows out" in message


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table])
@pytest.mark.parametrize("column", ["label", "prediction", "sex", "score"])
def test_not_a_number_is_missing(make, column, tmp_path):
    columns = {**COLUMNS, "sex": [0.0, 1.0, 0.0, 1.0]}
    columns[column] = [math.nan, *map(float, columns[column][1:])]
    scores = {"cut": 0.5} if column == "score" else {}
    prediction = "score" if scores else "prediction"
    pl.DataFrame(columns).write_parquet(tmp_path / "nan.parquet")
    # Its least and greatest value leave NaN out.
    relation = duckdb.connect().read_parquet(str(tmp_path / "nan.parquet"))
    for table in (make(columns), tmp_path / "nan.parquet", relation):
        message = refused(DataError, table, "label", prediction, "sex", **scores)
        assert f"{column!r} in 1." in message
    arrays = (columns["label"], columns[prediction], {"sex": columns["sex"]})
    assert "in 1. Leave" in refused(DataError, None, *arrays, **scores)


def test_missing_values_of_several_columns_are_told_together():
    arrays = [None, 1, 0], [1, None, 0], {"a": ["x", "y", " "], "b": [pd.NaT, pd.NA, "z"]}
    assert "'a' in 1; 'b' in 2; 'y_true' in 1; 'y_pred' in 1. Leave" in refused(DataError, None, *arrays)
    masked = np.ma.masked_array([0, 1, 1], [False, True, False])
    assert "'y_true' in 1" in refused(DataError, None, masked, [0, 1, 1], [0, 1, 1])


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_beyond_zero_and_one_are_refused(engine, tmp_path):
    table = table_of(engine, {**COLUMNS, "score": [0.5, -0.1, 1.5, math.inf]}, tmp_path)
    message = refused(DataError, table, "label", "score", "sex", cut=0.5)
    assert "'score' should lie from 0 to 1; 3 rows hold one beyond" in message
    assert "3 rows" in refused(
        DataError, None, COLUMNS["label"], [0.5, -0.1, 1.5, math.inf], COLUMNS["sex"], cut=0.5
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_that_are_no_numbers_are_refused(engine, tmp_path):
    table = table_of(engine, {**COLUMNS, "score": ["0.5", "high", "0.1", "low"]}, tmp_path)
    if engine == "csv":
        assert "2 rows hold no number" in refused(DataError, table, "label", "score", "sex", cut=0.5)
    else:
        assert "expected numbers from 0 to 1" in refused(UsageError, table, "label", "score", "sex", cut=0.5)
    arrays = COLUMNS["label"], ["high", "low", "high", "low"], COLUMNS["sex"]
    assert "expected numbers from 0 to 1" in refused(UsageError, None, *arrays, cut=0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_without_rows_is_refused(engine, tmp_path):
    rows = {name: pa.array(values)[:0] for name, values in COLUMNS.items()}
    table = table_of(engine, {name: [] for name in rows} if engine in ("csv", "pandas") else rows, tmp_path)
    assert "the table has no rows" in refused(DataError, table, "label", "prediction", "sex")
    assert "the table has no rows" in refused(DataError, None, [], [], [])


@pytest.mark.parametrize("engine", ENGINES)
def test_lists_are_no_groups(engine, tmp_path):
    if engine in ("csv", "pandas"):
        frame = pd.DataFrame({**COLUMNS, "sex": [[1], [2], [3], [4]]})
        assert "cannot be counted" in refused(DataError, frame, "label", "prediction", "sex")
    else:
        table = table_of(engine, {**COLUMNS, "sex": [[1], [2], [3], [4]]}, tmp_path)
        assert "expected numbers, text" in refused(UsageError, table, "label", "prediction", "sex")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sensitive": ["sex", "sex"]}, "'sex' is named twice"),
        ({"sensitive": []}, "no sensitive column"),
        ({"cut": 1.5}, "cut is 1.5; expected 0 to 1"),
        ({"cut": math.nan}, "cut is nan; expected 0 to 1"),
        ({"cut": 0.5, "multiclass": True}, "leave out the cut"),
        ({"positive": " "}, "positive label is empty"),
        ({"sensitive": None}, "are names of its columns, found 'NoneType'"),
        ({"sensitive": [1]}, "are names of its columns, found 'int'"),
        ({"y_true": COLUMNS["label"]}, "are names of its columns, found 'list'"),
        ({"table": 3}, "'int' is not known"),
        ({"table": "table.doc"}, "not a table"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, message):
    asked = {"table": pl.DataFrame(COLUMNS), "y_true": "label", "y_pred": "prediction", "sensitive": "sex"}
    given = {**asked, **settings}
    positional = [given.pop(name) for name in asked]
    assert message in refused(UsageError, *positional, **given)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([0, 1], [0], ["f", "m"]), "lengths y_true 2, y_pred 1, sensitive 2"),
        (([0, 1], [0, 1], {"a": ["f", "m"], "b\n": ["f"]}), r"lengths y_true 2, y_pred 2, b\\n 1"),
        (([[0, 1], [1, 0]], [0, 1], ["f", "m"]), r"'y_true' should be one column, found shape \(2, 2\)"),
        (([0, 1], [0, 1], np.zeros((2, 1, 1))), "should have shape"),
        (([0, 1], [0, 1], [[1], [1, 2]]), "differ in length"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message):
    with pytest.raises(DataError, match=message):
        group_counts(None, *arrays)


def test_a_column_of_a_repeated_name_is_refused():
    frame = pd.DataFrame([[0, 1, "a"], [1, 1, "b"]], columns=["y", "y", "s"])
    message = refused(UsageError, frame, "y", "y", "s")
    assert "no column 'y'; did you mean 'y.1' or 'y.0'? 2 columns have this name and other values" in message
    assert group_counts(frame, "y.0", "y.1", "s").table.sum() == 2
    table = pa.table([[0, 1], [0, 1], ["a", "b"]], names=["y", "y", "s"])
    assert "two columns of the table have the same name" in refused(UsageError, table, "y", "y", "s")


MANY = {
    "y": [0, 1] * 1_000,
    "p": [0, 0, 1, 1] * 500,
    "s": ["f", "m"] * 1_000,
    "id": list(range(2_000)),
    "score": [i / 2_000 for i in range(2_000)],
}


@pytest.mark.parametrize("engine", ENGINES)
def test_too_many_values_are_counted_and_not_brought_into_python(engine, tmp_path):
    table = table_of(engine, MANY, tmp_path)
    message = refused(UsageError, table, "y", "p", ["s", "id"])
    assert "'s', 'id' has 2,000 different combinations of values; expected 1,000 groups" in message
    assert "Bin the column" in message
    assert "the label 'id' has 2,000 different" in refused(UsageError, table, "id", "p", "s")
    message = refused(UsageError, table, "y", "score", "s", positive=1)
    assert "the prediction 'score' has 2,000 different values" in message
    assert "Give a cut" in message


def test_a_million_groups_are_counted():
    relation = duckdb.sql("SELECT range AS id, range % 2 AS y FROM range(1000000)")
    assert "1,000,000 different values" in refused(UsageError, relation, "y", "y", "id")
    assert "1,000,000 different values" in refused(
        UsageError, None, np.zeros(10**6, dtype=int), np.zeros(10**6, dtype=int), np.arange(10**6)
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('f,0,0\n"m,1,1\nf,1,1\nm,0,0\n', "line 3 has a quotation mark without its second"),
        ('f,0,0\nm,1,"1\nf,1,1\nm,0,0\n', "line 3 has a quotation mark without its second"),
        ('f,0,0\n"m"x,1,1\nf,1,1\n', "line 3 has a quotation mark"),
        ("f,0,0\nm,1\nf,1,1\n", "line 3 has 2 cells where the header has 3 names"),
        ("f,0,0\nm,1,1,7\nf,1,1\n", "line 3 has 4 cells where the header has 3 names"),
        ("f,0,0\nsecret,\udcff,1\nf,1,1\n", "line 3 is not valid UTF-8"),
        ("f,0,0\r\nm,1,1\nf,1,1\r\n", "its lines end in more than one way"),
    ],
)
def test_a_csv_file_that_is_none_is_told_by_its_line(rows, message, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(("sex,y,p\n" + rows).encode(errors="surrogateescape"))
    found = refused(DataError, path, "y", "p", "sex")
    assert message in found
    assert "secret" not in found
    with pytest.raises(DataError, match=message):
        read_columns(path, coded=["sex", "y"])


def test_a_stray_quotation_mark_far_in_a_large_file_is_told(tmp_path):
    row = "f,0,0,some text\nm,1,1,some text\n"
    path = tmp_path / "table.csv"
    path.write_text("sex,y,p,text\n" + row * 500_000 + 'f,0,0,"some text\n' + row * 500_000)
    found = refused(DataError, path, "y", "p", "sex")
    # Which of DuckDB's threads complains first depends on the moment, and only one knows the line.
    assert "line 1,000,002 has a quotation mark" in found or "its quotation marks do not match" in found


@pytest.mark.parametrize("name", ["table.csv", "table.parquet", "table.duckdb"])
def test_a_file_of_nothing_is_refused(name, tmp_path):
    path = tmp_path / name
    path.touch()
    with pytest.raises((DataError, UsageError), match=r"is empty|cannot be read|cannot be opened"):
        group_counts(path, "y", "p", "s")


@pytest.mark.parametrize("engine", FILES)
def test_columns_are_read_with_the_same_refusals(engine, tmp_path):
    def message(kind, changed, **asked):
        with pytest.raises(kind) as caught:
            read_columns(table_of(engine, {**COLUMNS, **changed}, tmp_path), **asked)
        return str(caught.value)

    assert "did you mean" in message(UsageError, {}, coded=["lable"])
    assert "did you mean" in message(UsageError, {}, scores=["scores"])
    assert "no column is named" in message(UsageError, {})
    assert "'sex' in 1." in message(DataError, {"sex": ["f", None, "m", "m"]}, coded=["label", "sex"])
    assert "'score' in 1." in message(DataError, {"score": [0.5, None, 1, 1]}, scores=["score"])
    assert "2 rows hold one beyond" in message(DataError, {"score": [0.5, -1.0, 2.0, 1.0]}, scores=["score"])
    text = {"score": ["0.5", "", "high", "0.1"]}
    found = message(DataError if engine == "csv" else UsageError, text, scores=["score"])
    assert ("'score' in 1." if engine == "csv" else "expected numbers") in found
    empty = {name: pa.array(values)[:0] for name, values in COLUMNS.items()}
    assert "no rows" in message(
        DataError, {n: [] for n in empty} if engine == "csv" else empty, coded=["sex"]
    )
    assert "no rows" in message(
        DataError, {n: [] for n in empty} if engine == "csv" else empty, scores=["score"]
    )


def test_a_column_of_too_many_values_is_not_coded(tmp_path):
    path = csv_of({"id": range(2_000)}, tmp_path / "many.csv")
    with pytest.raises(UsageError, match="'id' has 2,000 different values"):
        read_columns(path, coded=["id"])


@pytest.mark.parametrize("missing", [math.nan, None])
def test_a_missing_value_in_a_list_is_no_text(missing):
    labels, sex = [1, 0, 1, 0], ["f", "m", "f", "m"]
    assert "'sensitive' in 1" in refused(DataError, None, labels, labels, ["f", missing, "f", "m"])
    assert "'sensitive 2' in 1" in refused(
        DataError, None, labels, labels, [["f", "x"], ["m", missing], ["f", "x"], ["m", "y"]]
    )
    spoken = ["yes", missing, "yes", "no"]
    with pytest.raises(DataError, match="'y_true' in 1"):
        group_counts(None, spoken, ["yes", "no", "yes", "no"], sex, positive="yes")


def test_bytes_are_no_groups():
    assert "holds bytes" in refused(UsageError, None, [1, 0], [1, 0], np.array([b"a", b"b"], dtype=object))


def test_a_file_that_is_written_to_while_it_is_open_is_refused(tmp_path):
    path = csv_of(COLUMNS, tmp_path / "table.csv")
    with open_table(path) as opened:
        assert (
            read_columns(opened, coded=["label"]).rows == group_counts(opened, "label", "label", "sex").rows
        )
        path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
        with pytest.raises(DataError, match=r"'table\.csv' changed while it was read"):
            read_columns(opened, coded=["label"])


def test_arrays_in_two_orders_are_refused_whatever_stands_beside_them():
    label, frame = np.array([0, 1, 1, 0]), pd.DataFrame(COLUMNS)
    shuffled = frame.prediction.iloc[[2, 0, 3, 1]]
    with pytest.raises(DataError, match="sex has the index of y_pred in another order"):
        group_counts(None, label, shuffled, {"sex": frame.sex})
    other = pd.Series(label, index=[7, 8, 9, 10])
    with pytest.raises(DataError, match="sex has the index of y_pred in another order"):
        group_counts(None, other, shuffled, {"sex": frame.sex})


def test_names_without_a_table_are_refused_and_named_columns_taken():
    frame = pd.DataFrame(COLUMNS).assign(town=["a", "b", "a", "b"])
    with pytest.raises(UsageError, match="'y_true' is a column of values where there is no table"):
        group_counts(None, "label", frame.prediction, {"sex": frame.sex})
    counts = group_counts(None, frame.label, frame.prediction, [frame.sex, frame.town])
    expected = group_counts(frame, "label", "prediction", ("sex", "town"))
    assert (counts.columns, counts.groups) == (expected.columns, expected.groups)
    assert (counts.table == expected.table).all()
