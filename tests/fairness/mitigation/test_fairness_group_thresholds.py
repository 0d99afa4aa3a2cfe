from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scored_groups import all_cuts, scored_groups

from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.thresholds.cuts import difference_thresholds, ratio_thresholds
from trivet.fairness.mitigation.thresholds.randomised import apply_group_thresholds

OBJECTIVES = ["accuracy", "balanced_accuracy", (1, 3), (2, 0.5)]


def gains(objective, labels):
    """What a right positive and a right negative are worth, as fractions."""
    if objective == "accuracy":
        return Fraction(1), Fraction(1)
    if objective == "balanced_accuracy":
        return Fraction(1, int((labels == 1).sum())), Fraction(1, int((labels == 0).sum()))
    return Fraction(objective[1]), Fraction(objective[0])


def worth(objective, labels, predictions):
    positive, negative = gains(objective, labels)
    right = labels == predictions
    return positive * int((right & (labels == 1)).sum()) + negative * int((right & (labels == 0)).sum())


def rates(predictions, codes):
    return [
        Fraction(int(predictions[codes == code].sum()), int((codes == code).sum()))
        for code in range(codes.max() + 1)
    ]


def in_ratio(found, bound, reference):
    return all(bound * found[reference] <= rate <= found[reference] / bound for rate in found)


def brute_force(labels, scores, codes, objective, allowed):
    """The largest worth of all combinations of cuts whose exact rates are allowed."""
    positive, negative = gains(objective, labels)
    best = None
    for cuts in product(*all_cuts(labels, scores, codes)):
        if allowed([Fraction(selected, rows) for _, rows, selected, _, _ in cuts]):
            value = sum(positive * cut[3] + negative * cut[4] for cut in cuts)
            best = value if best is None else max(best, value)
    return best


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("bound", [Fraction(4, 5), Fraction(1), Fraction(1, 2)])
def test_ratio_equals_brute_force(groups, objective, bound):
    rng = np.random.default_rng(groups)
    for case in range(25):
        labels, scores, codes = scored_groups(rng, groups=groups, levels=3 + case % 5)
        reference = case % groups
        found = ratio_thresholds(
            labels, scores, codes, reference=reference, bound=float(bound), objective=objective
        )
        predictions = apply_group_thresholds(scores, codes, found)
        assert in_ratio(rates(predictions, codes), bound, reference)
        assert worth(objective, labels, predictions) == brute_force(
            labels, scores, codes, objective, lambda r, b=bound, i=reference: in_ratio(r, b, i)
        )


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("bound", [Fraction(0), Fraction(1, 20), Fraction(1, 4)])
def test_difference_equals_brute_force(groups, objective, bound):
    rng = np.random.default_rng(10 + groups)
    for case in range(10):
        labels, scores, codes = scored_groups(rng, groups=groups, levels=3 + case % 5)
        found = difference_thresholds(labels, scores, codes, bound=float(bound), objective=objective)
        predictions = apply_group_thresholds(scores, codes, found)
        reached = rates(predictions, codes)
        assert max(reached) - min(reached) <= bound
        assert worth(objective, labels, predictions) == brute_force(
            labels, scores, codes, objective, lambda r, b=bound: max(r) - min(r) <= b
        )


def test_no_bound_leaves_each_group_its_best_cut():
    labels, scores, codes = scored_groups(np.random.default_rng(3), groups=3)
    found = difference_thresholds(labels, scores, codes, bound=1)
    best = sum(max(cut[3] + cut[4] for cut in cuts) for cuts in all_cuts(labels, scores, codes))
    assert (apply_group_thresholds(scores, codes, found) == labels).sum() == best


# Differences of exactly the bound, whose sums in floating point fall on the wrong side of it.
@pytest.mark.parametrize(
    ("few", "many", "bound"),
    [((7, 10), (21, 28), 0.05), ((9, 10), (19, 19), 0.1), ((1, 15), (5, 12), 0.35), ((1, 10), (3, 20), 0.05)],
)
def test_rounding_does_not_decide_the_bound_on_a_difference(few, many, bound):
    columns = []
    for code, (positives, rows) in enumerate((few, many)):
        labels = np.arange(rows) < positives
        columns.append((labels.astype(int), np.linspace(1, 0.5, rows), np.full(rows, code)))
    labels, scores, codes = (np.concatenate(column) for column in zip(*columns, strict=True))
    found = difference_thresholds(labels, scores, codes, bound=bound)
    assert apply_group_thresholds(scores, codes, found).tolist() == labels.tolist()


def test_among_equal_choices_the_fewest_are_selected():
    # Each row alone is as often right as wrong: every cut of equal size has two of four rows right.
    labels, scores = np.array([1, 0, 1, 0] * 2), np.array([0.9, 0.9, 0.1, 0.1] * 2)
    codes = np.repeat([0, 1], 4)
    for found in (
        difference_thresholds(labels, scores, codes, bound=0),
        ratio_thresholds(labels, scores, codes, reference=1),
    ):
        assert found == (np.inf, np.inf)


def test_among_equal_choices_the_one_with_the_lowest_rate_is_taken():
    # One and three of the second group leave two wrong, and both rates are within 0.5 of one in two.
    labels, codes = np.array([1, 0, 1, 0, 1, 0]), np.array([0, 0, 1, 1, 1, 1])
    scores = np.array([0.9, 0.1, 0.8, 0.6, 0.4, 0.2])
    assert difference_thresholds(labels, scores, codes, bound=0.5) == pytest.approx((0.5, 0.7))
    assert difference_thresholds(labels, scores, 1 - codes, bound=0.5) == pytest.approx((0.7, 0.5))


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(5)
    labels, scores, codes = scored_groups(rng, groups=3)
    order = rng.permutation(len(labels))
    assert difference_thresholds(labels, scores, codes) == difference_thresholds(
        labels[order], scores[order], codes[order]
    )


COLUMNS = [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ratio_thresholds(*COLUMNS, reference=2), UsageError, "one of the groups 0 to 1, found 2"),
        (lambda: ratio_thresholds(*COLUMNS, reference=1, bound=1.2), UsageError, "at most 1, found 1.2"),
        (lambda: difference_thresholds(*COLUMNS, bound=-0.1), UsageError, "from 0 to 1, found -0.1"),
        (lambda: difference_thresholds(*COLUMNS, objective="f1"), UsageError, "balanced_accuracy, or .*'f1'"),
        (lambda: difference_thresholds(*COLUMNS, objective=(1, -1)), UsageError, "not negative; found"),
        (
            lambda: difference_thresholds([1, 1], [0.1, 0.2], [0, 1], objective="balanced_accuracy"),
            DataError,
            "needs rows of both labels",
        ),
        (lambda: difference_thresholds([0, 1], [0.1, 0.2], [0, 2]), DataError, "found no row of group 1"),
        (lambda: difference_thresholds([0, 1], [0.1, 0.2], ["a", "b"]), DataError, "values such as 'a'"),
        (lambda: difference_thresholds([0, 1], [0.1, 0.2], [0, -1]), DataError, "from 0, found -1"),
        (lambda: difference_thresholds([0, 1], [0.1, 0.2], [[0, 1]]), DataError, r"found shape \(1, 2\)"),
        (lambda: difference_thresholds([0, 1], [0.1], [0, 1]), DataError, "y_true 2, scores 1, groups 2"),
    ],
)
def test_what_cannot_be_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
