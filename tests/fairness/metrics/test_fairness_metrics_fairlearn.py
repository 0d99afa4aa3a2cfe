"""Fairlearn's metrics give what trivet's give, and say 0 where trivet says that a rate is undefined."""

from dataclasses import replace
from functools import partial

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from rows_of_counts import random_tables, rows_of
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
    zero_one_loss,
)
from sklearn.preprocessing import StandardScaler

from trivet.datasets import load_adult
from trivet.fairness import METRICS
from trivet.fairness.metrics import group_rates
from trivet.fairness.metrics.comparisons import Spread, group_sizes
from trivet.fairness.metrics.scores import group_aucs

BY_GROUP = {
    group_rates.selection_rates: fl.selection_rate,
    group_rates.true_positive_rates: fl.true_positive_rate,
    group_rates.false_positive_rates: fl.false_positive_rate,
    METRICS["true_negative_rate"]: fl.true_negative_rate,
    METRICS["false_negative_rate"]: fl.false_negative_rate,
    group_rates.accuracies: accuracy_score,
    group_rates.error_rates: zero_one_loss,
    group_rates.balanced_accuracies: balanced_accuracy_score,
    group_rates.positive_predictive_values: partial(precision_score, zero_division=0),
    group_rates.f1_scores: partial(f1_score, zero_division=0),
}
NAMED = {
    METRICS["demographic_parity_spread"]: fl.demographic_parity_difference,
    METRICS["demographic_parity_spread_ratio"]: fl.demographic_parity_ratio,
    METRICS["equal_opportunity_spread"]: fl.equal_opportunity_difference,
    METRICS["equal_opportunity_spread_ratio"]: fl.equal_opportunity_ratio,
    METRICS["equalized_odds_spread"]: fl.equalized_odds_difference,
    METRICS["equalized_odds_spread_ratio"]: fl.equalized_odds_ratio,
    METRICS["average_odds_spread"]: partial(fl.equalized_odds_difference, agg="mean"),
    METRICS["average_odds_spread_ratio"]: partial(fl.equalized_odds_ratio, agg="mean"),
}
#: What Fairlearn calls what groups are compared with.
METHODS = {"between_groups": "each other", "to_overall": "overall"}
TABLES = pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
#: scikit-learn's warnings of undefined scores, which it replaces by 0.
UNDEFINED = "ignore:y_pred contains classes not in y_true", "ignore:A single label was found"


def counts_of(labels, predictions, codes):
    table = np.zeros((codes.max() + 1, 2, 2), dtype=np.int64)
    np.add.at(table, (codes, labels, predictions), 1)
    return table


@pytest.fixture(scope="module")
def adult():
    """Labels, scores of a logistic regression, and the sensitive columns of the rows of adult.test."""
    table = load_adult()
    rows = table["file"] == "test"
    numbers = ("age", "educational-num", "capital-gain", "capital-loss", "hours-per-week")
    features = StandardScaler().fit_transform(np.stack([table[name][rows] for name in numbers], axis=1))
    labels = (table["income"][rows] == ">50K").astype(int)
    scores = LogisticRegression(max_iter=1000).fit(features, labels).predict_proba(features)[:, 1]
    return labels, scores, pd.DataFrame({name: table[name][rows] for name in ("gender", "race")})


def spread_of(rate, kind, against):
    return Spread(title="", formula="", undefined="", source="", rates=(rate,), kind=kind, against=against)


