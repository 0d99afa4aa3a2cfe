import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from mitigated_classifiers import unequal_rows
from scipy import sparse
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from trivet.datasets import load_adult
from trivet.datasets.adult import SENSITIVE_COLUMN, adult_sample
from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.drop_sensitive import DropSensitive, proxy_auc
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.study.fairness import logistic_scores, split_sample, standardise

NAMES = ["gender", "merit", "proxy"]


def tables(rows):
    columns = dict(zip(NAMES, rows.X.T, strict=True))
    return {
        "array": rows.X,
        "list": rows.X.tolist(),
        "sparse": sparse.coo_array(rows.X),
        "pandas": pd.DataFrame(columns),
        "polars": pl.DataFrame(columns),
        "pyarrow": pa.table(columns),
    }


@pytest.mark.parametrize("kind", ["array", "list", "sparse", "pandas", "polars", "pyarrow"])
def test_the_classifier_sees_the_other_columns_of_any_table(kind):
    rows = unequal_rows()
    table = tables(rows)[kind]
    model = DropSensitive(LogisticRegression(), columns=0).fit(table, rows.y)
    plain = LogisticRegression().fit(rows.X[:, 1:], rows.y)
    np.testing.assert_allclose(model.predict_proba(table), plain.predict_proba(rows.X[:, 1:]), rtol=1e-6)
    assert (model.n_features_in_, model.estimator_.n_features_in_, model.dropped_) == (3, 2, (0,))
    if kind in ("pandas", "polars"):
        assert model.feature_names_in_.tolist() == NAMES
        assert model.estimator_.feature_names_in_.tolist() == NAMES[1:]


@pytest.mark.parametrize(
    ("columns", "dropped"),
    [("proxy", (2,)), (["proxy", "gender"], (0, 2)), ((2, "gender", 0), (0, 2)), (np.array([1]), (1,))],
)
def test_columns_are_names_or_places(columns, dropped):
    rows = unequal_rows()
    frame = tables(rows)["pandas"]
    model = DropSensitive(LogisticRegression(), columns=columns, proxy_folds=0).fit(frame, rows.y)
    assert model.dropped_ == dropped


def test_the_order_of_the_columns_is_held():
    rows = unequal_rows()
    frame = tables(rows)["pandas"]
    model = DropSensitive(LogisticRegression(), columns="gender").fit(frame, rows.y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[NAMES[::-1]])
    model = DropSensitive(LogisticRegression(), columns=0).fit(rows.X, rows.y)
    with pytest.raises(ValueError, match="X has 2 features, but DropSensitive is expecting 3"):
        model.predict(rows.X[:, 1:])


def test_what_the_dropped_column_holds_changes_nothing():
    rows = unequal_rows()
    model = DropSensitive(LogisticRegression(), columns=0).fit(rows.X, rows.y)
    other = rows.X.copy()
    other[:, 0] = np.nan
    np.testing.assert_array_equal(model.predict(other), model.predict(rows.X))


def test_the_proxy_area_is_that_of_a_loop_over_the_folds():
    rows = unequal_rows()
    model = DropSensitive(LogisticRegression(), columns=0, proxy_folds=4, random_state=3).fit(rows.X, rows.y)
    group, others = rows.X[:, 0].astype(int), rows.X[:, 1:]
    areas = []
    for train, test in StratifiedKFold(4, shuffle=True, random_state=3).split(others, group):
        fitted = LogisticRegression().fit(others[train], group[train])
        areas.append(roc_auc_score(group[test], fitted.predict_proba(others[test])[:, 1]))
    assert model.proxy_auc_ == pytest.approx(np.mean(areas), rel=1e-12)
    assert model.proxy_reason_ is None


@pytest.mark.parametrize("estimator", [LogisticRegression(), Perceptron()])
def test_more_groups_are_told_one_from_the_others(estimator):
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], 60)
    told = np.column_stack([groups == 1, groups == 2]) + rng.normal(scale=0.05, size=(180, 2))
    assert proxy_auc(estimator, told, groups) == (1.0, None)
    found, _ = proxy_auc(estimator, rng.normal(size=(180, 2)), groups)
    assert abs(found - 0.5) < 0.1


def test_given_groups_stand_for_those_of_the_column():
    rows = unequal_rows()
    noise = np.column_stack([np.random.default_rng(0).normal(size=240), rows.X[:, 1:]])
    unknown = DropSensitive(LogisticRegression(), columns=0).fit(noise, rows.y)
    assert unknown.proxy_auc_ is None
    assert unknown.proxy_reason_ == "the dropped columns have 240 values; pass sensitive_features"
    known = DropSensitive(LogisticRegression(), columns=0)
    known.fit(noise, rows.y, sensitive_features=rows.groups)
    told = DropSensitive(LogisticRegression(), columns=0).fit(rows.X, rows.y)
    assert known.proxy_auc_ == pytest.approx(told.proxy_auc_, rel=1e-12)


