import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats.contingency import relative_risk
from selection_tables import BASELINE, levels, shares, tables

from trivet.fairness.intervals.comparisons import ratio_interval, ratio_intervals
from trivet.fairness.intervals.shares import share_limits


def of_table(table, **settings):
    (x0, x1), (n0, n1) = table[..., 1].sum(axis=1).tolist(), table.sum(axis=(1, 2)).tolist()
    return ratio_interval(x0, n0, x1, n1, **settings)


@given(tables, levels)
def test_a_ratio_has_the_interval_of_a_relative_risk_where_all_cells_are_large(table, level):
    (x0, x1), (n0, n1) = table[..., 1].sum(axis=1), table.sum(axis=(1, 2))
    expected = relative_risk(100 * x0, 100 * n0, 100 * x1, 100 * n1).confidence_interval(level)
    found = of_table(100 * table, level=level)
    if found.method == "Katz log":
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


@given(tables)
def test_it_contains_its_estimate_and_turns_over_with_the_groups(table):
    one, other = of_table(table), of_table(table[::-1])
    assert one.low <= one.value <= one.high
    assert (one.low, one.high) == pytest.approx((1 / other.high, 1 / other.low))


@given(tables)
def test_more_rows_narrow_it(table):
    few, many = of_table(table), of_table(10 * table)
    assert many.high - many.low < few.high - few.low


def test_a_wider_level_is_a_wider_interval():
    narrow, wide = of_table(BASELINE, level=0.8), of_table(BASELINE, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_adult_has_katz_interval():
    found, expected = of_table(BASELINE), relative_risk(179, 4917, 1986, 9736).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert found.method == "Katz log"


# An end R of Donner and Zou's interval is where p0 - R p1 is 0 in the interval of that difference.
@given(shares, shares, levels)
def test_ends_of_small_counts_solve_the_equation_of_their_source(protected, privileged, level):
    found = ratio_interval(*protected, *privileged, level=level)
    if found.low is None or found.method == "Katz log":
        return
    few = np.array([False, False])
    x, n = np.array([protected, privileged]).T
    (low0, low1), (high0, high1), _ = share_limits(x, n, level=level, large=few)
    p0, p1 = x / n
    end = found.low
    assert p0 - end * p1 == pytest.approx(math.hypot(p0 - low0, end * (high1 - p1)), abs=1e-9)
    if found.high is not None:
        end = found.high
        assert end * p1 - p0 == pytest.approx(math.hypot(high0 - p0, end * (p1 - low1)), rel=1e-6, abs=1e-9)


@given(shares, shares, levels)
def test_a_ratio_lies_between_its_bounds_and_turns_over_with_the_groups(protected, privileged, level):
    one = ratio_interval(*protected, *privileged, level=level)
    other = ratio_interval(*privileged, *protected, level=level)
    if one.value is not None:
        assert one.low <= one.value * (1 + 1e-12)
        assert one.high is None or one.value <= one.high * (1 + 1e-12)
    assert (one.high is None) == (not other.low)
    if one.high is not None:
        assert one.high == pytest.approx(1 / other.low)


def test_a_ratio_to_nobody_has_no_upper_bound():
    found = ratio_interval(3, 10, 0, 10)
    assert (found.value, found.high) == (None, None)
    assert found.low > 0
    assert found.reason == "the privileged group's share is 0: the ratio has no upper bound"


def test_a_ratio_of_nobody_to_nobody_is_unknown():
    found = ratio_interval(0, 10, 0, 10)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == "both shares are 0, and 0/0 is unknown"


@pytest.mark.parametrize("rows", [(0, 0, 5, 10), (5, 10, 0, 0), (0, 0, 0, 0)])
def test_a_group_without_rows_has_no_ratio(rows):
    found = ratio_interval(*rows)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == "a group has no row to take a share of"


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=6))
def test_many_ratios_at_once_are_the_same_as_one_by_one(pairs):
    columns = np.array([[*protected, *privileged] for protected, privileged in pairs]).T
    assert ratio_intervals(*columns) == tuple(ratio_interval(*row) for row in columns.T.tolist())
