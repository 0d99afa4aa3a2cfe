"""Rates, areas and intervals against brute force, scikit-learn, scipy and the two-Gaussian closed form."""

import math
from itertools import product

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm
from sklearn.metrics import roc_auc_score, roc_curve

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.rates import (
    POINTS,
    attack_result,
    auroc,
    delong_variance,
    proportion_interval,
    rate_at,
)
from trivet.privacy.membership.results import AttackResult

few_values = st.lists(st.integers(0, 6).map(float), min_size=2, max_size=25)


def brute_area(members, non_members):
    """AUROC and DeLong's variance from every pair, as in the paper."""
    psi = np.array([[0.5 if x == y else float(x > y) for y in non_members] for x in members], dtype=float)
    p, q = psi.shape
    theta = psi.sum() / (p * q)
    s10 = sum((psi[i].sum() / q - theta) ** 2 for i in range(p)) / (p - 1)
    s01 = sum((psi[:, j].sum() / p - theta) ** 2 for j in range(q)) / (q - 1)
    return theta, s10 / p + s01 / q


@given(few_values, few_values)
def test_area_and_variance_are_those_of_every_pair(members, non_members):
    value, variance = delong_variance(np.array(members), np.array(non_members))
    expected, expected_variance = brute_area(members, non_members)
    assert value == pytest.approx(expected, abs=1e-12)
    assert variance == pytest.approx(expected_variance, abs=1e-12)


@given(few_values, few_values)
def test_the_area_is_that_of_scikit_learn_and_of_the_curve(members, non_members):
    scores = np.array(members + non_members)
    labels = np.arange(len(scores)) < len(members)
    result = attack_result("rmia", scores, labels)
    assert result.auroc.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    # So few scores keep the highest point of each rate, so that steps to the right lie on or above.
    steps = dict(zip(result.roc.fpr, result.roc.tpr, strict=True))
    for threshold in scores:
        accused, found = ((scores[labels == side] >= threshold).mean() for side in (False, True))
        assert steps[accused] >= found
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert result.advantage == pytest.approx((tpr - fpr).max(), abs=1e-12)
    assert result.balanced_accuracy == pytest.approx((1 + result.advantage) / 2)


@given(few_values, few_values, st.sampled_from([0.1, 0.29, 0.5]))
def test_rates_are_the_best_of_all_thresholds_that_keep_the_false_positive_rate(members, non_members, fpr):
    rate = rate_at(fpr, np.array(members), np.array(non_members))
    p, q = len(members), len(non_members)
    if fpr * q < 1 - 1e-9:
        assert rate.tpr.value is None
        return
    kept = [
        sum(x > t for x in members)
        for t in (-1.0, *members, *non_members)
        if sum(y > t for y in non_members) <= fpr * q + 1e-9
    ]
    # A threshold between two scores of members may lie lower than a non-member's score: never better.
    assert rate.true_positives == max(kept)
    assert rate.tpr.value == rate.true_positives / p
    assert rate.false_positives <= fpr * q + 1e-9
    assert rate.realised_fpr.value == rate.false_positives / q


def test_ties_are_never_accused():
    rate = rate_at(0.1, np.ones(50), np.ones(50))
    assert (rate.allowed, rate.true_positives, rate.false_positives) == (5, 0, 0)
    assert attack_result("rmia", np.ones(100), np.arange(100) < 50).auroc.value == 0.5


@pytest.mark.parametrize(("non_members", "there"), [(999, False), (1000, True)])
def test_a_tenth_of_a_percent_needs_a_thousand_non_members(non_members, there):
    scores = np.arange(50 + non_members, dtype=float)
    small, large = attack_result("rmia", scores, scores < 50).rates
    assert (small.tpr.value is not None) is there
    assert (small.tpr.reason is None) is there
    assert large.tpr.value is not None
    if not there:
        assert small.tpr.reason == (
            "999 non-members are too few for a false positive rate of 0.001: 1000 are needed"
        )


