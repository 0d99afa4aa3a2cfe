import numpy as np
import pytest

from trivet.errors import DataError
from trivet.fairness.columns import (
    binary_column,
    require_same_length,
    require_two_groups,
    score_column,
)


@pytest.mark.parametrize("values", [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True]])
def test_zero_and_one_come_in_many_types(values):
    column = binary_column(values, "y_true")
    assert column.dtype == np.int64
    assert column.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 1, 2], r"y_true should hold 0 and 1 only, found 2 in row 2 \(1 rows in all\)"),
        ([0, np.nan, np.nan], r"found nan in row 1 \(2 rows in all\)"),
        ([-1, 1, 1], "found -1 in row 0"),
        (["no", "yes"], "y_true should hold numbers, found values such as 'no'"),
        ([], r"at least one row, found shape \(0,\)"),
        ([[0, 1]], r"one column .* found shape \(1, 2\)"),
    ],
)
def test_other_labels_are_refused_with_the_place(values, message):
    with pytest.raises(DataError, match=message):
        binary_column(values, "y_true")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_must_be_finite(value):
    with pytest.raises(DataError, match=f"scores should hold finite numbers, found {value} in row 1"):
        score_column([0.5, value], "scores")


def test_lengths_are_named_when_they_differ():
    with pytest.raises(DataError, match="found lengths y_true 2, sensitive 3"):
        require_same_length(y_true=np.zeros(2), sensitive=np.zeros(3))


@pytest.mark.parametrize(("group", "missing"), [(0, r"privileged \(1\)"), (1, r"protected \(0\)")])
def test_the_missing_group_is_named(group, missing):
    with pytest.raises(DataError, match=f"no row of the {missing} one"):
        require_two_groups(np.full(4, group))
