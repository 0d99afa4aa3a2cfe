import numpy as np
import pytest

from trivet.errors import DataError
from trivet.fairness import Thresholds, apply_thresholds, binary_counts, grid_thresholds, scalarised_objective

#: Selection rates 0.4 and 0.5, 22 of 30 rows right.
TABLE = np.array([[[5, 1], [1, 3]], [[8, 4], [2, 6]]])


def test_closed_form():
    assert scalarised_objective(TABLE, penalty=0.3) == pytest.approx(0.2 + 0.3 * 8 / 30)


def test_equals_a_double_loop_over_the_grid():
    rng = np.random.default_rng(0)
    grid = np.linspace(0.1, 0.9, 9)
    for _ in range(40):
        groups = rng.permutation(np.repeat([0, 1], 30))
        scores = np.round(rng.beta(1 + groups, 2), 1)
        labels = (rng.random(60) < scores).astype(int)
        found = grid_thresholds(labels, scores, groups, grid=grid)
        best, expected = np.inf, None
        for protected in grid:
            for privileged in grid:
                pair = Thresholds(protected, privileged)
                counts = binary_counts(labels, apply_thresholds(scores, groups, pair), groups)
                objective = scalarised_objective(counts)
                if objective < best:
                    best, expected = objective, pair
        assert found == expected


def test_the_first_of_equal_pairs_is_taken():
    found = grid_thresholds([0, 1], [0.2, 0.8], [0, 1], grid=np.array([0.1, 0.15]))
    assert found == Thresholds(0.1, 0.1)


def test_a_grid_that_selects_only_protected_rows_is_refused():
    with pytest.raises(DataError, match="no threshold of the grid selects a privileged row"):
        grid_thresholds([0, 1, 0, 1], [0.8, 0.9, 0.1, 0.2], [0, 0, 1, 1], grid=np.array([0.5]))


def test_one_group_is_refused():
    with pytest.raises(DataError, match="no row of the protected"):
        grid_thresholds([0, 1], [0.2, 0.8], [1, 1], grid=np.array([0.5]))
