"""Mitigations against membership: which rows are compared, and what cannot change."""

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from trivet.datasets import load_adult
from trivet.datasets.adult import FEATURES, SENSITIVE_COLUMN
from trivet.effects.intervals import auroc_influence
from trivet.effects.mitigations import BY_CONSTRUCTION, SelfGrouped
from trivet.effects.study import study_table
from trivet.effects.trainings import (
    Trained,
    attack_scores,
    changes_of,
    divided_rows,
    halves_of,
    measure_trainings,
    train_pairs,
)

COLUMN = FEATURES.index(SENSITIVE_COLUMN)


@pytest.fixture(scope="module")
def subject():
    return study_table(load_adult())


@pytest.fixture(scope="module")
def sample(subject):
    return divided_rows(subject.rows, rows=3_600, samples=3, seed=0)[0]


@pytest.fixture(scope="module")
def samples(subject):
    return divided_rows(subject.rows, rows=1_500, samples=3, seed=0)


def measured(subject, samples, **settings):
    found = measure_trainings(
        samples, subject.trainings, subject.figures, pairs=2, reference=1, seed=0, **settings
    )
    return changes_of(found, subject.trainings, subject.figures, level=0.95, by_construction=BY_CONSTRUCTION)


@pytest.fixture(scope="module")
def told():
    """What share was done while `changes` were measured."""
    return []


@pytest.fixture(scope="module")
def changes(subject, samples, told):
    return measured(subject, samples, progress=told.append)


def test_every_mitigation_meets_every_exposure(subject, changes):
    asked = {(row.name, each.measurement.name) for row in subject.interventions for each in subject.figures}
    assert set(changes) == asked
    for change in changes.values():
        assert change.reason is None
        assert 0 <= change.before <= 1
        assert change.low <= change.change <= change.high


def test_thresholds_leave_scores_as_they_are_and_say_so(subject, changes):
    for each in subject.figures:
        change = changes["group-thresholds", each.measurement.name]
        scores = "scores" in each.measurement.name
        assert (change.by_construction is not None) == scores
        if scores:
            assert (change.change, change.low, change.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(max_iter=3_000), DecisionTreeClassifier(min_samples_leaf=5)]
)
def test_thresholds_really_leave_scores_as_they_are(sample, classifier):
    classifier.set_params(random_state=7)
    features = (sample.features - sample.features.mean(axis=0)) / sample.features.std(axis=0)
    features[:, COLUMN] = sample.features[:, COLUMN]
    plain = clone(classifier).fit(features, sample.labels)
    mitigated = SelfGrouped(classifier, mitigation="group-thresholds", column=COLUMN).fit(
        features, sample.labels
    )
    np.testing.assert_array_equal(mitigated.predict_proba(features), plain.predict_proba(features))
    assert (mitigated.predict(features) != plain.predict(features)).any()


def test_the_progress_ends_at_one(changes, told):
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_seed_gives_the_same_bits_on_any_number_of_processes(subject, samples, changes, workers):
    assert measured(subject, samples, workers=workers) == changes


def test_what_the_time_is_too_short_for_is_left_out_and_slow_trainings_come_last(subject, samples):
    """Of three trainings on three samples time is left for seven: the slow one is on one sample alone."""
    turns = iter([False] * 7 + [True])
    trainings = [
        dataclasses.replace(each, slow=each.remedy == "drop-sensitive")
        for each in subject.trainings
        if each.family == "tree" and each.remedy in {None, "drop-sensitive", "reweighing"}
    ]
    found = measure_trainings(
        samples,
        trainings,
        subject.figures,
        pairs=2,
        reference=1,
        seed=0,
        is_up=lambda: next(turns),
    )
    done = [sorted(remedy or "" for _, remedy in sample) for sample in found]
    assert done == [["", "drop-sensitive", "reweighing"], ["", "reweighing"], ["", "reweighing"]]
    late = changes_of(found, trainings, subject.figures, level=0.95, late="the time is up")
    for (row, _), change in late.items():
        assert change.reason == ("the time is up" if row == "drop-sensitive" else None)


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


def test_samples_share_no_row_and_take_what_there_is(subject):
    whole = subject.rows
    numbered = dataclasses.replace(whole, features=np.arange(len(whole), dtype=float)[:, np.newaxis])
    for rows, size in ((3_000, 1_000), (10**6, len(whole) // 3)):
        drawn = divided_rows(numbered, rows=rows, samples=3, seed=1)
        places = np.concatenate([part.features[:, 0] for part in drawn])
        assert [len(part) for part in drawn] == [size] * 3
        assert len(np.unique(places)) == 3 * size
