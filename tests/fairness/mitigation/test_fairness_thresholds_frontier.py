import numpy as np
import pytest

from trivet import fairness
from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.thresholds.randomised import apply_group_thresholds, selection_probability


def scored(seed, rows=4000):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 2 + seed % 2, rows)
    scores = np.clip(rng.normal(0.35 + 0.12 * groups, 0.2), 0, 1)
    return (rng.random(rows) < scores).astype(int), scores, groups


@pytest.mark.parametrize("constraint", ["equalized_odds", "equal_opportunity"])
def test_a_larger_bound_is_no_less_accurate_where_thresholds_are_fitted_and_each_bound_holds(constraint):
    labels, scores, groups = scored(1)
    found = fairness.odds_frontier(labels, scores, groups, constraint=constraint)
    right = [point.fitted_accuracy for point in found.points]
    assert (np.diff(right) >= -1e-9).all()
    assert right[-1] > right[0] + 0.005
    for point in found.points:
        assert point.fitted_gap <= point.bound + 1e-9
        assert point.accuracy.low < point.accuracy.value < point.accuracy.high
        assert point.gap.low <= point.gap.value <= point.gap.high
    assert (found.fitted_rows, found.rows, found.groups) == (2000, 2000, ("0", "1", "2"))
    assert "0.01" in repr(found)


def test_intervals_hold_what_many_other_rows_show():
    labels, scores, groups = scored(0, rows=6000)
    point = fairness.odds_frontier(labels, scores, groups, bounds=[0.05]).points[0]
    others, ranked, codes = scored(2, rows=400_000)
    chance = selection_probability(ranked, codes, point.thresholds)
    right = np.where(others == 1, chance, 1 - chance).mean()
    assert point.accuracy.low <= right <= point.accuracy.high
    gap = max(np.ptp([chance[(codes == g) & (others == label)].mean() for g in (0, 1)]) for label in (0, 1))
    assert point.gap.low <= gap <= point.gap.high
    drawn = apply_group_thresholds(ranked, codes, point.thresholds, features=np.arange(400_000))
    assert (drawn == others).mean() == pytest.approx(right, abs=0.003)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"constraint": "parity"}, UsageError, "one of equalized_odds, equal_opportunity, found 'parity'"),
        ({"bounds": []}, UsageError, "a frontier needs a bound"),
        ({"bounds": [2]}, UsageError, r"from 0 to 1, found 2\.0"),
        ({"share": 1.0}, UsageError, "above 0 and below 1"),
    ],
)
def test_what_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        fairness.odds_frontier(*scored(0, rows=200), **options)


def test_a_group_without_a_label_is_refused():
    with pytest.raises(DataError, match="rows of both labels in every group"):
        fairness.odds_frontier([0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], ["a", "a", "b", "b"])
