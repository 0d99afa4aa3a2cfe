"""LiRA against a loop over rows with scipy, and against the closed form of two Gaussians."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from trivet.errors import DataError
from trivet.privacy.membership.lira import PER_ROW_FROM, lira_scores
from trivet.privacy.membership.signals import CLIP, confidence_logits, true_class_probabilities


def shadow_logits(seed, shadows, n, *, gap=1.0):
    """Each row in exactly half of the shadow models; a row's own mean and spread on either side."""
    rng = np.random.default_rng(seed)
    inside = rng.random((shadows, n)).argsort(axis=0) < shadows // 2
    centre, spread = rng.normal(0, 3, n), rng.uniform(0.5, 2.0, n)
    values = centre + spread * (rng.normal(size=(shadows, n)) + gap * inside)
    members = rng.random(n) < 0.5
    target = centre + spread * (rng.normal(size=n) + gap * members)
    return target, values, inside, members


def by_rows(target, shadows, inside, *, online, per_row):
    """The attack as the paper writes it, a row at a time."""
    with_row = [shadows[inside[:, i], i] for i in range(len(target))]
    without = [shadows[~inside[:, i], i] for i in range(len(target))]

    def deviation(side, i):
        if per_row:
            return np.std(side[i], ddof=1)
        residuals = np.concatenate([column - column.mean() for column in side])
        return math.sqrt(residuals @ residuals / (len(residuals) - len(side)))

    scores = []
    for i, t in enumerate(target):
        out = norm(np.mean(without[i]), deviation(without, i))
        inn = norm(np.mean(with_row[i]), deviation(with_row, i))
        scores.append(inn.logpdf(t) - out.logpdf(t) if online else out.cdf(t))
    return np.array(scores)


