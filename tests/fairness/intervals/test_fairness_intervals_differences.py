import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from selection_tables import BASELINE, any_tables, few, levels, shares, tables

from trivet.fairness.intervals import comparisons as module
from trivet.fairness.intervals.comparisons import difference_interval, difference_intervals


# R. G. Newcombe, Statistics in Medicine 17 (1998), Table II, method 10: hybrid of Wilson's score intervals.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombes_hybrid_gives_the_figures_of_its_paper(first, second, low, high, monkeypatch):
    monkeypatch.setattr(module, "is_large", lambda x, _n, **_settings: np.ones(x.shape, dtype=np.bool_))
    found = difference_interval(*second, *first)
    assert found.method == "Newcombe hybrid score"
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def of_table(table, **settings):
    (x0, x1), (n0, n1) = table[..., 1].sum(axis=1).tolist(), table.sum(axis=(1, 2)).tolist()
    return difference_interval(x0, n0, x1, n1, **settings)


@given(any_tables)
def test_a_difference_has_an_interval_for_every_table(table):
    one, other = of_table(table), of_table(table[::-1])
    assert -1 - 1e-12 <= one.low <= one.value <= one.high <= 1 + 1e-12
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@given(tables)
def test_more_rows_narrow_it(table):
    few, many = of_table(table), of_table(10 * table)
    assert many.high - many.low < few.high - few.low


def test_a_wider_level_is_a_wider_interval():
    narrow, wide = of_table(BASELINE, level=0.8), of_table(BASELINE, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_adult_has_newcombes_interval():
    assert of_table(BASELINE).method == "Newcombe hybrid score"


@given(shares, shares, levels)
def test_each_end_joins_the_intervals_of_the_two_shares(protected, privileged, level):
    found = difference_interval(*protected, *privileged, level=level)
    large = min(min(x, n - x) for x, n in (protected, privileged)) > few(level)
    method = "wilson" if large else "exact"
    ends0, ends1 = (
        binomtest(*share).proportion_ci(level, method=method) for share in (protected, privileged)
    )
    p0, p1 = protected[0] / protected[1], privileged[0] / privileged[1]
    down = math.hypot(p1 - ends1.low, ends0.high - p0)
    up = math.hypot(ends1.high - p1, p0 - ends0.low)
    assert found.value == p1 - p0
    assert (found.low, found.high) == pytest.approx((p1 - p0 - down, p1 - p0 + up), abs=1e-12)
    assert found.method == ("Newcombe hybrid score" if large else "hybrid exact (Clopper-Pearson)")


@pytest.mark.parametrize("rows", [(0, 0, 5, 10), (5, 10, 0, 0)])
def test_a_group_without_rows_has_no_difference(rows):
    found = difference_interval(*rows)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == "a group has no row to take a share of"


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=6))
def test_many_differences_at_once_are_the_same_as_one_by_one(pairs):
    columns = np.array([[*protected, *privileged] for protected, privileged in pairs]).T
    assert difference_intervals(*columns) == tuple(difference_interval(*row) for row in columns.T.tolist())
