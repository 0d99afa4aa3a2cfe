"""Classifiers of one's own in a comparison, and weights of rows."""

import dataclasses
import sys
import types

import numpy as np
import pandas as pd
import pytest
from scipy.stats import sem, t
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from trivet import fairness
from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.rows import read_rows
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.intervals.linearised import weighted_mean_interval

ROWS = 900


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    rng = np.random.default_rng(0)
    sex = rng.integers(0, 2, ROWS)
    skill, town = rng.normal(size=ROWS) + 0.5 * sex, rng.choice(["north", "south"], ROWS)
    hired = (skill + 0.3 * (town == "north") + rng.normal(0, 0.7, ROWS) > 0.6).astype(int)
    table = pd.DataFrame(
        {
            "sex": np.array(["f", "m"])[sex],
            "skill": skill,
            "town": town,
            "hired": hired,
            "times": rng.integers(1, 4, ROWS),
            "one": 1,
            "half": rng.exponential(size=ROWS),
        }
    )
    path = tmp_path_factory.mktemp("own") / "people.csv"
    table.to_csv(path, index=False)
    return path


def compare(path, **options):
    standard = {
        "label": "hired",
        "sensitive": "sex",
        "repeats": 0,
        "workers": 1,
        "ignore": [each for each in ("times", "one", "half") if each != options.get("weight")],
    }
    return fairness.compare(path, **{**standard, **options})


def test_a_factory_and_what_it_gives_are_compared_alike(people, monkeypatch):
    module = types.ModuleType("own_models_of_a_test")
    module.make = lambda: RandomForestClassifier(10, min_samples_leaf=5)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    named = compare(people, estimator="own_models_of_a_test:make", mitigate="reweighing,group-thresholds")
    given = compare(people, estimator=module.make(), mitigate="reweighing,group-thresholds")
    assert named.models == given.models
    assert named.estimator == "own_models_of_a_test:make"
    assert given.estimator == "sklearn.ensemble._forest:RandomForestClassifier"
    made = "RandomForestClassifier(min_samples_leaf=5, n_estimators=10, random_state=0)"
    assert named.classifier == given.classifier == made
    assert named.models[0].note == f"fits {made}"
    plain = compare(people, estimator=LogisticRegression(max_iter=1000), mitigate="reweighing")
    same = compare(people, estimator="logistic", mitigate="reweighing")
    assert plain.models[1] == same.models[1]
    assert same.classifier is None


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("model.joblib", r"looks like a file: reading a fitted model can run what is in it.*module:factory"),
        ("models/best.pkl", "looks like a file"),
        ("forest", r"expected logistic, boosting, or package\.module:factory"),
        ("json:dumps", "the factory 'json:dumps' failed when it was called without arguments"),
        ("json:JSONDecoder", "gives JSONDecoder, and models are trained anew"),
        ("sklearn.linear_model:Ridge", "gives Ridge, which is not a classifier"),
        ("nowhere_at_all:make", "cannot be imported"),
        (LogisticRegression, "expected an unfitted scikit-learn classifier"),
    ],
)
def test_what_is_no_recipe_of_a_classifier_is_refused(people, estimator, message):
    with pytest.raises(UsageError, match=message):
        compare(people, estimator=estimator)


def test_settings_refuse_a_file_before_anything_is_read():
    with pytest.raises(UsageError, match="looks like a file"):
        TableSettings(table="none.csv", label="y", sensitive=("g",), estimator="m.pickle")


@pytest.mark.slow
def test_weights_of_one_change_nothing_but_intervals(people):
    plain, weighed = compare(people), compare(people, weight="one")
    assert weighed.weight == "one"
    assert weighed.baseline.weight == "one"
    for one, other in zip(plain.models, weighed.models, strict=True):
        if one.name in ("massaging", "exponentiated-gradient"):
            continue  # whole rows are changed, and lots are drawn, in another way
        assert other.accuracy.value == pytest.approx(one.accuracy.value)
        assert other.disparate_impact.value == pytest.approx(one.disparate_impact.value)
        assert other.accuracy.high - other.accuracy.low == pytest.approx(
            one.accuracy.high - one.accuracy.low, rel=0.05
        )


def test_figures_are_those_of_weighted_rows(people):
    rows = read_rows(people, label="hired", sensitive=["sex"], weight="half", ignored=["one", "times"])
    assert rows.features.names == ("sex", "skill", "town")
    found = compare(people, weight="half", mitigate="drop-sensitive,reweighing,group-thresholds")
    again = compare(people, weight="half", mitigate="reweighing")
    assert found.models[2] == again.models[1]
    predictions = np.random.default_rng(0).integers(0, 2, ROWS)
    counts = rows.count(predictions, np.arange(ROWS))
    rates = counts.amounts[..., 1].sum(axis=1) / counts.amounts.sum(axis=(1, 2))
    expected = [
        np.average(predictions[rows.groups == g], weights=rows.weights[rows.groups == g]) for g in (0, 1)
    ]
    assert rates.tolist() == pytest.approx(expected)
    outcome = found.models[0]
    assert outcome.accuracy.method.startswith("Korn-Graubard")
    assert found.models[1].accuracy_change.method == "linearised t"
    assert not any(model.failed for model in found.models)


def test_weights_that_a_classifier_takes_not_are_no_silent_loss(people):
    with pytest.raises(DataError, match="takes no sample_weight"):
        compare(people, estimator=KNeighborsClassifier(), weight="half")


def test_wrong_weights_are_refused(tmp_path, people):
    table = pd.read_csv(people)
    table.loc[3, "half"] = -1
    table.to_csv(tmp_path / "wrong.csv", index=False)
    with pytest.raises(
        DataError, match=r"numbers from 0 up that are not all zero, found -1 \(1 rows in all\)"
    ):
        compare(tmp_path / "wrong.csv", weight="half")
    with pytest.raises(UsageError, match="should hold weights, found text"):
        compare(people, weight="town", ignore=["one"])


def test_the_interval_of_a_weighted_mean_is_students_where_weights_are_equal():
    values = np.random.default_rng(1).normal(size=40)
    found = weighted_mean_interval(values, np.full(40, 2.5))
    low, high = t.interval(0.95, 39, loc=values.mean(), scale=sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    # Rows of weight 0 are a domain that is left out.
    assert weighted_mean_interval(np.ones(3), np.zeros(3)).value is None


def test_shaped_groups_are_compared_and_what_they_are_made_of_is_dropped(people):
    table = pd.read_csv(people)
    table["north"], table["south"] = (table.town == "north") * 1, (table.town == "south") * 1
    found = fairness.compare(
        table,
        label="hired",
        sensitive="place",
        one_hot="place=north,south",
        ignore=["one", "half", "times", "town"],
        mitigate="drop-sensitive",
        repeats=0,
        workers=1,
    )
    assert [group.group for group in found.models[0].groups] == ["north", "south"]
    assert dataclasses.asdict(found)["columns"] == ("place",)
    assert "AUC of 0.5" in found.models[1].note