@pytest.mark.parametrize("per_row", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_scores_are_those_of_a_loop_over_rows(per_row, seed):
    target, shadows, inside, _ = shadow_logits(seed, 16, 40)
    online = lira_scores(target, shadows, inside, online=True, per_row_variance=per_row)
    offline = lira_scores(target, shadows, inside, online=False, per_row_variance=per_row)
    expected = by_rows(target, shadows, inside, online=True, per_row=per_row)
    np.testing.assert_allclose(online, expected, rtol=1e-9, atol=1e-9)
    expected = by_rows(target, shadows, inside, online=False, per_row=per_row)
    np.testing.assert_allclose(norm.cdf(offline), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("shadows", "per_row"), [(PER_ROW_FROM - 2, False), (PER_ROW_FROM, True)])
@pytest.mark.parametrize("online", [True, False])
def test_rows_get_variances_of_their_own_from_sixty_four_models_on(shadows, per_row, online):
    target, values, inside, _ = shadow_logits(2, shadows, 30)
    scores = lira_scores(target, values, inside, online=online)
    same, other = (
        lira_scores(target, values, inside, online=online, per_row_variance=flag)
        for flag in (per_row, not per_row)
    )
    np.testing.assert_array_equal(scores, same)
    assert not np.allclose(scores, other)


@pytest.mark.parametrize("gap", [0.0, 0.5, 1.5])
def test_the_roc_is_that_of_two_gaussians(gap):
    # In units of a row's spread t is N(0, 1) without the row and N(gap, 1) with it.
    n = 6000
    target, shadows, inside, members = shadow_logits(5, 200, n, gap=gap)
    auroc, tpr = norm.cdf(gap / math.sqrt(2)), norm.cdf(gap - norm.ppf(0.9))
    for online in (True, False):
        scores = lira_scores(target, shadows, inside, online=online)
        # Four standard errors of so many pairs. A mean of 100 models adds 1/100 to the variance.
        blur = auroc - norm.cdf(gap / math.sqrt(2 * 1.01))
        band = 4 * math.sqrt(auroc * (1 - auroc) / (n / 2)) + blur
        assert roc_auc_score(members, scores) == pytest.approx(auroc, abs=band)
        threshold = np.quantile(scores[~members], 0.9)
        # The threshold errs as the rate does: sqrt(0.1 * 0.9 / 3000) in the rate of the non-members,
        # times the slope of the ROC there.
        slope = norm.pdf(norm.ppf(0.9) - gap) / norm.pdf(norm.ppf(0.9))
        band = 4 * math.sqrt((tpr * (1 - tpr) + 0.09 * slope**2) / (n / 2))
        assert (scores[members] > threshold).mean() == pytest.approx(tpr, abs=band)


def test_models_that_agree_on_every_row_give_finite_scores():
    inside = np.arange(8)[:, None] % 2 == np.zeros((1, 3))
    shadows = np.where(inside, 30.0, -30.0)
    target = np.array([30.0, -30.0, 0.0])
    scores = lira_scores(target, shadows, inside, online=True, per_row_variance=True)
    assert np.isfinite(scores).all()
    assert scores[0] > scores[2] > scores[1]


def test_a_far_tail_still_orders_the_rows():
    _, shadows, inside, _ = shadow_logits(3, 16, 2)
    shadows[:, 1], inside[:, 1] = shadows[:, 0], inside[:, 0]
    scores = lira_scores(shadows[:, 0].max() + np.array([100.0, 200.0]), shadows, inside, online=False)
    assert norm.cdf(scores[0]) == norm.cdf(scores[1]) == 1
    assert scores[0] < scores[1]


@pytest.mark.parametrize("online", [True, False])
def test_a_row_without_models_on_a_side_is_refused(online):
    target, shadows, inside, _ = shadow_logits(0, 8, 5)
    inside[:, 3] = True
    with pytest.raises(DataError, match="without each row; row 3 has 0"):
        lira_scores(target, shadows, inside, online=online)


def test_shapes_and_values_that_do_not_fit_are_refused():
    target, shadows, inside, _ = shadow_logits(0, 8, 5)
    with pytest.raises(DataError, match="found shapes"):
        lira_scores(target[:4], shadows, inside, online=True)
    with pytest.raises(DataError, match="of int64"):
        lira_scores(target, shadows, inside.astype(np.int64), online=True)
    target[2] = np.nan
    with pytest.raises(DataError, match="not finite"):
        lira_scores(target, shadows, inside, online=True)


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=6), st.data())
def test_logits_are_the_log_odds_of_the_true_class(weights, data):
    p = np.array([weights]) / sum(weights)
    label = data.draw(st.integers(0, len(weights) - 1))
    (logit,) = confidence_logits(p, [label])
    assert logit == pytest.approx(math.log(p[0, label]) - math.log(1 - p[0, label]), abs=1e-9)
    assert true_class_probabilities(p, [label])[0] == p[0, label]


def test_logits_are_finite_at_certainty_and_keep_digits_next_to_it():
    certain = confidence_logits([[1.0, 0.0], [0.0, 1.0]], [0, 0])
    np.testing.assert_allclose(certain, [-math.log(CLIP), math.log(CLIP)])
    # 1 - p is 0 here in double precision rounding, the other class is not.
    assert confidence_logits([[1.0, 1e-14]], [0])[0] == pytest.approx(14 * math.log(10))


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([[0.4, 0.4]], [0], "sum to 1"),
        ([[math.nan, 0.5]], [0], "sum to 1"),
        ([[1.5, -0.5]], [0], "sum to 1"),
        ([[0.5, 0.5]], [2], "0 to 1"),
        ([[0.5, 0.5]], [0.0], "0 to 1"),
        ([[1.0]], [0], "two classes"),
        ([[0.5, 0.5]], [0, 1], "one label a row"),
    ],
)
def test_what_is_no_probability_or_label_is_refused(probabilities, labels, message):
    with pytest.raises(DataError, match=message):
        confidence_logits(probabilities, labels)
