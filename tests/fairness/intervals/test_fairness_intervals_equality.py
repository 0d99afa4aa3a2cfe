import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chi2_contingency, fisher_exact
from selection_tables import shares

from trivet.errors import DataError
from trivet.fairness.intervals.comparisons import TestResult, equality_test, p_values


def contingency(protected, privileged):
    return [[x, n - x] for x, n in (protected, privileged)]


@given(shares, shares)
def test_few_rows_have_fishers_exact_test(protected, privileged):
    found = equality_test(*protected, *privileged)
    table = contingency(protected, privileged)
    if min(map(min, table)) <= 30:
        assert found.method == "Fisher exact"
        assert found.p_value == pytest.approx(fisher_exact(table).pvalue, abs=1e-9)


@given(st.lists(st.integers(31, 5000), min_size=4, max_size=4))
def test_many_rows_have_the_score_test(counts):
    (x0, y0), (x1, y1) = counts[:2], counts[2:]
    found = equality_test(x0, x0 + y0, x1, x1 + y1)
    expected = chi2_contingency([[x0, y0], [x1, y1]], correction=False).pvalue
    assert found.method == "score test"
    assert found.p_value == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_a_large_group_with_few_selected_rows_is_tested_quickly_and_exactly():
    found = equality_test(5, 1000, 900, 100_000)
    assert found.p_value == pytest.approx(fisher_exact([[5, 995], [900, 99_100]]).pvalue, rel=1e-6)


def test_all_pairs_at_once_are_the_same_as_one_by_one():
    x0, x1 = np.arange(28, 36), np.arange(0, 70, 3)
    one_by_one = [[equality_test(a, 66, b, 69).p_value for b in x1] for a in x0]
    np.testing.assert_allclose(p_values(x0, 66, x1, 69), one_by_one, rtol=1e-12)


# The exact size: the probability of every table that is rejected. The score test exceeds its level a little.
@pytest.mark.parametrize(("n0", "n1"), [(15, 15), (15, 300), (40, 60), (100, 100), (80, 2000)])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.5])
def test_equal_rates_are_rejected_as_seldom_as_it_says(n0, n1, rate):
    x0, x1 = np.arange(n0 + 1), np.arange(n1 + 1)
    rejected = p_values(x0, n0, x1, n1) <= 0.05
    size = binom.pmf(x0, n0, rate) @ rejected @ binom.pmf(x1, n1, rate)
    large = min(n0, n1) * min(rate, 1 - rate) > 30
    assert size <= (0.056 if large else 0.05)


def test_a_group_without_rows_is_not_tested():
    reason = "a group has no row to take a share of"
    assert equality_test(0, 0, 3, 5) == TestResult(None, "Fisher exact", reason)


def test_successes_are_counted_among_trials():
    with pytest.raises(DataError, match="found 6 in 5"):
        equality_test(6, 5, 3, 5)
