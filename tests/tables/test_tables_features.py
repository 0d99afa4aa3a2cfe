import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import DataError
from trivet.tables.features import (
    MOST_VALUES,
    Features,
    choose_rows,
    column_encoder,
    count_rows,
    encode_columns,
    read_features,
    read_texts,
)
from trivet.tables.opening import open_table

CSV = """age,town,score,empty,code
25, Oslo ,1.5,,007
,Bergen,nan,,a
31,,-2e3,,
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(CSV)
    return path


def read(path, **settings):
    with open_table(path) as opened:
        return read_features(opened, opened.columns, **settings)


def test_numbers_are_numbers_and_all_else_is_text(table):
    found = read(table)
    assert found.names == ("age", "town", "score", "empty", "code")
    np.testing.assert_array_equal(found.values[:, 0], [25, np.nan, 31])
    # "nan" is no finite number, so the column is one of texts.
    assert found.categories == (
        None,
        ("", "Bergen", "Oslo"),
        ("-2e3", "1.5", "nan"),
        ("",),
        ("", "007", "a"),
    )
    assert found.values[:, 1].tolist() == [2, 1, 0]


def test_rows_are_kept_in_their_order(table):
    assert read(table, rows=np.array([0, 2])).values[:, 0].tolist() == [25, 31]
    with open_table(table) as opened:
        (towns,) = read_texts(opened, opened.columns[1:2], rows=np.array([0, 2]))
        assert towns.tolist() == ["Oslo", ""]
        assert count_rows(opened) == 3


def test_types_of_parquet_decide(tmp_path):
    path = tmp_path / "typed.parquet"
    duckdb.sql(
        "COPY (SELECT * FROM (VALUES (1::TINYINT, 1.5::DECIMAL(4, 2), true, 'inf'::DOUBLE, '12', "
        "DATE '2026-01-31'), "
        "(NULL, NULL, NULL, 0.5, '3', NULL)) t(i, d, b, f, t, day)) "
        f"TO '{path}'"
    )
    found = read(path)
    assert found.categories == (None, None, None, None, None, ("", "2026-01-31"))
    np.testing.assert_array_equal(found.values[0, :5], [1, 1.5, 1, np.nan, 12])
    np.testing.assert_array_equal(found.values[1, :5], [np.nan, np.nan, np.nan, 0.5, 3])


def test_a_table_without_rows_is_refused(tmp_path):
    path = tmp_path / "nobody.csv"
    path.write_text("a,b\n")
    with open_table(path) as opened, pytest.raises(DataError, match=r"'nobody.csv' has no rows"):
        count_rows(opened)


@given(st.integers(1, 200), st.integers(1, 300), st.integers(0, 9))
def test_drawn_rows_are_some_of_them_once_each_in_order(count, limit, seed):
    rows = choose_rows(count, limit, seed=seed)
    assert len(rows) == min(count, limit)
    assert (np.diff(rows) > 0).all()
    assert rows.max() < count
    np.testing.assert_array_equal(rows, choose_rows(count, limit, seed=seed))


def test_encoding_fills_marks_and_spreads():
    features = Features(("age", "town"), np.array([[1.0, 0], [np.nan, 1], [3, 1]]), (None, ("", "Oslo")))
    matrix, names = encode_columns(features)
    assert names == ("age", "age", "town", "town")
    np.testing.assert_array_equal(matrix, [[1, 0, 1, 0], [2, 1, 0, 1], [3, 0, 0, 1]])
    scaled = column_encoder(features, standardise=True).fit_transform(features.values)
    np.testing.assert_allclose(scaled.mean(axis=0)[:2], 0, atol=1e-15)


def test_rare_values_share_a_feature_and_unseen_ones_count_as_rare():
    many = MOST_VALUES + 10
    common = np.arange(MOST_VALUES - 1, dtype=float)
    values = np.concatenate([np.arange(many, dtype=float), common])[:, None]
    features = Features(("town",), values, (tuple(map(str, range(many))),))
    encoder = column_encoder(features).fit(features.values)
    assert encoder.transform(values).shape == (len(values), MOST_VALUES)
    unseen = encoder.transform(np.array([[float(many)]]))
    assert unseen.sum() == 1
    assert unseen[0].argmax() == encoder.transform(values)[many - 1].argmax()


def test_columns_without_any_value_do_no_harm():
    features = Features(("a", "b"), np.full((3, 2), np.nan), (None, None))
    assert np.isfinite(encode_columns(features)[0]).all()
