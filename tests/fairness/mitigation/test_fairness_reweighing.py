import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitigated_classifiers import unequal_rows
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trivet.errors import DataError, UsageError
from trivet.fairness import reweighing_weights
from trivet.fairness.mitigation.reweighing import Reweighing

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=200)
ALL_CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def weighted_joint(labels, groups, weights):
    return np.bincount(2 * groups + labels, weights=weights, minlength=4).reshape(2, 2) / len(labels)


@given(rows)
def test_weights_make_group_and_label_independent(extra):
    groups, labels = np.array(ALL_CELLS + extra).T
    weights = reweighing_weights(labels, groups)
    joint = weighted_joint(labels, groups, weights)
    np.testing.assert_allclose(joint, np.outer(joint.sum(axis=1), joint.sum(axis=0)), atol=1e-12)


@given(rows)
def test_weights_keep_the_margins_and_the_number_of_rows(extra):
    groups, labels = np.array(ALL_CELLS + extra).T
    joint = weighted_joint(labels, groups, reweighing_weights(labels, groups))
    assert joint.sum() == pytest.approx(1)
    assert joint.sum(axis=0)[1] == pytest.approx(labels.mean())
    assert joint.sum(axis=1)[1] == pytest.approx(groups.mean())


def test_closed_form():
    # 3 protected rows with one positive, 1 privileged row that is positive.
    weights = reweighing_weights([0, 0, 1, 1], [0, 0, 0, 1])
    np.testing.assert_allclose(weights, [3 / 4, 3 / 4, 3 / 2, 1 / 2])


def test_independent_rows_weigh_one():
    groups, labels = np.array(ALL_CELLS * 5).T
    np.testing.assert_array_equal(reweighing_weights(labels, groups), np.ones(20))


def test_one_group_is_refused():
    with pytest.raises(DataError, match="no row of the protected"):
        reweighing_weights([0, 1], [1, 1])


def fitted(labels, groups, weights=None):
    """A reweighed classifier that has nothing to learn from but the labels."""
    features = np.zeros((len(labels), 1))
    return Reweighing(DummyClassifier()).fit(
        features, labels, sensitive_features=groups, sample_weight=weights
    )


def shares(rows, weights):
    """Weighted joint share of each group and label."""
    found = np.zeros((4, 3))
    np.add.at(found, tuple(np.array(rows).T), weights)
    return found / found.sum()


many = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=100)
EVERY_CELL = [(group, label) for group in range(4) for label in range(3)]


@given(many, st.integers(0, 1000))
def test_any_number_of_groups_and_labels_become_independent_whatever_rows_weigh(extra, seed):
    rows = EVERY_CELL + extra
    before = np.random.default_rng(seed).uniform(0.1, 5, len(rows))
    groups, labels = np.array(rows).T
    weights = fitted(labels, groups, before).weights_
    joint, old = shares(rows, weights), shares(rows, before)
    np.testing.assert_allclose(joint, np.outer(old.sum(axis=1), old.sum(axis=0)), atol=1e-12)
    assert weights.sum() == pytest.approx(before.sum())


@given(many)
def test_whole_weights_are_repeated_rows(extra):
    rows = np.array(EVERY_CELL + extra)
    times = 1 + np.arange(len(rows)) % 3
    groups, labels = rows.T
    weighed = fitted(labels, groups, times).weights_
    repeated = fitted(np.repeat(labels, times), np.repeat(groups, times)).weights_
    np.testing.assert_allclose(np.repeat(weighed / times, times), repeated)


def test_the_function_and_the_class_agree():
    groups, labels = np.array([*ALL_CELLS, (0, 0), (0, 0), (1, 1)]).T
    np.testing.assert_array_equal(fitted(labels, groups).weights_, reweighing_weights(labels, groups))


# From aif360.algorithms.preprocessing.Reweighing of AIF360 0.6.1, without and with instance weights.
AIF360_ROWS = [(0, 0)] * 4 + [(0, 1)] + [(1, 0)] * 2 + [(1, 1)] * 3
AIF360_WEIGHTS = [1, 2, 0.5, 1, 3, 1, 1.5, 2, 0.25, 0.75]


def test_weights_are_those_of_aif360():
    groups, labels = np.array(AIF360_ROWS).T
    np.testing.assert_allclose(fitted(labels, groups).weights_, [0.75] * 4 + [2] + [1.5] * 2 + [2 / 3] * 3)
    np.testing.assert_allclose(
        fitted(labels, groups, AIF360_WEIGHTS).weights_,
        [
            0.8974358974358975,
            1.794871794871795,
            0.44871794871794873,
            0.8974358974358975,
            3.4615384615384612,
            1.1846153846153846,
            1.7769230769230768,
            1.6923076923076923,
            0.21153846153846154,
            0.6346153846153846,
        ],
        rtol=1e-14,
    )


def test_the_classifier_is_fitted_with_the_weights():
    rows = unequal_rows()
    model = Reweighing(LogisticRegression()).fit(rows.X, rows.y, sensitive_features=rows.groups)
    weights = reweighing_weights(rows.y, (rows.groups == "m").astype(int))
    plain = LogisticRegression().fit(rows.X, rows.y, sample_weight=weights)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-14)
    np.testing.assert_allclose(model.estimator_.coef_, plain.coef_, rtol=1e-6)
    assert model.groups_ == ("m", "w")


@pytest.mark.parametrize("search", [False, True])
def test_weights_reach_the_classifier_at_the_end_of_a_pipeline(search):
    rows = unequal_rows()
    weights = reweighing_weights(rows.y, (rows.groups == "m").astype(int))
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    if search:
        inner = GridSearchCV(inner, {"logisticregression__C": [1.0]}, cv=2)
    model = Reweighing(inner).fit(rows.X, rows.y, sensitive_features=rows.groups)
    scaled = StandardScaler().fit_transform(rows.X)
    plain = LogisticRegression().fit(scaled, rows.y, sample_weight=weights)
    np.testing.assert_allclose(model.predict_proba(rows.X), plain.predict_proba(scaled), rtol=1e-6)


def test_a_row_that_weighs_nothing_counts_for_nothing():
    groups, labels = np.array(AIF360_ROWS).T
    kept = np.arange(len(labels)) != 4  # the only protected positive
    weights = fitted(labels, groups, kept.astype(float)).weights_
    assert weights[4] == 0
    np.testing.assert_allclose(weights[kept], fitted(labels[kept], groups[kept]).weights_)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1, 1], "should be 4 numbers from 0 up that are not all zero, found 3 from 1 to 1"),
        ([1, 1, 1, -1], "found 4 from -1 to 1"),
        ([0, 0, 0, 0], "found 4 from 0 to 0"),
        ([1, 1, 1, np.inf], "sample_weight should hold finite numbers"),
    ],
)
def test_weights_that_weigh_nothing_are_refused(weights, message):
    groups, labels = np.array(ALL_CELLS).T
    with pytest.raises(DataError, match=message):
        fitted(labels, groups, weights)


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        GridSearchCV(KNeighborsClassifier(), {}),
    ],
)
def test_a_classifier_without_weights_is_refused(estimator):
    rows = unequal_rows()
    with pytest.raises(UsageError, match=f"{type(estimator).__name__} takes no sample_weight"):
        Reweighing(estimator).fit(rows.X, rows.y, sensitive_features=rows.groups)
