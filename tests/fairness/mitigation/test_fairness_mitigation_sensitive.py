import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.classifier import codes_of, sensitive_codes, sensitive_names

TEXTS = ["b", "a", "b", "c"]
ONE_COLUMN = [
    TEXTS,
    tuple(TEXTS),
    np.array(TEXTS),
    np.array(TEXTS, dtype=object),
    np.array(TEXTS)[:, np.newaxis],
    [[text] for text in TEXTS],
    {"group": TEXTS},
    pd.Series(TEXTS, index=[9, 9, 3, 1]),
    pd.Series(TEXTS, dtype="category"),
    pd.Series(TEXTS, dtype="string"),
    pd.DataFrame({"group": TEXTS}),
    pl.Series(TEXTS),
    pl.Series(TEXTS, dtype=pl.Categorical),
    pl.DataFrame({"group": TEXTS}),
    pa.array(TEXTS),
    pa.table({"group": TEXTS}),
]
PAIRS = [("b", 1), ("a", 2), ("b", 2), ("b", 1)]
COLUMNS = {"first": [first for first, _ in PAIRS], "second": [second for _, second in PAIRS]}
SEVERAL_COLUMNS = [
    PAIRS,
    np.array(PAIRS, dtype=object),
    COLUMNS,
    pd.DataFrame(COLUMNS),
    pl.DataFrame(COLUMNS),
    pa.table(COLUMNS),
]


@pytest.mark.parametrize("given_as", ONE_COLUMN, ids=lambda value: type(value).__name__)
def test_one_column_comes_in_many_types(given_as):
    codes, groups = sensitive_codes(given_as, 4)
    assert groups == ("a", "b", "c")
    assert codes.tolist() == [1, 0, 1, 2]
    assert codes_of(given_as, ("c", "b", "a"), rows=4).tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize("given_as", SEVERAL_COLUMNS, ids=lambda value: type(value).__name__)
def test_each_combination_of_several_columns_that_occurs_is_a_group(given_as):
    codes, groups = sensitive_codes(given_as, 4)
    assert groups == (("a", 2), ("b", 1), ("b", 2))
    assert codes.tolist() == [1, 0, 2, 1]
    assert codes_of(given_as, groups, rows=4).tolist() == codes.tolist()


@given(st.lists(st.tuples(st.integers(-3, 3), st.sampled_from("xyz")), min_size=2, max_size=50))
def test_a_code_stands_for_the_value_of_its_row(rows):
    codes, groups = sensitive_codes(rows, len(rows), least=1)
    assert [groups[code] for code in codes] == rows
    assert list(groups) == sorted(set(rows))


def test_values_keep_their_type_and_numbers_come_first():
    _, groups = sensitive_codes(["b", 10, 9.5, True, "a"], 5)
    assert groups == (True, 9.5, 10, "a", "b")
    assert [type(group) for group in groups] == [bool, float, int, str, str]
    assert sensitive_codes(np.array([2, 1]), 2)[1] == (1, 2)
    assert sensitive_codes(np.array([np.int8(2), np.str_("a")], dtype=object), 2)[1] == (2, "a")


def test_equal_numbers_of_other_types_are_the_same_group():
    assert codes_of(np.array([1.0, 0.0]), (0, 1), rows=2).tolist() == [1, 0]
    assert codes_of(pd.Series([True, False]), (0, 1), rows=2).tolist() == [1, 0]


def test_one_group_is_enough_to_predict():
    assert codes_of(["b", "b"], ("a", "b"), rows=2).tolist() == [1, 1]


def test_unseen_groups_are_named_with_the_known_ones():
    with pytest.raises(DataError, match=r"has 'd', which training did not have; it had 'a', 'b'\. Fit"):
        codes_of(["a", "d"], ("a", "b"), rows=2)


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "b", "b"],
        [1.0, float("nan"), 2.0, float("nan")],
        np.array([1.0, np.nan, 2.0, np.nan]),
        np.ma.array([1, 2, 3, 4], mask=[False, True, False, True]),
        np.array(["2020", "NaT", "2021", "NaT"], dtype="datetime64[D]"),
        pd.Series([1, None, 2, None], dtype="Int64"),
        pd.Series(["a", pd.NA, "b", pd.NA], dtype="string"),
        pd.Series(pd.to_datetime(["2020", None, "2021", None])),
        pd.DataFrame({"x": [1, 1, 2, 2], "y": ["a", None, "b", "b"]}),
        pl.Series([1, None, 2, None]),
        pl.DataFrame({"x": [1, 1, 2, 2], "y": ["a", None, "b", "b"]}),
        pa.array(["a", None, "b", "b"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_missing_values_are_refused_with_the_row(values):
    with pytest.raises(DataError, match=r"value in each row, found none in row 1 \([12] rows in all\)"):
        sensitive_codes(values, 4)


@pytest.mark.parametrize(
    ("values", "rows", "message"),
    [
        (["a", "b"], 3, r"one column or more of 3 rows, found \(2,\)"),
        ({"x": ["a", "b"], "y": ["a"]}, 2, r"found \(2,\), \(1,\)"),
        ({}, 2, "found none"),
        (pl.LazyFrame({"a": [1, 2]}), 2, r"found \(\)"),
        ("ab", 2, r"found \(\)"),
        (np.zeros((2, 2, 2)), 2, r"found \(2, 2\), \(2, 2\)"),
        (["a", "a"], 2, r"2 to 1,000 groups, found 1 \('a'\)"),
        (range(2000), 2000, "found more than 1,000"),
        (np.column_stack([np.arange(2000) // 50, np.arange(2000) % 50]), 2000, "found more than 1,000"),
        ([{}, {}], 2, "should hold plain values; unhashable type: 'dict'"),
    ],
)
def test_what_names_no_groups_is_refused(values, rows, message):
    with pytest.raises(DataError, match=message):
        sensitive_codes(values, rows)


def test_a_thousand_groups_are_allowed():
    assert len(sensitive_codes(range(1000), 1000)[1]) == 1000


def test_groups_are_asked_for():
    with pytest.raises(UsageError, match=r"Pass sensitive_features=.*enable_metadata_routing=True"):
        sensitive_codes(None, 2)


def test_a_name_that_commands_a_terminal_is_escaped():
    with pytest.raises(DataError) as caught:
        codes_of(["\x1b[2J"], ("a",), rows=1)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_with_names_are_found_by_name(kind):
    codes, groups = sensitive_codes(COLUMNS, 4)
    names = sensitive_names(COLUMNS)
    assert names == ("first", "second") == sensitive_names(kind(COLUMNS))
    turned = kind(dict(reversed(COLUMNS.items())))
    assert codes_of(turned, groups, rows=4, names=names).tolist() == codes.tolist()
    assert codes_of(PAIRS, groups, rows=4, names=names).tolist() == codes.tolist()
    for others in ({"first": COLUMNS["first"], "third": COLUMNS["second"]}, {"first": COLUMNS["first"]}):
        with pytest.raises(DataError, match="'first', 'second', found 'first'"):
            codes_of(kind(others), groups, rows=4, names=names)


def test_a_frame_goes_by_place_where_training_had_no_names():
    codes, groups = sensitive_codes(PAIRS, 4)
    assert sensitive_names(PAIRS) is None
    assert codes_of(pd.DataFrame(COLUMNS), groups, rows=4, names=None).tolist() == codes.tolist()


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(DataError, match="different names, found one twice: 'a', 'a'"):
        sensitive_codes(pd.DataFrame([[1, 2], [2, 1]], columns=["a", "a"]), 2)
