"""Groups reach predictions in cross-validation, weights the end of a pipeline, and rows their own groups."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, get_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trivet.errors import DataError
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.mitigation.classifier import GroupScorer
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.reduction import Reduction
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds

RNG = np.random.default_rng(0)
GROUPS = pd.Series(RNG.choice(["f", "m"], 300), name="sex")
X = pd.DataFrame({"skill": RNG.normal(size=300) + (GROUPS == "m"), "other": RNG.normal(size=300)})
Y = pd.Series((X.skill + RNG.normal(0, 0.7, 300) > 0.6).astype(int))


def pipeline():
    return make_pipeline(StandardScaler(), LogisticRegression())


@pytest.mark.parametrize(
    "scoring", ["f1", "accuracy", "balanced_accuracy", "roc_auc", get_scorer("precision")]
)
def test_groups_reach_predictions_in_cross_validation(scoring):
    folds = StratifiedKFold(3)
    model = GroupThresholds(pipeline())
    with config_context(enable_metadata_routing=True):
        found = cross_val_score(
            model, X, Y, cv=folds, scoring=GroupScorer(scoring), params={"sensitive_features": GROUPS}
        )
    assert np.isfinite(found).all()
    if scoring == "f1":
        for score, (train, test) in zip(found, folds.split(X, Y), strict=True):
            fitted = GroupThresholds(pipeline()).fit(
                X.iloc[train], Y.iloc[train], sensitive_features=GROUPS.iloc[train]
            )
            predicted = fitted.predict(X.iloc[test], sensitive_features=GROUPS.iloc[test])
            assert score == f1_score(Y.iloc[test], predicted)


@pytest.mark.parametrize("make", [Reweighing, lambda inner: Reduction(inner, max_iter=3)])
def test_weights_reach_the_end_of_a_pipeline_with_routing_as_without(make):
    if make is not Reweighing:
        pytest.importorskip("fairlearn")
    plain = make(pipeline()).fit(X, Y, sensitive_features=GROUPS)
    with config_context(enable_metadata_routing=True):
        routed = make(pipeline()).fit(X, Y, sensitive_features=GROUPS)
        asked = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            LogisticRegression().set_fit_request(sample_weight=True),
        )
        requested = make(asked).fit(X, Y, sensitive_features=GROUPS)
        search = GridSearchCV(make(pipeline()), {"estimator__logisticregression__C": [0.1, 1]}, cv=2)
        assert search.fit(X, Y, sensitive_features=GROUPS).best_score_ > 0.5
    expected = plain.predict_proba(X)
    np.testing.assert_allclose(routed.predict_proba(X), expected)
    np.testing.assert_allclose(requested.predict_proba(X), expected)


def test_a_frozen_classifier_is_not_fitted_on_the_rows_of_the_thresholds():
    frozen = FrozenEstimator(pipeline().fit(X, Y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = GroupThresholds(frozen, validation=None).fit(X, Y, sensitive_features=GROUPS)
    assert len(model.validation_rows_) == len(Y)


def test_an_index_in_another_order_is_refused_and_never_taken_by_place():
    shuffled = GROUPS.sample(frac=1, random_state=0)
    frame = shuffled.to_frame()
    for given in (shuffled, frame):
        for model in (Reweighing(pipeline()), Massaging(pipeline()), GroupThresholds(pipeline())):
            with pytest.raises(DataError, match=r"sensitive_features has the index of X in another order"):
                model.fit(X, Y, sensitive_features=given)
    fitted = GroupThresholds(pipeline()).fit(X, Y, sensitive_features=GROUPS)
    with pytest.raises(DataError, match=r"Take sensitive_features\.loc\[X\.index\]"):
        fitted.predict(X, sensitive_features=shuffled)
    aligned = fitted.predict(X, sensitive_features=shuffled.loc[X.index])
    assert (aligned == fitted.predict(X, sensitive_features=GROUPS.to_numpy())).all()
    with pytest.raises(DataError, match="y has the index of X in another order"):
        Reweighing(pipeline()).fit(X, Y.sample(frac=1, random_state=1), sensitive_features=GROUPS.to_numpy())
    with pytest.raises(DataError, match="sex has the index of y_true in another order"):
        group_counts(None, Y, Y, {"sex": shuffled})


def test_other_indexes_and_none_at_all_go_by_place():
    expected = Reweighing(pipeline()).fit(X, Y, sensitive_features=GROUPS).weights_
    for given in (GROUPS.set_axis(range(1000, 1300)), GROUPS.to_numpy(), GROUPS.tolist()):
        np.testing.assert_array_equal(
            Reweighing(pipeline()).fit(X, Y, sensitive_features=given).weights_, expected
        )


def test_frames_of_one_column_half_precision_and_numbers_for_names_are_counted():
    expected = group_counts(None, Y, Y, GROUPS)
    column = Y.to_numpy().reshape(-1, 1)
    assert (group_counts(None, column, column, GROUPS).table == expected.table).all()
    half = Y.to_numpy().astype(np.float16)
    assert (group_counts(None, half, half, GROUPS).table == expected.table).all()
    numbered = pd.DataFrame({0: Y, 1: Y, 2: GROUPS})
    found = group_counts(numbered, 0, 1, 2)
    assert (found.columns, found.groups) == (("2",), (("f",), ("m",)))
    assert (found.table == expected.table).all()
