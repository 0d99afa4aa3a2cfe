"""Amounts by group, against SciPy, closed forms and enumeration."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import (
    binom,
    ks_2samp,
    mannwhitneyu,
    quantile_test,
    ttest_ind,
    wasserstein_distance,
)

from trivet.errors import DataError, UsageError
from trivet.fairness import audit_outcome
from trivet.fairness.outcomes.distances import kolmogorov_smirnov, wasserstein
from trivet.fairness.outcomes.means import GroupMeans, RowDesign
from trivet.fairness.outcomes.quantiles import (
    SHARES,
    quantile,
    quantile_difference,
    quantile_ratio,
    weighted_quantile,
)


@pytest.fixture
def limits():
    """Credit limits of two groups, one of which gets two thirds of the other's."""
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1], [400, 600])
    return np.exp(rng.normal(8, 0.5, 1000) - 0.4 * (group == 0)), group


def test_means_of_nearly_normal_rows_are_compared_by_welch():
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1], [400, 700])
    values = rng.normal(50 + 5 * group, 4 + 3 * group)
    means = GroupMeans.of(values, group, 2)
    assert not means.draws
    difference = means.difference(0, 1, 0.9)
    known = ttest_ind(values[group == 1], values[group == 0], equal_var=False)
    assert (difference.low, difference.high) == pytest.approx(known.confidence_interval(0.9), rel=1e-9)
    assert means.p_value(0, 1) == pytest.approx(known.pvalue)
    ratio = means.ratio(0, 1, 0.9)
    assert ratio.value == pytest.approx(values[group == 0].mean() / values[group == 1].mean())
    # On the scale of logarithms the ends lie equally far from it.
    assert ratio.low * ratio.high == pytest.approx(ratio.value**2)


def test_few_skewed_rows_have_a_longer_upper_end():
    values = np.concatenate([np.exp(np.random.default_rng(2).normal(size=40)), np.arange(60.0)])
    group = np.repeat([0, 1], [40, 60])
    mean = GroupMeans.of(values, group, 2).mean(0, 0.95)
    assert mean.method == "studentised bootstrap"
    assert mean.high - mean.value > 1.2 * (mean.value - mean.low)


def test_weighted_means_have_the_variance_of_rows_and_of_clusters(limits):
    values, group = limits
    rng = np.random.default_rng(3)
    weights = rng.exponential(size=1000) + 0.1
    strata, clusters = rng.integers(0, 4, 1000), rng.integers(0, 12, 1000)
    for design in (RowDesign(weights, strata), RowDesign(weights, strata, strata * 12 + clusters)):
        found = GroupMeans.of(values, group, 2, design=design)
        mean = np.array([np.average(values[group == k], weights=weights[group == k]) for k in (0, 1)])
        np.testing.assert_allclose(found.means, mean)
        z = np.zeros((1000, 2))
        total = np.bincount(group, weights)
        z[np.arange(1000), group] = weights * (values - mean[group]) / total[group]
        unit = np.arange(1000) if design.clusters is None else design.clusters
        expected = np.zeros((2, 2))
        for stratum in range(4):
            inside = strata == stratum
            totals = np.stack([z[inside & (unit == each)].sum(axis=0) for each in np.unique(unit[inside])])
            apart = totals - totals.mean(axis=0)
            expected += len(totals) / (len(totals) - 1) * apart.T @ apart
        np.testing.assert_allclose(found.covariance, expected, rtol=1e-9)


def test_equal_weights_are_nearly_no_weights(limits):
    values, group = limits
    plain = GroupMeans.of(values, group, 2).ratio(0, 1, 0.95)
    equal = GroupMeans.of(
        values, group, 2, design=RowDesign(np.full(1000, 3.0), np.zeros(1000, dtype=np.int64))
    ).ratio(0, 1, 0.95)
    assert equal.value == pytest.approx(plain.value)
    assert (equal.low, equal.high) == pytest.approx((plain.low, plain.high), rel=0.01)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("rows", [9, 40, 400])
def test_quantiles_are_covered_as_their_order_statistics_are(rows, share):
    found = quantile(np.arange(1.0, rows + 1), share, level=0.95)
    # X rows lie below the quantile; the interval holds it where X is from l to u - 1.
    low = 0 if found.low is None else int(found.low)
    high = rows + 1 if found.high is None else int(found.high)
    covered = binom.cdf(high - 1, rows, share) - binom.cdf(low - 1, rows, share)
    assert covered >= 0.95
    if low > 0:
        assert binom.cdf(low, rows, share) > 0.025
    if high <= rows:
        assert binom.cdf(high - 2, rows, share) < 0.975


