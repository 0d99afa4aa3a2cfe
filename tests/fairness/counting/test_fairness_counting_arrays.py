import numpy as np
import pytest

from trivet.errors import DataError
from trivet.fairness import binary_counts


def test_each_row_lands_in_its_cell():
    y_true = [0, 0, 1, 1, 0, 0, 1, 1, 1]
    y_pred = [0, 1, 0, 1, 0, 1, 0, 1, 1]
    group = [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert binary_counts(y_true, y_pred, group).tolist() == [[[1, 1], [1, 1]], [[1, 1], [1, 2]]]


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, size=(3, 500))
    shuffled = rows[:, rng.permutation(500)]
    np.testing.assert_array_equal(binary_counts(*rows), binary_counts(*shuffled))
    assert binary_counts(*rows).sum() == 500


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [0, 1], [0, 0]), "no row of the privileged"),
        (([0, 1], [0, 1, 1], [0, 1]), "lengths y_true 2, y_pred 3, sensitive 2"),
        (([0, 2], [0, 1], [0, 1]), "y_true should hold 0 and 1 only"),
        (([0, 1], [0.3, 1], [0, 1]), "y_pred should hold 0 and 1 only, found 0.3"),
        (([0, 1], [0, 1], [0, np.nan]), "sensitive should hold 0 and 1 only, found nan"),
    ],
)
def test_unusable_columns_are_refused(columns, message):
    with pytest.raises(DataError, match=message):
        binary_counts(*columns)