def assert_frames_agree(labels, predictions, sensitive, table):
    """Compare every rate by group, its extremes, and its differences and ratios by both methods."""
    frame = fl.MetricFrame(
        metrics={rate.name: function for rate, function in BY_GROUP.items()} | {"count": fl.count},
        y_true=labels,
        y_pred=predictions,
        sensitive_features=sensitive,
    )
    assert frame.by_group["count"].tolist() == group_sizes(table).tolist()
    between = {kind: getattr(frame, kind)(method="between_groups") for kind in ("difference", "ratio")}
    overall = {kind: getattr(frame, kind)(method="to_overall") for kind in ("difference", "ratio")}
    low, high = frame.group_min(), frame.group_max()
    compared = 0
    for rate in BY_GROUP:
        found, theirs = rate(table), frame.by_group[rate.name].to_numpy(dtype=float)
        defined = ~np.isnan(found)
        np.testing.assert_allclose(found[defined], theirs[defined], atol=1e-12)
        if rate is not group_rates.balanced_accuracies:
            # Where trivet has no rate Fairlearn says 0. (Balanced accuracy is then the rate that is left.)
            assert (theirs[~defined] == 0).all()
        if not defined.all():
            continue
        compared += 1
        assert rate.overall(table) == pytest.approx(frame.overall[rate.name], abs=1e-12)
        assert (found.min(), found.max()) == pytest.approx((low[rate.name], high[rate.name]), abs=1e-12)
        for kind in ("difference", "ratio"):
            if kind == "ratio" and found.max() == 0:
                # Nothing over nothing: Fairlearn has NaN, and trivet gives the reason.
                spread = spread_of(rate, kind, "each other")
                assert np.isnan(between[kind][rate.name])
                assert "is 0 in every group" in spread.reason(table, "ABCDEFGHIJ"[: len(table)])
                continue
            for against, answers in (("each other", between), ("overall", overall)):
                mine = spread_of(rate, kind, against)(table)
                assert mine == pytest.approx(answers[kind][rate.name], abs=1e-12)
    return compared


def assert_named_agree(labels, predictions, sensitive, table, methods=tuple(METHODS)):
    """Compare the metrics that Fairlearn has a name for."""
    compared = 0
    for spread, function in NAMED.items():
        names = [str(group) for group in range(len(table))]
        if spread.reason(table, names) or spread.left_out(table):
            continue
        for method in methods:
            theirs = function(labels, predictions, sensitive_features=sensitive, method=method)
            assert replace(spread, against=METHODS[method])(table) == pytest.approx(theirs, abs=1e-12)
            compared += 1
    return compared


@pytest.mark.slow
@pytest.mark.parametrize("columns", [["race"], ["gender"], ["gender", "race"]])
def test_on_adult(adult, columns):
    labels, scores, sensitive = adult
    predictions = (scores >= 0.5).astype(int)
    groups, codes = np.unique(sensitive[columns].agg(", ".join, axis=1), return_inverse=True)
    table = counts_of(labels, predictions, codes)
    assert assert_frames_agree(labels, predictions, sensitive[columns], table) == len(BY_GROUP)
    assert assert_named_agree(labels, predictions, sensitive[columns], table) == 2 * len(NAMED)
    areas = fl.MetricFrame(
        metrics=roc_auc_score, y_true=labels, y_pred=scores, sensitive_features=sensitive[columns]
    ).by_group
    found = [area.value for area in group_aucs(labels, scores, codes, names=groups) if area.metric == "auc"]
    assert found == pytest.approx(areas.tolist(), abs=1e-12)


@pytest.mark.filterwarnings(*UNDEFINED)
@TABLES
def test_rates_of_random_tables(count):
    compared = 0
    for table in random_tables(count, seed=10):
        groups, labels, predictions = rows_of(table)
        compared += assert_frames_agree(labels, predictions, groups, table)
    assert compared > 5 * count


@pytest.mark.filterwarnings(*UNDEFINED)
@TABLES
def test_disparities_of_random_tables(count):
    compared = 0
    for number, table in enumerate(random_tables(count, seed=10)):
        groups, labels, predictions = rows_of(table)
        # By the other method each time: Fairlearn takes 10 ms for each figure of a few dozen rows.
        method = tuple(METHODS)[number % 2]
        compared += assert_named_agree(labels, predictions, groups, table, [method])
    assert compared > 4 * count


def test_recall_is_the_true_positive_rate():
    for table in random_tables(50, seed=11):
        groups, labels, predictions = rows_of(table)
        found = group_rates.true_positive_rates(table)
        for group in np.flatnonzero(~np.isnan(found)):
            own = groups == group
            assert found[group] == pytest.approx(recall_score(labels[own], predictions[own]), abs=1e-12)


def test_a_group_without_positives_is_left_out_where_fairlearn_counts_it_as_0():
    table = np.array([[[5, 1], [1, 3]], [[8, 4], [2, 6]], [[3, 1], [0, 0]]])
    groups, labels, predictions = rows_of(table)
    theirs = fl.equal_opportunity_difference(labels, predictions, sensitive_features=groups)
    assert theirs == 0.75
    assert METRICS["equal_opportunity_spread"](table) == 0
    assert METRICS["equal_opportunity_spread"].left_out(table) == (2,)
    assert group_rates.true_positive_rates.reason(table, 2, "ABC") == "no row of C has a positive label"
