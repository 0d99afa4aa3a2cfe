import numpy as np
import pytest
from scipy.optimize import linprog
from scored_groups import scored_groups

from trivet.errors import DataError
from trivet.fairness.mitigation.thresholds.cuts import cuts_by_group, gains_of
from trivet.fairness.mitigation.thresholds.odds import (
    RocHull,
    _crossings,
    equal_opportunity_thresholds,
    equalized_odds_thresholds,
    roc_hull,
)
from trivet.fairness.mitigation.thresholds.randomised import selection_probability

SEARCHES = {equalized_odds_thresholds: (0, 1), equal_opportunity_thresholds: (1,)}


def error_rates(labels, codes, selection, label):
    """Expected selection rate of each group among rows of one label."""
    return [selection[(codes == code) & (labels == label)].mean() for code in range(codes.max() + 1)]


def linear_programme(cuts, gains, equal):
    """The largest worth of distributions over cuts with the same rates for the labels in `equal`."""
    sizes = [len(group.selected) for group in cuts]
    ends = np.cumsum([0, *sizes])
    shares = [
        {1: group.true_positives / group.positives, 0: group.false_positives / (group.rows - group.positives)}
        for group in cuts
    ]
    worth = np.concatenate(
        [gains.positive * group.true_positives - gains.negative * group.false_positives for group in cuts]
    )
    rows, sides = [], []
    for place, size in enumerate(sizes):
        row = np.zeros(ends[-1])
        row[ends[place] : ends[place] + size] = 1
        rows.append(row)
        sides.append(1)
        if place:
            for label in equal:
                row = np.zeros(ends[-1])
                row[ends[place] : ends[place] + size] = shares[place][label]
                row[: sizes[0]] = -shares[0][label]
                rows.append(row)
                sides.append(0)
    return -linprog(-worth, A_eq=np.array(rows), b_eq=sides).fun


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("objective", ["accuracy", "balanced_accuracy", (2, 1), (1, 3)])
@pytest.mark.parametrize("groups", [2, 3, 5])
def test_equals_a_linear_programme(search, objective, groups):
    rng = np.random.default_rng(groups)
    for case in range(9):
        labels, scores, codes = scored_groups(rng, groups=groups, levels=[3, 6, 1000][case % 3])
        cuts = cuts_by_group(labels, scores, codes)
        gains = gains_of(objective, cuts)
        selection = selection_probability(scores, codes, search(labels, scores, codes, objective=objective))
        for label in SEARCHES[search]:
            assert np.ptp(error_rates(labels, codes, selection, label)) == pytest.approx(0, abs=1e-10)
        found = gains.positive * selection[labels == 1].sum() - gains.negative * selection[labels == 0].sum()
        # 1e-7 is the tolerance of the linear programme, for worths of up to some hundreds.
        assert found == pytest.approx(linear_programme(cuts, gains, SEARCHES[search]), abs=1e-6)


def test_a_mixture_reaches_any_point_of_the_upper_hull():
    rng = np.random.default_rng(0)
    for _ in range(200):
        labels, scores, codes = scored_groups(rng, levels=5)
        labels, scores = labels[codes == 0], scores[codes == 0]
        hull = roc_hull(cuts_by_group(labels, scores, np.zeros_like(labels))[0], name="a")
        x = rng.choice([0, 1, rng.random()])
        top = float(hull.highest_tpr(np.array([x]))[0])
        y = rng.choice([x, top, x + rng.random() * (top - x)])
        mixed = hull.mixture(x, y)
        selection = selection_probability(scores, np.zeros_like(labels), [mixed])
        assert selection[labels == 0].mean() == pytest.approx(x, abs=1e-10)
        assert selection[labels == 1].mean() == pytest.approx(y, abs=1e-10)
        assert len(mixed.thresholds) <= 3
        assert all(share > 0 for share in mixed.shares)
        assert sum(mixed.shares) == pytest.approx(1, abs=1e-12)


def test_the_hull_is_concave_and_above_every_cut():
    rng = np.random.default_rng(1)
    for _ in range(200):
        labels, scores, codes = scored_groups(rng, groups=1, levels=9)
        cuts = cuts_by_group(labels, scores, codes)[0]
        hull = roc_hull(cuts, name="a")
        x, y = hull.false_positive_rate, hull.true_positive_rate
        turns = np.diff(x)[:-1] * np.diff(y)[1:] - np.diff(y)[:-1] * np.diff(x)[1:]
        assert (turns <= 1e-12).all()
        reached = hull.highest_tpr(cuts.false_positives / hull.negatives)
        assert (cuts.true_positives / hull.positives <= reached + 1e-12).all()


def test_crossings_are_all_bends_of_the_lowest_of_many_lines():
    rng = np.random.default_rng(2)
    bends = []
    for _ in range(100):
        ends = rng.random((6, 2))
        hulls = [
            RocHull(np.array([0, 0, 0.8, 1]), np.array([0, left, right, 1]), np.zeros(4), 1, 1)
            for left, right in ends
        ]
        found = _crossings(hulls, 0.0, 0.8)
        x = np.linspace(0, 0.8, 200)
        lowest = np.min(ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * x / 0.8, axis=0)
        knots = np.array([0, *found, 0.8])
        between = np.interp(x, knots, np.min([hull.highest_tpr(knots) for hull in hulls], axis=0))
        np.testing.assert_allclose(between, lowest, atol=1e-12)
        bends.append(len(found))
    assert max(bends) > 2


def test_perfect_scores_need_no_lot():
    labels, scores, codes = [0, 0, 1, 1] * 2, [0.1, 0.25, 0.75, 0.9] * 2, [0] * 4 + [1] * 4
    for search in SEARCHES:
        found = search(labels, scores, codes)
        assert [threshold.thresholds for threshold in found] == [(0.5,), (0.5,)]


@pytest.mark.parametrize(("labels", "missing"), [([0, 1, 1, 1], "negative"), ([0, 1, 0, 0], "positive")])
@pytest.mark.parametrize("search", SEARCHES)
def test_a_group_without_a_label_is_refused(search, labels, missing):
    with pytest.raises(DataError, match=f"found no {missing} one in group 1"):
        search(labels, [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1])
