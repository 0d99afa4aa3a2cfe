"""Design-based intervals, against variances from the rows, the jackknife and plain intervals."""

import numpy as np
import pytest
from scipy.stats import t
from surveys import SELECTED, TRUE_POSITIVE, counts_of, direct

from trivet import fairness
from trivet.errors import UsageError
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.comparisons import difference_intervals, equality_test, ratio_intervals
from trivet.fairness.intervals.linearised import design_covariance, survey_design
from trivet.fairness.intervals.shares import share_intervals
from trivet.fairness.intervals.weighted import (
    weighted_differences,
    weighted_equality,
    weighted_ratios,
    weighted_shares,
)


@pytest.fixture
def survey():
    rng, rows = np.random.default_rng(5), 900
    group = rng.integers(0, 3, rows)
    strata = rng.integers(0, 5, rows)
    # A stratum with one unit, of rows and of clusters.
    strata[0] = 5
    return {
        "group": group,
        "label": rng.integers(0, 2, rows),
        "prediction": (rng.random(rows) < 0.3 + 0.1 * group).astype(np.int64),
        "weight": rng.exponential(size=rows) + 0.1,
        "strata": strata,
        "clusters": rng.integers(0, 8, rows),
    }


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("metric", [SELECTED, TRUE_POSITIVE])
def test_variances_are_those_of_the_rows(survey, clustered, metric):
    unit = survey["strata"] * 100 + survey["clusters"] if clustered else np.arange(len(survey["group"]))
    label, prediction = survey["label"], survey["prediction"]
    numerator, denominator = (cells[label, prediction] for cells in metric)
    share, covariance = direct(
        survey["group"], numerator, denominator, survey["weight"], survey["strata"], unit
    )
    counts = counts_of(**survey | ({} if clustered else {"clusters": None}))
    weights = counts.weights.sums.sum(axis=0)
    scores = np.zeros((3, 3, 2, 2))
    for place in range(3):
        a, b = metric
        scores[place, place] = (a - share[place] * b) / (weights[place] * b).sum()
    np.testing.assert_allclose(design_covariance(counts, scores), covariance, rtol=1e-9, atol=1e-15)

    # The linearised intervals follow by hand: a normal one of the difference, one of the logarithm.
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    relative = (
        covariance[0, 0] / share[0] ** 2
        + covariance[1, 1] / share[1] ** 2
        - 2 * covariance[0, 1] / (share[0] * share[1])
    )
    difference = weighted_differences(counts, *metric, 0)[1]
    ratio = weighted_ratios(counts, *metric, 0)[1]
    if ratio.method == "log-linearised t":
        reach = (difference.high - difference.low) / 2 / np.sqrt(variance)
        freedom = survey_design(counts).degrees_of_freedom
        assert t.ppf(0.975, 3 * freedom) < reach < t.ppf(0.975, 20)
        np.testing.assert_allclose(
            [ratio.low, ratio.high],
            share[1] / share[0] * np.exp(np.array([-1, 1]) * reach * np.sqrt(relative)),
        )
    np.testing.assert_allclose(difference.value, share[0] - share[1])
    np.testing.assert_allclose(ratio.value, share[1] / share[0])


def test_the_design_is_told(survey):
    clustered = survey_design(counts_of(**survey))
    assert (clustered.units, clustered.strata, clustered.lonely) == (41, 6, 1)
    assert clustered.degrees_of_freedom == 35
    of_rows = survey_design(counts_of(**survey | {"clusters": None}))
    assert (of_rows.units, of_rows.strata, of_rows.lonely, of_rows.clustered) == (900, 6, 1, False)


def test_linearisation_is_near_the_jackknife_over_clusters(survey):
    """Leaving out one cluster at a time, an independent way to the same variance."""
    whole = np.zeros_like(survey["strata"])
    counts = counts_of(**survey | {"strata": whole, "clusters": survey["clusters"] + 8 * survey["strata"]})
    share = np.array([each.value for each in weighted_shares(counts, *SELECTED)])
    sums, (a, b) = counts.weights.sums, SELECTED
    units = len(sums)
    without = sums.sum(axis=0) - sums
    shares = (without * a).sum(axis=(2, 3)) / (without * b).sum(axis=(2, 3))
    jackknife = (units - 1) / units * ((shares - share) ** 2).sum(axis=0)
    scores = np.zeros((3, 3, 2, 2))
    for place in range(3):
        scores[place, place] = (a - share[place] * b) / sums.sum(axis=0)[place].sum()
    np.testing.assert_allclose(np.diag(design_covariance(counts, scores)), jackknife, rtol=0.15)


def ends(estimates):
    return np.array([(each.low, each.high) for each in estimates], dtype=np.float64)


