import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import DataError
from trivet.fairness import massaging_cohorts, massaging_size, published_cohorts, swap_labels

#: Group, label and score in eighths; both groups have candidates for both cohorts.
CANDIDATES = [(0, 0, 3), (0, 0, 5), (1, 1, 4), (1, 1, 6)]
rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 8)), max_size=80).map(
    lambda extra: CANDIDATES + extra
)


def columns(rows):
    groups, labels, scores = np.array(rows).T
    return labels, scores / 8, groups


def disparity(labels, groups):
    """Privileged minus protected base rate, as a fraction."""
    shares = [Fraction(int(labels[groups == g].sum()), int((groups == g).sum())) for g in (0, 1)]
    return shares[1] - shares[0]


@given(rows)
def test_size_is_the_least_that_closes_the_gap(rows):
    labels, _, groups = columns(rows)
    protected, privileged = int((groups == 0).sum()), int((groups == 1).sum())
    gap = disparity(labels, groups)
    step = Fraction(1, protected) + Fraction(1, privileged)
    size = massaging_size(labels, groups)
    assert size == max(0, math.ceil(gap * protected * privileged / len(labels)))
    assert gap - size * step <= 0 or size == 0
    assert size == 0 or gap - (size - 1) * step > 0


@given(rows)
def test_massaging_keeps_the_number_of_positives_and_closes_the_gap(rows):
    labels, scores, groups = columns(rows)
    size = massaging_size(labels, groups)
    massaged = swap_labels(labels, massaging_cohorts(labels, scores, groups, size))
    assert massaged.sum() == labels.sum()
    assert (massaged != labels).sum() == 2 * size
    assert size == 0 or disparity(massaged, groups) <= 0


@given(rows)
def test_massaging_takes_the_rows_next_to_the_boundary(rows):
    labels, scores, groups = columns(rows)
    promotable, demotable = (groups == 0) & (labels == 0), (groups == 1) & (labels == 1)
    size = int(min(promotable.sum(), demotable.sum())) // 2
    cohorts = massaging_cohorts(labels, scores, groups, size)
    assert promotable[cohorts.promoted].all()
    assert demotable[cohorts.demoted].all()
    left_promotable = np.setdiff1d(np.flatnonzero(promotable), cohorts.promoted)
    left_demotable = np.setdiff1d(np.flatnonzero(demotable), cohorts.demoted)
    assert scores[cohorts.promoted].min() >= scores[left_promotable].max(initial=0)
    assert scores[cohorts.demoted].max() <= scores[left_demotable].min(initial=1)


def test_ties_are_taken_in_the_order_of_the_rows():
    labels, groups = [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]
    cohorts = massaging_cohorts(labels, [0.5] * 6, groups, 2)
    assert cohorts.promoted.tolist() == [0, 1]
    assert cohorts.demoted.tolist() == [3, 4]


def test_the_published_rule_goes_by_predictions_and_the_wrong_way_round():
    scores = [0.1, 0.6, 0.9, 0.2, 0.3, 0.8]
    groups = [0, 0, 0, 1, 1, 1]
    cohorts = published_cohorts(scores, groups, 1)
    assert cohorts.promoted.tolist() == [3]  # privileged, predicted negative, the lowest score
    assert cohorts.demoted.tolist() == [2]  # protected, predicted positive, the highest score


def test_published_cohorts_are_taken_whole_when_they_are_short():
    cohorts = published_cohorts([0.1, 0.6, 0.2, 0.3], [0, 0, 1, 1], 5)
    assert cohorts.promoted.tolist() == [2, 3]
    assert cohorts.demoted.tolist() == [1]


@given(rows)
def test_published_cohorts_never_help_the_protected_group(rows):
    _, scores, groups = columns(rows)
    cohorts = published_cohorts(scores, groups, 3)
    assert (groups[cohorts.promoted] == 1).all()
    assert (groups[cohorts.demoted] == 0).all()


def test_swapping_leaves_the_given_labels_alone():
    labels = np.array([0, 1, 0, 1])
    swapped = swap_labels(labels, massaging_cohorts(labels, [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], 1))
    assert swapped.tolist() == [1, 1, 0, 0]
    assert labels.tolist() == [0, 1, 0, 1]


def test_no_swap_where_the_protected_group_is_ahead():
    assert massaging_size([1, 1, 0, 0], [0, 0, 1, 1]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: massaging_cohorts([0, 1], [0.1, 0.9], [0, 1], 2), "found 1 protected negatives and 1 priv"),
        (lambda: massaging_cohorts([0, 1], [0.1, 0.9], [0, 1], -1), "not be negative, found -1"),
        (lambda: massaging_cohorts([0, 1], [0.1, np.nan], [0, 1], 1), "scores should hold finite numbers"),
        (lambda: published_cohorts([0.1, 0.9], [0, 1], -1), "not be negative, found -1"),
        (lambda: published_cohorts([0.1], [0, 1], 1), "lengths scores 1, sensitive 2"),
        (lambda: massaging_size([0, 1, 1], [0, 1]), "lengths y_true 3, sensitive 2"),
        (lambda: massaging_size([0, 1], [0, 0]), "no row of the privileged"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
