"""Groups compared by any metric: against closed forms, other libraries, and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.weights import WeightSums
from trivet.fairness.intervals.comparisons import difference_interval, equality_test, ratio_interval
from trivet.fairness.intervals.shares import share_interval
from trivet.fairness.measures.comparing import compare_groups
from trivet.fairness.measures.registry import MEASURES
from trivet.fairness.measures.sides import Sides
from trivet.fairness.metrics.measure import METRICS
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED

SHARES = [name for name, measure in MEASURES.items() if measure.is_share]
DERIVED = ("balanced_accuracy", "f1", "equalized_odds")


def counts_of(*tables, **other):
    """Counts of groups a, b and so on, each of true negatives, false positives, misses and hits."""
    table = np.array(tables, dtype=np.int64).reshape(-1, 2, 2)
    groups = tuple((name,) for name in "abcdefgh"[: len(tables)])
    return GroupCounts(("letter",), groups, ("0", "1"), table, **other)


def compared(counts, metric, reference=-1, *, level=0.95, together=None, **other):
    reference = None if reference is None else reference % len(counts.groups)
    return compare_groups(
        Sides(counts, reference),
        MEASURES[metric],
        four_fifths=0.8,
        level=level,
        together=together or level,
        **other,
    )


COMPAS = counts_of((990, 805, 532, 1369), (1139, 349, 461, 505))
FEW = counts_of((12, 3, 2, 9), (14, 2, 6, 8))


@pytest.mark.parametrize("counts", [COMPAS, FEW], ids=["many", "few"])
@pytest.mark.parametrize("metric", SHARES)
def test_a_share_has_the_intervals_and_the_test_of_its_two_counts(counts, metric):
    (x0, x1), (n0, n1) = (values.tolist() for values in MEASURES[metric].rates[0].fractions(counts.table))
    own, reference = compared(counts, metric, together=0.99)
    assert (own.among, reference.among) == (n0, n1)
    assert own.rate == share_interval(x0, n0)
    assert own.ratio == ratio_interval(x0, n0, x1, n1)
    assert own.difference == difference_interval(x0, n0, x1, n1)
    wide = ratio_interval(x0, n0, x1, n1, level=0.99)
    apart = difference_interval(x0, n0, x1, n1, level=0.99)
    assert (own.simultaneous_low, own.simultaneous_high) == (wide.low, wide.high)
    assert (own.difference_low, own.difference_high) == (apart.low, apart.high)
    assert own.p_value == equality_test(x0, n0, x1, n1).p_value
    assert reference.verdict == REFERENCE
    assert reference.ratio is reference.difference is reference.p_value is reference.below_four_fifths is None


def test_f1_and_its_interval_follow_from_the_share_of_hits_among_what_is_positive():
    own, reference = compared(COMPAS, "f1")
    jaccard = share_interval(1369, 1369 + 805 + 532)
    for end in ("value", "low", "high"):
        share = getattr(jaccard, end)
        assert getattr(own.rate, end) == pytest.approx(2 * share / (1 + share), rel=1e-12)
    assert own.rate.value == pytest.approx(2 * 1369 / (2 * 1369 + 805 + 532), rel=1e-12)
    assert own.ratio.value == pytest.approx(own.rate.value / reference.rate.value)
    assert own.p_value is own.smallest_detectable is None


def test_the_ends_of_balanced_accuracy_are_those_of_a_sum_of_independent_shares():
    own, reference = compared(COMPAS, "balanced_accuracy")
    shares = [share_interval(*pair) for pair in ((1369, 1901), (990, 1795), (505, 966), (1139, 1488))]
    value = (shares[2].value + shares[3].value - shares[0].value - shares[1].value) / 2
    up = math.hypot(*(each.high - each.value for each in shares[2:]), *(e.value - e.low for e in shares[:2]))
    assert own.difference.value == pytest.approx(value)
    assert own.difference.high == pytest.approx(value + up / 2, rel=1e-12)
    assert own.rate.value == pytest.approx((shares[0].value + shares[1].value) / 2)
    assert reference.rate.low < reference.rate.value < reference.rate.high


def test_equalized_odds_are_those_of_the_reference_table():
    pair = COMPAS.table[np.newaxis]
    (own, _) = compared(COMPAS, "equalized_odds")
    assert own.ratio.value == pytest.approx(METRICS["equalized_odds_ratio"](pair)[0])
    assert own.difference.value == pytest.approx(METRICS["equalized_odds_difference"](pair)[0])
    assert own.worst == "false positive rate"
    # The box of two ratios at half the error each.
    odds = [
        ratio_interval(805, 1795, 349, 1488, level=0.975),
        ratio_interval(1369, 1901, 505, 966, level=0.975),
    ]
    folded = sorted(1 / end for ratio in odds for end in (ratio.low, ratio.high))
    assert own.ratio.low == pytest.approx(folded[0])
    assert own.ratio.high == pytest.approx(1 / odds[0].low)
    assert own.p_value == pytest.approx(2 * equality_test(805, 1795, 349, 1488).p_value)


def test_equalized_odds_are_those_of_fairlearn():
    fairlearn = pytest.importorskip("fairlearn.metrics")
    labels = np.repeat([0, 0, 1, 1] * 2, COMPAS.table.ravel())
    guesses = np.repeat([0, 1, 0, 1] * 2, COMPAS.table.ravel())
    groups = np.repeat([0] * 4 + [1] * 4, COMPAS.table.ravel())
    (own, _) = compared(COMPAS, "equalized_odds")
    ratio = fairlearn.equalized_odds_ratio(labels, guesses, sensitive_features=groups)
    difference = fairlearn.equalized_odds_difference(labels, guesses, sensitive_features=groups)
    assert (own.ratio.value, own.difference.value) == (pytest.approx(ratio), pytest.approx(difference))


TABLES = st.lists(st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(any), min_size=2, max_size=4)


@settings(max_examples=40, deadline=None)
@given(TABLES, st.sampled_from(list(MEASURES)), st.booleans())
def test_an_interval_holds_its_estimate_and_what_is_unknown_says_why(tables, metric, everyone):
    groups = compared(counts_of(*tables), metric, None if everyone else 0, together=0.99)
    for group in groups:
        for figure in (group.ratio, group.difference):
            if figure is None:
                assert group.verdict == REFERENCE
                continue
            if figure.value is None:
                assert figure.reason
                continue
            slack = 1e-9 * max(1.0, abs(figure.value))
            assert figure.low is None or figure.low <= figure.value + slack
            assert figure.high is None or figure.value <= figure.high + slack
        if group.ratio is not None:
            if group.ratio.low is not None and group.simultaneous_low is not None:
                assert group.simultaneous_low <= group.ratio.low + 1e-12
            if group.verdict == IN_BAND:
                assert group.below_four_fifths is False
            if group.verdict == DISPARATE:
                assert group.below_four_fifths is True
            if group.ratio.value is None and group.ratio.low is None and metric != "equalized_odds":
                assert (group.verdict, group.below_four_fifths) == (UNSETTLED, None)


def test_nothing_over_nothing_is_unknown_and_the_reason_names_the_group():
    none, other, _ = compared(counts_of((0, 0, 5, 5), (9, 0, 5, 5), (9, 0, 5, 5)), "false_positive_rate")
    assert (none.ratio.value, none.ratio.low, none.below_four_fifths) == (None, None, None)
    assert none.ratio.reason == none.difference.reason == "no row of a has a negative label"
    assert (other.ratio.value, other.ratio.reason) == (None, "both shares are 0, and 0/0 is unknown")
    assert (none.verdict, other.verdict) == (UNSETTLED, UNSETTLED)


def test_a_rate_over_zero_breaks_the_rule_of_four_fifths():
    own, _ = compared(counts_of((40, 10, 5, 5), (50, 0, 5, 5)), "false_positive_rate")
    assert (own.ratio.value, own.ratio.high, own.below_four_fifths) == (None, None, True)
    assert own.ratio.low > 1


def test_odds_of_which_one_is_unknown_can_still_be_disparate():
    own, _ = compared(counts_of((0, 0, 20, 300), (50, 50, 300, 20)), "equalized_odds")
    assert own.ratio.value is None
    assert own.ratio.reason == "false positive rate: no row of a has a negative label"
    assert own.ratio.high < 0.8
    assert own.verdict == DISPARATE


@pytest.mark.parametrize("metric", ["false_positive_rate", "f1", "equalized_odds", "accuracy"])
def test_without_labels_a_metric_that_needs_them_is_unknown(metric):
    counts = counts_of((60, 40, 0, 0), (30, 70, 0, 0), labelled=False)
    own, reference = compared(counts, metric)
    assert own.ratio.value is own.difference.value is own.p_value is own.below_four_fifths is None
    assert own.ratio.reason == "the table has no labels"
    assert (own.verdict, reference.verdict) == (UNSETTLED, REFERENCE)
    assert compared(counts, "selection_rate")[0].ratio.value == pytest.approx(4 / 7)


@pytest.mark.parametrize("metric", SHARES)
def test_against_all_rows_a_ratio_is_that_of_the_rates(metric):
    counts = counts_of((30, 20, 10, 40), (60, 5, 20, 15), (9, 3, 2, 6))
    rate = MEASURES[metric].rates[0]
    everyone = float(rate.overall(counts.table))
    for own, value in zip(compared(counts, metric, None), rate(counts.table), strict=True):
        assert own.ratio.value == pytest.approx(value / everyone)
        assert own.difference.value == pytest.approx(everyone - value)
        # A group is like all rows exactly where it is like the others.
        assert (own.ratio.low <= 1 <= own.ratio.high) == (own.difference.low <= 0 <= own.difference.high) or (
            abs(own.p_value - 0.05) < 0.05
        )


@pytest.mark.slow
def test_the_interval_against_all_rows_covers_though_the_group_is_a_part_of_them():
    rng = np.random.default_rng(1)
    rates, sizes = np.array([0.3, 0.5, 0.6]), np.array([300, 500, 700])
    truth = rates[0] / (rates @ sizes / sizes.sum())
    draws = rng.binomial(sizes, rates, (200, 3))
    held = 0
    for chosen in draws:
        counts = counts_of(*((rows - x, x, 0, 0) for x, rows in zip(chosen, sizes, strict=True)))
        ratio = compared(counts, "selection_rate", None)[0].ratio
        held += ratio.low <= truth <= ratio.high
    assert 0.91 <= held / 200 <= 0.99


@pytest.mark.parametrize("metric", DERIVED)
def test_the_intervals_of_composites_cover(metric):
    rng = np.random.default_rng(2)
    first, second = np.array([0.40, 0.15, 0.15, 0.30]), np.array([0.45, 0.10, 0.20, 0.25])
    exact = compared(counts_of(1_000_000 * first, 1_000_000 * second), metric)[0]
    held = {"ratio": 0, "difference": 0}
    for one, other in zip(rng.multinomial(300, first, 300), rng.multinomial(400, second, 300), strict=True):
        own = compared(counts_of(one, other), metric)[0]
        for name in held:
            found, truth = getattr(own, name), getattr(exact, name).value
            held[name] += found.low <= truth <= found.high
    assert all(count / 300 >= 0.92 for count in held.values())
    if metric != "equalized_odds":  # which is conservative
        assert all(count / 300 <= 0.985 for count in held.values())


def test_equal_weights_give_the_figures_of_counts():
    table = COMPAS.table
    weights = WeightSums("w", np.zeros(1, dtype=np.int64), table[None], table[None] * 2.0, table[None] * 4.0)
    weighted = counts_of(*table.reshape(-1, 4), weights=weights)
    for metric in MEASURES:
        for reference in (1, None):
            own, plain = (compared(counts, metric, reference)[0] for counts in (weighted, COMPAS))
            assert own.ratio.value == pytest.approx(plain.ratio.value)
            assert own.difference.value == pytest.approx(plain.difference.value)
            assert own.ratio.low == pytest.approx(plain.ratio.low, rel=0.02)
            assert own.below_four_fifths == plain.below_four_fifths


def test_replicated_rows_and_weights_give_the_same_figures():
    table = np.array([(12, 3, 2, 9), (14, 2, 6, 8)])
    weights = WeightSums(
        "w",
        np.zeros(1, dtype=np.int64),
        table.reshape(1, 2, 2, 2),
        table.reshape(1, 2, 2, 2) * 5.0,
        table.reshape(1, 2, 2, 2) * 25.0,
    )
    for metric in MEASURES:
        own = compared(counts_of(*table, weights=weights), metric)[0]
        plain = compared(counts_of(*(5 * table)), metric)[0]
        assert own.ratio.value == pytest.approx(plain.ratio.value)
        assert own.difference.value == pytest.approx(plain.difference.value)


def test_clusters_widen_a_composite():
    table = COMPAS.table // 20
    parts = np.repeat(table[None], 20, axis=0)
    single = WeightSums(
        "w", np.zeros(1, dtype=np.int64), 20 * table[None], 20.0 * table[None], 20.0 * table[None]
    )
    rng = np.random.default_rng(0)
    sums = parts * rng.uniform(0.2, 1.8, (20, 1, 1, 1))
    clustered = WeightSums("w", np.zeros(20, dtype=np.int64), parts, sums, None)
    for metric in ("f1", "balanced_accuracy"):
        wide, plain = (
            compared(counts_of(*(20 * table).reshape(-1, 4), weights=weights), metric)[0].difference
            for weights in (clustered, single)
        )
        assert wide.value == pytest.approx(plain.value)
        assert wide.low <= wide.value <= wide.high


@pytest.mark.parametrize(("band", "verdict"), [(0.1, DISPARATE), (0.214, UNSETTLED), (0.3, IN_BAND)])
def test_a_band_of_differences_judges_by_them(band, verdict):
    own, _ = compared(COMPAS, "false_positive_rate", difference_band=band)
    assert own.verdict == verdict
    assert own.smallest_detectable is None
    assert own.below_four_fifths is True


def test_a_group_that_could_not_have_been_found_says_how_far_it_would_have_had_to_be():
    own, _ = compared(FEW, "true_positive_rate")
    assert own.verdict == UNSETTLED
    assert own.smallest_detectable is None or own.smallest_detectable < 0.8
    own, _ = compared(COMPAS, "false_positive_rate")
    assert 0.6 < own.smallest_detectable < 0.8
