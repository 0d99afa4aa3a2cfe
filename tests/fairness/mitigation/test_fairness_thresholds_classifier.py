import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from trivet.errors import DataError, UsageError
from trivet.fairness import exact_thresholds, grid_thresholds
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.thresholds.classifier import (
    GroupThresholds,
    ThresholdsOnTrainingRows,
    draw_rows,
)
from trivet.fairness.mitigation.thresholds.constraints import CONSTRAINTS, Scored, Search
from trivet.fairness.mitigation.thresholds.cuts import difference_thresholds
from trivet.fairness.mitigation.thresholds.limits import Attribute
from trivet.fairness.mitigation.thresholds.randomised import MixedThreshold
from trivet.fairness.mitigation.thresholds.scalarised import scalarised_thresholds


def people(rows=1200, *, groups=("Ada", "Bo"), seed=0):
    """Features, labels in words and groups; later groups have more positives."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, len(groups), rows)
    features = rng.normal(size=(rows, 3)) + 0.4 * codes[:, np.newaxis]
    positive = features[:, 0] + rng.normal(size=rows) > 0.8
    return features, np.where(positive, "yes", "no"), np.array(groups)[codes]


X, Y, GROUPS = people()
MODEL = LogisticRegression()
FITTED = LogisticRegression().fit(X, Y)


def rates(predictions, groups, values=None):
    return [(predictions[groups == value] == "yes").mean() for value in values or np.unique(groups)]


def test_thresholds_are_those_of_the_validation_rows():
    model = GroupThresholds(MODEL).fit(X, Y, sensitive_features=GROUPS)
    kept = model.validation_rows_
    used = np.setdiff1d(np.arange(len(Y)), kept)
    inner = LogisticRegression().fit(X[used], Y[used])
    expected = exact_thresholds(
        Y[kept] == "yes", inner.predict_proba(X[kept])[:, 1], GROUPS[kept] == "Bo", four_fifths=0.8
    )
    assert model.thresholds_ == {"Ada": expected.protected, "Bo": expected.privileged}
    assert model.privileged_ == "Bo"
    assert len(kept) == 300
    predictions = model.predict(X, sensitive_features=GROUPS)
    scores = inner.predict_proba(X)[:, 1]
    needed = np.where(GROUPS == "Bo", expected.privileged, expected.protected)
    np.testing.assert_array_equal(predictions == "yes", scores >= needed)


@pytest.mark.parametrize(
    ("constraint", "bound", "holds"),
    [
        ("ratio", 0.9, lambda achieved: 0.9 <= achieved <= 1 / 0.9),
        ("difference", 0.02, lambda achieved: achieved <= 0.02),
        ("equalized_odds", None, lambda achieved: achieved < 1e-12),
        ("equal_opportunity", None, lambda achieved: achieved < 1e-12),
    ],
)
def test_the_constraint_holds_on_the_validation_rows_of_three_groups(constraint, bound, holds):
    features, labels, groups = people(groups=("Ada", "Bo", "Cy"))
    model = GroupThresholds(MODEL, constraint=constraint, bound=bound, random_state=4)
    model.fit(features, labels, sensitive_features=groups)
    assert holds(model.achieved_)
    assert list(model.thresholds_) == ["Ada", "Bo", "Cy"]
    assert all(
        isinstance(threshold, float if bound else MixedThreshold) for threshold in model.thresholds_.values()
    )


def test_what_is_achieved_is_what_predictions_on_the_rows_show():
    values = ["Ada", "Bo"]
    for constraint in ("ratio", "difference"):
        model = GroupThresholds(FITTED, prefit=True, constraint=constraint)
        predictions = model.fit(X, Y, sensitive_features=GROUPS).predict(X, sensitive_features=GROUPS)
        protected, privileged = rates(predictions, GROUPS, values)
        shown = protected / privileged if constraint == "ratio" else abs(privileged - protected)
        assert model.achieved_ == pytest.approx(shown, abs=1e-12)
    model = GroupThresholds(FITTED, prefit=True, constraint="scalarised", penalty=0.5)
    predictions = model.fit(X, Y, sensitive_features=GROUPS).predict(X, sensitive_features=GROUPS)
    protected, privileged = rates(predictions, GROUPS, values)
    shown = abs(1 - protected / privileged) + 0.5 * (predictions != Y).mean()
    assert model.achieved_ == pytest.approx(shown, abs=1e-12)


def test_equalized_odds_look_at_both_kinds_of_error():
    labels, groups = np.array([0, 0, 1, 1] * 2), np.repeat([0, 1], 4)
    rows = Scored(labels=labels, scores=np.zeros(8), groups=groups, weights=np.ones(8))
    selection = np.array([0, 0.5, 1, 1, 0, 0, 1, 0.8])
    search = Search(
        bound=0, objective="accuracy", penalty=0, grid=None, attributes=(Attribute(np.arange(2), 1),)
    )
    shown = {
        name: CONSTRAINTS[name].achieved(rows, selection, search)
        for name in ("equalized_odds", "equal_opportunity")
    }
    assert shown == {"equalized_odds": pytest.approx(0.25), "equal_opportunity": pytest.approx(0.1)}


@pytest.mark.parametrize("privileged", ["Ada", "Bo"])
@pytest.mark.parametrize("grid", [None, np.linspace(0.2, 0.8, 7)])
def test_scalarised_thresholds_are_given_to_their_groups(privileged, grid):
    model = GroupThresholds(FITTED, prefit=True, constraint="scalarised", privileged=privileged, grid=grid)
    model.fit(X, Y, sensitive_features=GROUPS)
    protected = "Bo" if privileged == "Ada" else "Ada"
    columns = Y == "yes", FITTED.predict_proba(X)[:, 1], protected != GROUPS
    expected = scalarised_thresholds(*columns) if grid is None else grid_thresholds(*columns, grid=grid)
    assert model.thresholds_ == {privileged: expected.privileged, protected: expected.protected}


def test_a_fitted_classifier_is_taken_as_it_is_and_all_rows_give_the_thresholds():
    model = GroupThresholds(FITTED, prefit=True, constraint="difference", objective=(1, 2))
    model.fit(X, Y, sensitive_features=GROUPS)
    assert model.estimator_ is FITTED
    codes = (GROUPS == "Bo").astype(int)
    expected = difference_thresholds(Y == "yes", FITTED.predict_proba(X)[:, 1], codes, objective=(1, 2))
    assert tuple(model.thresholds_.values()) == expected
    refitted = GroupThresholds(FITTED, prefit=True, refit=True).fit(X, Y, sensitive_features=GROUPS)
    assert refitted.estimator_ is FITTED
    frozen = GroupThresholds(FrozenEstimator(FITTED), validation=0.5).fit(X, Y, sensitive_features=GROUPS)
    np.testing.assert_array_equal(frozen.predict_proba(X), FITTED.predict_proba(X))


def test_thresholds_on_training_rows_are_warned_of():
    with pytest.warns(ThresholdsOnTrainingRows, match="validation=0.25 keeps a quarter"):
        model = GroupThresholds(MODEL, validation=None).fit(X, Y, sensitive_features=GROUPS)
    assert len(model.validation_rows_) == len(Y)


def test_refitting_keeps_the_thresholds_and_gives_the_classifier_all_rows():
    model = GroupThresholds(MODEL, refit=True).fit(X, Y, sensitive_features=GROUPS)
    assert model.thresholds_ == GroupThresholds(MODEL).fit(X, Y, sensitive_features=GROUPS).thresholds_
    np.testing.assert_array_equal(model.predict_proba(X), FITTED.predict_proba(X))


def test_parameters_with_an_entry_a_row_are_divided_with_the_rows():
    weights = np.random.default_rng(1).random(len(Y))
    model = GroupThresholds(MODEL).fit(X, Y, sensitive_features=GROUPS, sample_weight=weights.tolist())
    used = np.setdiff1d(np.arange(len(Y)), model.validation_rows_)
    inner = LogisticRegression().fit(X[used], Y[used], sample_weight=weights[used])
    np.testing.assert_array_equal(model.predict_proba(X), inner.predict_proba(X))


def test_a_classifier_without_probabilities_is_cut_by_its_decision_function():
    model = GroupThresholds(LinearSVC()).fit(X, Y, sensitive_features=GROUPS)
    assert not hasattr(model, "predict_proba")
    assert 0.8 <= model.achieved_ <= 1.25
    needed = np.array([model.thresholds_[group] for group in GROUPS])
    predictions = model.predict(X, sensitive_features=GROUPS)
    np.testing.assert_array_equal(predictions == "yes", model.decision_function(X) >= needed)


def test_frames_and_several_sensitive_columns_are_taken():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    sensitive = pd.DataFrame({"name": GROUPS, "old": X[:, 2] > 0})
    model = GroupThresholds(MODEL, constraint="difference").fit(frame, Y, sensitive_features=sensitive)
    assert list(model.thresholds_) == [("Ada", False), ("Ada", True), ("Bo", False), ("Bo", True)]
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    found = model.predict(frame, sensitive_features=sensitive)
    assert set(found) == {"yes", "no"}
    assert model.sensitive_names_ == ("name", "old")
    np.testing.assert_array_equal(model.predict(frame, sensitive_features=sensitive[["old", "name"]]), found)
    with pytest.raises(DataError, match="columns that training had, 'name', 'old', found 'name', 'age'"):
        model.predict(frame, sensitive_features=sensitive.rename(columns={"old": "age"}))


@pytest.mark.parametrize("constraint", ["ratio", "equalized_odds"])
def test_the_same_fit_and_the_same_rows_give_the_same_predictions(constraint):
    model = GroupThresholds(MODEL, constraint=constraint, random_state=3)
    first = model.fit(X, Y, sensitive_features=GROUPS).predict(X, sensitive_features=GROUPS)
    for again in (clone(model).fit(X, Y, sensitive_features=GROUPS), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X, sensitive_features=GROUPS), first)
    assert (
        model.thresholds_ != model.set_params(random_state=4).fit(X, Y, sensitive_features=GROUPS).thresholds_
    )


def test_lots_reach_the_expected_error_rates():
    features, labels, groups = people(40_000)
    fitted = LogisticRegression().fit(features, labels)
    model = GroupThresholds(fitted, prefit=True, constraint="equalized_odds")
    predictions = model.fit(features, labels, sensitive_features=groups).predict(
        features, sensitive_features=groups
    )
    for label in ("yes", "no"):
        rows = labels == label
        few = min((groups[rows] == value).sum() for value in ("Ada", "Bo"))
        # Five standard deviations of a difference of two rates, at its most variable.
        assert np.ptp(rates(predictions[rows], groups[rows])) < 5 * np.sqrt(2 * 0.25 / few)


def test_groups_are_routed_through_pipelines_and_searches():
    with sklearn.config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        model = GroupThresholds(inner, constraint="difference")
        model.set_fit_request(sensitive_features=True).set_predict_request(sensitive_features=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        weights = np.linspace(1, 2, len(Y))
        pipeline = make_pipeline(scaler, model)
        pipeline.fit(X, Y, sensitive_features=GROUPS, sample_weight=weights)
        scaled = StandardScaler().fit_transform(X)
        alone = GroupThresholds(LogisticRegression(), constraint="difference")
        with sklearn.config_context(enable_metadata_routing=False):
            alone.fit(scaled, Y, sensitive_features=GROUPS, sample_weight=weights)
        np.testing.assert_array_equal(
            pipeline.predict(X, sensitive_features=GROUPS), alone.predict(scaled, sensitive_features=GROUPS)
        )
        search = GridSearchCV(pipeline, {"groupthresholds__bound": [0.0, 0.1, 1.0]}, cv=3)
        search.fit(X, Y, sensitive_features=GROUPS)
    folds = search.cv_results_["mean_test_score"]
    assert search.best_score_ == folds.max()
    assert len(set(folds)) > 1


def test_the_classifier_inside_may_be_a_mitigation_that_needs_the_groups_too():
    with sklearn.config_context(enable_metadata_routing=True):
        model = GroupThresholds(Massaging(LogisticRegression()))
        model.fit(X, Y, sensitive_features={"name": GROUPS})
    assert 0.8 <= model.achieved_ <= 1.25
    assert len(model.estimator_.groups_) == 2


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_validation_rows_are_a_share_of_each_group_and_label(share):
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 4, 500), (rng.random(500) < 0.1).astype(int)
    kept = draw_rows(groups, labels, share=share, seed=1)
    for group in range(4):
        for label in (0, 1):
            cell = (groups == group) & (labels == label)
            assert abs(kept[cell].sum() - share * cell.sum()) <= 1
    assert not np.array_equal(kept, draw_rows(groups, labels, share=share, seed=2))


def test_a_group_of_one_row_is_drawn_or_not():
    groups = np.repeat(np.arange(40), np.arange(1, 41))
    kept = draw_rows(groups, np.zeros_like(groups), share=0.3, seed=0)
    assert (np.abs(np.bincount(groups[kept], minlength=40) - 0.3 * np.arange(1, 41)) <= 1).all()
    assert kept.sum() == round(0.3 * len(groups))


def fitted(**settings):
    return GroupThresholds(MODEL, **settings).fit(X, Y, sensitive_features=GROUPS)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fitted().predict(X, sensitive_features=["Zoe"] * len(X)), DataError, "'Zoe'"),
        (lambda: fitted().predict(X), UsageError, "sensitive_features"),
        (lambda: GroupThresholds(MODEL).fit(X, Y), UsageError, "sensitive_features"),
        (lambda: fitted(constraint="parity"), UsageError, "one of ratio, .* found 'parity'"),
        (lambda: fitted(constraint="scalarised", bound=0.1), UsageError, "takes no bound"),
        (lambda: fitted(bound=1.5), UsageError, "found 1.5"),
        (lambda: fitted(grid=[0.5]), UsageError, "a grid is for the constraint scalarised"),
        (lambda: fitted(validation=1.0), UsageError, "above 0 and below 1, or None, found 1.0"),
        (lambda: fitted(validation="a"), UsageError, "found 'a'"),
        (lambda: fitted(random_state=None), UsageError, "random_state .* found None"),
        (lambda: fitted(objective="recall"), UsageError, "found 'recall'"),
        (lambda: fitted(privileged="Zoe"), UsageError, "'Zoe'"),
        (
            lambda: GroupThresholds(MODEL, constraint="scalarised").fit(
                X, Y, sensitive_features=np.arange(len(Y)) % 3
            ),
            UsageError,
            "two groups, found 3",
        ),
        (
            lambda: GroupThresholds(MODEL).fit(X, Y, sensitive_features=["Zoe", *GROUPS[1:]]),
            DataError,
            "rows in every group, found too few in 'Zoe'",
        ),
        (
            lambda: GroupThresholds(MODEL, constraint="equal_opportunity").fit(
                X, Y, sensitive_features=np.where(Y == "no", "Ada", GROUPS)
            ),
            DataError,
            "rows of both labels in every group, found too few in 'Bo'",
        ),
        (
            lambda: GroupThresholds(FITTED, prefit=True).fit(X, Y == "yes", sensitive_features=GROUPS),
            DataError,
            "Give it the labels that it knows",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