@pytest.mark.parametrize(
    ("column", "options", "reason"),
    [
        (np.ones(240), {}, "name no groups; pass sensitive_features"),
        (np.full(240, np.nan), {}, "name no groups"),
        (np.r_[np.zeros(237), np.ones(3)], {}, "a group has 3 rows, too few for 5 folds"),
        (np.arange(240) % 2, {"proxy_folds": 0}, "not requested"),
    ],
)
def test_it_says_why_the_proxy_area_is_not_known(column, options, reason):
    rows = unequal_rows()
    table = np.column_stack([column, rows.X[:, 1:]])
    model = DropSensitive(LogisticRegression(), columns=0, **options).fit(table, rows.y)
    assert model.proxy_auc_ is None
    assert reason in model.proxy_reason_


def test_a_classifier_without_scores_tells_nothing():
    rows = unequal_rows()
    model = DropSensitive(SVC(), columns=0)
    assert proxy_auc(LinearRegression(), rows.X[:, 1:], rows.X[:, 0].astype(int)) == (
        None,
        "LinearRegression gives no scores",
    )
    assert model.fit(rows.X, rows.y).proxy_auc_ > 0.5  # by its decision function


def test_adult_tells_the_gender_as_well_as_the_study_says():
    train, test = standardise(*split_sample(adult_sample(load_adult()), size=0.3, seed=0))
    blind = [part.drop(SENSITIVE_COLUMN) for part in (train, test)]
    _, scores = logistic_scores(*blind, labels=train.sensitive)
    model = DropSensitive(LogisticRegression(max_iter=1000), columns=4).fit(train.features, train.labels)
    # Another 14,653 rows, where the standard error of an area is 0.005.
    assert model.proxy_auc_ == pytest.approx(roc_auc_score(test.sensitive, scores), abs=0.015)


@pytest.mark.parametrize(
    ("columns", "kind", "message"),
    [
        ("race", UsageError, "found 'race'; there are gender, merit, proxy"),
        (3, UsageError, "found 3; there are gender, merit, proxy"),
        (-1, UsageError, "found -1"),
        ([], UsageError, "at least one column to drop, found none"),
        (NAMES, DataError, "no feature is left: n_features = 3"),
    ],
)
def test_columns_that_cannot_be_dropped_are_refused(columns, kind, message):
    rows = unequal_rows()
    with pytest.raises(kind, match=message):
        DropSensitive(LogisticRegression(), columns=columns).fit(tables(rows)["pandas"], rows.y)


def test_a_name_needs_names():
    rows = unequal_rows()
    with pytest.raises(UsageError, match="found 'gender'; there are 3 features without names"):
        DropSensitive(LogisticRegression(), columns="gender").fit(rows.X, rows.y)


def test_wrong_groups_are_refused_although_they_are_optional():
    rows = unequal_rows()
    with pytest.raises(DataError, match="value in each row, found none in row 0"):
        DropSensitive(LogisticRegression(), columns=0).fit(
            rows.X, rows.y, sensitive_features=[None, *rows.groups[1:]]
        )


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(class_weight={"no": 1, "yes": 5}), "class weights are of its labels"),
        (LogisticRegression(solver="liblinear"), "cannot be fitted to the groups"),
        (Reweighing(LogisticRegression()), "cannot be fitted to the groups"),
    ],
)
def test_a_classifier_that_is_none_of_groups_is_fitted_all_the_same(estimator, reason):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 300)
    X = np.column_stack([groups, rng.normal(size=(300, 2))])
    y = np.where(X[:, 1] + rng.normal(size=300) > 0, "yes", "no")
    with config_context(enable_metadata_routing=isinstance(estimator, Reweighing)):
        dropped = DropSensitive(estimator, columns=0).fit(X, y, sensitive_features=groups)
    assert set(dropped.predict(X)) <= {"yes", "no"}
    assert dropped.proxy_auc_ is None
    assert reason in dropped.proxy_reason_


def test_the_scores_of_a_frozen_classifier_are_of_labels():
    rng = np.random.default_rng(0)
    X, y, groups = rng.normal(size=(200, 2)), rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    fitted = FrozenEstimator(LogisticRegression().fit(X[:, :1], y))
    dropped = DropSensitive(fitted, columns=1).fit(X, y, sensitive_features=groups)
    assert dropped.proxy_auc_ is None
    assert "frozen" in dropped.proxy_reason_
