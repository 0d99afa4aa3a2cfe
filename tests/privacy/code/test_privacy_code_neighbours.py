"""Neighbours: one row differs, the telling ones come first, and bounds are kept."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.privacy import Adjacency, audit_code
from trivet.privacy.code.neighbours import neighbours_of

ADD_REMOVE, REPLACE_ONE = Adjacency.ADD_REMOVE, Adjacency.REPLACE_ONE


def neighbours(data, adjacency=ADD_REMOVE, bounds=None, most=1_000):
    generator = np.random.default_rng(0)
    return list(neighbours_of(data, adjacency=adjacency, bounds=bounds, most=most, generator=generator))


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12))
def test_a_row_comes_or_goes(rows):
    for each in neighbours(rows, bounds={None: (0, 9)}):
        assert abs(len(each.data) - len(rows)) == 1
        longer, shorter = sorted((rows, each.data), key=len, reverse=True)
        assert any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))
        assert set(each.data) <= set(rows) | {0, 9}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_a_row_is_replaced(rows):
    found = neighbours(rows, REPLACE_ONE, bounds={None: (0, 9)})
    assert found
    for each in found:
        assert sum(one != two for one, two in zip(rows, each.data, strict=True)) == 1
        assert each.shift is None


def test_extreme_rows_go_first_and_extreme_records_come_first():
    first, second, third, _ = (each.words for each in neighbours([3.0, -7.0, 5.0, 1.0])[:4])
    assert first == "without row 3, 5.0"
    assert second == "with one row more, 5.0"
    assert third == "without row 2, -7.0"


def test_without_bounds_any_record_may_come_and_with_bounds_none_beyond_them():
    free = [each.data[-1] for each in neighbours([3.0, -7.0]) if each.shift.added]
    assert any(math.isnan(value) for value in free)
    assert math.inf in free
    assert max(value for value in free if math.isfinite(value)) > 1e6
    assert {
        each.data[-1] for each in neighbours([3.0, -7.0], bounds={None: (-8, 8)}) if each.shift.added
    } == {8, -8}


@pytest.mark.parametrize(
    "data",
    [
        [{"age": 30, "city": "Bonn"}, {"age": 50, "city": "Ulm"}],
        np.arange(6.0).reshape(3, 2),
        (np.arange(6.0).reshape(3, 2), np.array([0, 1, 1])),
        pd.DataFrame({"age": [30, 50], "city": ["Bonn", "Ulm"]}),
        pd.Series([1.0, 2.0], name="x"),
    ],
    ids=["records", "matrix", "features and labels", "data frame", "column"],
)
def test_rows_of_every_kind_keep_their_form(data):
    for adjacency in (ADD_REMOVE, REPLACE_ONE):
        for each in neighbours(data, adjacency, most=20):
            assert type(each.data) is type(data)
            part = each.data[0] if isinstance(data, tuple) else each.data
            whole = data[0] if isinstance(data, tuple) else data
            assert len(part) - len(whole) in ({0} if adjacency is REPLACE_ONE else {-1, 1})
            if hasattr(whole, "columns"):
                assert list(part.columns) == list(whole.columns)
            if isinstance(whole, np.ndarray):
                assert part.shape[1:] == whole.shape[1:]


def test_the_data_itself_is_left_alone():
    data = [3.0, -7.0, 5.0]

    def release(rows):
        rows.sort()
        rows.append(0.0)
        return len(rows) + np.random.default_rng().laplace()

    audit_code(release, data, epsilon=1)
    assert data == [3.0, -7.0, 5.0]


@pytest.mark.parametrize("data", [{"a": 1}, "text", 3])
def test_data_without_rows_needs_a_neighbour_of_its_own(data):
    with pytest.raises(UsageError, match="expected rows"):
        audit_code(lambda _: np.random.default_rng().laplace(), data, epsilon=1)
    other = audit_code(lambda _: np.random.default_rng().laplace(), data, epsilon=1, neighbour=4)
    assert (other.rows, other.adjacency, other.neighbours) == (None, "", 3)


def test_no_rows_and_numbers_out_of_range_are_refused():
    with pytest.raises(UsageError, match="no rows"):
        audit_code(lambda _: np.random.default_rng().laplace(), [], epsilon=1)
    with pytest.raises(UsageError, match="epsilon"):
        audit_code(len, [1], epsilon=0)
    with pytest.raises(UsageError, match="delta"):
        audit_code(len, [1], epsilon=1, delta=1)


def test_bounds_of_a_column_that_is_not_there_are_refused():
    frame = pd.DataFrame({"age": [1, 2], "cost": [3.5, 4.5]})
    with pytest.raises(UsageError, match="'agee', which the data does not have; it has age, cost"):
        neighbours(frame, bounds={"agee": (0, 9)})


def test_a_row_is_shown_as_plain_values():
    frame = pd.DataFrame({"age": [1, 2], "town": ["Ulm", "Bonn"]})
    assert "without row 2, [2, 'Bonn']" in [each.words for each in neighbours(frame)]
