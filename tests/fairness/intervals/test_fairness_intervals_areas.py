import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from trivet.fairness.intervals.shares import area_interval
from trivet.fairness.metrics.scores import group_aucs


@pytest.mark.parametrize("area", [0.6, 0.8, 0.95])
@pytest.mark.parametrize(("positives", "negatives"), [(5, 5), (10, 10), (40, 40), (15, 100), (120, 150)])
def test_the_interval_covers_few_rows_and_high_areas(area, positives, negatives):
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [positives, negatives])
    covered = 0
    for _ in range(400):
        scores = rng.normal(labels * norm.ppf(area) * np.sqrt(2))
        (found, *_) = group_aucs(labels, scores, np.zeros(len(labels), int), names=("all",))
        bounds = area_interval(found.value, positives, negatives, found.standard_error)
        covered += bounds.low <= area <= bounds.high
    assert covered / 400 > 0.925  # 95 % less two and a half standard errors


@given(st.floats(0, 1), st.integers(1, 300), st.integers(1, 300))
def test_the_ends_lie_on_both_sides_within_0_and_1(area, positives, negatives):
    bounds = area_interval(area, positives, negatives, 0.01)
    assert 0 <= bounds.low <= area <= bounds.high <= 1
    assert bounds.low < bounds.high


def test_a_perfect_order_of_few_rows_is_not_sure():
    bounds = area_interval(1.0, 5, 5, 0.0)
    assert bounds.high == 1.0
    assert 0.4 < bounds.low < 0.8
