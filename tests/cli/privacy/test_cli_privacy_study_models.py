"""The study's models as classifiers: the same probabilities as the fairness leg's own."""

import numpy as np
import pytest
from sklearn.base import clone

from trivet.cli.privacy import study_models
from trivet.cli.privacy.audits import STUDY_MODELS
from trivet.datasets import load_adult
from trivet.datasets.adult import SENSITIVE_COLUMN, adult_sample
from trivet.fairness.mitigation.labels import (
    massaging_cohorts,
    massaging_size,
    published_cohorts,
    swap_labels,
)
from trivet.fairness.mitigation.reweighing import reweighing_weights
from trivet.study.fairness import logistic, logistic_scores, scores_of, split_sample, standardise
from trivet.work.own_code import load_callable


@pytest.fixture(scope="module")
def parts():
    """A part of Adult to fit on and one to score, as they are and standardised."""
    raw = split_sample(adult_sample(load_adult()).take(np.arange(6000)), size=0.3, seed=0)
    return raw, standardise(*raw)


def expected(name, train, test):
    if name == "no-gender":
        return logistic_scores(train.drop(SENSITIVE_COLUMN), test.drop(SENSITIVE_COLUMN))[1]
    if name == "reweighed":
        weights = reweighing_weights(train.labels, train.sensitive)
        return scores_of(logistic().fit(train.features, train.labels, sample_weight=weights), test)[0]
    (scores,) = logistic_scores(train)
    cohorts = (
        published_cohorts(scores, train.sensitive, 10)
        if name == "promotion-demotion"
        else massaging_cohorts(
            train.labels, scores, train.sensitive, massaging_size(train.labels, train.sensitive)
        )
    )
    return logistic_scores(train, test, labels=swap_labels(train.labels, cohorts))[1]


@pytest.mark.parametrize("name", STUDY_MODELS)
def test_the_probabilities_are_those_of_the_study(parts, name):
    (raw_train, raw_test), (train, test) = parts
    model = clone(load_callable(STUDY_MODELS[name], role="estimator")())
    found = model.fit(raw_train.features, raw_train.labels).predict_proba(raw_test.features)
    np.testing.assert_allclose(found[:, 1], expected(name, train, test), rtol=1e-6, atol=1e-9)
    assert (model.predict(raw_test.features) == (found[:, 1] > 0.5)).all()


def test_every_name_has_its_function():
    assert {path.rpartition(":")[2] for path in STUDY_MODELS.values()} < set(study_models.__all__)