def test_quantiles_have_scipy_s_interval():
    values = np.sort(np.random.default_rng(6).normal(size=200))
    for share in SHARES:
        known = quantile_test(values, p=share).confidence_interval(0.95)
        found = quantile(values, share, level=0.95)
        assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_weighted_quantiles_of_equal_weights_are_nearly_plain():
    values = np.sort(np.random.default_rng(7).normal(size=2000))
    for share in SHARES:
        plain = quantile(values, share, level=0.95)
        found = weighted_quantile(values, np.ones(2000), share, rows=2000, level=0.95)
        assert found.value == pytest.approx(plain.value, abs=0.002)
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.02)


def test_quantiles_are_compared_on_the_side_that_is_known():
    few, many = (quantile(np.arange(1.0, rows + 1), 0.9, level=0.95) for rows in (10, 500))
    assert few.high is None
    difference, ratio = quantile_difference(few, many), quantile_ratio(few, many)
    assert difference.low is None
    assert difference.high > difference.value
    assert ratio.high is None
    assert 0 < ratio.low < ratio.value == pytest.approx(few.value / many.value)
    below = quantile(np.arange(-5.0, 6), 0.5, level=0.95)
    assert "not above 0" in quantile_ratio(below, many).reason


def test_distances_are_scipy_s(limits):
    values, group = limits
    mine, theirs = (np.sort(values[group == k]) for k in (0, 1))
    found = kolmogorov_smirnov(mine, theirs, level=0.95)
    assert found.value == pytest.approx(ks_2samp(mine, theirs).statistic)
    reach = np.sqrt(np.log(80) / 800) + np.sqrt(np.log(80) / 1200)
    assert found.high - found.value == pytest.approx(reach)
    moved = wasserstein(mine, theirs, level=0.95)
    assert moved.value == pytest.approx(wasserstein_distance(mine, theirs))
    assert moved.low < moved.value < moved.high
    weights = np.random.default_rng(8).exponential(size=400), np.ones(600)
    weighted = wasserstein(mine, theirs, level=0.95, weights=weights)
    assert weighted.value == pytest.approx(wasserstein_distance(mine, theirs, *weights))
    assert weighted.low is None
    assert wasserstein(mine, mine, level=0.95).low == 0


@pytest.fixture
def people(limits, tmp_path):
    values, group = limits
    frame = pd.DataFrame({"sex": np.array(["f", "m"])[group], "limit": values.round(2)})
    frame.to_csv(tmp_path / "people.csv", index=False)
    return frame, tmp_path / "people.csv"


def test_an_audit_of_a_file_is_that_of_its_rows(people):
    frame, path = people
    audit = audit_outcome(path, outcome="limit", sensitive="sex")
    (attribute,) = audit.attributes
    women, men = attribute.groups
    mine, theirs = (frame.limit[frame.sex == sex].to_numpy() for sex in "fm")
    assert (attribute.reference, attribute.reference_why) == ("m", "it is the largest group")
    assert women.mean.value == pytest.approx(mine.mean())
    assert women.quantiles[2].value.value == pytest.approx(np.median(mine))
    assert women.mean_ratio.value == pytest.approx(mine.mean() / theirs.mean())
    assert women.p_value == pytest.approx(mannwhitneyu(mine, theirs).pvalue)
    assert audit.verdict == women.verdict == "disparate"
    assert men.verdict == "reference"
    assert "f has 0.6" in audit.reason
    assert audit_outcome(frame, outcome="limit", sensitive="sex").attributes == audit.attributes
    assert "mean_ratio" in repr(audit)
    assert len(audit.to_frame()) == 2


def test_counted_rows_are_rows_and_missing_ones_are_told(people):
    frame, _ = people
    few = frame.iloc[::10].assign(n=lambda f: np.arange(len(f)) % 3)
    counted = audit_outcome(few, outcome="limit", sensitive="sex", count="n")
    repeated = audit_outcome(few.loc[few.index.repeat(few.n)], outcome="limit", sensitive="sex")
    assert counted.attributes == repeated.attributes
    missing = frame.assign(limit=frame.limit.where(frame.index % 50 > 0))
    audit = audit_outcome(missing, outcome="limit", sensitive="sex")
    assert audit.rows == 980
    assert [each.message for each in audit.cautions] == [
        "20 rows without a number are left out of 'limit': m 12 of 600; f 8 of 400."
    ]


def test_amounts_below_zero_have_no_ratio_and_no_verdict(people):
    frame, _ = people
    audit = audit_outcome(frame.assign(limit=frame.limit - 3000), outcome="limit", sensitive="sex")
    assert audit.verdict == "unsettled"
    assert "below 0" in audit.reason
    assert audit.attributes[0].groups[0].mean_difference.low > 0


