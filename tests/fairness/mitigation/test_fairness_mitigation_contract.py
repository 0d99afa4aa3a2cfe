"""The contract of scikit-learn, on the code of every mitigation."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from mitigated_classifiers import BUILDERS, mitigated, unequal_rows
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples

from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.reduction import Reduction
from trivet.fairness.mitigation.reweighing import Reweighing

BY_LOT = "one of several classifiers is drawn for each row, by a hash of its features"
ANYTHING = "the column that is dropped may hold anything"
EXPECTED = {
    "GroupedMassaging": {},
    "GroupedReweighing": {},
    "GroupedDropSensitive": {"check_dtype_object": ANYTHING, "check_estimators_nan_inf": ANYTHING},
    "GroupedReduction": {
        "check_classifiers_train": BY_LOT,
    },
}
NAMES = tuple(BUILDERS)


class Grouped:
    """A mitigation for checks, which give no groups: rows are in two by turns."""

    def fit(self, X, y, *, sensitive_features=None, **fit_params):
        groups = np.arange(_num_samples(X)) % 2 if sensitive_features is None else sensitive_features
        return super().fit(X, y, sensitive_features=groups, **fit_params)


class GroupedMassaging(Grouped, Massaging):
    pass


class GroupedReweighing(Grouped, Reweighing):
    # Checks of weights look for them in the signature, and repeat rows or leave them out: groups then
    # depend on nothing but a row's own features.
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        table = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
        if table.ndim == 2 and table.dtype.kind in "fiu" and np.isfinite(table).all():
            by_sum = np.floor(1000 * table.sum(axis=1)) % 2
            sensitive_features = by_sum if len(np.unique(by_sum)) > 1 else None
        return super().fit(X, y, sensitive_features=sensitive_features, sample_weight=sample_weight)


class GroupedDropSensitive(Grouped, DropSensitive):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Without the first of two features the rows of the check cannot be told apart.
        tags.classifier_tags.poor_score = True
        return tags


class GroupedReduction(Grouped, Reduction):
    pass


def contract_of(*estimators):
    return parametrize_with_checks(
        list(estimators),
        expected_failed_checks=lambda estimator: EXPECTED[type(estimator).__name__],
        xfail_strict=True,
    )


# scikit-learn casts labels to whole numbers before it says that infinity is none.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@contract_of(
    GroupedMassaging(LogisticRegression()),
    GroupedReweighing(LogisticRegression()),
    GroupedDropSensitive(LogisticRegression(), columns=0),
)
def test_the_contract_of_an_estimator_is_kept(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@contract_of(GroupedReduction(LogisticRegression(), max_iter=5))
def test_the_contract_of_an_estimator_is_kept_by_a_reduction(estimator, check):
    check(estimator)


def with_groups(name, **options):
    """Return a mitigation that is fitted, and its rows."""
    rows = unequal_rows()
    return mitigated(name, **options).fit(rows.X, rows.y, sensitive_features=rows.groups), rows


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_like_the_original(name):
    model, rows = with_groups(name)
    again = clone(model).fit(rows.X, rows.y, sensitive_features=rows.groups)
    for copy in (again, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copy.predict(rows.X), model.predict(rows.X))
        np.testing.assert_array_equal(copy.predict_proba(rows.X), model.predict_proba(rows.X))
    assert set(model.get_params(deep=False)) == set(clone(model).get_params(deep=False))


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_any_two_values_are_learned_alike(name):
    model, rows = with_groups(name)
    for values in (["no", "yes"], [False, True], [-1, 1], [2.0, 7.0]):
        labels = np.array(values)[rows.y]
        other = mitigated(name).fit(rows.X, labels, sensitive_features=rows.groups)
        assert other.classes_.tolist() == values
        np.testing.assert_array_equal(other.predict(rows.X), np.array(values)[model.predict(rows.X)])


def mixed_frame(rows, kind):
    columns = {
        "group": rows.groups.tolist(),
        "merit": rows.X[:, 1].tolist(),
        "town": np.where(rows.X[:, 2] > 0.5, "north", "south").tolist(),
    }
    return pd.DataFrame(columns) if kind == "pandas" else pl.DataFrame(columns)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("name", NAMES)
def test_frames_with_texts_reach_a_classifier_that_takes_them(name, kind):
    rows = unequal_rows()
    frame = mixed_frame(rows, kind)
    texts = ["town"] if name == "drop-sensitive" else ["group", "town"]
    encoder = make_column_transformer((OneHotEncoder(), texts), remainder="passthrough")
    options = {"columns": "group"} if name == "drop-sensitive" else {}
    model = mitigated(name, make_pipeline(encoder, LogisticRegression()), **options)
    model.fit(frame, pd.Series(rows.y), sensitive_features=frame["group"])
    assert model.feature_names_in_.tolist() == ["group", "merit", "town"]
    assert model.n_features_in_ == 3
    numbers = pd.get_dummies(mixed_frame(rows, "pandas")[[*texts, "merit"]]).to_numpy(dtype=float)
    plain = LogisticRegression() if name == "drop-sensitive" else mitigated(name)
    groups = {} if name == "drop-sensitive" else {"sensitive_features": rows.groups}
    plain.fit(numbers, rows.y, **groups)
    np.testing.assert_allclose(model.predict_proba(frame), plain.predict_proba(numbers), atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_search_and_a_cross_validation_divide_the_groups_with_the_rows(name):
    rows = unequal_rows()
    search = GridSearchCV(mitigated(name), {"estimator__C": [0.01, 1.0]}, cv=2, error_score="raise")
    search.fit(rows.X, rows.y, sensitive_features=rows.groups)
    assert search.best_score_ > 0.6
    params = {"sensitive_features": rows.groups}
    scores = cross_val_score(mitigated(name), rows.X, rows.y, cv=2, params=params, error_score="raise")
    assert scores.mean() > 0.6


def test_a_search_divides_them_with_routing_too():
    rows = unequal_rows()
    grid = {"estimator__C": [0.01, 1.0]}
    plain = GridSearchCV(Massaging(LogisticRegression()), grid, cv=3)
    plain.fit(rows.X, rows.y, sensitive_features=pl.Series(rows.groups))
    with config_context(enable_metadata_routing=True):
        routed = clone(plain).fit(rows.X, rows.y, sensitive_features=rows.groups)
    np.testing.assert_array_equal(routed.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_gives_the_groups_to_its_last_step(name):
    rows = unequal_rows()
    model, _ = with_groups(name, estimator=make_pipeline(StandardScaler(), LogisticRegression()))
    pipeline = make_pipeline(StandardScaler(), mitigated(name))
    step = pipeline.steps[-1][0]
    pipeline.fit(rows.X, rows.y, **{f"{step}__sensitive_features": rows.groups})
    # Lots hang on the features that the mitigation sees, which are scaled in one of the two.
    np.testing.assert_allclose(pipeline.predict_proba(rows.X), model.predict_proba(rows.X), atol=1e-3)
    with config_context(enable_metadata_routing=True):
        routed = clone(pipeline).fit(rows.X, rows.y, sensitive_features=rows.groups)
    np.testing.assert_array_equal(routed.predict_proba(rows.X), pipeline.predict_proba(rows.X))


def test_weights_of_a_classifier_alone_go_where_they_are_requested():
    rows = unequal_rows()
    weights = np.random.default_rng(0).uniform(0.2, 3, len(rows.y))
    name = "drop-sensitive"
    plain = mitigated(name).fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
    assert not np.array_equal(plain.predict_proba(rows.X), with_groups(name)[0].predict_proba(rows.X))
    with config_context(enable_metadata_routing=True):
        asks = mitigated(name, LogisticRegression().set_fit_request(sample_weight=True))
        asks.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
        refuses = mitigated(name, LogisticRegression().set_fit_request(sample_weight=False))
        with pytest.raises(TypeError, match=r"sample_weight.*not routed to any object"):
            refuses.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
        silent = mitigated(name)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            silent.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
    np.testing.assert_array_equal(asks.predict_proba(rows.X), plain.predict_proba(rows.X))


def test_reweighing_takes_the_weights_itself():
    rows = unequal_rows()
    weights = np.random.default_rng(0).uniform(0.2, 3, len(rows.y))
    plain = Reweighing(LogisticRegression())
    plain.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
    with config_context(enable_metadata_routing=True):
        model = Reweighing(LogisticRegression()).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        pipeline.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
        inner = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            LogisticRegression().set_fit_request(sample_weight=True),
        )
        outer = Reweighing(inner)
        outer.fit(rows.X, rows.y, sensitive_features=rows.groups, sample_weight=weights)
    np.testing.assert_array_equal(pipeline[-1].weights_, plain.weights_)
    np.testing.assert_allclose(outer.predict_proba(rows.X), pipeline.predict_proba(rows.X))


def test_weights_for_the_last_step_of_a_pipeline_are_those_before():
    rows = unequal_rows()
    weights = np.random.default_rng(0).uniform(0.2, 3, len(rows.y))
    groups = {"sensitive_features": rows.groups}
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    own = Reweighing(pipeline).fit(rows.X, rows.y, sample_weight=weights, **groups)
    step = Reweighing(pipeline).fit(rows.X, rows.y, logisticregression__sample_weight=weights, **groups)
    assert not np.array_equal(own.weights_, Reweighing(pipeline).fit(rows.X, rows.y, **groups).weights_)
    np.testing.assert_array_equal(step.weights_, own.weights_)
    np.testing.assert_array_equal(step.predict_proba(rows.X), own.predict_proba(rows.X))
    with pytest.raises(UsageError, match="both sample_weight and logisticregression__sample_weight"):
        step.fit(rows.X, rows.y, sample_weight=weights, logisticregression__sample_weight=weights, **groups)


def test_a_mitigation_inside_another_gets_the_groups_by_routing():
    rows = unequal_rows()
    with config_context(enable_metadata_routing=True):
        both = DropSensitive(Reweighing(LogisticRegression()), columns=0, proxy_folds=0)
        both.fit(rows.X, rows.y, sensitive_features=rows.groups)
    alone = Reweighing(LogisticRegression()).fit(rows.X[:, 1:], rows.y, sensitive_features=rows.groups)
    np.testing.assert_array_equal(both.predict(rows.X), alone.predict(rows.X[:, 1:]))


def test_groups_have_another_name_where_they_are_asked_for_by_it():
    rows = unequal_rows()
    with config_context(enable_metadata_routing=True):
        model = Massaging(LogisticRegression()).set_fit_request(sensitive_features="gender")
        pipeline = make_pipeline(StandardScaler(), model).fit(rows.X, rows.y, gender=rows.groups)
    assert pipeline[-1].privileged_ == "m"


@pytest.mark.parametrize("name", ["massaging", "reweighing"])
def test_what_the_classifier_has_the_mitigation_has(name):
    model, rows = with_groups(name, estimator=RidgeClassifier())
    assert not hasattr(model, "predict_proba")
    np.testing.assert_array_equal(model.decision_function(rows.X), model.estimator_.decision_function(rows.X))
    trees, _ = with_groups(name, estimator=HistGradientBoostingClassifier(max_iter=5))
    assert trees.predict_proba(rows.X).shape == (240, 2)


@pytest.mark.parametrize("name", NAMES)
def test_prediction_needs_a_fit(name):
    with pytest.raises(NotFittedError):
        mitigated(name).predict(np.zeros((1, 3)))


@pytest.mark.parametrize("name", ["massaging", "reweighing", "reduction"])
def test_the_groups_are_asked_for(name):
    rows = unequal_rows()
    with pytest.raises(UsageError, match="Pass sensitive_features="):
        mitigated(name).fit(rows.X, rows.y)
    with pytest.raises(DataError, match=r"one column or more of 240 rows, found \(3,\)"):
        mitigated(name).fit(rows.X, rows.y, sensitive_features=["a", "b", "a"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(240), "two classes, found 1 class"),
        (np.linspace(0, 1, 240), "Unknown label type: continuous"),
    ],
)
def test_labels_that_are_no_classes_are_refused(name, labels, message):
    rows = unequal_rows()
    with pytest.raises(DataError, match=message):
        mitigated(name).fit(rows.X, labels, sensitive_features=rows.groups)


@pytest.mark.parametrize("name", ["massaging", "reduction"])
def test_more_than_two_classes_are_refused(name):
    rows = unequal_rows()
    with pytest.raises(DataError, match="The type of the target is multiclass, with 3 classes"):
        mitigated(name).fit(rows.X, np.arange(240) % 3, sensitive_features=rows.groups)


@pytest.mark.parametrize("name", ["reweighing", "drop-sensitive"])
def test_several_classes_are_taken_where_they_can_be(name):
    rows = unequal_rows()
    labels = rows.y + (rows.X[:, 1] > 0)
    model = mitigated(name).fit(rows.X, labels, sensitive_features=rows.groups)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(rows.X).shape == (240, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("estimator", "said"),
    [(3, "needs a scikit-learn classifier, found 3"), (LinearRegression(), "which predicts numbers")],
)
def test_what_is_no_classifier_is_refused(name, estimator, said):
    rows = unequal_rows()
    X, y, groups = rows.X, rows.y, rows.groups
    with pytest.raises((DataError, UsageError), match=said):
        mitigated(name, estimator).fit(X, y, sensitive_features=groups)


@pytest.mark.parametrize("mitigation", [Massaging, Reweighing, Reduction])
def test_a_frozen_classifier_is_not_trained_in_vain(mitigation):
    rows = unequal_rows()
    X, y, groups = rows.X, rows.y, rows.groups
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    for estimator in (frozen, make_pipeline(StandardScaler(), frozen)):
        with pytest.raises(UsageError, match="is frozen, so that nothing would change"):
            mitigation(estimator).fit(X, y, sensitive_features=groups)


def test_weights_that_only_routing_hands_on_are_refused_with_the_way():
    rows = unequal_rows()
    X, y, groups = rows.X, rows.y, rows.groups
    with pytest.raises(UsageError, match=r"OneVsRestClassifier hands weights on by metadata routing alone"):
        Reweighing(OneVsRestClassifier(LogisticRegression())).fit(X, y, sensitive_features=groups)
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        fitted = Reweighing(OneVsRestClassifier(inner)).fit(X, y, sensitive_features=groups)
    alone = Reweighing(LogisticRegression()).fit(X, y, sensitive_features=groups)
    assert (fitted.predict(X) == alone.predict(X)).all()


def test_weights_reach_the_last_step_without_the_sensitive_feature():
    rows = unequal_rows()
    X, y = rows.X, rows.y
    weights = np.linspace(0, 2, len(y))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    dropped = DropSensitive(pipeline, columns=0, proxy_folds=0).fit(X, y, sample_weight=weights)
    rest = np.asarray(X)[:, 1:]
    expected = pipeline.fit(rest, y, logisticregression__sample_weight=weights).predict_proba(rest)
    assert dropped.predict_proba(X) == pytest.approx(expected)
