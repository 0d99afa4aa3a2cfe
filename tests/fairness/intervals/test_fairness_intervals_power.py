import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import binom

from trivet.errors import UsageError
from trivet.fairness.auditing.band import judged
from trivet.fairness.intervals import power as module
from trivet.fairness.intervals.comparisons import (
    equality_test,
    p_values,
    ratio_interval,
    ratio_intervals,
    ratio_limits,
)
from trivet.fairness.intervals.power import (
    Detectable,
    detection_power,
    smallest_detectable,
    smallest_disparate,
    verdict_power,
)
from trivet.verdict import DISPARATE


# The examples of R's power.prop.test, which has the same formula: 0.740, and 0.8026.
def test_the_normal_approximation_gives_the_figures_of_r(monkeypatch):
    monkeypatch.setattr(module, "EXPECTED", 0)
    assert detection_power(50, 50, 0.75)[0](0.5) == pytest.approx(0.740, abs=5e-4)
    assert smallest_detectable(50, 50, 0.5, power=0.9).rate == pytest.approx(1 - 0.8026, abs=5e-5)


def successes(rows, rate):
    """All numbers of successes that are not very unlikely."""
    first, last = binom.ppf([1e-10, 1 - 1e-10], rows, rate).astype(int)
    return np.arange(first, last + 1)


def enumerated(n0, n1, protected, rate):
    """The probability of every table that the test rejects in the right direction."""
    x0, x1 = successes(n0, protected), successes(n1, rate)
    rejected = (p_values(x0, n0, x1, n1) <= 0.05) & (x0[:, None] / n0 < x1 / n1)
    return binom.pmf(x0, n0, protected) @ rejected @ binom.pmf(x1, n1, rate)


@pytest.mark.parametrize("rows", [(20, 30), (50, 400), (400, 50), (210, 210), (3000, 1500)])
@pytest.mark.parametrize("power", [0.5, 0.8])
def test_the_smallest_disparity_is_found_with_the_power_asked_for(rows, power):
    found = smallest_detectable(*rows, 0.5, power=power)
    assert found.rate == pytest.approx(0.5 * found.ratio) == pytest.approx(0.5 - found.difference)
    tolerance = 1e-6 if found.method == "enumeration of all tables" else 0.01
    assert enumerated(*rows, found.rate, 0.5) == pytest.approx(power, abs=tolerance)


def test_power_is_how_often_simulated_tables_are_rejected():
    rng = np.random.default_rng(0)
    found = smallest_detectable(60, 90, 0.4)
    drawn = zip(rng.binomial(60, found.rate, 2000), rng.binomial(90, 0.4, 2000), strict=True)
    rejected = [equality_test(x0, 60, x1, 90).p_value <= 0.05 for x0, x1 in drawn]
    # Four standard errors of 2,000 draws.
    assert np.mean(rejected) == pytest.approx(0.8, abs=0.036)


def test_both_ways_to_compute_power_agree_where_they_meet():
    enumerate_, how = detection_power(200, 3000, 0.5)
    approximate, other = detection_power(202, 3000, 0.5)
    assert (how, other) == ("enumeration of all tables", "normal approximation")
    for protected in (0.3, 0.35, 0.4, 0.45):
        assert enumerate_(protected) == pytest.approx(approximate(protected), abs=0.015)


@given(st.integers(5, 60), st.integers(5, 60), st.floats(0.05, 0.9))
def test_more_rows_show_a_smaller_disparity(n0, n1, rate):
    few, many = smallest_detectable(n0, n1, rate), smallest_detectable(20 * n0, 20 * n1, rate)
    assert many.ratio is not None or few.ratio is None
    if few.ratio is not None:
        assert 0 <= few.ratio < many.ratio < 1


def test_too_few_rows_show_nothing():
    found = smallest_detectable(50, 50, 0.02)
    assert (found.rate, found.ratio, found.difference) == (None, None, None)
    assert found.reason == "even a rate of 0 is found with probability 0.00 only: there are too few rows"
    assert smallest_detectable(0, 50, 0.3).reason == "a group has no row"
    assert smallest_detectable(50, 50, 0.0).reason == "the privileged group's rate is 0, and none is smaller"


