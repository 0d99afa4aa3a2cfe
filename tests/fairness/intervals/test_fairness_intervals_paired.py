import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, multinomial

from trivet.errors import DataError
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.intervals.bootstrap import bootstrap_bounds
from trivet.fairness.intervals.comparisons import (
    mcnemar_test,
    paired_bootstrap,
    paired_counts,
    paired_difference_interval,
)
from trivet.fairness.metrics.comparisons import accuracy, disparate_impact

cells = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda found: sum(found) > 0)


# D. G. Altman, D. Machin, T. N. Bryant, M. J. Gardner, Statistics with Confidence (2000), page 52.
def test_a_paired_difference_has_the_published_interval():
    found = paired_difference_interval(14, 5, 0, 22)
    assert (found.low, found.high) == pytest.approx((0.011, 0.226), abs=5e-4)


@given(cells)
def test_a_paired_difference_turns_over_with_the_models(table):
    both, first, second, neither = table
    one = paired_difference_interval(both, first, second, neither)
    other = paired_difference_interval(both, second, first, neither)
    assert -1 - 1e-12 <= one.low <= one.value <= one.high <= 1 + 1e-12
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


# The probability of every table of 30 rows whose interval contains the truth.
@pytest.mark.parametrize("shares", [(0.3, 0.1, 0.1, 0.5), (0.1, 0.2, 0.05, 0.65), (0.6, 0.02, 0.08, 0.3)])
def test_a_paired_difference_is_covered(shares):
    rows, covered = 30, 0.0
    for both in range(rows + 1):
        for first in range(rows + 1 - both):
            for second in range(rows + 1 - both - first):
                table = both, first, second, rows - both - first - second
                probability = multinomial.pmf(table, rows, shares)
                if probability > 1e-9:
                    found = paired_difference_interval(*table)
                    covered += probability * (found.low <= shares[1] - shares[2] <= found.high)
    assert 0.94 <= covered <= 0.99


def test_large_tables_do_not_overflow():
    table = np.array([140_000, 50_000, 3_000, 220_000]) * 1000
    found = paired_difference_interval(*table)
    assert found.value == pytest.approx(47_000 / 413_000)
    assert found == paired_difference_interval(*table.tolist())
    assert found.high - found.low < 1e-4


def test_no_rows_have_no_difference():
    found = paired_difference_interval(0, 0, 0, 0)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == "there is no row to take a share of"


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_of_the_rows_that_differ(first, second):
    expected = binomtest(first, first + second).pvalue if first + second else 1
    assert mcnemar_test(first, second).p_value == pytest.approx(expected)


def test_the_joint_table_has_those_of_both_models_as_its_margins():
    labels, first, second, groups = np.random.default_rng(1).integers(0, 2, (4, 200))
    joint = paired_counts(labels, first, second, groups)
    assert (joint.sum(axis=-1) == binary_counts(labels, first, groups)).all()
    assert (joint.sum(axis=-2) == binary_counts(labels, second, groups)).all()


def test_a_model_does_not_differ_from_itself():
    labels, first, groups = np.random.default_rng(2).integers(0, 2, (3, 200))
    joint = paired_counts(labels, first, first, groups)
    found = paired_bootstrap(joint, disparate_impact)
    assert (found.low, found.value, found.high) == (0, 0, 0)


def test_pairing_narrows_the_difference_of_models_that_agree():
    rng = np.random.default_rng(3)
    labels, groups = rng.integers(0, 2, (2, 2000))
    first = np.where(rng.random(2000) < 0.2, 1 - labels, labels)
    second = np.where(rng.random(2000) < 0.02, 1 - first, first)
    joint = paired_counts(labels, first, second, groups)
    paired = paired_bootstrap(joint, accuracy)
    alone = [bootstrap_bounds(joint.sum(axis=axis), accuracy, seed=axis + 2) for axis in (-1, -2)]
    assert paired.value == pytest.approx(alone[0].value - alone[1].value)
    widths = [bounds.high - bounds.low for bounds in alone]
    assert paired.high - paired.low < 0.5 * np.hypot(*widths)
    table = joint.sum(axis=0)
    right = [table[1, 1, 1] + table[0, 0, 0], table[1, 1, 0] + table[0, 0, 1]]
    wrong = [table[1, 0, 1] + table[0, 1, 0], table[1, 0, 0] + table[0, 1, 1]]
    score = paired_difference_interval(*right, *wrong)
    assert (paired.low, paired.high) == pytest.approx((score.low, score.high), abs=0.002)


def test_counts_and_columns_are_what_they_should_be():
    with pytest.raises(DataError, match="found -1"):
        mcnemar_test(3, -1)
    with pytest.raises(DataError, match="found -2"):
        paired_difference_interval(3, 1, -2, 4)
    with pytest.raises(DataError, match="lengths y_true 2, first 2, second 1"):
        paired_counts([0, 1], [0, 1], [1], [0, 1])
