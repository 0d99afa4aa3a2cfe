"""Error rates that may be somewhat apart, attributes one by one, and more than two classes."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from scored_groups import scored_groups
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds
from trivet.fairness.mitigation.thresholds.cuts import cuts_by_group, gains_of
from trivet.fairness.mitigation.thresholds.odds import equal_opportunity_thresholds, equalized_odds_thresholds
from trivet.fairness.mitigation.thresholds.randomised import selection_probability

SEARCHES = {equalized_odds_thresholds: (0, 1), equal_opportunity_thresholds: (1,)}


def best_worth(cuts, gains, labels, bound):
    """The largest worth of distributions over all cuts whose error rates differ by a bound."""
    sizes = [len(group.selected) for group in cuts]
    owner = np.repeat(np.arange(len(cuts)), sizes)
    rates = {
        0: np.concatenate([g.false_positives / (g.rows - g.positives) for g in cuts]),
        1: np.concatenate([g.true_positives / g.positives for g in cuts]),
    }
    worth = np.concatenate(
        [gains.positive * g.true_positives - gains.negative * g.false_positives for g in cuts]
    )
    rows = [
        rates[label] * ((owner == a).astype(float) - (owner == b))
        for label in labels
        for a in range(len(cuts))
        for b in range(len(cuts))
        if a != b
    ]
    found = linprog(
        -worth,
        A_ub=np.array(rows),
        b_ub=np.full(len(rows), bound),
        A_eq=np.equal.outer(np.arange(len(cuts)), owner).astype(float),
        b_eq=np.ones(len(cuts)),
    )
    return -found.fun


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("groups", [2, 4])
def test_relaxed_rates_equal_a_linear_programme_over_all_cuts(search, groups):
    rng = np.random.default_rng(groups)
    for case in range(12):
        labels, scores, codes = scored_groups(rng, groups=groups, levels=[3, 6, 1000][case % 3])
        bound, objective = (
            rng.choice([0.02, 0.1, 0.3, 1]),
            ["accuracy", "balanced_accuracy", (1, 3)][case % 3],
        )
        cuts = cuts_by_group(labels, scores, codes)
        gains = gains_of(objective, cuts)
        found = search(labels, scores, codes, bound=bound, objective=objective)
        selection = selection_probability(scores, codes, found)
        for label in SEARCHES[search]:
            own = [selection[(codes == g) & (labels == label)].mean() for g in range(groups)]
            assert np.ptp(own) <= bound + 1e-9
        worth = gains.positive * selection[labels == 1].sum() - gains.negative * selection[labels == 0].sum()
        assert worth == pytest.approx(best_worth(cuts, gains, SEARCHES[search], bound), abs=1e-6)


def test_a_larger_bound_costs_nothing_and_none_is_that_of_each_group_alone():
    rng = np.random.default_rng(9)
    labels, scores, codes = scored_groups(rng, groups=3, levels=1000)
    labels = np.tile(labels, 5)
    scores, codes = np.clip(np.tile(scores, 5) + rng.normal(0, 0.05, len(labels)), 0, 1), np.tile(codes, 5)
    right = []
    for bound in np.linspace(0, 1, 11):
        selection = selection_probability(
            scores, codes, equalized_odds_thresholds(labels, scores, codes, bound=bound)
        )
        right.append(np.where(labels == 1, selection, 1 - selection).mean())
    assert (np.diff(right) >= -1e-9).all()
    alone = sum(cuts.correct.max() for cuts in cuts_by_group(labels, scores, codes)) / len(labels)
    assert right[-1] == pytest.approx(alone)
    with pytest.raises(UsageError, match=r"from 0 to 1, found 1\.5"):
        equalized_odds_thresholds(labels, scores, codes, bound=1.5)


def town(rows=3000, seed=0):
    """Features, labels, and two sensitive columns with effects of their own."""
    rng = np.random.default_rng(seed)
    sex, place = rng.integers(0, 2, rows), rng.integers(0, 3, rows)
    X = np.column_stack([rng.normal(size=(rows, 2)) + 0.4 * sex[:, np.newaxis], sex, place])
    y = X[:, 0] + 0.5 * X[:, 1] + 0.5 * place + rng.normal(size=rows) > 1.4
    columns = pd.DataFrame({"sex": np.array(["f", "m"])[sex], "place": np.array(["a", "b", "c"])[place]})
    return X, y.astype(int), columns


@pytest.mark.parametrize(
    ("constraint", "bound"),
    [("ratio", None), ("difference", 0.02), ("equalized_odds", 0.05), ("equal_opportunity", 0.0)],
)
def test_each_attribute_is_held_to_the_constraint_which_costs_less_than_all_combinations(constraint, bound):
    X, y, columns = town()
    right = {}
    for attributes in ("together", "each"):
        model = GroupThresholds(
            LogisticRegression().fit(X, y),
            prefit=True,
            constraint=constraint,
            bound=bound,
            attributes=attributes,
        ).fit(X, y, sensitive_features=columns)
        codes = np.array([list(model.thresholds_).index(each) for each in columns.itertuples(index=False)])
        selection = selection_probability(
            model.predict_proba(X)[:, 1], codes, tuple(model.thresholds_.values())
        )
        right[attributes] = np.where(y == 1, selection, 1 - selection).mean()
        predictions = model.predict(X, sensitive_features=columns)
        assert abs(predictions.mean() - selection.mean()) < 0.03
    worst = []
    for column in columns:
        for label in {"equalized_odds": (0, 1), "equal_opportunity": (1,)}.get(constraint, ((0, 1),)):
            rates = pd.Series(selection)[np.isin(y, label)].groupby(columns[column]).mean()
            if constraint == "ratio":
                value = dict(zip(columns, model.privileged_, strict=True))[column]
                worst += (rates / rates[value]).tolist()
            else:
                worst.append(np.ptp(rates))
    if constraint == "ratio":
        assert min(worst) >= 0.8 - 1e-9
        assert max(worst) <= 1.25 + 1e-9
        assert model.privileged_ == ("m", "c")
    else:
        assert max(worst) == pytest.approx(model.achieved_, abs=1e-9)
        assert model.achieved_ <= bound + 1e-9
    assert right["each"] >= right["together"] - 1e-9
    assert len(model.thresholds_) == 6


def three_classes(rows=1500, seed=0):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 3, rows)
    X = rng.normal(size=(rows, 2)) + 0.5 * groups[:, np.newaxis]
    y = np.digitize(X.sum(axis=1) + rng.normal(size=rows), [0.3, 1.6])
    return X, np.array(["low", "mid", "top"])[y], np.array(["a", "b", "c"])[groups]


@pytest.mark.parametrize(
    "inner",
    [
        LogisticRegression(),
        pytest.param(DecisionTreeClassifier(max_depth=3, random_state=0), marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("constraint", "bound"), [("difference", 0.02), ("ratio", 0.9)])
def test_thresholds_of_three_classes_equal_a_linear_programme_over_rows(inner, constraint, bound):
    X, y, groups = three_classes(400)
    fitted = inner.fit(X, y)
    model = GroupThresholds(fitted, prefit=True, constraint=constraint, bound=bound, privileged="c")
    model.fit(X, y, sensitive_features=groups)
    probabilities = fitted.predict_proba(X)
    codes = np.searchsorted(["a", "b", "c"], groups)
    chance = np.zeros((400, 3))
    for place in range(len(model.thresholds_["a"].shares)):
        offsets = np.array([model.thresholds_[group].offsets[place] for group in "abc"])
        chance[np.arange(400), np.argmax(probabilities + offsets[codes], axis=1)] += model.thresholds_[
            "a"
        ].shares[place]
    rates = np.array([chance[codes == group].mean(axis=0) for group in range(3)])
    if constraint == "difference":
        assert np.ptp(rates, axis=0).max() == pytest.approx(model.achieved_, abs=1e-9)
        assert model.achieved_ <= bound + 1e-7
    else:
        assert (rates >= bound * rates[2] - 1e-7).all()
        assert (rates <= rates[2] / bound + 1e-7).all()
    # Every chance of every row is a variable.
    own = np.kron(np.equal.outer(np.arange(3), codes) / np.bincount(codes)[:, np.newaxis], np.eye(3))
    limits = []
    for a in range(3):
        for b in range(3):
            for k in range(3):
                if constraint == "difference" and a != b:
                    limits.append((own[3 * a + k] - own[3 * b + k], bound))
                elif constraint == "ratio" and a != 2 and b == 0:
                    limits.append((bound * own[6 + k] - own[3 * a + k], 0))
                    limits.append((bound * own[3 * a + k] - own[6 + k], 0))
    whole = linprog(
        -probabilities.ravel(),
        A_ub=np.array([row for row, _ in limits]),
        b_ub=[most for _, most in limits],
        A_eq=np.kron(np.eye(400), np.ones(3)),
        b_eq=np.ones(400),
    )
    assert (chance * probabilities).sum() == pytest.approx(-whole.fun, abs=1e-3)


def test_classes_of_new_rows_are_drawn_by_their_shares_and_alike_each_time():
    X, y, groups = three_classes()
    model = GroupThresholds(DecisionTreeClassifier(max_depth=3, random_state=0), constraint="difference")
    model.fit(X, y, sensitive_features=groups)
    new, _, others = three_classes(6000, seed=1)
    predictions = model.predict(new, sensitive_features=others)
    assert set(predictions) <= {"low", "mid", "top"}
    np.testing.assert_array_equal(predictions[:50], model.predict(new[:50], sensitive_features=others[:50]))
    rates = pd.crosstab(others, predictions, normalize="index")
    plain = pd.crosstab(others, model.estimator_.predict(new), normalize="index")
    assert np.ptp(rates, axis=0).max() < 0.15 < np.ptp(plain, axis=0).max()
    with pytest.raises(UsageError, match="of more than two classes the objective is accuracy"):
        GroupThresholds(LogisticRegression(), objective=(1, 2)).fit(X, y, sensitive_features=groups)
    with pytest.raises(DataError, match=r"Only binary classification is supported"):
        GroupThresholds(LogisticRegression(), constraint="equalized_odds").fit(
            X, y, sensitive_features=groups
        )


@pytest.mark.parametrize("routing", [False, True])
def test_groups_among_the_features_need_no_metadata(routing):
    X, y, columns = town(900)
    frame = pd.DataFrame(X, columns=["one", "two", "sex", "place"])
    model = GroupThresholds(LogisticRegression(), sensitive_columns="sex")
    with config_context(enable_metadata_routing=routing):
        for scoring in ("f1", "roc_auc", "accuracy"):
            assert np.isfinite(
                cross_val_score(model, frame, y, cv=3, scoring=scoring, error_score="raise")
            ).all()
        search = GridSearchCV(model, {"estimator__C": [0.1, 1]}, cv=3, scoring="f1", error_score="raise")
        assert search.fit(frame, y).best_score_ > 0.5
    by_name = model.fit(frame, y).predict(frame)
    by_place = GroupThresholds(LogisticRegression(), sensitive_columns=[2]).fit(X, y).predict(X)
    given = GroupThresholds(LogisticRegression()).fit(X, y, sensitive_features=X[:, 2])
    np.testing.assert_array_equal(by_name, by_place)
    np.testing.assert_array_equal(by_name, given.predict(X, sensitive_features=X[:, 2]))
    with pytest.raises(UsageError, match="the sensitive column should be one of the features, found 'age'"):
        GroupThresholds(LogisticRegression(), sensitive_columns="age").fit(frame, y)
    with pytest.raises(UsageError, match="score with GroupScorer, or name sensitive_columns"):
        given.predict(X)
    assert columns.shape == (900, 2)


@pytest.mark.parametrize(
    ("seed", "errors"),
    [
        (0, (0.32802, 0.32151, 0.32045, 0.31885, 0.31538)),
        (1, (0.34475, 0.33851, 0.33652, 0.33336, 0.32573)),
    ],
)
def test_errors_are_those_of_error_parity(seed, errors):
    # By RelaxedThresholdOptimizer of error-parity 0.3.12 with max_roc_ticks=None, of two and of three groups.
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 2 + seed, 8000)
    scores = np.clip(rng.normal(0.35 + 0.12 * groups, 0.2), 0, 1)
    labels = (rng.random(8000) < np.clip(scores + 0.1 * rng.normal(size=8000), 0, 1)).astype(int)
    for bound, error in zip((0, 0.02, 0.05, 0.1, 0.3), errors, strict=True):
        found = equalized_odds_thresholds(labels, scores, groups, bound=bound)
        selection = selection_probability(scores, groups, found)
        assert np.where(labels == 1, 1 - selection, selection).mean() == pytest.approx(error, abs=6e-6)
