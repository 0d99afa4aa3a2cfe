import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest
from scipy.stats.contingency import relative_risk

from trivet.errors import DataError
from trivet.fairness import (
    bootstrap_interval,
    disparate_impact,
    katz_interval,
    newcombe_interval,
    wilson_interval,
)

tables = arrays(np.int64, (2, 2, 2), elements=st.integers(1, 1000))
any_tables = arrays(np.int64, (2, 2, 2), elements=st.integers(0, 50)).filter(
    lambda table: (table.sum(axis=(1, 2)) > 0).all()
)
levels = st.floats(0.5, 0.999)
#: The baseline of the study on its 14,653 test rows.
BASELINE = np.array([[[4314, 44], [424, 135]], [[6188, 592], [1562, 1394]]])


def selection_table(protected, privileged):
    """A table with (selected, rows) of each group, all labels negative."""
    return np.array([[[rows - chosen, chosen], [0, 0]] for chosen, rows in (protected, privileged)])


@given(tables, levels)
def test_katz_is_the_interval_of_a_relative_risk(table, level):
    (x0, x1), (n0, n1) = table[..., 1].sum(axis=1), table.sum(axis=(1, 2))
    expected = relative_risk(x0, n0, x1, n1).confidence_interval(level)
    found = katz_interval(table, level=level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


@given(tables)
def test_katz_contains_its_estimate_and_turns_over_with_the_groups(table):
    one, other = katz_interval(table), katz_interval(table[::-1])
    assert one.low <= one.estimate <= one.high
    assert (one.low, one.high) == pytest.approx((1 / other.high, 1 / other.low))


@given(tables)
def test_more_rows_narrow_the_intervals(table):
    for interval in (katz_interval, newcombe_interval):
        few, many = interval(table), interval(10 * table)
        assert many.high - many.low < few.high - few.low


@given(st.integers(0, 40), st.integers(0, 40), levels)
def test_wilson_is_that_of_scipy(successes, failures, level):
    trials = successes + failures
    assume(trials > 0)
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson")
    found = wilson_interval(successes, trials, level=level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


# R. G. Newcombe, Statistics in Medicine 17 (1998), Table II, method 10.
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
def test_newcombe_gives_the_figures_of_its_paper(first, second, low, high):
    found = newcombe_interval(selection_table(protected=second, privileged=first))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(any_tables)
def test_newcombe_holds_for_every_table(table):
    one, other = newcombe_interval(table), newcombe_interval(table[::-1])
    assert -1 - 1e-12 <= one.low <= one.estimate <= one.high <= 1 + 1e-12
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_katz_agrees_with_the_bootstrap_on_adult():
    katz, bootstrap = katz_interval(BASELINE), bootstrap_interval(BASELINE, disparate_impact)
    assert bootstrap.estimate == katz.estimate
    assert (bootstrap.low, bootstrap.high) == pytest.approx((katz.low, katz.high), abs=0.003)


def test_katz_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth, rows, runs = 0.1 / 0.3, (800, 1500), 2000
    protected, privileged = rng.binomial(rows[0], 0.1, runs), rng.binomial(rows[1], 0.3, runs)
    covered = 0
    for x0, x1 in zip(protected, privileged, strict=True):
        interval = katz_interval(selection_table((x0, rows[0]), (x1, rows[1])))
        covered += interval.low <= truth <= interval.high
    assert covered / runs == pytest.approx(0.95, abs=0.015)


def test_the_bootstrap_is_the_same_for_the_same_seed():
    one, again = (bootstrap_interval(BASELINE, disparate_impact, seed=3) for _ in range(2))
    other = bootstrap_interval(BASELINE, disparate_impact, seed=4)
    assert one == again
    assert one != other


def test_a_wider_level_is_a_wider_interval():
    for interval in (katz_interval, newcombe_interval):
        narrow, wide = interval(BASELINE, level=0.8), interval(BASELINE, level=0.99)
        assert wide.low < narrow.low < narrow.high < wide.high


def test_katz_needs_a_selected_row_in_each_group():
    with pytest.raises(DataError, match="found 0 protected and 5 privileged ones"):
        katz_interval(selection_table((0, 10), (5, 10)))


def test_the_bootstrap_says_when_it_has_no_bounds():
    with pytest.raises(DataError, match="no finite bounds on 20 rows"):
        bootstrap_interval(selection_table((5, 10), (1, 10)), disparate_impact)


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0, 0)])
def test_wilson_needs_a_share(successes, trials):
    with pytest.raises(DataError, match=f"found {successes} in {trials}"):
        wilson_interval(successes, trials)
