import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import DataError
from trivet.fairness import reweighing_weights

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=200)
ALL_CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def weighted_joint(labels, groups, weights):
    return np.bincount(2 * groups + labels, weights=weights, minlength=4).reshape(2, 2) / len(labels)


@given(rows)
def test_weights_make_group_and_label_independent(extra):
    groups, labels = np.array(ALL_CELLS + extra).T
    weights = reweighing_weights(labels, groups)
    joint = weighted_joint(labels, groups, weights)
    np.testing.assert_allclose(joint, np.outer(joint.sum(axis=1), joint.sum(axis=0)), atol=1e-12)


@given(rows)
def test_weights_keep_the_margins_and_the_number_of_rows(extra):
    groups, labels = np.array(ALL_CELLS + extra).T
    joint = weighted_joint(labels, groups, reweighing_weights(labels, groups))
    assert joint.sum() == pytest.approx(1)
    assert joint.sum(axis=0)[1] == pytest.approx(labels.mean())
    assert joint.sum(axis=1)[1] == pytest.approx(groups.mean())


def test_closed_form():
    # 3 protected rows with one positive, 1 privileged row that is positive.
    weights = reweighing_weights([0, 0, 1, 1], [0, 0, 0, 1])
    np.testing.assert_allclose(weights, [3 / 4, 3 / 4, 3 / 2, 1 / 2])


def test_independent_rows_weigh_one():
    groups, labels = np.array(ALL_CELLS * 5).T
    np.testing.assert_array_equal(reweighing_weights(labels, groups), np.ones(20))


def test_one_group_is_refused():
    with pytest.raises(DataError, match="no row of the protected"):
        reweighing_weights([0, 1], [1, 1])