@pytest.mark.parametrize("selected", [(90, 140, 200), (4, 30, 200), (0, 9, 380)])
def test_equal_weights_give_nearly_the_plain_intervals(selected):
    rows = np.array([200, 300, 400])
    group = np.repeat([0, 1, 2], rows)
    prediction = np.concatenate([np.arange(n) < x for x, n in zip(selected, rows, strict=True)]).astype(
        np.int64
    )
    counts = counts_of(group, 0 * group, prediction, np.full(len(group), 2.5))
    x = np.array(selected)
    np.testing.assert_allclose(
        ends(weighted_shares(counts, *SELECTED)), ends(share_intervals(x, rows)), atol=1e-3
    )
    plain = difference_intervals(x, rows, x[2], rows[2])
    np.testing.assert_allclose(
        ends(weighted_differences(counts, *SELECTED, 2))[:2], ends(plain)[:2], atol=0.006
    )
    plain = ratio_intervals(x, rows, x[2], rows[2])
    np.testing.assert_allclose(
        ends(weighted_ratios(counts, *SELECTED, 2))[:2], ends(plain)[:2], rtol=0.01, atol=1e-3
    )
    for place, test in enumerate(weighted_equality(counts, *SELECTED, 2)[:2]):
        plain = equality_test(selected[place], int(rows[place]), selected[2], 400)
        assert (test.p_value < 0.05) == (plain.p_value < 0.05)


def test_weights_have_no_scale(survey):
    once = counts_of(**survey)
    scaled = counts_of(**survey | {"weight": survey["weight"] * 1000})
    np.testing.assert_allclose(
        ends(weighted_ratios(once, *SELECTED, 0)), ends(weighted_ratios(scaled, *SELECTED, 0)), rtol=1e-9
    )


def test_clusters_of_one_row_are_rows(survey):
    of_rows = counts_of(**survey | {"clusters": None})
    alone = counts_of(**survey | {"clusters": np.arange(len(survey["group"]))})
    for found in (weighted_shares, lambda *args: weighted_ratios(*args, 2)):
        np.testing.assert_allclose(ends(found(of_rows, *SELECTED)), ends(found(alone, *SELECTED)), rtol=1e-9)


def test_the_p_value_and_the_interval_agree(survey):
    """Of few rows the p-value is the error at which the interval leaves 0 out."""
    few = {name: values[:150] for name, values in survey.items()}
    for clusters in (None, few["clusters"]):
        counts = counts_of(**few | {"clusters": clusters})
        p = weighted_equality(counts, *SELECTED, 0)[2]
        assert p.method.startswith("inverted hybrid")
        inside = weighted_differences(counts, *SELECTED, 0, level=1 - p.p_value * 0.99)[2]
        outside = weighted_differences(counts, *SELECTED, 0, level=1 - p.p_value * 1.01)[2]
        assert inside.low < 0 < inside.high
        assert not outside.low < 0 < outside.high


def test_what_is_unknown_has_a_reason():
    group = np.array([0, 0, 1, 1, 2, 2])
    prediction = np.array([0, 0, 0, 1, 0, 1])
    label = np.array([0, 0, 1, 1, 0, 0])
    clusters = np.array([0, 1, 0, 1, 2, 2])
    counts = counts_of(group, label, prediction, np.arange(1.0, 7), clusters=clusters)
    shares = weighted_shares(counts, *SELECTED)
    assert shares[0].low == 0
    assert 0.7 < shares[0].high < 1
    assert shares[2].value == pytest.approx(6 / 11)
    assert (shares[2].low, shares[2].high) == (None, None)
    assert "too few sampling units" in shares[2].reason
    ratios = weighted_ratios(counts, *SELECTED, 0)
    assert ratios[1].high is None
    assert "no upper bound" in ratios[1].reason
    assert weighted_equality(counts, *SELECTED, 0)[2].p_value is None
    rates = weighted_shares(counts, *TRUE_POSITIVE)
    assert rates[0].value is None
    assert rates[0].reason == "there is no weighted row to take a share of"
    assert weighted_differences(counts, *TRUE_POSITIVE, 1)[0].value is None
    plain = GroupCounts(counts.columns, counts.groups, counts.classes, counts.table)
    with pytest.raises(UsageError, match="have no weights"):
        weighted_shares(plain, *SELECTED)


def test_an_audit_says_what_is_weighted_and_where_a_stratum_has_one_unit():
    y, groups = [0, 1] * 10, ["a", "b"] * 10
    options = {"sensitive": {"g": groups}, "label": y, "prediction": y[::-1]}
    found = fairness.audit(None, **options, weight=[1.0, 2.0] * 10, strata=[0] * 12 + [1] * 7 + [2])
    message = next(each.message for each in found.cautions if each.kind == "weights")
    assert "Figures are weighted by 'weight'" in message
    assert "within 3 strata; numbers of rows are not weighted. 1 stratum has a single row" in message
    assert not any(each.kind == "weights" for each in fairness.audit(None, **options).cautions)


def test_clusters_without_a_weight_are_no_degrees_of_freedom():
    rng = np.random.default_rng(4)
    groups, chosen, clusters = np.arange(120) % 2, rng.integers(0, 2, 120), np.arange(120) // 10
    weights = np.where(clusters < 4, rng.gamma(2, 1, 120), 0.0)
    made = {"sensitive": groups, "weight": weights, "cluster": clusters}
    (whole, _), (short, _) = (
        weighted_shares(counts, *SELECTED)
        for counts in (
            fairness.group_counts(None, None, chosen, **made),
            fairness.group_counts(
                None, None, chosen[:40], **{name: values[:40] for name, values in made.items()}
            ),
        )
    )
    # The variances differ by 12/11 for 4/3, and t by 3 degrees of freedom on both sides.
    width = [each.high - each.low for each in (whole, short)]
    assert width[0] == pytest.approx(width[1], rel=0.1)