def test_a_privileged_group_that_is_always_selected_has_a_smallest_disparity():
    found = smallest_detectable(40, 60, 1.0)
    assert enumerated(40, 60, found.rate, 1.0) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("rate", [0.9999, 1.0])
def test_what_takes_too_long_to_enumerate_is_approximated(rate):
    assert smallest_detectable(1_000_000, 1_000_000, rate).method == "normal approximation"


def test_a_power_that_equal_rates_have_is_no_power():
    assert "equal rates are found" in smallest_detectable(5000, 5000, 0.3, power=0.01).reason


def test_results_survive_json():
    adapter = TypeAdapter(Detectable)
    for found in (smallest_detectable(50, 80, 0.3), smallest_detectable(5, 5, 0.02)):
        assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    ("rows", "rate", "level"),
    [
        ((60, 90), 0.5, 0.95),
        ((400, 900), 0.21, 0.95),
        ((150, 4000), 0.1, 0.99),
        ((20_000, 30_000), 0.3, 0.99),
        ((500, 500), 1.0, 0.95),
    ],
)
@pytest.mark.parametrize("exact", [True, False])
def test_at_the_smallest_disparate_ratio_the_verdict_comes_as_often_as_it_says(rows, rate, level, exact):
    (n0, n1), rng = rows, np.random.default_rng(0)
    found = smallest_disparate(n0, n1, rate, level=level, exact=exact)
    assert found.ratio < 0.8
    x0, x1 = rng.binomial(n0, found.rate, 3000), rng.binomial(n1, rate, 3000)
    verdicts = [judged(each, four_fifths=0.8) for each in ratio_intervals(x0, n0, x1, n1, level=level)]
    # Four standard errors of 3,000 draws, and what a few quantiles leave.
    assert np.mean([each == DISPARATE for each in verdicts]) == pytest.approx(
        0.8, abs=0.03 if exact else 0.05
    )


def test_the_power_of_the_verdict_is_that_of_all_tables():
    (n0, n1), t, rate = (15, 40), 0.9, 0.6
    power = verdict_power(n0, n1, rate, four_fifths=t, level=0.9)
    shown = np.array(
        [
            [
                judged(ratio_interval(a, n0, b, n1, level=0.9), four_fifths=t) == DISPARATE
                for b in range(n1 + 1)
            ]
            for a in range(n0 + 1)
        ]
    )
    ratios = np.arange(n0 + 1)[:, None] / n0 <= t * np.arange(n1 + 1) / n1
    for protected in (0.0, 0.1, 0.3, 0.5):
        tables = binom.pmf(np.arange(n0 + 1), n0, protected) @ (shown & ratios)
        assert power(protected) == pytest.approx(tables @ binom.pmf(np.arange(n1 + 1), n1, rate), abs=1e-7)


def test_the_power_of_the_verdict_where_both_intervals_and_a_search_are_used():
    n0, n1, rate = 400, 90, 0.45
    x0, x1 = np.arange(n0 + 1)[:, None], np.arange(n1 + 1)
    shown = ratio_limits(x0, n0, x1, n1).high < 0.8
    power = verdict_power(n0, n1, rate)
    for protected in (0.05, 0.2, 0.3):
        tables = binom.pmf(x0[:, 0], n0, protected) @ shown @ binom.pmf(x1, n1, rate)
        assert power(protected) == pytest.approx(tables, abs=1e-7)


def test_what_no_rows_can_show_has_a_reason():
    assert "too few rows" in smallest_disparate(5, 5, 0.2).reason
    assert smallest_disparate(0, 5, 0.2).reason == "a group has no row"
    assert "none is smaller" in smallest_disparate(5, 5, 0.0).reason
    with pytest.raises(UsageError, match=r"four_fifths is \S+; expected above 0 and at most 1\."):
        smallest_disparate(5, 5, 0.2, four_fifths=1.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smallest_detectable(-1, 5, 0.3), "found -1"),
        (lambda: smallest_detectable(5, 5, 1.1), r"rate is 1\.1; expected 0 to 1"),
        (lambda: smallest_detectable(5, 5, 0.3, power=1), "power is 1; expected above 0 and below 1"),
        (lambda: smallest_detectable(5, 5, 0.3, level=95), "level is 95; expected above 0 and"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