@pytest.mark.parametrize(("count", "trials"), [(0, 10), (10, 10), (3, 10), (17, 1000), (999, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_the_interval_of_a_proportion_is_scipys(count, trials, level):
    expected = binomtest(count, trials).proportion_ci(level, method="exact")
    assert proportion_interval(count, trials, level=level) == pytest.approx(tuple(expected), abs=1e-9)


def test_the_intervals_of_a_rate_are_those_of_its_counts():
    rng = np.random.default_rng(0)
    rate = rate_at(0.05, rng.normal(1, 1, 300), rng.normal(size=200), level=0.9)
    assert (rate.tpr.low, rate.tpr.high) == proportion_interval(rate.true_positives, 300, level=0.9)
    realised = proportion_interval(rate.false_positives, 200, level=0.9)
    assert (rate.realised_fpr.low, rate.realised_fpr.high) == realised
    assert rate.false_positives == 10


def test_an_attack_on_two_gaussians_has_their_curve():
    gap, n = 1.5, 20000
    rng = np.random.default_rng(1)
    labels = np.arange(2 * n) < n
    result = attack_result("lira-online", rng.normal(size=2 * n) + gap * labels, labels)
    assert result.auroc.low < norm.cdf(gap / math.sqrt(2)) < result.auroc.high
    # Five standard errors of the TPR, and of the threshold times the slope of the curve there.
    for rate in result.rates:
        cut = norm.isf(rate.fpr)
        tpr = norm.sf(cut - gap)
        slope = norm.pdf(cut - gap) / norm.pdf(cut)
        error = math.sqrt((tpr * (1 - tpr) + slope**2 * rate.fpr * (1 - rate.fpr)) / n)
        assert rate.tpr.value == pytest.approx(tpr, abs=5 * error)
    # The best threshold lies in the middle; the maximum over thresholds is a little above.
    best = 2 * norm.cdf(gap / 2) - 1
    assert result.advantage == pytest.approx(best, abs=0.015)


def test_scores_without_membership_cover_a_half_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    repetitions, level = 1000, 0.95
    covered = 0
    for _ in range(repetitions):
        area = auroc(rng.normal(size=150), rng.normal(size=150), level=level)
        covered += area.low <= 0.5 <= area.high
    # 99.9 % of binomial counts; the normal interval of so many rows is off by half a percent at most.
    low, high = binom.interval(0.999, repetitions, level)
    assert low - 5 <= covered <= high + 5


@pytest.mark.parametrize("swap", [False, True])
def test_perfect_separation_is_not_certainty(swap):
    members, non_members = np.arange(20.0) + 100, np.arange(30.0)
    area = auroc(non_members, members) if swap else auroc(members, non_members)
    low, high = binomtest(20, 20).proportion_ci(0.95, method="exact")
    assert area.value == (0.0 if swap else 1.0)
    assert (area.low, area.high) == pytest.approx((1 - high, 1 - low) if swap else (low, high))


@pytest.mark.parametrize("inside", [(1, 3, 5), (0, 9, 9), (2, 2, 4)])
@pytest.mark.parametrize("outside", [(2, 4), (0, 8), (5, 5)])
@pytest.mark.parametrize(("p", "q"), [(2, 2), (2, 4), (4, 2)])
def test_no_area_varies_more_than_the_share_in_as_many_pairs_as_the_smaller_side(inside, outside, p, q):
    # The variance over every sample of p members and q non-members from two small populations.
    areas = [
        np.mean([0.5 if x == y else float(x > y) for x in members for y in non_members])
        for members in product(inside, repeat=p)
        for non_members in product(outside, repeat=q)
    ]
    area = np.mean(areas)
    assert np.var(areas) <= area * (1 - area) / min(p, q) + 1e-12


@pytest.mark.parametrize(
    ("members", "non_members", "reason"),
    [([1.0], [0.0, 1.0], "one row"), ([0.0, 1.0], [1.0], "one row"), ([3.0] * 4, [3.0] * 5, "equal")],
)
def test_an_area_without_variance_has_no_interval_but_a_reason(members, non_members, reason):
    scores = np.array(members + non_members)
    result = attack_result("rmia", scores, np.arange(len(scores)) < len(members))
    assert result.auroc.low is result.auroc.high is None
    assert reason in result.auroc.reason


def test_the_curve_is_thinned_to_points_of_the_real_one():
    rng = np.random.default_rng(3)
    labels = np.arange(12000) < 7000
    scores = rng.normal(size=12000) + labels
    result = attack_result("rmia", scores, labels)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    real = {(round(x, 12), round(y, 12)) for x, y in zip(fpr, tpr, strict=True)}
    thin = list(zip(result.roc.fpr, result.roc.tpr, strict=True))
    assert {(round(x, 12), round(y, 12)) for x, y in thin} <= real
    assert 100 < len(thin) <= POINTS
    assert thin == sorted(thin)
    assert thin[0] == (0.0, tpr[fpr == 0].max())
    assert thin[-1] == (1.0, 1.0)
    # Even on the logarithmic axis: the first false positives are all there.
    assert {round(x * 5000) for x, _ in thin} >= set(range(6))


def test_results_survive_json():
    rng = np.random.default_rng(4)
    labels = np.arange(500) < 250
    result = attack_result("lira-offline", rng.normal(size=500), labels)
    adapter = pydantic.TypeAdapter(AttackResult)
    assert adapter.validate_json(adapter.dump_json(result)) == result


@pytest.mark.parametrize(
    ("scores", "members", "message"),
    [
        ([1.0, 2.0], [True], "found shapes"),
        ([1.0, 2.0], [1, 0], "of int64"),
        ([1.0, math.nan], [True, False], "not finite"),
        ([1.0, 2.0], [True, True], "found 2 and 0"),
        ([], np.array([], dtype=bool), "found 0 and 0"),
    ],
)
def test_scores_that_cannot_be_measured_are_refused(scores, members, message):
    with pytest.raises(DataError, match=message):
        attack_result("rmia", scores, members)


@pytest.mark.parametrize(
    "settings", [{"rates": (0.0,)}, {"rates": (1.0,)}, {"level": 1.0}, {"level": math.nan}]
)
def test_rates_and_levels_out_of_range_are_refused(settings):
    with pytest.raises(UsageError, match=r" is \S+; expected above 0 and below 1\."):
        attack_result("rmia", [1.0, 0.0], [True, False], **settings)
