"""Columns that explain nothing, and scores and predictions that run the other way."""

import numpy as np
import pytest

from trivet.fairness.auditing.features import telling_columns
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.rows import AuditRows, Predicted
from trivet.fairness.counting.design import Design
from trivet.tables.features import Features

ROWS = 900
NONE = np.array([], dtype=np.int64)


def table(columns, *, scores=None, predictions=None, fitted=NONE, seed=0):
    """People of two sexes whose label follows a skill, with more columns beside it."""
    rng = np.random.default_rng(seed)
    sex = np.arange(ROWS) % 2
    skill = rng.normal(size=ROWS) + 0.5 * sex
    label = (skill + rng.normal(0, 0.8, ROWS) > 0.3).astype(int)
    made = {"skill": skill, **{name: make(rng, label, skill, sex) for name, make in columns.items()}}
    names = ("sex", *made)
    categories = [("f", "m")]
    values = [sex.astype(float)]
    for column in made.values():
        if np.asarray(column).dtype.kind in "US":
            known, codes = np.unique(column, return_inverse=True)
            categories.append(tuple(known.tolist()))
            values.append(codes.astype(float))
        else:
            categories.append(None)
            values.append(np.asarray(column, dtype=float))
    features = Features(names, np.column_stack(values), tuple(categories))
    groups = (("f",), ("m",))
    rows = AuditRows("people", features, label, "hired", "1", "0", sex, ("sex",), groups, ROWS)
    if predictions is None:
        predictions = (
            (skill + rng.normal(0, 0.3, ROWS) > 0.3).astype(int)
            if scores is None
            else (scores(skill) >= 0.5).astype(int)
        )
    given = None if scores is None else scores(skill)
    return Predicted(rows, np.arange(ROWS), predictions, given, fitted)


def audit_of(predicted):
    counts = predicted.rows.count(predicted.predictions, predicted.places)
    return audit_counts(counts, predicted=predicted)


def messages(audit, kind):
    return [each.message for each in audit.cautions if each.kind == kind]


def noisy(_rng, _label, skill, _sex):
    return np.round(skill, 2)


def test_a_score_with_a_cut_of_its_own_for_each_group_tells_the_prediction():
    cuts = np.where(np.arange(ROWS) % 2, 1.2, -0.7)
    chosen = (table({}).rows.features.values[:, 1] > cuts).astype(int)
    noise = {"noise": lambda rng, *_: rng.normal(size=ROWS)}
    assert telling_columns(table(noise, predictions=chosen), seed=0).prediction == ("skill",)
    # Where the group alone tells it, no column beside it is said to.
    predicted = table(noise, predictions=np.arange(ROWS) % 2)
    assert telling_columns(predicted, seed=0).prediction == ()


def test_the_score_of_a_model_does_not_explain_the_model():
    lots = np.random.default_rng(5).random(ROWS)
    skilled = table({}).rows.features.values[:, 1]
    chosen = (skilled + lots > 0.8).astype(int)
    predicted = table({"score": lambda *_: chosen + 0.3 * lots - 0.15}, predictions=chosen)
    assert telling_columns(predicted, seed=0).prediction == ("score",)
    audit = audit_of(predicted)
    (said,) = messages(audit, "tells the prediction")
    assert said.startswith("'score' alone tells the prediction")
    assert "--ignore it" in said
    attribute = audit.attributes[0]
    for names in (
        [name for part in attribute.by_feature.parts for name in part.columns],
        [column.name for column in attribute.proxies.columns],
    ):
        assert "score" not in names
        assert "skill" in names


@pytest.mark.parametrize(
    "make",
    [
        lambda *_: np.arange(ROWS),
        lambda *_: 5000 - 3 * np.arange(ROWS),
        lambda rng, *_: rng.permutation(ROWS) + 10_000,
        lambda rng, *_: np.char.add("person ", rng.permutation(ROWS).astype(str)),
    ],
)
def test_a_number_of_each_row_explains_nothing(make):
    predicted = table({"person": make})
    assert telling_columns(predicted, seed=0).keys == ("person",)
    audit = audit_of(predicted)
    assert messages(audit, "key") == [
        "'person': a value of its own in every row. It is left out of what columns explain; --ignore it."
    ]
    assert "person" not in [column.name for column in audit.attributes[0].proxies.columns]


