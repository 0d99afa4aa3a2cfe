from dataclasses import dataclass

import numpy as np
import pytest

from trivet.datasets.adult import Sample, adult_sample, load_adult
from trivet.study.fairness import logistic_scores, split_sample, standardise
from trivet.study.fairness_results import FairnessSettings


@dataclass(frozen=True)
class StudyModel:
    """Test rows of the built-in study, and what its baseline makes of them."""

    test: Sample
    scores: np.ndarray
    predictions: np.ndarray


@pytest.fixture(scope="session")
def study_model():
    settings = FairnessSettings()
    train, test = standardise(
        *split_sample(adult_sample(load_adult()), size=settings.test_size, seed=settings.seed)
    )
    _, scores = logistic_scores(train, test, max_iter=settings.max_iter)
    return StudyModel(test, scores, (scores >= settings.cut).astype(int))
