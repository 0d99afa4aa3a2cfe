import re
from fractions import Fraction
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trivet.errors import DataError
from trivet.fairness import binary_counts, demographic_parity_difference
from trivet.fairness.explain.classes import kitagawa

tables = arrays(np.int64, (2, 2, 2), elements=st.integers(0, 10_000)).filter(
    lambda counts: counts.sum(axis=2).all()
)
#: Table 5.1 of Das Gupta (1993): share of each age group in the population, in tenths of a percent, and
#: household heads per thousand of it, United States, 1970 and 1985.
AGES = np.array(
    [
        [129, 109, 95, 80, 78, 84, 86, 78, 70, 59, 47, 36, 49],
        [101, 112, 116, 109, 94, 77, 63, 60, 63, 59, 51, 40, 55],
    ]
)
HEADS = np.array(
    [
        [19, 258, 457, 496, 512, 516, 518, 549, 587, 604, 628, 666, 668],
        [22, 243, 458, 525, 561, 556, 560, 574, 572, 612, 639, 686, 722],
    ]
)


def shapley(counts):
    """Mean over all orders of what replacing a factor by the privileged group's changes, as fractions."""
    rows = counts.sum(axis=-1)
    shares = [[Fraction(int(n), int(own.sum())) for n in own] for own in rows]
    rates = [
        [Fraction(int(k), int(n)) for k, n in zip(own[:, 1], total, strict=True)]
        for own, total in zip(counts, rows, strict=True)
    ]

    def rate(replaced):
        own = shares[0 in replaced]
        return sum(own[y] * rates[1 + y in replaced][y] for y in range(len(own)))

    factors = range(1 + counts.shape[1])
    worth = [Fraction(0)] * len(factors)
    for order in permutations(factors):
        for i, factor in enumerate(order):
            worth[factor] += rate(order[: i + 1]) - rate(order[:i])
    return [float(total / factorial(len(factors))) for total in worth]


@given(tables)
def test_parts_sum_to_the_difference(counts):
    assert kitagawa(counts).sum() == pytest.approx(demographic_parity_difference(counts), abs=1e-12)


@given(tables)
def test_exchanged_groups_only_change_the_sign(counts):
    assert kitagawa(counts[::-1]).tolist() == pytest.approx((-kitagawa(counts)).tolist(), abs=1e-12)


# Privileged against protected: positives are 1/2 against 1/4; of them 3/5 against 1/5 are selected, and of
# the negatives 1/10 against 2/5.
def test_closed_form_of_a_small_table():
    counts = np.array([[[9, 6], [4, 1]], [[9, 1], [4, 6]]])
    base = (Fraction(1, 2) - Fraction(1, 4)) * (Fraction(4, 10) - Fraction(1, 4))
    positives = (Fraction(3, 5) - Fraction(1, 5)) * Fraction(3, 8)
    negatives = (Fraction(1, 10) - Fraction(2, 5)) * Fraction(5, 8)
    expected = [float(part) for part in (base, negatives, positives)]
    assert kitagawa(counts).tolist() == pytest.approx(expected, abs=1e-15)


def test_equals_the_published_decomposition_of_household_headship():
    counts = np.stack([AGES * (1000 - HEADS), AGES * HEADS], axis=-1)
    parts = 100 * kitagawa(counts)
    assert parts[0] == pytest.approx(1.2269, abs=5e-5)
    assert parts[1:].sum() == pytest.approx(1.7403, abs=5e-5)


@pytest.mark.parametrize("classes", [1, 2, 3, 4])
def test_equals_the_shapley_value_of_base_rates_and_each_selection_rate(classes):
    rng = np.random.default_rng(classes)
    for _ in range(20):
        counts = rng.integers(1, 50, (2, classes, 2))
        assert kitagawa(counts).tolist() == pytest.approx(shapley(counts), abs=1e-12)


def test_leading_axes_are_tables_of_their_own():
    counts = np.random.default_rng(1).integers(0, 4, (5, 6, 2, 2, 2))
    expected = [[kitagawa(table) for table in row] for row in counts]
    np.testing.assert_array_equal(kitagawa(counts), expected)


def test_a_class_that_nobody_has_is_worth_nothing():
    counts = np.array([[[3, 1], [0, 0]], [[2, 2], [0, 0]]])
    assert kitagawa(counts).tolist() == [0, 0.25, 0]


def test_a_class_that_one_group_lacks_is_undefined_and_so_are_base_rates():
    counts = np.array([[[3, 1], [0, 0], [1, 1]], [[2, 2], [1, 1], [1, 1]]])
    assert np.isnan(kitagawa(counts)).tolist() == [True, False, True, False]


def test_all_is_undefined_for_a_group_without_rows():
    assert np.isnan(kitagawa(np.array([[[0, 0], [0, 0]], [[1, 2], [3, 4]]]))).all()


def test_all_is_base_rates_where_selection_is_the_label(study_model):
    labels, groups = study_model.test.labels, study_model.test.sensitive
    counts = binary_counts(labels, labels, groups)
    assert kitagawa(counts).tolist() == pytest.approx([demographic_parity_difference(counts), 0, 0])


@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 2), (2, 0, 2), (2, 3, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DataError, match=re.escape(f"found {shape}.")):
        kitagawa(np.ones(shape, dtype=np.int64))
