import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multinomial

from trivet.errors import DataError
from trivet.paired import paired_difference_interval

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


def test_rows_are_counted_from_nothing():
    with pytest.raises(DataError, match="found -2"):
        paired_difference_interval(3, 1, -2, 4)
