"""Metrics of one's own by group, against Fairlearn's MetricFrame and closed forms."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from trivet.errors import DataError, UsageError
from trivet.fairness import by_group


def accuracy(truth, predicted):
    return (truth == predicted).mean()


def weighted_error(truth, predicted, sample_weight):
    return np.average(truth != predicted, weights=sample_weight)


def nothing(truth, predicted):
    return 0.0 * len(truth) * len(predicted)


def below_zero(truth, predicted):
    return float(predicted.mean() - truth.mean() - 1)


def no_number(truth, predicted):
    del truth, predicted


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    group = rng.choice(list("abc"), 400, p=[0.5, 0.3, 0.2])
    truth = rng.integers(0, 2, 400)
    return truth, np.where(rng.random(400) < 0.75, truth, 1 - truth), group


def test_figures_are_those_of_metric_frame(rows):
    frames = pytest.importorskip("fairlearn.metrics")
    truth, predicted, group = rows
    weights = np.random.default_rng(0).exponential(size=400)
    metrics = {"accuracy": accuracy_score, "error": weighted_error}
    found = by_group(
        metrics, truth, predicted, pd.Series(group, name="town"), sample_weight=weights, replicates=20
    )
    frame = frames.MetricFrame(
        metrics=metrics,
        y_true=truth,
        y_pred=predicted,
        sensitive_features=group,
        sample_params={name: {"sample_weight": weights} for name in metrics},
    )
    assert found.columns == ("town",)
    for each in found.by_group:
        assert each.value.value == pytest.approx(frame.by_group[each.metric][each.group])
        assert each.rows == (group == each.group).sum()
    for gap in found.gaps:
        assert gap.overall.value == pytest.approx(frame.overall[gap.metric])
        assert gap.difference.value == pytest.approx(frame.difference()[gap.metric])
        assert gap.ratio.value == pytest.approx(frame.ratio()[gap.metric])
    assert "accuracy" in repr(found)
    assert len(found.to_frame()) == 6


def test_intervals_are_nearly_those_of_shares(rows):
    truth, predicted, group = rows
    found = by_group(accuracy, truth, predicted, group, replicates=500)
    for each in found.by_group:
        share = each.value.value
        reach = 1.96 * np.sqrt(share * (1 - share) / each.rows)
        assert each.value.method == "BCa bootstrap"
        assert each.value.high - each.value.low == pytest.approx(2 * reach, rel=0.2)
    again = by_group(accuracy, truth, predicted, group, replicates=500)
    assert again == found
    (gap,) = found.gaps
    assert 0 <= gap.difference.low <= gap.difference.value <= gap.difference.high
    assert gap.ratio.low <= gap.ratio.value <= gap.ratio.high <= 1


def test_what_has_no_figure_has_a_reason():
    truth = np.array([0, 1, 0, 1, 1, 1])
    score = np.array([0.1, 0.9, 0.4, 0.3, 0.5, 0.6])
    found = by_group(roc_auc_score, truth, score, list("aaaabb"), replicates=20)
    unknown = found.by_group[1].value
    assert unknown.value is None
    assert unknown.reason
    assert "unknown for b" in found.gaps[0].difference.reason
    zero = by_group(nothing, truth, score, list("aaabbb"), replicates=20)
    assert zero.by_group[0].value.low is None
    assert zero.gaps[0].ratio.value is None
    assert "0/0" in zero.gaps[0].ratio.reason
    negative = by_group(below_zero, truth, score, list("aaabbb"), replicates=20)
    assert "below 0" in negative.gaps[0].ratio.reason


def test_wrong_arguments_are_refused(rows):
    truth, predicted, group = rows
    with pytest.raises(UsageError, match="a metric is a function"):
        by_group("accuracy", truth, predicted, group)
    with pytest.raises(UsageError, match="returns a number"):
        by_group(no_number, truth, predicted, group)
    with pytest.raises(DataError):
        by_group(accuracy_score, truth[:5], predicted, group)
    with pytest.raises(DataError, match="missing"):
        by_group(accuracy_score, truth, predicted, [None, *group[1:]])
    with pytest.raises(UsageError):
        by_group(accuracy_score, truth, predicted, group, level=1.5)


def test_a_group_without_a_spread_leaves_no_interval_of_a_gap():
    truth = np.random.default_rng(1).integers(0, 2, 60)
    found = by_group(accuracy, truth, np.r_[truth[::-1][:-1], truth[-1]], [*"a" * 59, "b"], replicates=50)
    (gap,) = found.gaps
    assert gap.difference.value > 0
    for each in (gap.difference, gap.ratio):
        assert (each.low, each.high) == (None, None)
        assert "no draw has another figure for b" in each.reason
