import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import binom, binomtest
from selection_tables import few, levels, shares

from trivet.errors import DataError, UsageError
from trivet.estimate import Estimate
from trivet.fairness.intervals.shares import share_interval, share_intervals, share_limits


@given(shares, levels)
def test_a_share_has_the_exact_interval_where_few_succeed_or_fail_and_else_the_score_interval(share, level):
    successes, trials = share
    large = min(successes, trials - successes) > few(level)
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson" if large else "exact")
    found = share_interval(successes, trials, level=level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.method == ("Wilson score" if large else "Clopper-Pearson exact")
    assert (found.value, found.level, found.reason) == (successes / trials, level, None)


# At 61 rows and fewer no share has more than 30 successes and more than 30 failures.
@pytest.mark.parametrize(("trials", "least"), [(15, 0.95), (31, 0.95), (61, 0.95), (70, 0.94), (400, 0.94)])
def test_a_share_is_covered_as_often_as_the_level_says(trials, least):
    successes = np.arange(trials + 1)
    limits = share_limits(successes, trials)
    truths = np.linspace(0.002, 0.998, 499)
    covered = (limits.low <= truths[:, None]) & (truths[:, None] <= limits.high)
    coverage = (binom.pmf(successes, trials, truths[:, None]) * covered).sum(axis=1)
    assert coverage.min() >= least - 1e-9


def test_a_share_of_nothing_has_no_bounds():
    assert share_interval(0, 0) == Estimate(
        None, None, None, 0.95, "Clopper-Pearson exact", "there is no row to take a share of"
    )


@given(st.lists(shares, min_size=1, max_size=8))
def test_many_shares_at_once_are_the_same_as_one_by_one(pairs):
    x, n = zip(*pairs, strict=True)
    assert share_intervals(x, n) == tuple(share_interval(*pair) for pair in pairs)


def test_bounds_survive_json():
    adapter = TypeAdapter(Estimate)
    for bounds in (share_interval(3, 10), share_interval(0, 0)):
        assert adapter.validate_json(adapter.dump_json(bounds)) == bounds


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0.5, 2), (0, -1)])
def test_successes_are_counted_among_trials(successes, trials):
    with pytest.raises(DataError, match=f"found {successes} in {trials}"):
        share_interval(successes, trials)


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(UsageError, match=f"level is {level}; expected above 0 and below 1"):
        share_interval(3, 10, level=level)