@pytest.mark.parametrize(
    "make",
    [
        lambda rng, *_: rng.normal(size=ROWS),
        lambda rng, *_: rng.permutation(ROWS) // 2,
        lambda rng, *_: rng.choice(1_000_000, ROWS, replace=False),
        lambda *_: np.full(ROWS, "same"),
    ],
)
def test_a_measurement_is_no_number_of_each_row(make):
    assert telling_columns(table({"income": make}), seed=0).keys == ()


def test_a_mark_that_is_set_with_the_outcome_is_a_leak_though_it_does_not_rank_perfectly():
    def mark(rng, label, *_):
        # Set whenever the label is positive, and for one negative in twenty as well.
        return (label == 1) | (rng.random(ROWS) < 0.05)

    predicted = table({"arrested again": mark, "noisy": noisy})
    assert telling_columns(predicted, seed=0).label == ("arrested again",)
    (said,) = messages(audit_of(predicted), "leakage")
    assert "'arrested again'" in said


def owners(name, rows):
    return {name: lambda _rng, label, *_: np.arange(len(label)) // rows}


def test_a_column_that_may_say_whose_row_each_is_is_named():
    (said,) = messages(audit_of(table(owners("patient_id", 3))), "several rows")
    assert said.startswith("'patient_id' may say whose row each is, with about 3.0 rows a value.")
    assert "the intervals are too narrow; give --cluster" in said
    fitted = table(owners("patient_id", 3), fitted=np.arange(100))
    assert "training and the test rows" in messages(audit_of(fitted), "several rows")[0]
    # One value a row, few values, and a name that says nothing of the kind.
    for column in (owners("patient_id", 1), owners("patient_id", 100), owners("town", 3)):
        assert not messages(audit_of(table(column)), "several rows")
    counts = fitted.rows.count(fitted.predictions, fitted.places)
    clustered = audit_counts(counts, predicted=table(owners("user", 3)), design=Design(cluster="user"))
    assert not messages(clustered, "several rows")


def test_what_models_were_fitted_on_is_said_and_kept():
    def mark(rng, label, *_):
        return (label == 1) | (rng.random(ROWS) < 0.05)

    predicted = table({"mark": mark, "row": lambda *_: np.arange(ROWS)}, fitted=np.arange(3))
    found = telling_columns(predicted, seed=0)
    assert (found.label, found.prediction, found.keys) == (("mark",), (), ("row",))
    audit = audit_of(predicted)
    assert "It is among the features of the models" in messages(audit, "key")[0]
    names = [name for part in audit.attributes[0].by_feature.parts for name in part.columns]
    assert "mark" in names


def test_scores_that_run_the_other_way_are_said_to():
    turned = audit_of(table({}, scores=lambda skill: 1 / (1 + np.exp(skill))))
    (scores,) = [each for each in messages(turned, "reversed") if each.startswith("The scores")]
    assert "all rows 0." in scores
    assert "(favourable: low)" in scores
    (predictions,) = [each for each in messages(turned, "reversed") if each.startswith("The predictions")]
    assert "Check which value is positive" in predictions
    right = audit_of(table({}, scores=lambda skill: 1 / (1 + np.exp(-skill))))
    assert messages(right, "reversed") == []
    chance = np.random.default_rng(3).random(ROWS)
    assert messages(audit_of(table({}, scores=lambda _skill: chance)), "reversed") == []


def test_scores_that_run_the_other_way_in_one_group_are_of_that_group():
    def scores(skill):
        women = np.arange(ROWS) % 2 == 0
        return 1 / (1 + np.exp(np.where(women & (np.arange(ROWS) % 6 == 0), 3, -3) * skill))

    predicted = table({}, scores=scores)
    groups = np.where(np.arange(ROWS) % 6 == 0, 1, 0)
    rows = AuditRows(
        "people",
        predicted.rows.features.only([1]),
        predicted.rows.labels,
        "hired",
        "1",
        "0",
        groups,
        ("town",),
        (("ulm",), ("bonn",)),
        ROWS,
    )
    audit = audit_of(Predicted(rows, predicted.places, predicted.predictions, predicted.scores, NONE))
    (said,) = messages(audit, "reversed")
    assert "bonn" in said
    assert "ulm" not in said