def test_what_is_no_amount_is_refused(people, tmp_path):
    frame, _ = people
    texts = frame.astype({"limit": object}).assign(limit=lambda f: f.limit.where(f.index > 2, "high"))
    texts.to_csv(tmp_path / "texts.csv", index=False)
    with pytest.raises(DataError, match="3 rows hold something else"):
        audit_outcome(tmp_path / "texts.csv", outcome="limit", sensitive="sex")
    with pytest.raises(UsageError, match="expected numbers"):
        audit_outcome(frame, outcome="sex", sensitive="sex")
    with pytest.raises(UsageError, match="one of outcome, rank"):
        audit_outcome(frame, sensitive="sex")
    with pytest.raises(UsageError, match="no row has the privileged value 'x'"):
        audit_outcome(frame, outcome="limit", sensitive="sex", privileged="x")
    with pytest.raises(DataError, match="from 0 up"):
        audit_outcome(frame.assign(w=-1.0), outcome="limit", sensitive="sex", weight="w")


def test_simulated_means_are_covered():
    """Of skewed amounts; the whole table is in docs/fairness-metrics.md."""
    rng, covered = np.random.default_rng(9), np.zeros(2)
    group = np.repeat([0, 1], [60, 90])
    for seed in range(200):
        values = np.exp(rng.normal(0, 0.6, 150))
        means = GroupMeans.of(values, group, 2, seed=seed)
        for place, (found, truth) in enumerate(
            ((means.mean(0, 0.95), np.exp(0.18)), (means.ratio(0, 1, 0.95), 1.0))
        ):
            covered[place] += found.low <= truth <= found.high
    # A binomial number of 200 with 0.95 is below 180 once in 1,000 times.
    assert (covered >= 180).all()


def test_a_column_with_one_value_is_not_compared(people):
    frame, _ = people
    frame = frame.assign(town="x")
    found = audit_outcome(frame, outcome="limit", sensitive=["town", "sex"])
    alone = audit_outcome(frame, outcome="limit", sensitive="sex")
    assert found.attributes == alone.attributes
    assert "'town' is 'x' in every row, so that there are no groups by it." in [
        each.message for each in found.cautions
    ]
    with pytest.raises(UsageError, match="no row has the privileged value 'y' in town"):
        audit_outcome(frame, outcome="limit", sensitive=["town", "sex"], privileged="y,f")


def test_groups_of_no_weight_are_left_out_and_named(people):
    frame, _ = people
    first = frame.sex.iloc[0]
    extra = frame.head(40).assign(sex="none", w=0.0)
    found = audit_outcome(
        pd.concat([frame.assign(w=1.0), extra]), outcome="limit", sensitive="sex", weight="w"
    )
    assert [each.group for each in found.attributes[0].groups] == sorted(set(frame.sex))
    assert any("none (40 rows)" in each.message for each in found.cautions)
    weights = (frame.sex == first).astype(float)
    with pytest.raises(DataError, match="only one group with a number in rows that count"):
        audit_outcome(frame.assign(w=weights), outcome="limit", sensitive="sex", weight="w")


def test_p_values_are_adjusted_over_all_attributes(people):
    frame, _ = people
    frame = frame.assign(half=np.arange(len(frame)) % 2)
    groups = [
        group
        for each in audit_outcome(frame, outcome="limit", sensitive=["sex", "half"]).attributes
        for group in each.groups
        if group.p_value is not None
    ]
    least = min(groups, key=lambda group: group.p_value)
    assert least.p_adjusted == pytest.approx(min(1.0, len(groups) * least.p_value))


def test_the_verdict_names_the_group_shown_to_be_unlike_and_the_list_says_that_it_goes_on() -> None:
    draw = np.random.default_rng(1)
    sizes = {"a": 900, "b": 900, "c": 60, **{f"d{place}": 100 for place in range(5)}}
    race = np.repeat(list(sizes), list(sizes.values()))
    sex = draw.choice(["f", "m"], len(race))
    amounts = draw.gamma(2, 50, len(race)) * np.where(race == "c", 1.12, 1) * np.where(sex == "f", 0.8, 1)
    amounts[::7] = np.nan
    table = pd.DataFrame({"race": race, "sex": sex, "amount": amounts})
    audit = audit_outcome(table, outcome="amount", sensitive=("sex", "race"))
    unsettled = [each for each in audit.attributes if each.verdict == audit.verdict]
    shown = {
        (each.name, group.group): group.simultaneous_high
        for each in unsettled
        for group in each.groups
        if group.verdict == audit.verdict and (group.simultaneous_high or 2) < 1
    }
    attribute, group = min(shown, key=shown.__getitem__)
    assert len(unsettled) > 1
    assert audit.reason.startswith(f"{attribute}: {group} has ")
    assert "; and 11 more groups." in audit.cautions[0].message


def test_groups_that_differ_in_spelling_alone_are_named(people):
    frame, _ = people
    frame = frame.assign(sex=np.where(frame.index % 5 == 0, frame.sex.str.upper(), frame.sex))
    found = audit_outcome(frame, outcome="limit", sensitive="sex")
    (said,) = [each.message for each in found.cautions if each.kind == "spelling"]
    assert said.startswith(
        "'sex' has values that differ in spelling alone and are groups of their own: 'F', 'f'"
    )
