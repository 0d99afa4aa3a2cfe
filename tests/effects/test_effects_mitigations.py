"""Mitigations against membership: which rows are compared, and what cannot change."""

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from trivet.datasets import load_adult
from trivet.datasets.adult import SENSITIVE_COLUMN, adult_sample
from trivet.effects.mitigations import (
    EXPOSURES,
    MITIGATED,
    MITIGATION_INTERVENTIONS,
    SelfGrouped,
    Trained,
    attack_scores,
    auroc_influence,
    divided_rows,
    halves_of,
    mitigation_changes,
    train_pairs,
)


@pytest.fixture(scope="module")
def sample():
    return divided_rows(adult_sample(load_adult()), rows=3_600, samples=3, seed=0)[0]


@pytest.fixture(scope="module")
def samples():
    return divided_rows(adult_sample(load_adult()), rows=1_500, samples=3, seed=0)


@pytest.fixture(scope="module")
def changes(samples):
    return mitigation_changes(samples, pairs=2, level=0.95, seed=0)


def test_every_mitigation_meets_every_exposure(changes):
    asked = {(row.name, column.name) for row in MITIGATION_INTERVENTIONS for column in EXPOSURES}
    assert set(changes) == asked
    for change in changes.values():
        assert change.reason is None
        assert 0 <= change.before <= 1
        assert change.low <= change.change <= change.high


def test_thresholds_leave_scores_as_they_are_and_say_so(changes):
    for column in EXPOSURES:
        change = changes["group-thresholds", column.name]
        scores = "scores" in column.name
        assert (change.by_construction is not None) == scores
        if scores:
            assert (change.change, change.low, change.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(max_iter=3_000), DecisionTreeClassifier(min_samples_leaf=5)]
)
def test_thresholds_really_leave_scores_as_they_are(sample, classifier):
    classifier.set_params(random_state=7)
    features = (sample.features - sample.features.mean(axis=0)) / sample.features.std(axis=0)
    column = sample.names.index(SENSITIVE_COLUMN)
    features[:, column] = sample.features[:, column]
    plain = clone(classifier).fit(features, sample.labels)
    mitigated = SelfGrouped(classifier, mitigation="group-thresholds", column=column).fit(
        features, sample.labels
    )
    np.testing.assert_array_equal(mitigated.predict_proba(features), plain.predict_proba(features))
    assert (mitigated.predict(features) != plain.predict(features)).any()


def test_the_same_seed_gives_the_same_bits_and_the_progress_ends_at_one(samples, changes):
    told = []
    again = mitigation_changes(samples, pairs=2, level=0.95, seed=0, progress=told.append)
    assert again == changes
    assert told == pytest.approx([1 / 3, 2 / 3, 1])


def test_every_remedy_of_the_table_can_be_trained():
    assert {row.name for row in MITIGATION_INTERVENTIONS} == set(MITIGATED)


def test_a_model_that_memorises_is_found_out_and_one_that_knows_nothing_is_not(sample):
    inside = halves_of(sample.labels, 4, seed=0)
    tree = train_pairs(DecisionTreeClassifier(random_state=0), sample.features, sample.labels, inside, seed=0)
    areas = [
        auroc_influence(scores, half)[0]
        for scores, half in zip(attack_scores(tree, inside, seed=0), inside, strict=True)
    ]
    assert min(areas) > 0.6
    generator = np.random.default_rng(1)
    own = generator.random(inside.shape[1])
    blind = Trained(np.clip(own + 0.05 * generator.normal(size=inside.shape), 0, 1), inside)
    areas = [
        auroc_influence(scores, half)[0]
        for scores, half in zip(attack_scores(blind, inside, seed=0), inside, strict=True)
    ]
    # The mean of eight areas over 1,200 rows has a standard error of about 0.006.
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)


def test_samples_share_no_row_and_take_what_there_is():
    whole = adult_sample(load_adult())
    numbered = dataclasses.replace(whole, features=np.arange(len(whole), dtype=float)[:, np.newaxis])
    for rows, size in ((3_000, 1_000), (10**6, len(whole) // 3)):
        drawn = divided_rows(numbered, rows=rows, samples=3, seed=1)
        places = np.concatenate([part.features[:, 0] for part in drawn])
        assert [len(part) for part in drawn] == [size] * 3
        assert len(np.unique(places)) == 3 * size
