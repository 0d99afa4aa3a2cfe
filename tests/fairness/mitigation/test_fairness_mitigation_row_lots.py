import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.tree import DecisionTreeClassifier

from trivet.errors import UsageError
from trivet.fairness.mitigation.reduction import Reduction
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds
from trivet.fairness.mitigation.thresholds.randomised import lots, marks_of_rows, require_seed

NUMBERS = np.array([[0, 1.5, -2], [3, 0, 1], [0, 0, 0], [0, 1.5, -2], [3, np.nan, 1]])


@pytest.mark.parametrize(
    "table",
    [
        NUMBERS.tolist(),
        NUMBERS.astype(np.float32),
        NUMBERS.astype(object),
        np.asfortranarray(NUMBERS),
        np.where(NUMBERS == 0, -0.0, NUMBERS),
        sparse.csr_array(NUMBERS),
        sparse.coo_matrix(NUMBERS),
        pd.DataFrame(NUMBERS, columns=list("abc")),
        pl.DataFrame(NUMBERS, schema=list("abc")),
    ],
    ids=lambda table: type(table).__name__,
)
def test_a_row_is_the_same_in_any_kind_of_table(table):
    marks = marks_of_rows(table)
    np.testing.assert_array_equal(marks, marks_of_rows(NUMBERS))
    assert marks[0] == marks[3]
    assert len(np.unique(marks)) == 4


def test_texts_and_missing_values_tell_rows_apart():
    frame = pd.DataFrame({"town": ["a", "b", None, "a"], "day": pd.to_datetime(["2020"] * 3 + ["2021"])})
    marks = marks_of_rows(frame)
    assert len(np.unique(marks)) == 4
    for row in range(4):
        assert marks_of_rows(frame[row : row + 1]) == marks[row]
    assert marks_of_rows([[object()]]) is None


def test_values_belong_to_their_column():
    swapped = marks_of_rows([[1, 2], [2, 1], [0, 1], [1, 0]])
    assert len(np.unique(swapped)) == 4


def test_lots_are_uniform_and_seeds_independent():
    marks = marks_of_rows(np.arange(40_000))
    drawn = [lots(marks, seed) for seed in (0, 1)]
    shares = np.histogram(drawn[0], bins=10, range=(0, 1))[0] / 40_000
    # Five standard deviations of a share of a tenth, and of a correlation.
    assert np.abs(shares - 0.1).max() < 5 * np.sqrt(0.09 / 40_000)
    assert abs(np.corrcoef(drawn)[0, 1]) < 5 / np.sqrt(40_000)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True, None])
def test_a_seed_that_cannot_be_is_refused(seed):
    with pytest.raises(UsageError, match="whole number from 0"):
        require_seed(seed)


def leafy(rows):
    """Features, labels and groups in which trees have few leaves, and so many tie."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, rows)
    features = rng.normal(size=(rows, 3))
    return features, (features[:, 0] + 1.2 * groups + rng.normal(size=rows) > 0.7).astype(int), groups


@pytest.mark.parametrize(
    "model",
    [
        GroupThresholds(DecisionTreeClassifier(max_depth=2), constraint="equalized_odds", validation=0.5),
        Reduction(DecisionTreeClassifier(max_depth=3, random_state=0), bound=0.001),
    ],
    ids=lambda model: type(model).__name__,
)
def test_row_by_row_people_get_what_one_call_gives_and_rates_are_as_expected(model):
    features, labels, groups = leafy(2600)
    model.fit(features[:600], labels[:600], sensitive_features=groups[:600])
    features, groups = features[600:], groups[600:]
    after = isinstance(model, GroupThresholds)
    predict = lambda rows: model.predict(  # noqa: E731
        features[rows], **({"sensitive_features": groups[rows]} if after else {})
    )
    whole = predict(np.arange(2000))
    np.testing.assert_array_equal([predict([row])[0] for row in range(300)], whole[:300])
    if after:
        share = [model.thresholds_[group] for group in groups]
        scores = model.predict_proba(features)[:, 1]
        expected = np.array(
            [
                sum(part for cut, part in zip(mixed.thresholds, mixed.shares, strict=True) if score >= cut)
                for score, mixed in zip(scores, share, strict=True)
            ]
        )
    else:
        expected = model.predict_proba(features)[:, 1]
    assert ((expected > 0.01) & (expected < 0.99)).sum() > 40
    for group in (0, 1):
        own = groups == group
        spread = np.sqrt((expected[own] * (1 - expected[own])).sum()) / own.sum()
        assert abs(whole[own].mean() - expected[own].mean()) < 5 * spread
