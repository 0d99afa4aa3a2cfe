"""Several classes, against scikit-learn and the counts of two classes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, precision_score, recall_score

from trivet.fairness import audit_outcome, group_counts
from trivet.fairness.intervals.comparisons import ratio_interval
from trivet.fairness.intervals.shares import share_interval


@pytest.fixture
def people():
    rng = np.random.default_rng(2)
    label = rng.choice(["high", "low", "middle"], 900)
    right = rng.random(900) < 0.6
    other = rng.choice(["high", "low", "middle"], 900)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], 900, p=[0.4, 0.6]),
            "label": label,
            "guess": np.where(right, label, other),
            "w": np.full(900, 2.0),
            "town": rng.integers(0, 30, 900),
        }
    )


ASKED = {"label": "label", "prediction": "guess", "sensitive": "sex"}


def test_each_class_is_counted_against_the_rest(people):
    audit = audit_outcome(people, **ASKED)
    (attribute,) = audit.attributes
    assert audit.classes == ("high", "low", "middle")
    assert len(attribute.groups) == 3 * 4 * 2
    for each in attribute.groups:
        mine = people[people.sex == each.group]
        label, guess = mine.label == each.label, mine.guess == each.label
        chosen, among = {
            "selection_rate": (guess, guess | True),
            "true_positive_rate": (label & guess, label),
            "false_positive_rate": (~label & guess, ~label),
            "positive_predictive_value": (label & guess, guess),
        }[each.metric]
        assert each.rate == share_interval(int(chosen.sum()), int(among.sum()))
    women = next(each for each in attribute.groups if each.group == "f")
    rows = people.groupby("sex").guess.apply(lambda guess: (guess == "high").sum())
    size = people.groupby("sex").size()
    known = ratio_interval(rows["f"], size["f"], rows["m"], size["m"], level=1 - 0.05 / 3)
    assert (women.simultaneous_low, women.simultaneous_high) == (known.low, known.high)


def test_means_over_the_classes_are_scikit_learn_s(people):
    macro = audit_outcome(people, **ASKED).attributes[0].macro
    functions = {
        "accuracy": accuracy_score,
        "macro_recall": lambda *y: recall_score(*y, average="macro"),
        "macro_precision": lambda *y: precision_score(*y, average="macro"),
    }
    for each in macro:
        mine = people[people.sex == each.group]
        assert each.rate.value == pytest.approx(functions[each.metric](mine.label, mine.guess))
        assert each.rate.low < each.rate.value < each.rate.high


@pytest.mark.parametrize("design", [{"weight": "w"}, {"weight": "w", "cluster": "town"}])
def test_equal_weights_change_little(people, design):
    plain, weighted = audit_outcome(people, **ASKED), audit_outcome(people, **ASKED, **design)
    for one, other in zip(plain.attributes[0].macro, weighted.attributes[0].macro, strict=True):
        assert other.rate.value == pytest.approx(one.rate.value)
        width = one.rate.high - one.rate.low
        assert other.rate.high - other.rate.low == pytest.approx(width, rel=0.35)


def test_a_class_that_a_group_lacks_is_unknown():
    table = pd.DataFrame({"sex": list("ffffmmmm"), "label": list("aabbaabc"), "guess": list("abbbaabc")})
    macro = audit_outcome(table, **ASKED).attributes[0].macro
    recall = {each.group: each.rate for each in macro if each.metric == "macro_recall"}
    assert recall["f"].value is None
    assert "no row with one of the classes" in recall["f"].reason
    assert recall["m"].value == 1
    assert group_counts(table, "label", "guess", "sex", multiclass=True).classes == ("a", "b", "c")


def test_clusters_without_an_error_tell_no_interval():
    frame = pd.DataFrame({"g": ["a", "b"] * 30, "y": np.arange(60) % 3, "c": np.arange(60) // 6})
    frame["p"] = np.where((frame.g == "b") & (frame.c > 6), 0, frame.y)
    found = audit_outcome(frame, sensitive="g", label="y", prediction="p", cluster="c").attributes[0].macro
    accuracy = {each.group: each for each in found if each.metric == "accuracy"}
    right, other = accuracy["a"].rate, accuracy["b"].rate
    assert (right.value, right.low, right.high) == (1.0, None, None)
    assert "error is unknown" in right.reason
    assert other.low < other.value < other.high
    compared = next(each for each in accuracy.values() if each.ratio is not None)
    assert compared.difference.low is None
